"""Request ids that were seen: duplicates inside a part and across parts, at 8 bytes a request.

An id is kept as a 64-bit hash; among a hundred million the chance of one false duplicate is 0.03 %.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from duckdb import DuckDBPyConnection
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]

HASH = "hash(request_id)"
_COUNTED = "request_id IS NOT NULL AND kind NOT IN ('bad', 'skipped')"


@dataclass(frozen=True, slots=True)
class SeenPart:
    """The ids of one part that was counted."""

    file: Path
    """Sorted hashes, as numpy saves them."""
    first: dt.datetime | None
    """Earliest request."""
    last: dt.datetime | None
    """Latest request."""

    def overlaps(self, first: dt.datetime | None, last: dt.datetime | None) -> bool:
        """Tell whether a duplicate is possible: the same request has the same time everywhere."""
        if None in (self.first, self.last, first, last):
            return True
        assert self.first is not None
        assert self.last is not None
        assert first is not None
        assert last is not None
        return self.first <= last and first <= self.last


def sorted_ids(connection: DuckDBPyConnection, relation: str) -> Hashes:
    """Hash and sort the ids of a relation of checked rows."""
    sql = f"SELECT {HASH} AS h FROM {relation} WHERE {_COUNTED}"
    hashes: Any = connection.execute(sql).fetchnumpy()["h"]
    hashes.sort()
    return hashes


def repeated(hashes: Hashes) -> Hashes:
    """List the hashes that occur more than once."""
    import numpy as np

    return np.unique(hashes[1:][hashes[1:] == hashes[:-1]]) if len(hashes) else hashes


def seen_before(hashes: Hashes, parts: list[SeenPart]) -> Hashes:
    """List the hashes that an earlier part holds."""
    import numpy as np

    found = [hashes[:0]]
    for part in parts:
        earlier = np.load(part.file)
        if not len(earlier) or not len(hashes):
            continue
        place = np.minimum(np.searchsorted(earlier, hashes), len(earlier) - 1)
        found.append(hashes[earlier[place] == hashes])
    return np.unique(np.concatenate(found))


def without_duplicates(
    connection: DuckDBPyConnection, relation: str, inside: Hashes, before: Hashes
) -> str:
    """Write the relation in which every request occurs once; later copies of one are left out.

    Of copies inside a part the successful and most complete one stays.
    """
    if not len(inside) and not len(before):
        return relation
    for table, hashes in (("repeated_ids", inside), ("earlier_ids", before)):
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} (h UBIGINT)")
        connection.executemany(
            f"INSERT INTO {table} SELECT unnest(?::UBIGINT[])", [[hashes.tolist()]]
        )
    both = "(SELECT h FROM repeated_ids UNION SELECT h FROM earlier_ids)"
    return (
        f"(SELECT * FROM {relation} WHERE NOT ({_COUNTED}) OR {HASH} NOT IN {both} UNION ALL"
        f" SELECT * FROM (SELECT DISTINCT ON (request_id) * FROM {relation} WHERE {_COUNTED}"
        f" AND {HASH} IN (SELECT h FROM repeated_ids)"
        f" AND {HASH} NOT IN (SELECT h FROM earlier_ids)"
        " ORDER BY request_id, kind = 'used' DESC, COALESCE(input, 0) + COALESCE(output, 0) DESC,"
        " COALESCE(n, 0) DESC))"
    )

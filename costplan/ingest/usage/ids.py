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

_MARGIN = dt.timedelta(days=1)
HASH = "hash(request_id)"
_COUNTED = "request_id IS NOT NULL AND kind NOT IN ('bad', 'skipped')"


@dataclass(frozen=True, slots=True)
class SeenPart:
    """The ids of one part that was counted."""

    file: Path
    """Sorted hashes, as numpy saves them."""
    source: str
    """Identity of the file it is a part of."""
    first: dt.datetime | None
    """Earliest request."""
    last: dt.datetime | None
    """Latest request."""

    def may_share(self, source: str, first: dt.datetime | None, last: dt.datetime | None) -> bool:
        """Tell whether a duplicate is possible: in the same file always, elsewhere within a day.

        Exports of other days need no comparison, which keeps a year of logs cheap.
        """
        if source == self.source or self.first is None or self.last is None:
            return True
        if first is None or last is None:
            return True
        return self.first - _MARGIN <= last and first <= self.last + _MARGIN


@dataclass(frozen=True, slots=True)
class Seen:
    """What was counted before a part."""

    parts: list[SeenPart]
    """The parts."""
    source: str
    """Identity of the file that is read now."""


def sorted_ids(connection: DuckDBPyConnection, relation: str) -> Hashes:
    """Hash and sort the ids of a relation of checked rows."""
    sql = f"SELECT {HASH} AS h FROM {relation} WHERE {_COUNTED}"
    hashes: Any = connection.execute(sql).fetchnumpy()["h"]
    hashes.sort()
    sorted_hashes: Hashes = hashes
    return sorted_hashes


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

"""Request ids that were seen: duplicates inside a part and across parts, at 8 bytes a request.

An id is kept as a 64-bit hash; among a hundred million the chance of one false duplicate is 0.03 %.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from duckdb import DuckDBPyConnection
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]

_MARGIN = dt.timedelta(days=1)
HASH = "CASE WHEN request_id <> '' THEN hash(request_id) END"
"""SQL of a request's id as 64 bits: all that is kept of it."""
_COUNTED = "id IS NOT NULL AND kind NOT IN ('bad', 'skipped')"


@dataclass(frozen=True, slots=True)
class SeenPart:
    """The ids of one part that was counted, or of several of one file."""

    ids: Hashes | Path
    """Sorted hashes, or the file that numpy saved them in."""
    names: tuple[str, ...]
    """What a state calls the parts that are in it."""
    source: str
    """The file it is a part of."""
    first: dt.datetime | None
    """Earliest request."""
    last: dt.datetime | None
    """Latest request."""

    @property
    def size(self) -> int:
        """How many there are."""
        if isinstance(self.ids, Path):
            return self.ids.stat().st_size // 8
        return len(self.ids)

    def load(self) -> Hashes:
        """Return the hashes."""
        import numpy as np

        found: Hashes = np.load(self.ids) if isinstance(self.ids, Path) else self.ids
        return found

    def saved(self, file: Path) -> SeenPart:
        """Move the hashes into a file, where they are not in one already."""
        import numpy as np

        if isinstance(self.ids, Path):
            return self
        np.save(file, self.ids)
        return replace(self, ids=file)

    def forget(self, folder: str) -> None:
        """Remove the file of the hashes, where it is in that folder."""
        if isinstance(self.ids, Path) and str(self.ids.parent) == folder:
            self.ids.unlink()

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
    """The file that is read now."""


def near_parts(
    parts: list[SeenPart], source: str, first: dt.datetime | None, last: dt.datetime | None
) -> list[SeenPart]:
    """List the parts that may hold a request of this file and time."""
    return [part for part in parts if part.may_share(source, first, last)]


def sorted_ids(
    connection: DuckDBPyConnection, relation: str, *, value: str = "id", which: str = _COUNTED
) -> Hashes:
    """Sort the hashed ids of those rows of a relation that count."""
    sql = f"SELECT {value} AS h FROM {relation} WHERE {which}"
    found: Any = connection.execute(sql).fetchnumpy()["h"]
    hashes: Hashes = found
    hashes.sort()
    return hashes


def repeated(hashes: Hashes) -> Hashes:
    """List the hashes that occur more than once."""
    import numpy as np

    again = hashes[1:][hashes[1:] == hashes[:-1]]
    return np.unique(again) if len(again) else again


def seen_before(hashes: Hashes, parts: list[SeenPart]) -> tuple[Hashes, tuple[str, ...]]:
    """List the hashes that earlier parts hold, and the names of those parts."""
    import numpy as np

    found = [hashes[:0]]
    names: list[str] = []
    for part in parts:
        earlier = part.load()
        if not len(earlier) or not len(hashes):
            continue
        place = np.minimum(np.searchsorted(earlier, hashes), len(earlier) - 1)
        shared = hashes[earlier[place] == hashes]
        if len(shared):
            found.append(shared)
            names += part.names
    return np.unique(np.concatenate(found)), tuple(names)


def together(one: SeenPart, other: SeenPart) -> SeenPart:
    """Put the ids of two parts of one file into one, so that later parts look them up at once."""
    import numpy as np

    both = np.concatenate([one.load(), other.load()])
    both.sort(kind="stable")  # which merges what is sorted
    moments = [m for part in (one, other) for m in (part.first, part.last) if m is not None]
    known = all(m is not None for part in (one, other) for m in (part.first, part.last))
    return SeenPart(
        ids=both,
        names=one.names + other.names,
        source=one.source,
        first=min(moments) if known else None,
        last=max(moments) if known else None,
    )


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
        f"(SELECT * FROM {relation} WHERE NOT COALESCE({_COUNTED}, FALSE) OR id NOT IN {both}"
        " UNION ALL"
        f" SELECT * FROM (SELECT DISTINCT ON (id) * FROM {relation} WHERE {_COUNTED}"
        f" AND id IN (SELECT h FROM repeated_ids)"
        f" AND id NOT IN (SELECT h FROM earlier_ids)"
        " ORDER BY id, kind = 'used' DESC, COALESCE(input, 0) + COALESCE(output, 0) DESC,"
        " COALESCE(n, 0) DESC, start, class, model, setting))"
    )

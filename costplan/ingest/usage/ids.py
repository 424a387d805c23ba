"""Request ids that were seen: duplicates inside a part and across parts, at 8 bytes a request.

An id is kept as a 64-bit hash; among a hundred million the chance of one false duplicate is 0.03 %.
"""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from duckdb import DuckDBPyConnection
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]

_WORTH_THREADS = 100_000
_MIDDLE = 1 << 63
_MARGIN = dt.timedelta(days=1)
HASH = "CASE WHEN request_id <> '' THEN hash(request_id) END"
"""SQL of a request's id as 64 bits: all that is kept of it."""
_COUNTED = "id IS NOT NULL AND kind NOT IN ('bad', 'skipped')"


@dataclass(frozen=True, slots=True)
class SeenPart:
    """The ids of one part that was counted."""

    file: Path
    """Sorted hashes, as numpy saves them."""
    names: tuple[str, ...]
    """What a state calls the parts that are in it."""
    source: str
    """The file it is a part of."""
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
    import numpy as np

    # A table is filled by all threads; a result is handed over by one that also has to read.
    sql = f"SELECT {value} AS h FROM {relation} WHERE {which}"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE part_ids AS {sql}")
    few = _count(connection) < _WORTH_THREADS
    wanted = ["TRUE"] if few else [f"h < {_MIDDLE}", f"h >= {_MIDDLE}"]
    # One half is sorted while the other is handed over: numpy lets other threads run meanwhile.
    with ThreadPoolExecutor(2) as threads:
        halves = list(threads.map(_sort, (_fetch(connection, half) for half in wanted)))
    connection.execute("DROP TABLE part_ids")
    return np.concatenate(halves) if len(halves) > 1 else halves[0]


def _count(connection: DuckDBPyConnection) -> int:
    return int((connection.execute("SELECT count(*) FROM part_ids").fetchone() or (0,))[0])


def _fetch(connection: DuckDBPyConnection, which: str) -> Hashes:
    hashes: Any = connection.execute(f"SELECT h FROM part_ids WHERE {which}").fetchnumpy()["h"]
    found: Hashes = hashes
    return found


def _sort(hashes: Hashes) -> Hashes:
    hashes.sort()
    return hashes


def repeated(hashes: Hashes) -> Hashes:
    """List the hashes that occur more than once."""
    import numpy as np

    return np.unique(hashes[1:][hashes[1:] == hashes[:-1]]) if len(hashes) else hashes


def seen_before(hashes: Hashes, parts: list[SeenPart]) -> tuple[Hashes, tuple[str, ...]]:
    """List the hashes that earlier parts hold, and the names of those parts."""
    import numpy as np

    found = [hashes[:0]]
    names: list[str] = []
    for part in parts:
        earlier = np.load(part.file)
        if not len(earlier) or not len(hashes):
            continue
        place = np.minimum(np.searchsorted(earlier, hashes), len(earlier) - 1)
        shared = hashes[earlier[place] == hashes]
        if len(shared):
            found.append(shared)
            names += part.names
    return np.unique(np.concatenate(found)), tuple(names)


def together(one: SeenPart, other: SeenPart, file: Path) -> SeenPart:
    """Put the ids of two parts of one file into one, so that later parts look them up at once."""
    import numpy as np

    both = np.concatenate([np.load(one.file), np.load(other.file)])
    both.sort(kind="stable")
    np.save(file, both)
    moments = [m for part in (one, other) for m in (part.first, part.last) if m is not None]
    known = all(m is not None for part in (one, other) for m in (part.first, part.last))
    return SeenPart(
        file=file,
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

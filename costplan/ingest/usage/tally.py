"""What is counted: sums per group and histograms per class, made by the engine, added up here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from costplan.ingest.engine import name, quote
from costplan.ingest.histogram import bucket_sql
from costplan.ingest.usage.format import LogFormat
from costplan.ingest.usage.rows import UNLABELLED

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SUMS = ("n", "failed", "input", "cached", "output", "reasoning", "visible", "retries")
KNOWN = ("n", "input", "cached", "output", "reasoning", "usd")
MEASURES = {
    "input": "input",
    "cached": "cached",
    "output": "output",
    "reasoning": "reasoning",
    "latency": "latency_s * 1000",
}
"""What has a histogram, in tokens and milliseconds."""
_STRIDE = 2048
"""Buckets of a class: those of 10^15 tokens and of 10^12 milliseconds are below it."""
MOST_CODED = 31
"""Classes that can be numbered beside 0, so that number and bucket together have 16 bits."""
_KEY_BITS = 17
ODD = {
    "odd_cached": "cached tokens above input, cut to input",
    "odd_reasoning": "reasoning above output, taken as unknown",
    "odd_clock": "end before start or no possible duration, latency taken as unknown",
}

Group = tuple[str, str | None, str | None, str | None]
"""Class, team, model, setting."""


@dataclass(slots=True)
class Counts:
    """Sums over the successful requests of one group; failures and cache hits beside them."""

    rows: int = 0
    """Records of successful requests, or lines of a report."""
    sums: dict[str, int] = field(default_factory=dict)
    """Sum per quantity of `SUMS`, over the rows that say it."""
    known: dict[str, int] = field(default_factory=dict)
    """Rows that say the quantity, per quantity of `KNOWN`."""
    weight: dict[str, int] = field(default_factory=dict)
    """Requests behind those rows."""
    usd: Decimal = Decimal(0)
    """Stated spend of successful requests, less credits."""
    failed_rows: int = 0
    """Records of failed requests."""
    failed_usd: Decimal = Decimal(0)
    """Stated spend of failed requests."""
    cache_hits: int = 0
    """Requests that a gateway's own cache answered."""

    def add(self, other: Counts) -> None:
        """Add the sums of another part."""
        self.rows += other.rows
        self.usd += other.usd
        self.failed_rows += other.failed_rows
        self.failed_usd += other.failed_usd
        self.cache_hits += other.cache_hits
        for mine, theirs in (
            (self.sums, other.sums),
            (self.known, other.known),
            (self.weight, other.weight),
        ):
            for key, value in theirs.items():
                mine[key] = mine.get(key, 0) + value


@dataclass(slots=True)
class Tally:
    """Everything counted in one part of the input; tallies of parts add up."""

    groups: dict[Group, Counts] = field(default_factory=dict)
    """Sums per class, team, model and setting."""
    cells: dict[tuple[str, str, int], tuple[int, int]] = field(default_factory=dict)
    """Requests and sum of values per class, measure and bucket."""
    days: dict[dt.date, int] = field(default_factory=dict)
    """Records per day."""
    kinds: dict[str, int] = field(default_factory=dict)
    """Records per kind: used, failed, cache_hit, credit, skipped, bad, duplicate."""
    odd: dict[str, int] = field(default_factory=dict)
    """Records per oddity."""
    first: dt.datetime | None = None
    """Earliest moment covered."""
    last: dt.datetime | None = None
    """Latest moment covered."""

    def add(self, other: Tally) -> None:
        """Add the tally of another part."""
        for group, counts in other.groups.items():
            self.groups.setdefault(group, Counts()).add(counts)
        for key, (count, total) in other.cells.items():
            before = self.cells.get(key, (0, 0))
            self.cells[key] = (before[0] + count, before[1] + total)
        _add_counts(self.days, other.days)
        _add_counts(self.kinds, other.kinds)
        _add_counts(self.odd, other.odd)
        self.stretch(other.first, other.last)

    def stretch(self, first: dt.datetime | None, last: dt.datetime | None) -> None:
        """Widen the time covered."""
        if first is not None:
            self.first = first if self.first is None else min(self.first, first)
        if last is not None:
            self.last = last if self.last is None else max(self.last, last)


def _add_counts(mine: dict[Any, int], theirs: Mapping[Any, int]) -> None:
    for key, value in theirs.items():
        mine[key] = mine.get(key, 0) + value


@dataclass(frozen=True, slots=True)
class Lean:
    """What trusted rows of single requests say, so that nothing else is computed."""

    said: frozenset[str]
    """Columns of a row that the format has; the others are null."""
    otherwise: str
    """Kind of the rows that are not used, where there is only one; else empty."""
    all_count: bool
    """Whether no row is of a kind that does not count."""


def lean_rows(log: LogFormat) -> Lean:
    """Find what the rows of a format say."""
    said = frozenset({*log.rows, "class"} | ({"latency_s"} if "finish" in log.rows else set()))
    return Lean(said, log.otherwise, "skipped" not in log.rows.get("kind", ""))


def tally_relation(
    connection: DuckDBPyConnection,
    relation: str,
    *,
    one_each: bool,
    used: str = "kind = 'used'",
    lean: Lean | None = None,
    coded: Sequence[str] = (),
) -> Tally:
    """Count a relation of checked rows, or of trusted ones.

    `one_each` says that every row is one request, which makes counting cheaper and gives
    histograms; sums over buckets of time have none. `lean` says what trusted rows hold.
    `coded` are classes whose `coded_sql` is in the column `code` of the relation.
    """
    tally = Tally()
    group = _lean_sql(relation, lean) if lean else _group_sql(relation, one_each)
    cursor = connection.execute(group)
    names = [column[0] for column in cursor.description or ()]
    for values in cursor.fetchall():
        _add_record(tally, dict(zip(names, values, strict=True)))
    _add_days(tally, connection, relation, lean)
    if one_each and tally.kinds.get("used"):
        classes = _classes(tally, coded)
        for measure, value in MEASURES.items():
            if lean is None or value.partition(" ")[0] in lean.said:
                rows = f"SELECT {classes.sql} AS class, {value} AS x FROM {relation} WHERE {used}"
                _add_cells(tally, connection, measure, rows, classes)
    return tally


@dataclass(frozen=True, slots=True)
class _Classes:
    """How histograms tell classes apart."""

    sql: str
    """The class of a row, or its number times `_STRIDE`."""
    labels: tuple[str, ...] = ()
    """Class per number; empty where they are told apart by their names."""


def coded_sql(labels: Sequence[str]) -> str:
    """Write the number of a class, from 1, times `_STRIDE`; null for a class that has none."""
    listed = ", ".join(map(quote, labels))
    codes = ", ".join(str(number * _STRIDE) for number in range(1, len(labels) + 1))
    # Functions of one column alone are called once per entry of its dictionary; a cast is not.
    return f"list_extract([{codes}]::USMALLINT[], list_position([{listed}]::VARCHAR[], class))"


def _classes(tally: Tally, coded: Sequence[str]) -> _Classes:
    """Number the classes where they are few enough for one array of all their buckets."""
    found = {group[0] for group in tally.groups}
    named = sorted(found - {UNLABELLED})
    if found == {UNLABELLED} or len(named) > MOST_CODED:
        return _Classes("class")
    if kept := set(named) <= set(coded):
        named = list(coded)
    sql = "code" if kept else coded_sql(named)
    if UNLABELLED in found:
        sql = f"COALESCE({sql}, 0::USMALLINT)"
    return _Classes(sql, (UNLABELLED, *named))


def _add_days(
    tally: Tally, connection: DuckDBPyConnection, relation: str, lean: Lean | None
) -> None:
    """Count days apart from groups: together they would make a group per day."""
    last = "start" if lean and "until" not in lean.said else "COALESCE(until, start)"
    sql = f"SELECT CAST(start AS DATE) AS day, count(*), min(start), max({last}) FROM {relation}"
    if lean is None or not lean.all_count:
        sql += " WHERE kind NOT IN ('bad', 'skipped')"
    sql += " GROUP BY 1"
    for day, rows, first, last in connection.execute(sql).fetchall():
        tally.stretch(first, last)
        if day is not None:
            _add_counts(tally.days, {day: rows})


def _group_sql(relation: str, one_each: bool) -> str:
    parts = [
        "class, team, model, setting, kind, count(*) AS rows",
        "CAST(sum(usd) AS DECIMAL(38, 12)) AS usd, sum(output - reasoning) AS sum_visible",
        *(f"sum({c}) AS {name('sum_' + c)}" for c in SUMS if c not in {"visible", "n", "failed"}),
        *(f"count({c}) AS {name('known_' + c)}" for c in KNOWN if not (one_each and c == "n")),
        *(f"count_if({c}) AS {c}" for c in ODD),
        "count(odd) AS odd_other, min(odd) AS odd_text",
    ]
    if not one_each:
        parts += ["sum(n) AS sum_n", "sum(failed) AS sum_failed"]
        parts += [
            f"sum(CASE WHEN {c} IS NOT NULL THEN n END) AS {name('weight_' + c)}"
            for c in KNOWN
            if c != "n"
        ]
    return f"SELECT {', '.join(parts)} FROM {relation} GROUP BY ALL"


def _lean_sql(relation: str, lean: Lean) -> str:
    """Group trusted rows by what they say; a column that is always null would cost as much."""
    groups: list[str] = [c for c in ("class", "team", "model", "setting") if c in lean.said]
    kind = "kind"
    if lean.otherwise:
        groups.append("is_used")
        kind = f"CASE WHEN is_used THEN 'used' ELSE '{lean.otherwise}' END"
    else:
        groups.append("kind")
    said = [c for c in SUMS if c in lean.said and c not in {"n", "failed"}]
    parts = [*groups, f"{kind} AS kind" if lean.otherwise else "", "count(*) AS rows"]
    parts += [f"sum({c}) AS {name('sum_' + c)}" for c in said]
    parts += [f"count({c}) AS {name('known_' + c)}" for c in said if c in KNOWN]
    if "usd" in lean.said:
        parts.append("CAST(sum(usd) AS DECIMAL(38, 12)) AS usd, count(usd) AS known_usd")
    if {"output", "reasoning"} <= lean.said:
        parts.append("sum(output - reasoning) AS sum_visible")
    if "odd" in lean.said:
        parts.append("count(odd) AS odd_other, min(odd) AS odd_text")
    grouped = ", ".join(groups)
    return f"SELECT {', '.join(filter(None, parts))} FROM {relation} GROUP BY {grouped}"


def _add_record(tally: Tally, record: Mapping[str, Any]) -> None:
    kind, rows = record["kind"], record["rows"]
    if kind != "empty":
        _add_counts(tally.kinds, {kind: rows})
    if kind in {"bad", "skipped"}:
        return
    if kind == "empty":
        return
    group: Group = (
        record["class"] or UNLABELLED,
        record.get("team") or None,
        record.get("model") or None,
        record.get("setting") or None,
    )
    counts = tally.groups.setdefault(group, Counts())
    if kind == "failed":
        counts.failed_rows += rows
        counts.failed_usd += record.get("usd") or 0
        return
    if kind == "cache_hit":
        counts.cache_hits += rows
        return
    if kind == "credit":
        counts.usd += record["usd"]
        counts.known["usd"] = counts.known.get("usd", 0) + rows
        return
    counts.add(_counts(record))
    _add_counts(tally.odd, {text: record[c] for c, text in ODD.items() if record.get(c)})
    if record.get("odd_other"):
        _add_counts(tally.odd, {record["odd_text"]: record["odd_other"]})


def _counts(record: Mapping[str, Any]) -> Counts:
    rows = record["rows"]
    sums = {key: int(record.get(f"sum_{key}") or 0) for key in SUMS}
    known = {key: record.get(f"known_{key}", rows if key == "n" else 0) for key in KNOWN}
    if "sum_n" in record:
        weight = {key: int(record.get(f"weight_{key}") or 0) for key in KNOWN}
        weight["n"] = sums["n"]
    else:
        weight = dict(known)
        sums["n"] = rows
    return Counts(rows, sums, known, weight, record.get("usd") or Decimal(0))


def _add_cells(
    tally: Tally, connection: DuckDBPyConnection, measure: str, rows: str, classes: _Classes
) -> None:
    bucket = bucket_sql("x")
    keys = f"class, CAST({bucket} AS INTEGER)"
    if classes.labels:
        # A key this small is a place in an array; a hash table costs twice as much.
        connection.execute(f"SET perfect_ht_threshold={_KEY_BITS}")
        keys = f"CAST({bucket} AS USMALLINT) + class"
    sql = (
        f"SELECT {keys}, count(*), CAST(ROUND(sum(x)) AS BIGINT) FROM ({rows})"
        " WHERE x IS NOT NULL GROUP BY ALL"
    )
    for *key, count, total in connection.execute(sql).fetchall():
        if classes.labels:
            number, place = divmod(key[0], _STRIDE)
            label: str = classes.labels[number]
        else:
            label, place = key[0] or UNLABELLED, key[1]
        before = tally.cells.get((label, measure, place), (0, 0))
        tally.cells[label, measure, place] = (before[0] + count, before[1] + int(total))


def to_json(tally: Tally) -> dict[str, Any]:
    """Write a tally as plain JSON values."""
    return {
        "groups": [
            [
                *group,
                c.rows,
                c.sums,
                c.known,
                c.weight,
                str(c.usd),
                c.failed_rows,
                str(c.failed_usd),
                c.cache_hits,
            ]
            for group, c in tally.groups.items()
        ],
        "cells": [[*key, *value] for key, value in tally.cells.items()],
        "days": {day.isoformat(): count for day, count in tally.days.items()},
        "kinds": tally.kinds,
        "odd": tally.odd,
        "first": None if tally.first is None else tally.first.isoformat(),
        "last": None if tally.last is None else tally.last.isoformat(),
    }


def from_json(saved: Mapping[str, Any]) -> Tally:
    """Read a tally that `to_json` wrote."""
    return Tally(
        groups={
            (g[0], g[1], g[2], g[3]): Counts(
                g[4], g[5], g[6], g[7], Decimal(g[8]), g[9], Decimal(g[10]), g[11]
            )
            for g in saved["groups"]
        },
        cells={(c[0], c[1], c[2]): (c[3], c[4]) for c in saved["cells"]},
        days={dt.date.fromisoformat(day): count for day, count in saved["days"].items()},
        kinds=dict(saved["kinds"]),
        odd=dict(saved["odd"]),
        first=_moment(saved["first"]),
        last=_moment(saved["last"]),
    )


def _moment(text: str | None) -> dt.datetime | None:
    return None if text is None else dt.datetime.fromisoformat(text)


def total(tallies: Iterable[Tally]) -> Tally:
    """Add tallies up."""
    whole = Tally()
    for tally in tallies:
        whole.add(tally)
    return whole

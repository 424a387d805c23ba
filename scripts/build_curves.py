"""Rebuild profiles/curves/*.csv from the published numbers, and say what was left out and why.

    python scripts/build_curves.py            rebuild, print counts by reason
    python scripts/build_curves.py --list     print every row left out
    python scripts/build_curves.py --check    change nothing; exit 1 when the tables are stale
    python scripts/build_curves.py --prices   compare published dollars with tokens x list price
    python scripts/build_curves.py --coverage print which columns each benchmark fills

`curve_names.csv` beside this script decides each row: the profile and setting it belongs to, or
the reason it is left out. A row that no line of it decides is an error, so nothing is lost by
accident. Further rows are left out here: older snapshots of a model where a later one was
measured on the same benchmark, and older runs of the same thing.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from costplan.domain.measurement import Measurement
from costplan.files.curves import list_benchmarks, load_curves, write_curves

ROOT = Path(__file__).resolve().parent.parent
PUBLISHED = ROOT.parent / "shared" / "data" / "published" / "curves_long.csv"
NAMES = Path(__file__).with_name("curve_names.csv")
CURVES = ROOT / "profiles" / "curves"
REASONS = {
    "licence": "may not be shipped",
    "aa-limit": "beyond the models taken from Artificial Analysis",
    "no-profile": "model without a profile",
    "setting-unstated": "the source does not say at which setting",
    "no-such-setting": "the model has no such setting",
    "two-models": "two models working together",
    "not-one-call": "many calls steered by a program",
    "older-snapshot": "a later snapshot of the model was measured on the same benchmark",
    "older-run": "run again later at the same setting",
}


@dataclass(frozen=True, slots=True)
class Name:
    """One line of curve_names.csv: which rows it is about, and what becomes of them.

    `blank` names columns whose published value is known to be wrong; the note says why.
    """

    source: str
    published_as: str
    published_setting: str
    model: str
    setting: str
    snapshot: str
    drop: str
    blank: str
    note: str

    def fits(self, row: dict[str, str]) -> bool:
        """Tell whether the line is about this published row."""
        return (
            fnmatchcase(row["source"], self.source)
            and fnmatchcase(row["model"], self.published_as)
            and fnmatchcase(row["setting"], self.published_setting)
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """A row that ships, unless a later snapshot or run takes its place."""

    measurement: Measurement
    snapshot: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """A row that is left out."""

    reason: str
    source: str
    benchmark: str
    published_as: str
    setting: str
    note: str


class UndecidedError(Exception):
    """Rows that curve_names.csv does not decide, or lines of it that decide nothing."""


def read_names(path: Path) -> list[Name]:
    """Read the decisions; lines that start with # are remarks."""
    with path.open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if not row["source"].startswith("#")]
    names = [Name(**row) for row in rows]
    for name in names:
        if bool(name.drop) == bool(name.model) or (name.drop and name.drop not in REASONS):
            raise UndecidedError(f"needs a model and setting, or a known reason: {name}")
    return names


def decide(
    rows: Sequence[dict[str, str]], names: Sequence[Name]
) -> tuple[list[Kept], list[Dropped]]:
    """Give every published row a profile and setting, or a reason to leave it out."""
    kept: list[Kept] = []
    dropped: list[Dropped] = []
    undecided: list[str] = []
    used: set[Name] = set()
    for row in rows:
        name = next((name for name in names if name.fits(row)), None)
        if name is None:
            undecided.append(f"{row['source']},{row['model']},{row['setting']}")
            continue
        used.add(name)
        if name.drop:
            dropped.append(_drop(row, name.drop, name.note))
        else:
            kept.append(Kept(to_measurement(row, name), name.snapshot))
    if undecided:
        raise UndecidedError("no line decides: " + "; ".join(dict.fromkeys(undecided)))
    idle = [name for name in names if name not in used]
    if idle:
        raise UndecidedError("lines that decide nothing: " + "; ".join(map(str, idle)))
    return kept, dropped


def to_measurement(row: dict[str, str], name: Name) -> Measurement:
    """Translate one published row."""
    kind, published = row["setting_kind"], row["setting"]
    setting = name.setting
    if setting == "=":
        setting = "off" if (kind, published) == ("thinking_budget", "0") else published.lower()
    out, reasoning = _number(row["out_tokens"]), _number(row["reasoning_tokens"])
    if kind == "avg_thinking_tokens":
        out, reasoning = None, out  # the source counts the thinking and not the answer
    se = _number(row["accuracy_se"])
    usd = Decimal(row["cost_usd"]) if row["cost_usd"] else None
    measurement = Measurement(
        source=row["source"],
        benchmark=row["benchmark"],
        task_kind=row["task_kind"],
        model=name.model,
        setting=setting,
        samples=int(published) if kind == "samples" else 1,
        n_questions=int(row["n_questions"]) if row["n_questions"] else None,
        accuracy=float(row["accuracy"]),
        accuracy_se=se or None,  # 0 is a standard error below the rounding, not certainty
        input_tokens=_number(row["in_tokens"]),
        output_tokens=out,
        reasoning_tokens=reasoning,
        usd=usd,
        usd_basis=row["cost_basis"] if usd is not None else "",
        seconds=_number(row["seconds"]),
        seconds_basis=row["seconds_basis"],
        date=row["date"],
        confidence=row["confidence"],
        note="; ".join(filter(None, (row["note"], name.note))),
        published_as=row["model"],
    )
    wrong: dict[str, Any] = dict.fromkeys(name.blank.split())
    if "usd" in wrong:
        return replace(measurement, **wrong, usd_basis="")
    return replace(measurement, **wrong)


def _number(cell: str) -> float | None:
    return float(cell) if cell else None


def _drop(row: dict[str, str], reason: str, note: str) -> Dropped:
    return Dropped(reason, row["source"], row["benchmark"], row["model"], row["setting"], note)


def keep_latest(kept: Sequence[Kept]) -> tuple[list[Measurement], list[Dropped]]:
    """Leave out older snapshots of a model, then older runs at one setting.

    A curve stays the curve of one snapshot: within a source and benchmark all rows of a model are
    of the latest one measured there.
    """
    latest: dict[tuple[str, ...], str] = {}
    for row in kept:
        latest[_curve(row)] = max(row.snapshot, latest.get(_curve(row), ""))
    dropped = [
        _drop_kept(row, "older-snapshot", f"{latest[_curve(row)]} ships")
        for row in kept
        if row.snapshot != latest[_curve(row)]
    ]
    chosen: dict[tuple[str, ...], Kept] = {}
    for row in (row for row in kept if row.snapshot == latest[_curve(row)]):
        m = row.measurement
        key = (*_curve(row), m.setting, str(m.samples))
        other = chosen.setdefault(key, row)
        if other is row:
            continue
        if other.measurement.date == m.date:
            raise UndecidedError(f"two runs of one day: {other.measurement} and {m}")
        older, chosen[key] = sorted((other, row), key=lambda r: r.measurement.date)
        note = f"the run of {chosen[key].measurement.date} ships"
        dropped.append(_drop_kept(older, "older-run", note))
    return [row.measurement for row in chosen.values()], dropped


def _curve(row: Kept) -> tuple[str, ...]:
    return (row.measurement.source, row.measurement.benchmark, row.measurement.model)


def _drop_kept(row: Kept, reason: str, note: str) -> Dropped:
    m = row.measurement
    return Dropped(reason, m.source, m.benchmark, m.published_as, m.setting, note)


def build(published: Path, names: Path) -> tuple[dict[str, list[Measurement]], list[Dropped]]:
    """Give the rows of each source's table in the order of the input, and what was left out."""
    with published.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    kept, dropped = decide(rows, read_names(names))
    measurements, more = keep_latest(kept)
    tables: dict[str, list[Measurement]] = {}
    for m in measurements:
        tables.setdefault(m.source, []).append(m)
    dropped += more
    if len(measurements) + len(dropped) != len(rows):
        raise UndecidedError(f"{len(rows)} rows in, {len(measurements)} + {len(dropped)} out")
    return dict(sorted(tables.items())), dropped


def write_tables(tables: dict[str, list[Measurement]], folder: Path) -> None:
    """Write one table per source, remove tables of sources that are gone, and read all back."""
    for old in folder.glob("*.csv"):
        if old.stem not in tables:
            old.unlink()
    for source, rows in tables.items():
        write_curves(folder / f"{source}.csv", rows)
    back = load_curves([folder / f"{source}.csv" for source in tables])
    if back != tuple(row for rows in tables.values() for row in rows):
        raise UndecidedError("what was written does not read back as the same measurements")


def find_stale(tables: dict[str, list[Measurement]], folder: Path) -> list[str]:
    """Name the tables whose bytes differ from what would be written."""
    with tempfile.TemporaryDirectory() as made:
        write_tables(tables, Path(made))
        fresh = {path.name: path.read_bytes() for path in Path(made).iterdir()}
    there = {path.name: path.read_bytes() for path in folder.glob("*.csv")}
    return sorted(n for n in fresh.keys() | there.keys() if fresh.get(n) != there.get(n))


def report(tables: dict[str, list[Measurement]], dropped: Sequence[Dropped]) -> Iterable[str]:
    """Say how many rows ship by source, and how many were left out by reason."""
    shipped = sum(map(len, tables.values()))
    yield f"{shipped + len(dropped)} published rows: {shipped} shipped, {len(dropped)} left out"
    yield "\nshipped"
    for source, rows in tables.items():
        models = len({row.model for row in rows})
        yield f"{len(rows):6}  {source} ({models} models)"
    yield "\nleft out"
    for reason, count in Counter(d.reason for d in dropped).most_common():
        yield f"{count:6}  {reason}: {REASONS[reason]}"


def list_dropped(dropped: Sequence[Dropped]) -> Iterable[str]:
    """Say of every row that was left out why."""
    for d in sorted(dropped, key=lambda d: (list(REASONS).index(d.reason), d.source)):
        what = f"{d.source} | {d.benchmark} | {d.published_as} | {d.setting}"
        yield f"{d.reason}: {what}" + (f" | {d.note}" if d.note else "")


def coverage(rows: Sequence[Measurement]) -> Iterable[str]:
    """Say which columns each benchmark fills."""
    heads = ("rows", "models", "curves", "n_q", "out%", "reason%", "usd%", "sec%")
    yield f"{'source':22} {'benchmark':38}" + "".join(f"{head:>8}" for head in heads)
    for s in sorted(list_benchmarks(rows), key=lambda s: (s.source, s.benchmark)):
        curves = sum(len(labels) > 1 for labels in s.settings.values())
        counts = (s.with_output_tokens, s.with_reasoning_tokens, s.with_usd, s.with_seconds)
        cells = [s.rows, len(s.models), curves, s.n_questions or "-"]
        cells += [round(100 * count / s.rows) for count in counts]
        yield f"{s.source:22} {s.benchmark:38}" + "".join(f"{cell:>8}" for cell in cells)


def compare_prices(rows: Sequence[Measurement], factor: float = 3.0) -> Iterable[str]:
    """Name rows whose dollars are off by more than the factor from tokens x list price.

    The list price is that of the price library at noon of the row's date. Agents read most of
    their input from the cache, so their published dollars are well below.
    """
    from price_check import list_price_usd

    asked = Counter[str]()
    for row in rows:
        if row.usd is None or row.output_tokens is None or row.input_tokens is None:
            continue
        price = list_price_usd(row)
        if price is None:
            asked["no price"] += 1
            continue
        asked["compared"] += 1
        ratio = float(row.usd / price)
        if not 1 / factor < ratio < factor:
            what = f"{row.source} {row.benchmark} {row.model} {row.setting} {row.date}"
            yield f"{what}: {row.usd:.5f} USD published, {price:.5f} by tokens, ratio {ratio:.2f}"
    yield ", ".join(f"{count} {what}" for what, count in asked.items())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 1 when something is undecided or stale."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--input", type=Path, default=PUBLISHED, help="curves_long.csv")
    parser.add_argument("--names", type=Path, default=NAMES, help="the decisions")
    parser.add_argument("--output", type=Path, default=CURVES, help="folder of the tables")
    for flag in ("--list", "--check", "--prices", "--coverage"):
        parser.add_argument(flag, action="store_true")
    asked = parser.parse_args(arguments)
    try:
        tables, dropped = build(asked.input, asked.names)
        if asked.check:
            stale = find_stale(tables, asked.output)
            print(*(f"stale: {name}" for name in stale), sep="\n", end="\n" if stale else "")
            return 1 if stale else 0
        rows = [row for table in tables.values() for row in table]
        if not (asked.list or asked.prices or asked.coverage):
            write_tables(tables, asked.output)
            print(*report(tables, dropped), sep="\n")
        for wanted, lines in (
            (asked.list, list_dropped(dropped)),
            (asked.coverage, coverage(rows)),
            (asked.prices, compare_prices(rows)),
        ):
            if wanted:
                print(*lines, sep="\n")
    except UndecidedError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

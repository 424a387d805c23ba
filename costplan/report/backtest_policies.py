"""What cascades bring out of sample, for people and for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from costplan.domain.figures import UNKNOWN, write_count, write_percent, write_points
from costplan.plan.backtest_policies import CascadeBacktest, CascadeResult, CheckTried
from costplan.plan.backtest_promises import Promise
from costplan.report.write import dump, open_console

if TYPE_CHECKING:
    from rich.table import Table

SCHEMA_VERSION = 1
PROMISES_SAID = (
    "Each judged alone, on the half that it was not found on. Chosen: what auto proposes; any: "
    "every vote and best-of that the samples allow. Over mixes: what they add to the best mix of "
    "single settings for the same dollars. In 80 %, in 95 %: intervals that held what came true."
)


KINDS = {"vote": "votes", "best_of": "best-ofs", "cascade": "cascades", "route": "routes"}


def write_cascade_backtest(
    backtest: CascadeBacktest, promises: Sequence[Promise], *, as_json: bool
) -> None:
    """Print what cascades bring on questions not seen, and how other policies kept their promise.

    As JSON or for people.
    """
    if as_json:
        facts = asdict(backtest)
        facts["means"] = [
            {"check": asdict(check), "gain": backtest.mean_gain(check)} for check in backtest.checks
        ]
        facts["promises"] = [asdict(one) | {"gap": one.gap} for one in promises]
        for row, result in zip(facts["results"], backtest.results, strict=True):
            row |= {"gain": result.gain, "gap": result.gap}
        sys.stdout.write(dump({"schema_version": SCHEMA_VERSION, **facts}))
        return
    from rich.text import Text

    console = open_console()
    size = (
        f"{write_count(backtest.questions)} questions, {write_count(backtest.classes)} classes, "
        f"{write_count(backtest.options)} settings"
    )
    console.print(Text(f"{backtest.dataset} · {size}", style="bold"))
    console.print(_table(backtest))
    for said in _list_notes(backtest):
        console.print(Text(said))
    if promises:
        console.print()
        console.print(_list_promises(promises))
        console.print(Text(PROMISES_SAID))


def _table(backtest: CascadeBacktest) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("Check", overflow="fold")
    for heading in ("Ceiling", "Single", "Cascades", "Gain", "Off by", "Kept"):
        table.add_column(heading, justify="right")
    for check in backtest.checks:
        mine = [result for result in backtest.results if result.check == check]
        for result in mine:
            table.add_row(say_tried(check) if result is mine[0] else "", *_cells(result))
        mean = backtest.mean_gain(check)
        if len(mine) > 1 and mean is not None:
            table.add_row("", "mean", "", "", _write_points(mean), "", "")
    return table


def _list_promises(promises: Sequence[Promise]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("Policies", overflow="fold")
    for heading in ("Judged", "Off by", "Over mixes", "In 80 %", "In 95 %"):
        table.add_column(heading, justify="right")
    for one in promises:
        table.add_row(
            f"{KINDS[one.kind]}, {'chosen' if one.chosen else 'any'}",
            write_count(one.judged),
            _write_points(one.gap),
            UNKNOWN if one.gain is None else _write_points(one.gain),
            write_percent(one.held_80, 0),
            write_percent(one.held_95, 0),
        )
    return table


def _write_points(points: float) -> str:
    return write_points(points).removesuffix(" points")


def _cells(result: CascadeResult) -> Iterator[str]:
    def share(number: float | None) -> str:
        return UNKNOWN if number is None else write_percent(number)

    yield write_percent(result.fraction, 0)
    yield share(result.single)
    yield share(result.cascades)
    for points in (result.gain, result.gap):
        yield UNKNOWN if points is None else _write_points(points)
    yield (
        UNKNOWN
        if result.covered is None
        else f"{write_percent(result.covered, 0)} of {result.taken}"
    )


def say_tried(check: CheckTried) -> str:
    """Say a check as it was tried: "90 % right, free"."""
    said = "perfect" if check.error == 0 else f"{write_percent(1 - check.error, 0)} right"
    price = "free" if check.price == 0 else f"{write_percent(check.price)} of the best's price"
    where = {True: ", errs on hard questions", False: ", errs on easy questions"}
    return f"{said}, {price}{where[check.hardness > 0] if check.hardness and check.error else ''}"


def _list_notes(backtest: CascadeBacktest) -> Iterator[str]:
    times = write_count(backtest.splits)
    yield (
        "Gain, and what forecasts are off by, in points. "
        f"Planned on half of the questions and judged on the other half, {times} times both "
        f"ways, seed {backtest.seed}. Ceilings are shares of the best single setting's price, in "
        "forecast dollars without a margin. Kept: cascades that plans took and whose 90 % "
        "interval held what the other half showed."
    )
    if all(result.planned == 0 for result in backtest.results):
        yield "No half has a plan at these ceilings: no setting was asked in every class."

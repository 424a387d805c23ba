"""The comparison of two plans, for people and for machines."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from costplan.domain.figures import (
    UNKNOWN,
    write_cents,
    write_change,
    write_count,
    write_percent,
    write_points,
    write_usd,
)
from costplan.domain.money import CENT, round_to_foot, round_to_unit
from costplan.plan.compare import CLASS_CAUSES, Change, ClassChange, Comparison
from costplan.report.footing import round_table, round_to_target
from costplan.report.write import dump, open_console

if TYPE_CHECKING:
    from rich.console import RenderableType

CAUSES = {
    "volumes": "requests: more, fewer, new and dropped classes",
    "prices": "prices of the same tokens",
    "evidence": "evidence: tokens and accuracies of the same choices",
    "choices": "choices: other models and efforts, under the limits as they are now",
    "gpus": "own GPUs",
    "contracts": "tiers and commitments",
}
MOST_CLASSES = 40
"""Classes that people are shown, those with the largest difference first."""


@dataclass(frozen=True, slots=True)
class Cents:
    """The comparison in cents, every row and column adding up."""

    before: Decimal
    after: Decimal
    steps: tuple[Decimal, ...]
    """One for each step of the comparison; with `before` they add up to `after`."""
    classes: tuple[tuple[Decimal, Decimal, tuple[Decimal, ...]], ...]
    """Of each class: before, after, and its steps, which lead from one to the other."""


def round_comparison(found: Comparison) -> Cents:
    """Round a comparison so that it still adds up, down and across."""
    before, after = round_to_unit(found.usd_before), round_to_unit(found.usd_after)
    steps = round_to_target([step.usd for step in found.steps], after - before)
    old = round_to_foot([change.usd_before for change in found.classes])
    of_classes = sum(steps[: len(CLASS_CAUSES)], Decimal(0))
    new = round_to_target(
        [change.usd_after for change in found.classes], sum(old, Decimal(0)) + of_classes
    )
    table = round_table(
        [[change.steps[cause] for cause in CLASS_CAUSES] for change in found.classes],
        [now - was for was, now in zip(old, new, strict=True)],
        steps[: len(CLASS_CAUSES)],
    )
    rows = zip(old, new, table, strict=True)
    return Cents(before, after, tuple(steps), tuple((o, n, tuple(row)) for o, n, row in rows))


def write_comparison(found: Comparison, *, as_json: bool) -> None:
    """Print a comparison for people, or as JSON."""
    cents = round_comparison(found)
    if as_json:
        sys.stdout.write(dump(_facts(found, cents)))
        return
    console = open_console()
    console.print(say_verdict(found), style="bold")
    console.print()
    console.print(_bridge_table(found, cents))
    for title, changes in (
        ("Limits that changed", found.ceilings),
        ("Prices that changed, dollars per million tokens", found.prices),
        ("Aims that changed", found.aims),
    ):
        if changes:
            console.print(title, style="bold")
            console.print(_change_table(changes))
    if any(change.chosen_anew or change.steps for change in found.classes):
        console.print(_class_table(found, cents))
    for note in found.notes[:MOST_CLASSES]:
        console.print(f"• {note}", markup=False)


def say_verdict(found: Comparison) -> str:
    """Say the difference in one sentence."""
    points = write_points(found.accuracy_after - found.accuracy_before)
    anew = sum(change.chosen_anew for change in found.classes)
    money = write_change(found.usd)
    return (
        f"{money[:1].upper()}{money[1:]} ({write_usd(found.usd_before, cents=True)} to "
        f"{write_usd(found.usd_after, cents=True)}), {points} of accuracy, "
        f"{anew} of {len(found.classes)} choices differ."
    )


def _bridge_table(found: Comparison, cents: Cents) -> RenderableType:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, show_footer=False)
    table.add_column("From the first plan to the second", overflow="fold")
    table.add_column("Dollars", justify="right", no_wrap=True)
    table.add_column("Accuracy", justify="right", no_wrap=True)
    table.add_row(
        "first plan", write_usd(cents.before, cents=True), write_percent(found.accuracy_before, 2)
    )
    levels = [found.accuracy_before]
    for step in found.steps:
        levels.append(levels[-1] + step.accuracy)
    for step, usd, (low, high) in zip(
        found.steps, cents.steps, itertools.pairwise(levels), strict=True
    ):
        if usd or step.accuracy or step.cause in CLASS_CAUSES:
            table.add_row(CAUSES[step.cause], _signed(usd), _points(low, high))
    table.add_section()
    table.add_row(
        "second plan",
        write_usd(cents.after, cents=True),
        write_percent(found.accuracy_after, 2),
        style="bold",
    )
    return table


def _points(low: float, high: float) -> str:
    """Write a step of the accuracy so that the steps lead from one rounded level to the next."""
    step = round(high * 100, 2) - round(low * 100, 2)
    return f"{step:+.2f}".replace("-", "−") if round(step, 2) else "±0.00"


def _signed(usd: Decimal) -> str:
    return f"{'+' if usd > 0 else '' if usd < 0 else '±'}{write_usd(usd, cents=True)}"


def _change_table(changes: Iterable[Change]) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for change in changes:
        table.add_row(
            Text(f"  {change.what}"), _write_value(change.before), "→", _write_value(change.after)
        )
    return table


def _write_value(value: Decimal | str | None) -> str:
    if value is None:
        return UNKNOWN
    return value if isinstance(value, str) else f"{value.normalize():,f}"


def _class_table(found: Comparison, cents: Cents) -> RenderableType:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("Class", overflow="fold", max_width=22)
    table.add_column("Choice", overflow="fold", ratio=1)
    for heading in ("Before", *(cause.capitalize() for cause in CLASS_CAUSES), "After"):
        table.add_column(heading, justify="right", no_wrap=True)
    rows = list(zip(found.classes, cents.classes, strict=True))
    rows.sort(key=lambda row: -abs(row[1][1] - row[1][0]))
    for change, (old, new, steps) in rows[:MOST_CLASSES]:
        name = change.task_class if change.month is None else f"{change.task_class} {change.month}"
        table.add_row(
            Text(name),
            Text(_say_choice(change)),
            *map(write_cents, (old, *steps, new)),
        )
    if len(rows) > MOST_CLASSES:
        table.caption = f"{MOST_CLASSES} of {len(rows)} classes; --json has all"
    return table


def _say_choice(change: ClassChange) -> str:
    before, after = _say_picks(change.before), _say_picks(change.after)
    if not change.before:
        return f"new: {after}"
    if not change.after:
        return f"dropped: {before}"
    return before if before == after else f"{before} → {after}"


def _say_picks(picks: tuple[tuple[str, Decimal], ...]) -> str:
    if len(picks) == 1:
        return picks[0][0]
    return " + ".join(f"{write_percent(share)} {option}" for option, share in picks)


def _facts(found: Comparison, cents: Cents) -> dict[str, object]:
    return {
        "verdict": say_verdict(found),
        "before": _totals(cents.before, found.accuracy_before, found.value_before),
        "after": _totals(cents.after, found.accuracy_after, found.value_after),
        "steps": [
            {"cause": step.cause, "usd": usd, "accuracy": step.accuracy}
            for step, usd in zip(found.steps, cents.steps, strict=True)
        ],
        "classes": list(_class_facts(found, cents)),
        "ceilings": [_change_facts(change) for change in found.ceilings],
        "prices": [_change_facts(change) for change in found.prices],
        "aims": [_change_facts(change) for change in found.aims],
        "notes": list(found.notes),
    }


def _totals(usd: Decimal, accuracy: float, value: Decimal) -> dict[str, object]:
    return {"usd": usd, "accuracy": accuracy, "value": float(value)}


def _class_facts(found: Comparison, cents: Cents) -> Iterator[dict[str, object]]:
    for change, (old, new, steps) in zip(found.classes, cents.classes, strict=True):
        yield {
            "class": change.task_class,
            "month": change.month,
            "before": _side(change.before, change.requests_before, old, change.accuracy_before),
            "after": _side(change.after, change.requests_after, new, change.accuracy_after),
            "steps": dict(zip(CLASS_CAUSES, steps, strict=True)),
        }


def _side(
    picks: tuple[tuple[str, Decimal], ...], requests: Decimal, usd: Decimal, accuracy: float | None
) -> dict[str, object]:
    return {
        "choices": [{"option": option, "share": float(share)} for option, share in picks],
        "requests": float(requests),
        "usd": usd,
        "accuracy": accuracy,
    }


def _change_facts(change: Change) -> dict[str, object]:
    return {"what": change.what, "before": change.before, "after": change.after}


def say_excess(found: Comparison, limit: Decimal, *, percent: bool) -> str | None:
    """Say by how much the second bill is above what the first allows; None where it is not.

    `limit` is dollars, or percent of the first bill.
    """
    allowed = found.usd_before * limit / 100 if percent else limit
    if found.usd <= allowed:
        return None
    said = f"{write_count(limit)} %" if percent else write_usd(limit)
    return (
        f"the bill grows by {write_usd(round_to_unit(found.usd, CENT), cents=True)}, "
        f"more than {said}"
    )

"""What policies add, for people and for programs."""

from __future__ import annotations

import sys
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING

from costplan.domain.figures import (
    UNKNOWN,
    write_percent,
    write_points,
    write_unit_usd,
    write_usd,
    write_value,
)
from costplan.plan.case import Case, value_unit
from costplan.plan.policy_gain import ClassGain, PolicyGain
from costplan.report.write import dump, open_console

if TYPE_CHECKING:
    from rich.table import Table


def write_gain_of_policies(case: Case, gain: PolicyGain, *, as_json: bool) -> None:
    """Print what policies add to single settings, as JSON or for people."""
    if as_json:
        facts = asdict(gain)
        for one, part in zip(facts["classes"], gain.classes, strict=True):
            one["class"] = one.pop("task_class")
            one["gain"] = part.gain
            one["left_out"] = [{"name": n, "reason": r} for n, r in part.left_out]
        sys.stdout.write(dump(facts))
        return
    from rich.text import Text

    console = open_console()
    console.print(Text(f"{case.workload.name} · what policies add", style="bold"))
    console.print(_total_table(case, gain))
    console.print(_class_table(gain))
    for said in _list_notes(gain):
        console.print(Text(said))


def _table(*headings: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    table.add_column(headings[0], overflow="fold")
    for heading in headings[1:]:
        table.add_column(heading, justify="right")
    return table


def _total_table(case: Case, gain: PolicyGain) -> Table:
    unit = value_unit(case)
    table = _table("Dollars", "Single settings", "With policies", "Gain", "More value")
    table.columns[0].justify = "right"
    for point in gain.points:
        table.add_row(
            write_usd(point.usd),
            write_percent(point.single_accuracy),
            write_percent(point.accuracy),
            write_points(point.accuracy - point.single_accuracy),
            write_value(round(point.value - point.single_value, 2), unit),
        )
    return table


def _class_table(gain: PolicyGain) -> Table:
    from rich.text import Text

    table = _table(
        "Class, and where policies add most", "Single", "Policies", "Gain", "No more than"
    )
    for one in gain.classes:
        ceiling = UNKNOWN if one.oracle is None else write_percent(one.oracle.accuracy)
        cells = [UNKNOWN, UNKNOWN, "nothing"]
        if one.option is not None:
            cells = [
                write_percent(one.single_accuracy),
                write_percent(one.accuracy),
                write_points(one.gain),
            ]
        table.add_row(Text(_say_where(one)), *cells, ceiling)
    if gain.oracle_accuracy is not None:
        table.add_section()
        table.add_row("All", "", "", "", write_percent(gain.oracle_accuracy), style="bold")
    return table


def _say_where(one: ClassGain) -> str:
    if one.option is None or one.usd_per_request is None:
        return f"{one.task_class}: none of {one.policies}" if one.policies else one.task_class
    usd = write_unit_usd(Decimal(repr(one.usd_per_request)))
    return f"{one.task_class} at {usd} a request: {one.option}"


def _list_notes(gain: PolicyGain) -> list[str]:
    said = [
        "Best plans at equal forecast dollars, without the margin that `costplan optimize` keeps. "
        "No more than: right when every question takes the best of the recorded answers; no "
        "policy over these settings passes it."
    ]
    said += [
        f"{one.task_class}: {name} is no option: {reason}"
        for one in gain.classes
        for name, reason in one.left_out
    ]
    return said

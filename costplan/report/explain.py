"""Why a class got what it got."""

from __future__ import annotations

import json
import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING

from costplan.domain.errors import Fault, InputError
from costplan.domain.figures import (
    UNKNOWN,
    write_percent,
    write_range,
    write_seconds,
    write_unit_usd,
)
from costplan.plan.insight import Considered
from costplan.plan.model import Plan
from costplan.report.write import dump, open_console

if TYPE_CHECKING:
    from rich.console import RenderableType

FATE_WORDS = {
    "chosen": "chosen",
    "hull": "in reach",
    "dominated": "dominated",
    "off_hull": "beaten by a mix",
    "shut_out": "shut out",
    "left_out": "left out",
}


def find_class(plan: Plan, task_class: str) -> str:
    """Find a class of a plan; InputError with a suggestion for an unknown one."""
    names = list(
        dict.fromkeys(
            [item.task_class for item in plan.considered] + [line.task_class for line in plan.lines]
        )
    )
    if task_class in names:
        return task_class
    near = get_close_matches(task_class, names, n=1)
    said = f"did you mean {near[0]!r}?" if near else f"the plan has {', '.join(names[:10])}"
    raise InputError([Fault(f"the plan has no class {task_class!r}", advice=said)])


def write_explanation(plan: Plan, task_class: str, *, looked: bool, as_json: bool) -> None:
    """Print every option of a class with its fate, or JSON.

    `looked` says whether nearby ceilings were solved for changes of the choice.
    """
    mine = [item for item in plan.considered if item.task_class == task_class]
    changes = [change for change in plan.changes if change.task_class == task_class]
    if as_json:
        facts = {
            "class": task_class,
            "considered": [json.loads(item.model_dump_json()) for item in mine],
            "changes": [json.loads(change.model_dump_json()) for change in changes],
        }
        sys.stdout.write(dump(facts))
        return
    console = open_console()
    console.print(f"{task_class}: {len(mine)} options and models were considered", style="bold")
    console.print(_table(mine))
    for change in changes:
        console.print(f"• {change.message}")
    if not changes and looked:
        console.print("No other dollar ceiling nearby would change this choice.")
    elif not changes:
        console.print("The workload was not found as it was: where the choice turns is not known.")


def _table(items: list[Considered]) -> RenderableType:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("Option", overflow="fold", min_width=16)
    table.add_column("$ a request", justify="right", no_wrap=True)
    table.add_column("Accuracy", justify="right", no_wrap=True)
    table.add_column("Mean", justify="right", no_wrap=True)
    table.add_column("Fate", no_wrap=True)
    table.add_column("Why", overflow="fold", ratio=1)
    for item in items:
        table.add_row(*_cells(item), style="bold" if item.fate == "chosen" else None)
    return table


def _cells(item: Considered) -> list[str]:
    accuracy = item.accuracy
    said = UNKNOWN
    if accuracy is not None:
        said = write_percent(accuracy.mean)
        if accuracy.low < accuracy.high:
            said += f" ({write_range(accuracy.low, accuracy.high)})"
    return [
        item.option,
        write_unit_usd(item.usd_per_request),
        said,
        write_seconds(item.mean_latency_s),
        FATE_WORDS[item.fate],
        item.reason,
    ]

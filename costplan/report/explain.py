"""Why a class got what it got."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING

from costplan.domain.errors import Fault, InputError
from costplan.domain.figures import (
    UNKNOWN,
    write_ceiling,
    write_percent,
    write_range,
    write_seconds,
    write_unit_usd,
)
from costplan.plan.again import Explained
from costplan.plan.insight import Considered, Reach
from costplan.plan.model import Ceiling, Plan
from costplan.report.plan_tables import say_price
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
NUMBERS = 56
"""Columns that the figures and the fate of an option take in a table."""
LEAST_WHY = 28
"""Columns below which a reason is not squeezed into a table."""
MONTH = re.compile(r" \d{4}-\d{2}$")
"""How the names of classes end in the months of a horizon."""


def find_class(plan: Plan, task_class: str) -> str:
    """Find a class of a plan; InputError with a suggestion for an unknown one.

    A plan without any class, an infeasible one, cannot tell: the name is taken as it is.
    """
    names = list_classes(plan)
    if task_class in names or not names:
        return task_class
    near = get_close_matches(task_class, names, n=1)
    said = f"did you mean {near[0]!r}?" if near else f"the plan has {', '.join(names[:10])}"
    raise InputError([Fault(f"the plan has no class {task_class!r}", advice=said)])


def list_classes(plan: Plan) -> list[str]:
    """List the classes of a plan, those that it can explain at once first."""
    kept = [item.task_class for item in plan.considered]
    if plan.workload.months > 1:
        kept = [MONTH.sub("", name) for name in kept]
    return list(dict.fromkeys(kept + [line.task_class for line in plan.lines]))


def write_classes(plan: Plan, file: str, *, as_json: bool) -> None:
    """Print the classes that can be explained with what each does, or JSON.

    Raises InputError for a plan without any class, an infeasible one.
    """
    names = list_classes(plan)
    if not names:
        said = "the plan has no class to list: no plan keeps every limit"
        raise InputError([Fault(said, advice="name a class of the workload")])
    options: dict[str, dict[str, None]] = {name: {} for name in names}
    for line in plan.lines:
        options[line.task_class][line.option] = None
    if as_json:
        facts = [{"class": name, "options": list(of)} for name, of in options.items()]
        sys.stdout.write(dump({"classes": facts}))
        return
    from rich.table import Table
    from rich.text import Text

    console = open_console()
    console.print(f"{len(names):,} classes; `costplan explain {file} CLASS` tells of one:",
                  style="bold", markup=False)  # fmt: skip
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(overflow="fold")
    grid.add_column()
    for name, of in options.items():
        grid.add_row(Text(name), Text(" + ".join(of)))
    console.print(grid)


def write_explanation(plan: Plan, found: Explained, *, as_json: bool) -> None:
    """Print every option of a class with its fate and what would change it, or JSON."""
    if as_json:
        sys.stdout.write(dump(_list_facts(found)))
        return
    console = open_console()
    of = f" in {found.month}" if found.month is not None else ""
    said = f"{found.task_class}{of}: {len(found.considered)} options and models were considered"
    console.print(said, style="bold")
    if len(found.months) > 1:
        others = f"{found.months[0]} to {found.months[-1]}"
        console.print(f"One month of {others}; --month tells of another.", style="dim")
    console.print()
    for part in _lay_out(found.considered, console.width):
        console.print(part)
    for part in _list_findings(plan, found):
        console.print(part)


def _list_facts(found: Explained) -> dict[str, object]:
    return {
        "class": found.task_class,
        "month": found.month,
        "considered": [json.loads(item.model_dump_json()) for item in found.considered],
        "binding": [json.loads(ceiling.model_dump_json()) for ceiling in found.binding],
        "reach": [json.loads(reach.model_dump_json()) for reach in found.reach],
        "changes": [json.loads(change.model_dump_json()) for change in found.changes],
        "note": found.note or None,
    }


def _lay_out(items: tuple[Considered, ...], width: int) -> Iterator[RenderableType]:
    """Lay options out as a table where reasons have room, else with their figures below them."""
    widest = max((len(item.option) for item in items), default=0)
    if width - widest - NUMBERS >= LEAST_WHY:
        yield _table(items)
    else:
        yield from _stack(items)
    yield ""


def _stack(items: tuple[Considered, ...]) -> Iterator[RenderableType]:
    from rich.padding import Padding
    from rich.text import Text

    for item in items:
        _, usd, accuracy, seconds, fate, reason = _cells(item)
        style = "bold" if item.fate == "chosen" else ""
        yield Text.assemble((item.option, style), "  ", (fate, style))
        figures = f"{usd} a request · {accuracy} · {seconds}"
        lines = [figures] if item.usd_per_request is not None else []
        yield Padding(Text("\n".join([*lines, reason])), (0, 0, 0, 4))


def _list_findings(plan: Plan, found: Explained) -> Iterator[RenderableType]:
    from rich.table import Table
    from rich.text import Text

    items = [_say_binding(plan, ceiling) for ceiling in found.binding]
    if not found.reach:
        items += [change.message for change in found.changes]
    items += [found.note] if found.note else []
    if found.reach:
        stated = next((c for c in plan.ceilings if c.name.endswith(found.reach[0].ceiling)), None)
        now = "" if stated is None else f", now {write_ceiling(stated.name, stated.limit)}"
        yield Text(f"What the class takes by {found.reach[0].ceiling}{now}", style="bold")
        yield _reach_table(found)
        yield ""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=1)
    grid.add_column()
    for item in items:
        grid.add_row("•", Text(item))
    if items:
        yield Text("What holds the choice" if found.binding else "To know", style="bold")
        yield grid


def _say_binding(plan: Plan, ceiling: Ceiling) -> str:
    said = f"{ceiling.name} binds at {write_ceiling(ceiling.name, ceiling.limit)}"
    return f"{said}: {say_price(plan, ceiling)}"


def _reach_table(found: Explained) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    chosen = {item.option for item in found.considered if item.fate == "chosen"}
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    for reach in found.reach:
        mine = set(reach.options) == chosen
        said = " + ".join(reach.options) + ("  ← this plan" if mine else "")
        table.add_row(_write_span(reach), Text(said), style="bold" if mine else None)
    return table


def _write_span(reach: Reach) -> str:
    low = _write_bound(reach, reach.low)
    return f"from {low}" if reach.high is None else f"{low} to {_write_bound(reach, reach.high)}"


def _write_bound(reach: Reach, amount: object) -> str:
    from decimal import Decimal

    number = Decimal(str(amount))
    said = write_ceiling(reach.ceiling, number)
    return said.removesuffix(".00") if reach.ceiling.endswith("usd") and number >= 100 else said


def _table(items: tuple[Considered, ...]) -> RenderableType:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("Option", no_wrap=True)
    table.add_column("$ a request", justify="right", no_wrap=True)
    table.add_column("Accuracy", justify="right", no_wrap=True)
    table.add_column("Mean", justify="right", no_wrap=True)
    table.add_column("Fate", no_wrap=True)
    table.add_column("Why", ratio=1)
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

"""What an answer costs, and the policies of a plan so that they can be built."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from costplan.domain.figures import UNKNOWN, write_percent, write_seconds, write_unit_usd
from costplan.plan.model import Line, Plan
from costplan.plan.recipe import PathUse, StageUse

if TYPE_CHECKING:
    from rich.console import RenderableType


def list_policies(plan: Plan) -> Iterable[RenderableType]:
    """Show what a right answer costs on every line, and how each policy is built."""
    from rich.text import Text

    yield ""
    yield from _list_costs(plan.lines)
    built = [line for line in plan.lines if line.stages]
    if not built:
        return
    yield ""
    yield Text("How the policies are built", style="bold")
    for line in built:
        share = "" if line.share == 1 else f" for {write_percent(line.share, 0)} of its requests"
        yield Text(f"{line.task_class}{share}: {line.policy}")
        yield _stage_table(line)


def _list_costs(lines: tuple[Line, ...]) -> Iterable[RenderableType]:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("What an answer costs", overflow="fold")
    for heading in ("Calls", "Per request", "Per right answer"):
        table.add_column(heading, justify="right", no_wrap=True)
    before = ""
    for line in lines:
        if line.task_class != before:
            table.add_row(line.task_class, "", "", "")
        before = line.task_class
        table.add_row(
            f"  {line.option}",
            f"{line.calls:.2f}".removesuffix(".00"),
            UNKNOWN if line.pool else write_unit_usd(line.usd_per_request),
            write_unit_usd(line.usd_per_right),
        )
    yield table


def _stage_table(line: Line) -> RenderableType:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("  Stage", overflow="fold")
    table.add_column("Reached by", justify="right", no_wrap=True)
    table.add_column("Calls", justify="right", no_wrap=True)
    table.add_column("Taken by", overflow="fold")
    for heading in ("Ends here", "Dollars", "p95"):
        table.add_column(heading, justify="right", no_wrap=True)
    paths = {path.stages: path for path in line.paths}
    repeated = len(line.stages) == 1
    for number, stage in enumerate(line.stages, start=1):
        path = None if repeated else paths.get(number)
        table.add_row(*_cells(number, stage, path, len(line.stages)))
    for path in line.paths if repeated or len(line.paths) != len(line.stages) else ():
        label = f"    after {path.stages} call{'s' if path.stages > 1 else ''}"
        table.add_row(label if repeated else "    all", "", "", "", *_path_cells(path))
    return table


def _cells(number: int, stage: StageUse, path: PathUse | None, stages: int) -> list[str]:
    said = ", ".join(part for part in (stage.check, stage.threshold) if part)
    if not said:
        said = "always" if 1 < stages == number else "most votes" if stages == 1 else ""
    return [
        f"  {number} {stage.model}{'/' if stage.setting else ''}{stage.setting}",
        write_percent(stage.reach),
        f"{stage.calls:.2f}".removesuffix(".00"),
        said,
        *(["", "", ""] if path is None else _path_cells(path)),
    ]


def _path_cells(path: PathUse) -> list[str]:
    return [
        write_percent(path.share),
        write_unit_usd(path.usd_per_request),
        write_seconds(path.p95_latency_s),
    ]

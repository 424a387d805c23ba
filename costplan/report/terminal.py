"""The plan on a terminal: verdict first, then what each class does, then how sure all that is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from costplan.domain.figures import (
    UNKNOWN,
    write_ceiling,
    write_count,
    write_gain,
    write_percent,
    write_period,
    write_points,
    write_range,
    write_seconds,
    write_shortfall,
    write_usd,
    write_usd_column,
)
from costplan.plan.insight import Accuracy
from costplan.plan.model import Line, Plan
from costplan.plan.overrun import OVERRUN
from costplan.report.names import break_name, longest_piece
from costplan.report.plan_tables import list_baselines, list_ceilings

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

GRADE_MARKS = {"stated": "S", "measured": "M", "published": "P", "assumed": "A"}
MOST_NAMED = 3
WIDE = 110
"""Columns from which the table has room for latencies in full."""
WIDEST_NAME = 34
"""Columns of a choice's name where each column has its own room."""


def render(plan: Plan, console: Console) -> None:
    """Print a plan on a console of any width, with or without colour."""
    from rich.padding import Padding

    for part in _parts(plan, console.width):
        console.print(part if isinstance(part, str) else Padding(part, (0, 0, 0, 0)))


def _parts(plan: Plan, width: int) -> Iterable[RenderableType]:
    yield _title(plan)
    yield ""
    if plan.assumptions:
        yield from _list("What this rests on", plan.assumptions)
    yield _verdict(plan)
    yield ""
    if plan.totals is None:
        yield from _explain_infeasible(plan)
    else:
        if plan.workload.months > 1:
            from costplan.report.months import list_months_table

            yield from list_months_table(plan)
        else:
            kept, names = _find_columns(plan, width)
            yield _class_table(plan, kept, names, roomy=width >= WIDE)
            if "Ev." in kept:
                yield "Ev.: how good the evidence is: " + _explain_marks(plan)
            from costplan.report.policies import list_policies

            yield from list_policies(plan)
        yield ""
        yield from list_ceilings(plan, width)
        yield ""
    yield from list_baselines(plan, width)
    yield ""
    if plan.next_steps:
        yield from _list("What more would buy", _next_steps(plan))
    if plan.unknowns:
        yield from _list("What to measure first", _unknowns(plan))
    if len(plan.frontier) > 1:
        from costplan.report.chart import draw_frontier

        yield draw_frontier(plan, width)
        yield ""
    warnings = list(_warnings(plan))
    if warnings:
        yield from _list("Warnings", warnings)
    yield _footer(plan)


def _title(plan: Plan) -> RenderableType:
    from rich.text import Text

    workload = plan.workload
    said = f"{workload.name} · per {workload.period} · prices of {workload.starts}"
    if workload.months > 1:
        first = workload.starts[:7]
        said = f"{workload.name} · {workload.months} months from {first} · prices of each month"
    return Text(said, style="bold")


def _verdict(plan: Plan) -> RenderableType:
    from rich.text import Text

    return Text(plan.verdict, style="bold green" if plan.totals else "bold red")


def _list(title: str, items: Iterable[str]) -> Iterable[RenderableType]:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1))
    table.add_column(width=1)
    table.add_column(overflow="fold")
    for item in items:
        table.add_row("•", Text(item))
    yield Text(title, style="bold")
    yield table
    yield ""


def _class_table(plan: Plan, kept: Sequence[str], names: int, *, roomy: bool) -> RenderableType:
    """Show each class's choices; `kept` are the columns, `names` the room of a name."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    if roomy:
        table.add_column("Class", overflow="fold", max_width=26)
        table.add_column("Choice", overflow="fold", max_width=WIDEST_NAME)
        table.add_column("Requests", justify="right", no_wrap=True)
    else:
        room = min(30, names, _widest(plan) + 2)
        table.add_column("Class, and choice", overflow="fold", min_width=room)
    for heading in kept:
        grade = heading.startswith("Ev")
        table.add_column(heading, justify="left" if grade else "right", no_wrap=True)
    *rows, totals = _class_rows(plan, names, roomy=roomy)
    places = [i for i, heading in enumerate(_headings(roomy=roomy)) if heading in kept]
    first = 3 if roomy else 1
    for row in rows:
        table.add_row(*row[:first], *(row[first + i] for i in places))
    table.add_section()
    table.add_row(*totals[:first], *(totals[first + i] for i in places), style="bold")
    return table


def _headings(*, roomy: bool) -> list[str]:
    return ["Share", "Dollars", "Accuracy", "Mean / p95", "Evidence" if roomy else "Ev."]


def _find_columns(plan: Plan, width: int) -> tuple[list[str], int]:
    """Leave columns out, the evidence last, until names have room; say how much they have."""
    headings = _headings(roomy=width >= WIDE)
    if width >= WIDE:
        return headings, WIDEST_NAME
    labels = [len(label) for label, _ in _extra_amounts(plan)]
    names = max([0, *labels, *(2 + longest_piece(line.option) for line in plan.lines)])
    accuracy = max((len(_write_accuracy(line.accuracy)) for line in plan.lines), default=0)
    latency = max((len(_write_latency(line)) for line in plan.lines), default=0)
    sizes = dict(zip(headings, (8, 11, accuracy + 2, max(latency, 10) + 2, 5), strict=True))
    for heading in ("Mean / p95", "Ev.", "Share"):
        if names + sum(sizes.values()) <= width:
            break
        del sizes[heading]
    return list(sizes), width - sum(sizes.values())


def _widest(plan: Plan) -> int:
    return max((len(line.option) for line in plan.lines), default=0)


def _explain_marks(plan: Plan) -> str:
    grades = dict.fromkeys(line.accuracy.grade for line in plan.lines)
    return ", ".join(f"{GRADE_MARKS[grade]} {grade}" for grade in grades)


def _class_rows(plan: Plan, names: int, *, roomy: bool) -> Iterable[list[str]]:
    extras = list(_extra_amounts(plan))
    paid = [line.usd for line in plan.lines] + [amount for _, amount in extras]
    dollars, whole = write_usd_column(paid)
    before = ""
    for line, usd in zip(plan.lines, dollars, strict=False):
        name = line.task_class if line.task_class != before else ""
        before = line.task_class
        cells = [
            write_percent(line.share, 0 if line.share == 1 else 1),
            "own GPUs" if line.pool else usd,
            _write_accuracy(line.accuracy),
            _write_latency(line),
            line.accuracy.grade if roomy else GRADE_MARKS[line.accuracy.grade],
        ]
        if roomy:
            choice = "\n".join(break_name(line.option, names))
            yield [name, choice, write_count(line.requests_planned), *cells]
            continue
        if name:
            yield [name, *[""] * 5]
        yield ["\n".join(f"  {part}" for part in break_name(line.option, names - 2)), *cells]
    for (label, _), usd in zip(extras, dollars[len(plan.lines) :], strict=True):
        yield [*(["", label, ""] if roomy else [label]), "", usd, "", "", ""]
    yield _total_row(plan, whole, roomy=roomy)


def _extra_amounts(plan: Plan) -> Iterable[tuple[str, Decimal]]:
    """What the bill has beside the lines: GPUs, and what contracts take off or add."""
    for pool in plan.pools:
        if pool.gpus:
            yield f"{pool.gpus} GPUs of {pool.name}", pool.usd
    assert plan.totals is not None
    gpus = sum((pool.usd for pool in plan.pools), Decimal(0))
    terms = plan.totals.usd - plan.totals.usd_list - gpus
    if terms:
        yield "contract terms", terms


def _total_row(plan: Plan, usd: str, *, roomy: bool) -> list[str]:
    totals = plan.totals
    assert totals is not None
    interval = totals.accuracy
    return [
        "Total",
        *(["", write_count(totals.requests)] if roomy else []),
        "",
        usd,
        _write_interval(interval.mean, interval.low, interval.high),
        write_seconds(totals.mean_latency_s),
        "",
    ]


def _write_accuracy(accuracy: Accuracy) -> str:
    return _write_interval(accuracy.mean, accuracy.low, accuracy.high)


def _write_interval(mean: float, low: float, high: float) -> str:
    if low == high:
        return write_percent(mean)
    return f"{write_percent(mean)} ({write_range(low, high)})"


def _write_latency(line: Line) -> str:
    if line.batch:
        return "batch"
    if line.mean_latency_s is None and line.p95_latency_s is None:
        return UNKNOWN
    mean, p95 = write_seconds(line.mean_latency_s), write_seconds(line.p95_latency_s)
    return f"{mean.removesuffix(' s')} / {p95}"


def _next_steps(plan: Plan) -> Iterable[str]:
    for step in plan.next_steps:
        more = f"{write_ceiling(step.name, step.step)} more of {step.name}"
        if step.value <= 0:
            yield f"{more}: nothing"
        elif plan.objective.minimize:
            yield f"{more}: saves {write_usd(Decimal(repr(round(step.value, 2))))}"
        elif plan.objective.maximize == "accuracy":
            yield f"{more}: {write_points(step.value)} of accuracy"
        else:
            points = "" if step.accuracy is None else f", {write_points(step.accuracy)} of accuracy"
            yield f"{more}: {write_gain(step.value, plan.value_unit)}{points}"


def _unknowns(plan: Plan) -> Iterable[str]:
    for unknown in plan.unknowns:
        unit = "requests" if plan.objective.maximize == "accuracy" else plan.value_unit
        gain = write_gain(unknown.gain, unit)
        names = ", ".join(unknown.options[:MOST_NAMED])
        more = len(unknown.options) - MOST_NAMED
        if more > 0:
            names += f" and {more} more"
        yield (
            f"{unknown.task_class}: knowing which of {names} is best would be worth up to {gain} "
            f"{_write_period(plan)}; {unknown.questions} own questions for each cost about "
            f"{write_usd(unknown.usd)}"
        )


def _write_period(plan: Plan) -> str:
    return write_period(plan.workload.period, plan.workload.months)


def _warnings(plan: Plan) -> Iterable[str]:
    for warning in plan.warnings:
        if warning.code != OVERRUN:  # it stands beside the bill
            yield (
                f"{warning.task_class}: {warning.message}"
                if warning.task_class
                else warning.message
            )


def _explain_infeasible(plan: Plan) -> Iterable[RenderableType]:
    said = []
    for member in plan.conflict:
        if member.shortfall is None:
            said.append(f"{member.limit}: loosening it alone does not help")
        else:
            by = write_shortfall(member.limit, member.shortfall)
            said.append(f"{member.limit}: would have to give by {by}")
    if said:
        yield from _list("What stands in the way", said)


def _footer(plan: Plan) -> RenderableType:
    from rich.text import Text

    proof = {
        "optimal": "proven optimal",
        "feasible": f"within {plan.objective.gap or 0:.2g} of the best",
        "infeasible": "proven infeasible",
        "limit": "stopped",
    }[plan.status]
    sure = (
        "taken at their word (naive)"
        if not plan.confidence
        else (f"intervals at {write_percent(plan.confidence, 0)}")
    )
    return Text(
        f"{proof} by {plan.solver} · {sure} · {len(plan.prices)} prices, "
        f"{len(plan.evidence)} measurements · costplan {plan.costplan_version}",
        style="dim",
    )

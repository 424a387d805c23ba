"""A probe's results for people and for machines."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from costplan.domain.figures import (
    write_count,
    write_percent,
    write_period,
    write_points,
    write_range,
    write_seconds,
    write_unit_usd,
)
from costplan.report.probe_facts import (
    check_facts,
    dry_facts,
    list_warnings,
    plural,
    probed_facts,
    usd,
)
from costplan.report.write import dump, open_console

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from costplan.plan.probing_plan import Judged
    from costplan.plan.probing_request import CheckRun, DryRun, Probed
    from costplan.plan.probing_result import ClassFound, OptionFound
    from costplan.probe.results import Span

COLUMNS = (
    ("Asked", "n"),
    ("Right", "right"),
    ("", "interval"),
    ("Publ.", "published"),
    ("A call", "usd"),
    ("Tokens", "tokens"),
    ("Cut", "cut"),
    ("Plan", "plan"),
)
NARROW = tuple(column for column in COLUMNS if column[1] != "tokens")
SECONDS = (("p50", "p50"), ("p95", "p95"), ("First token", "first"))
WIDE = 100
"""Columns of a terminal from which a class's table has room for everything."""
ENDS = {
    "settled": "The plan is settled: no plausible curve would change it by more than the tolerance",
    "questions": "Every question that could matter was asked",
    "money": "The money ended before the plan was settled",
    "stopped": "Everything that was left to ask had to be given up",
    "interrupted": "Stopped; the same command goes on from here, and pays for nothing twice",
    "replayed": "Recomputed from the journal; nothing was sent",
}


def write_probed(probed: Probed, *, as_json: bool) -> None:
    """Print what a probe found."""
    if as_json:
        sys.stdout.write(dump(probed_facts(probed)))
        return
    console = open_console()
    for part in _probed_parts(probed, console):
        console.print(part)


def _probed_parts(probed: Probed, console: Console) -> Iterable[RenderableType]:
    from rich.text import Text

    found = probed.found
    yield Text(f"{ENDS[found.why]}.", style="bold")
    yield _money(probed)
    yield ""
    for group in found.classes:
        yield from _class_parts(group, roomy=console.width >= WIDE)
    yield from _span_words(probed)
    yield from _gain_parts(probed)
    yield from _warnings(probed)
    if probed.outcomes is not None:
        yield f"Outcomes: {probed.outcomes}\nMeasurements: {probed.measurements}"
        yield "Put them to use:  evidence: {outcomes: " + probed.outcomes.name + "}"


def _money(probed: Probed) -> str:
    tally = probed.tally
    said = f"{usd(tally.committed_usd)} spent"
    if probed.max_usd is not None:
        said += f" of {usd(probed.max_usd)}"
    parts = [f"{write_count(tally.calls)} calls", f"{write_count(len(tally.replies))} replies"]
    parts += [f"{count} × {kind.replace('_', ' ')}" for kind, count in sorted(tally.faults.items())]
    said += f" · {', '.join(parts)}"
    judges = tally.spent_by_role.get("judge")
    if judges:
        said += f"\n{usd(judges)} of it to the models that mark"
    if tally.uncertain_usd or probed.in_flight_usd:
        unsure = tally.uncertain_usd + probed.in_flight_usd
        said += (
            f"\n{usd(unsure)} of it may not be on the bill: calls without a reply"
            f" ({len(tally.open)} without any end) count at their worst"
        )
    return said


def _class_parts(group: ClassFound, *, roomy: bool) -> Iterable[RenderableType]:
    from rich.text import Text

    yield Text(f"{group.name} · {write_count(group.questions)} questions", style="bold")
    if not group.options:
        yield "nothing was measured\n"
        return
    yield _table(group, COLUMNS if roomy else NARROW, _option_cells, 28 if roomy else 24)
    yield _comparison(group)
    yield ""
    yield _table(group, SECONDS, _second_cells, 24)
    yield ""


def _table(
    group: ClassFound,
    columns: Sequence[tuple[str, str]],
    cells: Callable[[OptionFound], dict[str, str]],
    width: int,
) -> RenderableType:
    """Lay columns of a class's options out; width is the most that names may claim."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    widest = max(len("/".join(option.point.option)) for option in group.options)
    table.add_column("Option", overflow="fold", min_width=min(widest, width))
    for heading, _ in columns:
        table.add_column(heading, justify="right", no_wrap=True)
    for option in group.options:
        written = cells(option)
        table.add_row("/".join(option.point.option), *(written[key] for _, key in columns))
    return table


def _option_cells(option: OptionFound) -> dict[str, str]:
    """Write everything that is known of an option, by column."""
    point = option.point
    cut = write_percent(point.truncated, 0) if point.truncated else ""
    if point.refused:
        cut += f" +{write_percent(point.refused, 0)} refused"
    plan = write_percent(option.share_now, 0) if option.share_now > 0 else ""
    if abs(option.share_before - option.share_now) > 0.005:
        plan = f"{option.share_before * 100:.0f}→{write_percent(option.share_now, 0)}"
    return {
        "n": write_count(point.n),
        "right": write_percent(point.accuracy.mean, 0),
        "interval": write_range(point.accuracy.low, point.accuracy.high),
        "published": write_percent(option.published, 0),
        "usd": write_unit_usd(Decimal(f"{point.usd:.9f}")),
        "tokens": write_count(round(point.output_tokens)),
        "cut": cut,
        "plan": plan,
    }


def _second_cells(option: OptionFound) -> dict[str, str]:
    """Write the seconds of an option's calls, by column."""
    point = option.point
    return {
        "p50": _span(point.p50_s),
        "p95": _span(point.p95_s),
        "first": "" if point.first_s is None else _span(point.first_s),
    }


def _span(span: Span) -> str:
    """Write seconds with their interval: "2.4 s  2.1–3.0", "3.4 s  from 3.0" without an end."""
    low = f"{span.low:,.0f}" if span.low >= 10 else f"{span.low:.1f}"
    high = f"{span.high:,.0f}" if span.high >= 10 else f"{span.high:.1f}"
    ends = f"{low}–{high}" if math.isfinite(span.high) else f"from {low}"
    return f"{write_seconds(span.mean)}  {ends}"


def _comparison(group: ClassFound) -> str:
    found = group.comparison
    if found is None:
        return f"No published curve stood for this class ({group.evidence})."
    said = (
        f"Against {found.benchmark}: {write_points(found.level)} on average over"
        f" {found.n} {plural(found.n, 'option')}"
        f" ({write_points(found.level_low).removesuffix(' points')} to"
        f" {write_points(found.level_high).removesuffix(' points')})"
    )
    if found.order is not None:
        said += f", the order agrees at {found.order:+.2f} (rank correlation)"
    return f"{said}; {found.inside} of {found.n} lie inside the interval that was forecast."


def _span_words(probed: Probed) -> Iterable[str]:
    """Say what the intervals are."""
    points = [option.point for group in probed.found.classes for option in group.options]
    if points:
        waited = sum(point.waited_s * point.n for point in points) / sum(p.n for p in points)
        confidence = write_percent(float(probed.live.stage.case.workload.confidence), 0)
        yield (
            f"Intervals hold {confidence}: of shares by Wilson, of seconds by order statistics."
            " Seconds are those of the answered attempt, without what a question waited for limits"
            f" and between attempts: {write_seconds(waited)} on average.\n"
        )


def _gain_parts(probed: Probed) -> Iterable[RenderableType]:
    from rich.text import Text

    found, workload = probed.found, probed.live.stage.case.workload
    yield Text("What the plan gains from knowing", style="bold")
    period = write_period(workload.period)
    if found.now is None:
        yield "No plan keeps every limit by what was measured; `costplan optimize` says what would."
    elif found.before is None:
        yield f"The plan now: {_judged(found.now, period)}."
    elif (found.before.usd, found.before.accuracy) == (found.now.usd, found.now.accuracy):
        yield f"The plan stays as it was: {_judged(found.now, period)}, now measured."
    else:
        broken = "" if found.before.keeps_limits else ", and it would break a limit"
        yield (
            f"Without the probe, by what is known now: {_judged(found.before, period)}{broken}.\n"
            f"With it: {_judged(found.now, period)}:"
            f" {write_points(found.now.accuracy - found.before.accuracy)}."
        )
    if math.isfinite(found.left):
        yield (
            f"How sure: the chosen options are the best of their class with a chance of at least"
            f" {write_percent(found.sure, 0)};"
            f" knowing everything would still bring {write_points(found.left)} at most."
        )
    yield ""


def _judged(judged: Judged, period: str) -> str:
    return f"{usd(judged.usd)} {period}, {write_percent(judged.accuracy)} right"


def _warnings(probed: Probed) -> Iterable[RenderableType]:
    from rich.text import Text

    said = list(list_warnings(probed))
    if said:
        yield Text("To know", style="bold")
        for each in said:
            yield Text(f"• {each}")
        yield ""


def write_dry(dry: DryRun, *, as_json: bool) -> None:
    """Print what a probe would do."""
    if as_json:
        sys.stdout.write(dump(dry_facts(dry)))
        return
    console = open_console()
    told = dry.forecast
    console.print(_dry_table(dry))
    mean, least, most = told.usd
    calls, fewest, top = told.calls
    console.print(
        f"First round: {write_count(told.first_calls)} calls, expected"
        f" {usd(round(told.first_usd, 6))},"
        f" at worst {usd(told.first_worst_usd)}."
    )
    if dry.labels.calls:
        console.print(
            f"Before it, judges mark {write_count(dry.labels.calls)} answers that you have marked:"
            f" expected {usd(dry.labels.usd)}, at worst {usd(dry.labels.worst_usd)}."
        )
    console.print(
        f"The whole probe: about {write_count(round(calls))} calls"
        f" ({write_count(round(fewest))} to {write_count(round(top))}), expected"
        f" {usd(round(mean, 6))} ({usd(round(least, 6))} to {usd(round(most, 6))} in"
        f" {told.runs} runs drawn from what is believed)."
    )
    if dry.max_usd is None:
        console.print(f"At worst {usd(told.worst_usd)}; set --max-usd, which is never exceeded.")
    else:
        console.print(f"Never more than {usd(dry.max_usd)}: each call's worst case is set aside.")
    console.print(
        f"How sure: choices are the best of their class with a chance of at least"
        f" {write_percent(told.sure_before, 0)} now, {write_percent(told.sure_after, 0)} after it."
        f" Knowing everything would bring {write_points(told.gain_before)} at most now,"
        f" {write_points(told.gain_after)} after it;"
        f" settled within the limit in {write_percent(told.settled, 0)} of the runs."
    )
    for variable, model in dry.missing_keys.items():
        console.print(f"{variable} is not set: {model} could not be asked")
    for name, reason in dry.live.lineup.barred.items():
        console.print(f"{'/'.join(name)} cannot be asked: {reason}")
    for note in dry.live.stage.notes:
        console.print(note)
    console.print("Nothing was sent.")


def _dry_table(dry: DryRun) -> RenderableType:
    from rich import box
    from rich.table import Table

    live = dry.live
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("Class", overflow="fold")
    for heading in ("Questions", "Options", "First", "Later"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Asked first", overflow="fold", ratio=1)
    for c, name in enumerate(live.stage.classes):
        first = [m for m in range(len(live.stage.options)) if live.first[c, m]]
        later = int((live.candidates[c] & ~live.first[c]).sum())
        table.add_row(
            name,
            write_count(len(live.stage.questions[name])),
            write_count(len(live.stage.part(c).options)),
            str(len(first)),
            str(later),
            ", ".join("/".join(live.stage.options[m]) for m in first),
        )
    return table


def write_check(run: CheckRun, *, as_json: bool) -> None:
    """Print what a check found."""
    if as_json:
        sys.stdout.write(dump(check_facts(run)))
        return
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("Option", overflow="fold")
    for heading in ("Works", "Cost", "Tokens", "Seconds"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("What to know", overflow="fold", ratio=1)
    for each in run.checked:
        table.add_row(
            f"{each.model}/{each.setting}",
            "yes" if each.ok else "no",
            write_unit_usd(each.usd),
            write_count(each.output_tokens),
            write_seconds(each.total_s),
            "; ".join(each.findings),
        )
    console = open_console()
    console.print(table)
    console.print(f"{usd(run.spent_usd)} spent of {usd(run.max_usd)}.")

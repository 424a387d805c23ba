"""The plan as one page that a CTO mails to a CFO: no network, nothing to install."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files

from costplan.domain.figures import (
    write_percent,
    write_period,
    write_points,
    write_range,
    write_seconds,
    write_usd,
    write_value,
)
from costplan.plan.insight import Considered
from costplan.plan.model import Plan
from costplan.report import page_data, page_policies, page_tables

ASSETS = files("costplan.report") / "assets"
SCRIPTS = ("d3.min.js", "plot.umd.min.js", "page.js")
"""The chart library (Observable Plot, which needs D3), and the page's own script."""
MOST_NAMED = 4
"""Options that a sentence names."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure that the page opens with."""

    name: str
    figure: str
    more: str


def write_page(plan: Plan, *, slider_note: str = "") -> str:
    """Write a plan as a page; `slider_note` says why there is no slider, where there is none."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    scripts = [_read(name) for name in SCRIPTS]
    content = _content(plan)
    content |= {
        "slider_note": slider_note,
        "css": Markup(_read("page.css")),
        "scripts": [Markup(script) for script in scripts],
        "policy": _policy(scripts),
    }
    return environment.from_string(_read("page.html.j2")).render(content) + "\n"


def _read(name: str) -> str:
    return (ASSETS / name).read_text("utf-8")


def _policy(scripts: list[str]) -> str:
    """Allow these scripts and styles and nothing else: no network, no script from a label."""
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    allowed = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _content(plan: Plan) -> dict[str, object]:
    from markupsafe import Markup

    lines = None if plan.totals is None else page_tables.tabulate_lines(plan)
    before = page_tables.tabulate_before(plan)
    policies = page_policies.tabulate_policies(plan)
    ways = page_policies.tabulate_ways(plan)
    sources = list(page_tables.tabulate_sources(plan))
    long_tables = [
        table for table in (lines, before, policies, ways, *sources) if table is not None
    ]
    options = page_tables.list_options(plan)
    shown = page_data.thin(options)
    period = write_period(plan.workload.period, plan.workload.months)
    content: dict[str, object] = {
        "plan": plan,
        "title": f"{plan.workload.name[:200]} – costplan",
        "subtitle": _subtitle(plan),
        "per": period,
        "tiles": list(_tiles(plan)),
        "value_name": "value in dollars" if plan.value_unit == "usd" else "value",
        "has_frontier": len(plan.frontier) + len(plan.stops) > 1,
        "stops": len(plan.stops),
        "ceiling_of": "of each month" if page_data.is_each_month(plan) else period,
        "frontier_tables": list(page_tables.tabulate_frontier(plan)),
        "lines": lines,
        "before": before,
        "policies": policies,
        "ways": ways,
        "before_name": _before_name(plan),
        "before_note": _before_note(plan),
        "limits": list(page_tables.tabulate_limits(plan)),
        "next_steps": list(_next_steps(plan)),
        "unknowns": list(_unknowns(plan)),
        "curves": bool(shown),
        "curve_note": _curve_note(plan, options, len(shown)),
        "curve_tables": list(page_tables.tabulate_curves(options)),
        "interval_note": f" at {write_percent(plan.confidence, 0)}" if plan.confidence else "",
        "sources": sources,
        "proof": _proof(plan),
        "origin": _origin(plan),
        "data": Markup(page_data.pack(plan, long_tables)),
    }
    return content | {"contents": list(_contents(plan, shown=bool(shown)))}


def _subtitle(plan: Plan) -> str:
    return (
        f"Amounts {write_period(plan.workload.period, plan.workload.months)} · "
        f"prices of {plan.workload.starts} · made {plan.created_at[:10]}"
    )


def _contents(plan: Plan, *, shown: bool) -> Iterator[tuple[str, str]]:
    if plan.assumptions or plan.warnings:
        yield "rests", "What this rests on"
    if plan.totals is not None:
        yield "frontier", "What the money buys"
        yield "allocation", "Before and after"
        yield "plan", "Line by line"
    if any(line.stages for line in plan.lines):
        yield "policies", "Policies"
    yield "limits", "Limits and other ways"
    if shown:
        yield "curves", "Curves"
    yield "sources", "Evidence, prices, sources"


def _tiles(plan: Plan) -> Iterator[Tile]:
    totals = plan.totals
    if totals is None:
        return
    interval, accuracy = totals.usd_interval, totals.accuracy
    likely = f"likely {write_usd(interval.low)} to {write_usd(interval.high)}"
    period = write_period(plan.workload.period, plan.workload.months)
    yield Tile(
        f"Bill {period}",
        write_usd(totals.usd, cents=True),
        "" if interval.low == interval.high else likely,
    )
    span = write_range(accuracy.low, accuracy.high)
    sure = f"{span} % at {write_percent(plan.confidence, 0)} confidence"
    yield Tile(
        "Right answers",
        write_percent(accuracy.mean),
        "" if accuracy.low == accuracy.high else sure,
    )
    unit = {"usd": "of right answers", "weight": "in your weights", "requests": "right answers"}
    yield Tile("Value", write_value(totals.value, plan.value_unit), unit[plan.value_unit])
    yield Tile("Mean latency", write_seconds(totals.mean_latency_s), "per request")


def _before_name(plan: Plan) -> str:
    if plan.before is None:
        return ""
    if plan.before.baseline == "today":
        return "what is done today"
    detail = next((b.detail for b in plan.baselines if b.name == "best_single"), "")
    return f"the best single option for all classes, as the workload does not say what is done " \
           f"today: {detail}"  # fmt: skip


def _before_note(plan: Plan) -> str:
    classes = len({line.task_class for line in plan.lines})
    if classes <= page_data.MOST_BARS:
        return ""
    return f"; the {page_data.MOST_BARS} dearest of {classes:,} classes"


def _curve_note(plan: Plan, options: Sequence[Considered], shown: int) -> str:
    said = []
    months = sorted({line.month for line in plan.lines if line.month is not None})
    if months:
        said.append(f"Costs and accuracies are those of {months[0]}.")
    drawable = sum(1 for i in options if i.usd_per_request is not None and i.accuracy)
    if shown != drawable:
        said.append(
            f"{shown:,} of {drawable:,} options are drawn: those in reach of the choice. "
            "The plan's JSON has all."
        )
    return " ".join(said)


def _next_steps(plan: Plan) -> Iterator[str]:
    for step in plan.next_steps:
        more = f"{page_tables.write_limit(step.name, step.step)} more of {step.name}"
        gains = []
        if step.value > 0 and plan.objective.maximize != "accuracy":
            gains.append(f"{write_value(step.value, plan.value_unit)} of value")
        if step.accuracy:
            gains.append(f"{write_points(step.accuracy)} of accuracy")
        yield f"{more}: {', '.join(gains) if gains else 'nothing; another limit holds'}"


def _unknowns(plan: Plan) -> Iterator[str]:
    period = write_period(plan.workload.period, plan.workload.months)
    for unknown in plan.unknowns:
        gain = write_value(unknown.gain, plan.value_unit)
        names = ", ".join(unknown.options[:MOST_NAMED])
        more = len(unknown.options) - MOST_NAMED
        names += f" and {more} more" if more > 0 else ""
        yield (
            f"{unknown.task_class}: knowing which of {names} is best would be "
            f"worth up to {gain} {period}; {unknown.questions} own questions for each cost about "
            f"{write_usd(unknown.usd)}"
        )


def _proof(plan: Plan) -> str:
    proof = {
        "optimal": "Proven optimal",
        "feasible": f"Within {plan.objective.gap or 0:.2g} of the best",
        "infeasible": "Proven infeasible",
        "limit": "Stopped at the time limit",
    }[plan.status]
    sure = (
        f"intervals and the dollar ceiling at {write_percent(plan.confidence, 0)} confidence"
        if plan.confidence
        else "estimates taken at their word (naive)"
    )
    return f"{proof} by {plan.solver}; {sure}."


def _origin(plan: Plan) -> str:
    file = f"{plan.workload.file}, " if plan.workload.file else ""
    return (
        f"Made by costplan {plan.costplan_version} at {plan.created_at} from {file}"
        f"SHA-256 {plan.workload.digest}. Charts: Observable Plot and D3, ISC licence."
    )

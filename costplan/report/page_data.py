"""What the page's script draws: the plan's own numbers, packed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal

from costplan.domain.figures import write_period
from costplan.domain.money import round_to_unit
from costplan.plan.insight import Considered
from costplan.plan.model import Plan
from costplan.plan.retrace import shared_limits
from costplan.plan.stop import Pick
from costplan.report.page_tables import FATES, Table, list_options, plan_picks
from costplan.report.plan_tables import BASELINE_WORDS

MOST_OPTIONS = 60_000
"""Options that the page draws; of larger plans those in reach of the choice only."""
MOST_CURVES = 12
"""Curves that are drawn at once; beyond, one is picked."""
MOST_BARS = 15
"""Classes in the chart of before and after, dearest first."""
IN_REACH = ("chosen", "hull")
Packed = dict[str, object]


class Names:
    """Texts by number, so that the page holds each one once."""

    def __init__(self) -> None:
        """Start without any."""
        self.places: dict[str, int] = {}

    def place(self, text: str) -> int:
        """Give a text's number."""
        return self.places.setdefault(text, len(self.places))

    def list(self) -> list[str]:
        """List the texts in the order of their numbers."""
        return list(self.places)


def pack(plan: Plan, tables: Iterable[Table]) -> str:
    """Pack a plan for the page's script, safe inside an HTML script element."""
    options, models, fates = Names(), dict[int, str](), dict[tuple[str, str], int]()
    curves = _pack_curves(list_options(plan), options, models, fates)
    units = list(dict.fromkeys((pick.task_class, pick.month) for pick in plan_picks(plan)))
    unit_places = {unit: place for place, unit in enumerate(units)}
    content: Packed = {
        "per": write_period(plan.workload.period, plan.workload.months),
        "value_unit": plan.value_unit,
        "value_label": _value_label(plan),
        "measure": "accuracy" if plan.objective.maximize == "accuracy" else "value",
        "plan": _pack_plan(plan, options, len(units), unit_places),
        "frontier": _pack_frontier(plan),
        "rivals": [
            {
                "name": BASELINE_WORDS[b.name],
                "usd": _cents(b.usd),
                "accuracy": b.accuracy,
                "value": b.value,
            }
            for b in plan.baselines
            if b.usd is not None
        ],
        "units": [name if month is None else f"{name} · {month}" for name, month in units],
        "stops": _pack_stops(plan, options, unit_places),
        "own": _own_stop(plan),
        "each_month": is_each_month(plan),
        "command": write_command(plan),
        "before": _pack_before(plan),
        "curves": curves,
        "most_curves": MOST_CURVES,
        "models": [models.get(place, "") for place in range(len(options.list()))],
        "options": options.list(),
        "fates": [[fate, FATES.get(fate, fate)] for fate, _ in fates],
        "tables": {table.key: _pack_table(table) for table in tables if table.is_long},
    }
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def write_command(plan: Plan) -> str:
    """Say how to make such a plan on the command line."""
    parts = ["costplan optimize", plan.workload.file or "workload.yaml"]
    if not plan.splits:
        parts.append("--no-split")
    latency = shared_limits(plan).get("mean_latency_s")
    if latency is not None:
        parts.append(f"--mean-latency-s {latency.normalize():f}")
    # Named even where they are the workload's own: a plan may have been made with others.
    parts.append(f"--confidence {plan.confidence:g}" if plan.confidence else "--naive")
    return " ".join(parts)


def thin(considered: Sequence[Considered]) -> Sequence[Considered]:
    """Keep the options that the page can draw: all of them, or those in reach of the choice."""
    drawn = [i for i in considered if i.usd_per_request is not None and i.accuracy is not None]
    if len(drawn) > MOST_OPTIONS:
        drawn = [item for item in drawn if item.fate in IN_REACH]
    return drawn[:MOST_OPTIONS]


def _cents(amount: Decimal | None) -> float | None:
    return None if amount is None else float(round_to_unit(amount))


def _value_label(plan: Plan) -> str:
    unit = {"usd": "dollars", "weight": "weights", "requests": "right answers"}[plan.value_unit]
    return f"Value ({unit} {write_period(plan.workload.period, plan.workload.months)})"


def _pack_picks(picks: Iterable[Pick], options: Names) -> list[list[float | int | None]]:
    return [
        [options.place(pick.option), _short(pick.share), _cents(pick.usd), _short(pick.accuracy)]
        for pick in picks
    ]


def _short(number: Decimal | float) -> float | int:
    """Shorten a number to what the page shows of it, with digits to spare."""
    short = float(f"{number:.10g}")
    return int(short) if short.is_integer() else short


def _pack_units(
    picks: Iterable[Pick], options: Names, places: dict[tuple[str, str | None], int]
) -> dict[int, list[list[float | int | None]]]:
    units: dict[int, list[Pick]] = {}
    for pick in picks:
        units.setdefault(places[pick.task_class, pick.month], []).append(pick)
    return {place: _pack_picks(mine, options) for place, mine in units.items()}


def _pack_plan(
    plan: Plan, options: Names, count: int, places: dict[tuple[str, str | None], int]
) -> Packed:
    totals = plan.totals
    if totals is None:
        return {}
    units = _pack_units(plan_picks(plan), options, places) if plan.stops else {}
    return {
        "name": "this plan",
        "usd": _cents(totals.usd),
        "accuracy": totals.accuracy.mean,
        "value": float(totals.value),
        "latency": None if totals.mean_latency_s is None else float(totals.mean_latency_s),
        "units": [units.get(place, []) for place in range(count)] if units else [],
    }


def _pack_frontier(plan: Plan) -> list[Packed]:
    """Join the frontier's points with the slider's: all of them are best for their money."""
    points = [(p.usd, p.accuracy, float(p.value)) for p in plan.frontier]
    points += [(s.usd, s.accuracy, float(s.value)) for s in plan.stops]
    return [
        {"name": "best for the money", "usd": _cents(usd), "accuracy": accuracy, "value": value}
        for usd, accuracy, value in sorted(set(points))
    ]


def _pack_stops(
    plan: Plan, options: Names, places: dict[tuple[str, str | None], int]
) -> list[Packed]:
    return [
        {
            "ceiling": float(stop.ceiling_usd),
            "ceiling_text": f"{stop.ceiling_usd.normalize():f}",
            "usd": _cents(stop.usd),
            "accuracy": stop.accuracy,
            "value": float(stop.value),
            "latency": None if stop.mean_latency_s is None else float(stop.mean_latency_s),
            "sure": stop.sure,
            "name": "the slider",
            "changes": list(_pack_units(stop.picks, options, places).items()),
        }
        for stop in plan.stops
    ]


def is_each_month(plan: Plan) -> bool:
    """Tell whether every month of a horizon has the dollar ceiling for itself."""
    return any(c.name.endswith(".usd") and c.name[:4].isdecimal() for c in plan.ceilings)


def _own_stop(plan: Plan) -> int:
    """Find the stop of the plan's own ceiling, -1 without one."""
    own = shared_limits(plan).get("usd")
    places = (i for i, stop in enumerate(plan.stops) if stop.ceiling_usd == own)
    return next(places, -1)


def _pack_before(plan: Plan) -> list[Packed]:
    if plan.before is None:
        return []
    before: dict[str, Decimal] = {}
    after: dict[str, Decimal] = {}
    for sums, picks in ((before, plan.before.picks), (after, tuple(plan_picks(plan)))):
        for pick in picks:
            sums[pick.task_class] = sums.get(pick.task_class, Decimal(0)) + pick.usd
    dearest = sorted(after, key=lambda name: -max(before.get(name, Decimal(0)), after[name]))
    return [
        {"name": name, "before": _cents(before.get(name, Decimal(0))), "after": _cents(after[name])}
        for name in dearest[:MOST_BARS]
    ]


def _pack_curves(
    considered: Sequence[Considered],
    options: Names,
    models: dict[int, str],
    fates: dict[tuple[str, str], int],
) -> list[Packed]:
    curves: dict[str, list[list[float | int]]] = {}
    grades: dict[str, set[str]] = {}
    for item in thin(considered):
        if item.usd_per_request is None or item.accuracy is None:
            continue
        place = options.place(item.option)
        models[place] = item.option.rpartition("/")[0] or item.option
        fate = fates.setdefault((item.fate, ""), len(fates))
        accuracy = item.accuracy
        grades.setdefault(item.task_class, set()).add(accuracy.grade)
        numbers = (float(item.usd_per_request), accuracy.mean, accuracy.low, accuracy.high)
        curves.setdefault(item.task_class, []).append(
            [place, *(_short(number) for number in numbers), fate]
        )
    return [
        {
            "name": name,
            "points": points,
            "evidence": f"{len(points)} options; evidence: {', '.join(sorted(grades[name]))}",
        }
        for name, points in curves.items()
    ]


def _pack_table(table: Table) -> list[Packed]:
    packed: list[Packed] = []
    for number, column in enumerate(table.columns):
        said = Names()
        at = [said.place(row[number]) for row in table.all_rows]
        if 2 * len(said.places) > len(at):
            # Nearly every text is another: numbers for them would only take more room.
            packed.append({"kind": column.kind, "each": [row[number] for row in table.all_rows]})
        else:
            packed.append({"kind": column.kind, "said": said.list(), "at": at})
    return packed

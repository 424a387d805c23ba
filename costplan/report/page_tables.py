"""The tables of the page, as texts; what the charts draw stands in them too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from costplan.domain.figures import (
    UNKNOWN,
    write_count,
    write_percent,
    write_range,
    write_seconds,
    write_shortfall,
    write_unit_usd,
    write_usd,
    write_value,
)
from costplan.domain.money import round_to_foot
from costplan.plan.insight import Accuracy, Considered
from costplan.plan.model import Line, Plan
from costplan.plan.stop import Pick
from costplan.report.plan_tables import BASELINE_WORDS, say_kept

MOST_ROWS = 100
"""Rows of a table that stand in the page itself; longer ones are turned page by page."""
MOST_STATIC_OPTIONS = 2_000
"""Options whose curves have tables in the page itself."""
FATES = {
    "chosen": "chosen",
    "hull": "in reach",
    "dominated": "dominated",
    "off_hull": "beaten by a mix",
    "shut_out": "shut out",
    "left_out": "left out",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, and "text" or "num"."""

    heading: str
    kind: str = "num"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts; `rows` are those that stand in the page."""

    title: str
    columns: tuple[Column, ...]
    all_rows: Sequence[Sequence[str]]
    key: str = ""
    """Name under which the page's script finds it, for tables that may be long."""
    foot: Sequence[str] = ()
    note: str = ""

    whole: bool = False
    """Whether all rows stand in the page, however many."""

    @property
    def rows(self) -> Sequence[Sequence[str]]:
        """The rows that stand in the page."""
        long = bool(self.key) and not self.whole
        return self.all_rows[:MOST_ROWS] if long else self.all_rows

    @property
    def is_long(self) -> bool:
        """Whether the page's script has to turn its pages."""
        return len(self.rows) < len(self.all_rows)


def make_columns(*texts: str, then: Sequence[str] = ()) -> tuple[Column, ...]:
    """Make columns of text, and `then` of numbers."""
    return (*(Column(text, "text") for text in texts), *(Column(text) for text in then))


def tabulate_lines(plan: Plan) -> Table:
    """List what each class does."""
    assert plan.totals is not None
    by_month = any(line.month for line in plan.lines)
    rows = []
    for line, usd in zip(plan.lines, round_to_foot([li.usd for li in plan.lines]), strict=True):
        cells = [line.task_class, line.option, line.team or UNKNOWN, line.accuracy.grade,
                 write_percent(line.share), write_count(line.requests_planned),
                 f"GPU {line.pool}" if line.pool else write_usd(usd, cents=True),
                 write_accuracy(line.accuracy), _latency(line),
                 write_count(line.output_tokens), write_count(line.reasoning_tokens)]  # fmt: skip
        rows.append([cells[0], line.month or UNKNOWN, *cells[1:]] if by_month else cells)
    columns = make_columns(
        "Class", *(["Month"] if by_month else []), "Choice", "Team", "Evidence",
        then=("Share", "Requests", "Dollars", "Accuracy", "Seconds mean / p95",
              "Output tokens", "of these reasoning"),
    )  # fmt: skip
    listed = sum(round_to_foot([line.usd for line in plan.lines]), Decimal(0))
    note = "" if listed == round_to_foot([plan.totals.usd])[0] else (
        f"The whole bill is {write_usd(plan.totals.usd, cents=True)}, with GPUs and contracts."
    )  # fmt: skip
    blank = [""] * (3 if not by_month else 4)
    foot = ["All", *blank, "", write_count(plan.totals.requests), write_usd(listed, cents=True),
            write_percent(plan.totals.accuracy.mean), write_seconds(plan.totals.mean_latency_s),
            "", ""]  # fmt: skip
    return Table("Rows add up to the total, in cents.", columns, rows, "lines", foot, note)


def write_accuracy(accuracy: Accuracy) -> str:
    """Write an accuracy with its interval: "91.2 % (86–95)"."""
    said = write_percent(accuracy.mean)
    if accuracy.low == accuracy.high:
        return said
    return f"{said} ({write_range(accuracy.low, accuracy.high)})"


def _latency(line: Line) -> str:
    if line.batch:
        return "batch"
    if line.mean_latency_s is None and line.p95_latency_s is None:
        return UNKNOWN
    return f"{write_seconds(line.mean_latency_s)} / {write_seconds(line.p95_latency_s)}"


def tabulate_before(plan: Plan) -> Table | None:
    """List what each class does before and after; None where before is not known."""
    if plan.before is None:
        return None
    requests = {(line.task_class, line.month): float(line.requests) for line in plan.lines}
    before = _by_class(plan.before.picks, requests)
    after = _by_class(plan_picks(plan), requests)
    rows = [
        [name, before[name].said, after[name].said,
         write_usd(before[name].usd, cents=True), write_usd(after[name].usd, cents=True),
         write_percent(before[name].accuracy), write_percent(after[name].accuracy)]
        for name in after if name in before
    ]  # fmt: skip
    columns = make_columns(
        "Class", "Before", "After",
        then=("Dollars before", "Dollars after", "Accuracy before", "Accuracy after"),
    )  # fmt: skip
    return Table("What each class does before and after.", columns, rows, "before and after")


def plan_picks(plan: Plan) -> Iterator[Pick]:
    """Read the plan's own lines as picks, in cents that add up."""
    cents = round_to_foot([line.usd for line in plan.lines])
    for line, usd in zip(plan.lines, cents, strict=True):
        yield Pick(
            task_class=line.task_class,
            option=line.option,
            share=line.share,
            usd=usd,
            accuracy=line.accuracy.mean,
            month=line.month,
        )


@dataclass(frozen=True, slots=True)
class _Way:
    """What a class does, over all months."""

    said: str
    usd: Decimal
    accuracy: float


def _by_class(
    picks: Iterable[Pick], requests: Mapping[tuple[str, str | None], float]
) -> dict[str, _Way]:
    classes: dict[str, list[Pick]] = {}
    for pick in picks:
        classes.setdefault(pick.task_class, []).append(pick)
    return {name: _sum_up(mine, requests) for name, mine in classes.items()}


def _sum_up(picks: list[Pick], requests: Mapping[tuple[str, str | None], float]) -> _Way:
    months: dict[str | None, list[Pick]] = {}
    for pick in picks:
        months.setdefault(pick.month, []).append(pick)
    ways = dict.fromkeys(_say(mine) for mine in months.values())
    if len(ways) == 1:
        said = next(iter(ways))
    else:
        said = f"by month: {', '.join(dict.fromkeys(pick.option for pick in picks))}"
    weights = {month: requests.get((picks[0].task_class, month), 0.0) for month in months}
    right = sum(weights[p.month] * float(p.share) * p.accuracy for p in picks)
    usd = sum((pick.usd for pick in picks), Decimal(0))
    return _Way(said, usd, right / (sum(weights.values()) or 1.0))


def _say(picks: list[Pick]) -> str:
    if len(picks) == 1:
        return picks[0].option
    return " + ".join(f"{write_percent(pick.share)} {pick.option}" for pick in picks)


def tabulate_frontier(plan: Plan) -> Iterator[Table]:
    """List the points of the frontier, and the plans of the slider."""
    value = f"Value ({plan.value_unit})"
    if plan.frontier:
        rows = [
            [write_usd(p.usd, cents=True), write_percent(p.accuracy, 2),
             write_value(p.value, plan.value_unit)]
            for p in plan.frontier
        ]  # fmt: skip
        columns = make_columns(then=("Dollars", "Accuracy", value))
        yield Table("the best plan for every amount of money", columns, rows)
    if plan.stops:
        rows = [
            [write_usd(s.ceiling_usd, cents=True), write_usd(s.usd, cents=True),
             write_percent(s.accuracy, 2), write_value(s.value, plan.value_unit),
             write_seconds(s.mean_latency_s)]
            for s in plan.stops
        ]  # fmt: skip
        columns = make_columns(then=("Ceiling", "Bill", "Accuracy", value, "Mean seconds"))
        yield Table("the plan of every ceiling of the slider", columns, rows)


def tabulate_limits(plan: Plan) -> Iterator[Table]:
    """List ceilings, baselines, GPUs, provider bills, and what stands in the way."""
    if plan.ceilings:
        rows = [
            [c.name, *(write_limit(c.name, n) for n in (c.limit, c.used, c.slack))]
            for c in plan.ceilings
        ]
        yield Table("Ceilings.", make_columns("Ceiling", then=("Limit", "Used", "Left")), rows)
    if plan.conflict:
        rows = [
            [c.limit, UNKNOWN if c.shortfall is None else write_shortfall(c.limit, c.shortfall)]
            for c in plan.conflict
        ]
        columns = make_columns("What stands in the way", then=("Would have to give by",))
        yield Table("Limits that cannot hold together.", columns, rows)
    rows = [
        [BASELINE_WORDS[b.name], b.detail, say_kept(b), write_usd(b.usd, cents=True),
         write_percent(b.accuracy), write_value(b.value, plan.value_unit)]
        for b in plan.baselines
    ]  # fmt: skip
    columns = make_columns(
        "Compared with", "What it is", "Keeps every limit", then=("Dollars", "Accuracy", "Value")
    )
    yield Table("Simple ways to run the same workload.", columns, rows)
    yield from _money_tables(plan)


def _money_tables(plan: Plan) -> Iterator[Table]:
    if plan.pools:
        rows = [
            [p.name, str(p.gpus), write_usd(p.usd, cents=True), write_count(p.tokens_used),
             write_count(p.tokens_available)]
            for p in plan.pools
        ]  # fmt: skip
        columns = make_columns(
            "Own GPUs", then=("GPUs", "Dollars", "Tokens used", "Tokens available")
        )
        yield Table("Own GPUs.", columns, rows)
    if any(bill.usd != bill.usd_list for bill in plan.bills):
        rows = [
            [b.provider, write_usd(b.usd_list, cents=True), write_usd(b.usd, cents=True)]
            for b in plan.bills
        ]
        columns = make_columns("Provider", then=("At list price", "After tiers and commitments"))
        yield Table("What each provider is paid.", columns, rows)


def write_limit(name: str, amount: Decimal) -> str:
    """Write an amount in the unit of the limit it belongs to."""
    kind = name.rsplit(".", 1)[-1]
    if kind == "usd":
        return write_usd(amount, cents=True)
    if kind.endswith("_s"):
        return write_seconds(amount)
    if "share" in kind or "accuracy" in kind:
        return write_percent(amount)
    return write_count(amount)


def list_options(plan: Plan) -> list[Considered]:
    """List the options that were looked at; over a horizon those of its first month."""
    months = sorted({line.month for line in plan.lines if line.month is not None})
    if not months:
        return list(plan.considered)
    ending = f" {months[0]}"
    return [
        item.model_copy(update={"task_class": item.task_class.removesuffix(ending)})
        for item in plan.considered
        if item.task_class.endswith(ending)
    ]


def tabulate_curves(considered: Sequence[Considered]) -> Iterator[Table]:
    """List the options behind each curve; none where there are too many for the page."""
    if len(considered) > MOST_STATIC_OPTIONS:
        return
    columns = make_columns("Option", then=("Dollars per request", "Accuracy", "Mean seconds"))
    columns += make_columns("Evidence", "Fate", "Why")
    for name in dict.fromkeys(item.task_class for item in considered):
        rows = [
            [item.option, write_unit_usd(item.usd_per_request),
             UNKNOWN if item.accuracy is None else write_accuracy(item.accuracy),
             write_seconds(item.mean_latency_s),
             UNKNOWN if item.accuracy is None else item.accuracy.grade,
             FATES.get(item.fate, item.fate), item.reason]
            for item in considered if item.task_class == name
        ]  # fmt: skip
        yield Table(f"options of {name}", columns, rows, name, whole=True)


def tabulate_sources(plan: Plan) -> Iterator[Table]:
    """List the measurements and prices that the plan rests on."""
    rows = list(
        dict.fromkeys(
            (e.task_class, f"{e.model}/{e.setting}", e.source, e.benchmark, e.grade,
             write_count(e.n_questions), write_percent(e.accuracy))
            for e in plan.evidence
        )
    )  # fmt: skip
    columns = make_columns(
        "Class", "Option", "Source", "Benchmark", "Grade", then=("Questions", "As measured")
    )
    yield Table("Measurements behind the choices.", columns, rows, "measurements")
    prices = [
        [p.model, p.provider, "batch" if p.batch else "", p.source, p.as_of,
         write_price(p.input_usd_per_mtok), write_price(p.cached_input_usd_per_mtok),
         write_price(p.output_usd_per_mtok)]
        for p in plan.prices
    ]  # fmt: skip
    columns = make_columns(
        "Model", "Provider", "Batch", "Source", then=("As of", "Input", "Cached input", "Output")
    )
    yield Table("Prices, dollars per million tokens.", columns, prices, "prices")


def write_price(price: Decimal | None) -> str:
    """Write dollars per million tokens in full."""
    return UNKNOWN if price is None else f"${price.normalize():f}"

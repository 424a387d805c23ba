"""The plan: what was decided, what it should bring, and where each number came from."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, field_serializer

from costplan.plan.insight import (
    Accuracy,
    Change,
    Considered,
    FrontierPoint,
    Interval,
    NextStep,
    Unknown,
)
from costplan.plan.part import (
    Amount,
    ClassName,
    Day,
    Grade,
    Moment,
    MonthName,
    Number,
    Part,
    Quantity,
    Real,
    write_quantity,
)
from costplan.plan.recipe import PathUse, StageUse
from costplan.plan.stop import Before, ProviderBill, Stop

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1


class WorkloadRef(Part):
    """The workload the plan was made from."""

    name: str
    """Its title."""
    period: Literal["day", "week", "month", "quarter", "year"]
    """What volumes and dollar ceilings are per."""
    starts: Day
    """ISO date of the first day; prices and models of that day are used."""
    months: int = 1
    """Months of the horizon; 1 outside one. Totals are over all of them."""
    digest: str
    """SHA-256 of the file's bytes, or of the value when it came from no file."""
    file: str | None
    """The file as the user named it."""


class Objective(Part):
    """What was made the most of, and what was proven."""

    maximize: Literal["value", "accuracy", "net_value"] | None = None
    """What was maximised."""
    minimize: Literal["cost"] | None = None
    """What was minimised."""
    target: Real | None = None
    """Target of a plan of least cost."""
    value: Real | None
    """Objective of the plan; null when there is none."""
    bound: Real | None
    """What no plan can pass; null when nothing was proven."""
    gap: Real | None
    """Distance between the two, relative to the bound."""


class Line(Part):
    """What one class does with one option; tokens and dollars are of the whole line."""

    task_class: ClassName
    """Name of the class."""
    team: str | None
    """Team that pays."""
    requests: Number
    """Requests of the whole class per period."""
    option: str
    """Name of the option."""
    model: str
    """Model behind it."""
    provider: str
    """Who serves it."""
    setting: str
    """Position of the knob."""
    policy: str
    """How a request is answered."""
    share: Number
    """Share of the class's requests, 0 to 1."""
    requests_planned: Number
    """Requests of this line per period."""
    usd: Amount
    """Dollars of this line per period, at list price."""
    usd_per_request: Amount
    """Dollars per request at list price."""
    usd_per_right: Amount | None = None
    """Dollars of all requests, retries included, per right answer that is taken; null where no
    answer is right, and for own GPUs."""
    calls: Real = 1.0
    """Model calls per answer."""
    stages: tuple[StageUse, ...] = ()
    """Stages of a policy in order, or buckets of a route; none for a single call."""
    paths: tuple[PathUse, ...] = ()
    """Ways a request can go through a policy; none for a single call."""
    value: Number
    """Value that the line should bring."""
    accuracy: Accuracy
    """Share of right answers."""
    mean_latency_s: Number | None
    """Mean seconds per request; null where unknown."""
    p95_latency_s: Number | None
    """Seconds that 95 in 100 requests stay within; null where unknown."""
    batch: bool
    """Whether the batch price is paid: nobody waits, latencies count as 0."""
    input_tokens: Number | None
    """Input tokens of the line, cached included."""
    cached_input_tokens: Number | None
    """Input tokens of the line read from the cache."""
    output_tokens: Number | None
    """Output tokens of the line, reasoning included."""
    reasoning_tokens: Number | None
    """Reasoning tokens of the line."""
    pool: str | None = None
    """Pool of own GPUs that serves it."""
    month: MonthName | None = None
    """Month of a plan over a horizon, "2027-01"; null where the plan has one period."""
    notes: tuple[str, ...] = ()
    """What was assumed."""


class UsdInterval(Part):
    """Dollars at the plan's confidence."""

    low: Amount
    """Lower end."""
    high: Amount
    """Upper end."""


class Totals(Part):
    """The plan added up."""

    usd: Amount
    """The whole bill per period: after tiers and commitments, with GPUs."""
    usd_list: Amount
    """Dollars at list price, without GPUs."""
    requests: Number
    """Requests per period."""
    value: Number
    """Value of right answers, in the unit of value_usd or weight."""
    accuracy: Interval
    """Mean accuracy over all requests."""
    mean_latency_s: Number | None
    """Mean seconds per request; null where a line's is unknown."""
    usd_interval: UsdInterval
    """Interval of the bill."""
    usd_borrowed: Amount = Decimal(0)
    """Dollars at list price that rest on tokens counted on benchmarks, not on own requests."""


class Ceiling(Part):
    """A limit and how the plan keeps it."""

    name: str
    """"usd", "teams.search.usd", "mean_latency_s", ..."""
    limit: Quantity
    """The limit."""
    used: Quantity
    """What the plan uses of it."""
    slack: Quantity
    """What is left; negative never happens."""
    price_up: Real | None
    """What one unit more (of a floor: less) would add to the objective, for shares a whole share;
    dollars with their margin, other limits at this margin; null where `price_note` says why."""
    price_down: Real | None
    """What one unit less (of a floor: more) would take from it; null where
    `price_note` says why."""
    price_note: str | None = None
    """Why a price is null, or what it is a price of; null where nothing need be said."""

    @field_serializer("limit", "used", "slack", when_used="json")
    def _write_quantity(self, quantity: Decimal) -> str | int | float:
        return write_quantity(self.name, quantity)


class Baseline(Part):
    """A simple way to run the workload, to compare with."""

    name: Literal["cheapest", "best_single", "class_blind_mix", "highest_effort", "today"]
    """Which one."""
    usd: Amount | None
    """Its bill; null where it cannot be formed."""
    accuracy: Real | None
    """Its mean accuracy over all requests."""
    value: Real | None
    """Its value."""
    feasible: bool
    """Whether it keeps every limit."""
    detail: str
    """What it consists of, or why it cannot be formed."""


class PoolUse(Part):
    """Own GPUs bought."""

    name: str
    """The pool."""
    gpus: int
    """GPUs bought."""
    usd: Amount
    """Dollars for them."""
    tokens_used: Number
    """Tokens they serve."""
    tokens_available: Number
    """Tokens they could serve."""


class Conflict(Part):
    """A limit of a smallest set that cannot hold together."""

    limit: str
    """Name of the limit."""
    shortfall: Quantity | None
    """By how much this one alone would have to give; null where it alone cannot help."""

    @field_serializer("shortfall", when_used="json")
    def _write_quantity(self, quantity: Decimal | None) -> str | int | float | None:
        return None if quantity is None else write_quantity(self.limit, quantity)


class PriceUsed(Part):
    """A price the plan rests on."""

    model: str
    """The model."""
    provider: str
    """Who asks it."""
    as_of: Day
    """ISO date whose price this is."""
    input_usd_per_mtok: Amount
    """Dollars per million input tokens."""
    cached_input_usd_per_mtok: Amount | None
    """Dollars per million cached input tokens."""
    output_usd_per_mtok: Amount
    """Dollars per million output tokens."""
    batch: bool
    """Whether this is the batch price."""
    source: str
    """Where it came from."""


class EvidenceUsed(Part):
    """A measurement the plan rests on."""

    task_class: ClassName
    """The class."""
    model: str
    """The model."""
    setting: str
    """Position of the knob."""
    source: str
    """Publication or file."""
    benchmark: str
    """Benchmark."""
    n_questions: int | None
    """Graded questions."""
    accuracy: Real
    """Share of right answers as measured."""
    grade: Grade
    """How good the evidence is for this class."""


class PlanWarning(Part):
    """Something the reader must know."""

    code: str
    """Kind of warning, for machines."""
    task_class: Annotated[str | None, Field(alias="class")]
    """The class it is about."""
    message: str
    """The warning."""


class Plan(Part):
    """The whole plan; every view is made from it."""

    schema_version: int
    """Version of this shape."""
    costplan_version: str
    """Version that made it."""
    created_at: Moment
    """ISO time it was made, UTC."""
    seed: int
    """Seed of every random number."""
    confidence: Real
    """How sure intervals and the dollar ceiling are meant to be; 0 for a naive plan."""
    workload: WorkloadRef
    """What it was made from."""
    status: Literal["optimal", "feasible", "infeasible", "limit"]
    """What the solver proved."""
    solver: str
    """Which solver."""
    splits: bool
    """Whether classes could be split."""
    value_unit: Literal["usd", "weight", "requests"]
    """Unit of value: dollars, the user's weights, or right answers."""
    objective: Objective
    """What was made the most of."""
    verdict: str
    """The plan in one sentence."""
    lines: tuple[Line, ...]
    """What each class does."""
    totals: Totals | None
    """The plan added up; null when there is none."""
    ceilings: tuple[Ceiling, ...]
    """Every limit."""
    baselines: tuple[Baseline, ...]
    """Simple ways to compare with."""
    pools: tuple[PoolUse, ...]
    """Own GPUs."""
    conflict: tuple[Conflict, ...]
    """Limits that cannot hold together; only when infeasible."""
    smallest_usd: Amount | None
    """Smallest dollar ceiling that would work; only when infeasible for money."""
    next_steps: tuple[NextStep, ...]
    """What a little more would buy."""
    frontier: tuple[FrontierPoint, ...]
    """The best objective by money."""
    stops: tuple[Stop, ...] = ()
    """The plans of other dollar ceilings, lowest first; empty where they were not solved."""
    before: Before | None = None
    """What the plan replaces, class by class; null where the workload does not say."""
    bills: tuple[ProviderBill, ...] = ()
    """What each provider is paid."""
    prices: tuple[PriceUsed, ...]
    """Prices it rests on."""
    evidence: tuple[EvidenceUsed, ...]
    """Measurements it rests on."""
    considered: tuple[Considered, ...]
    """Every option and its fate."""
    changes: tuple[Change, ...] = ()
    """At which ceilings choices would change."""
    unknowns: tuple[Unknown, ...] = ()
    """What measuring could change most."""
    assumptions: tuple[str, ...]
    """What is assumed, unpriced or only published."""
    warnings: tuple[PlanWarning, ...]
    """What the reader must know."""

    def to_frame(self) -> pd.DataFrame:
        """Give the lines as a table for notebooks: one row per line, dollars as floats."""
        import pandas as pd

        return pd.DataFrame([_flatten(line) for line in self.lines])


def _flatten(line: Line) -> dict[str, object]:
    row = line.model_dump(exclude={"accuracy", "notes", "stages", "paths"})
    numbers = {key: float(v) if isinstance(v, Decimal) else v for key, v in row.items()}
    accuracy = line.accuracy
    return numbers | {
        "accuracy": accuracy.mean,
        "accuracy_low": accuracy.low,
        "accuracy_high": accuracy.high,
        "grade": accuracy.grade,
    }

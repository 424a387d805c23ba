"""The workload: what a company asks of language models, and the limits it sets."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from costplan.domain.day import Day
from costplan.domain.endpoint import OwnEndpoint, ProbeLimits
from costplan.domain.numbers import Fraction, NotNegative, Number, Positive, Whole, WholePositive
from costplan.domain.policy import Policies
from costplan.domain.record import Record

Name = Annotated[str, Field(min_length=1, max_length=200)]
"""A name that a person gives."""
Month = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
"""A month: 2027-01."""
CalendarMonth = Annotated[int, Field(ge=1, le=12)]
"""A month of any year, 1 to 12."""


class Objective(Record):
    """What to make the most of: `{maximize: value}` or `{minimize: cost, target_value: 9}`."""

    maximize: Literal["value", "accuracy", "net_value"] | None = None
    """`value`: requests x value of a right answer x accuracy. `accuracy`: mean over all requests.
    `net_value`: value minus dollars spent; needs value_usd in every class."""
    minimize: Literal["cost"] | None = None
    """Dollars of the whole bill, GPUs included; needs a target."""
    target_accuracy: Fraction | None = None
    """Mean accuracy over all requests that a plan of least cost must reach, 0 to 1."""
    target_value: NotNegative | None = None
    """Value that a plan of least cost must reach, in the unit of value_usd or weight."""

    @model_validator(mode="after")
    def _one_aim(self) -> Self:
        targets = [t for t in (self.target_accuracy, self.target_value) if t is not None]
        if (self.maximize is None) == (self.minimize is None):
            raise ValueError("give one of maximize and minimize")
        if self.minimize is not None and len(targets) != 1:
            raise ValueError("minimize: cost needs one of target_accuracy and target_value")
        if self.maximize is not None and targets:
            raise ValueError("a target goes with minimize: cost")
        return self


class ProviderCeiling(Record):
    """Limits on one provider."""

    usd: NotNegative | None = None
    """Most dollars per period at list price, before tiers and commitments."""
    tokens: NotNegative | None = None
    """Most tokens per period, input and output together."""
    min_share: Fraction | None = None
    """Least share of all requests, 0 to 1."""
    max_share: Fraction | None = None
    """Greatest share of all requests, 0 to 1."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if (
            self.min_share is not None
            and self.max_share is not None
            and self.min_share > self.max_share
        ):
            raise ValueError("min_share is above max_share")
        return self


class TeamCeiling(Record):
    """Limits on the classes of one team."""

    usd: NotNegative | None = None
    """Most dollars per period at list price, without pools."""
    mean_latency_s: Positive | None = None
    """Greatest mean seconds per request of the team."""


class Ceilings(Record):
    """Limits that the plan keeps exactly; what is not named is not limited."""

    usd: Positive | None = None
    """Most dollars per period, for the whole bill."""
    mean_latency_s: Positive | None = None
    """Greatest mean seconds per request, over all requests."""
    providers: dict[Name, ProviderCeiling] = Field(default_factory=dict)
    """Limits per provider."""
    teams: dict[Name, TeamCeiling] = Field(default_factory=dict)
    """Limits per team."""


class Pool(Record):
    """Own GPUs that are bought in whole numbers and serve some options."""

    usd_per_gpu: NotNegative
    """Dollars per GPU and period."""
    tokens_per_gpu: Positive
    """Tokens that one GPU serves in a period."""
    max_gpus: Whole
    """Most GPUs that can be had."""


class Tier(Record):
    """A step of a volume discount; steps are marginal, like tax brackets."""

    up_to_usd: Positive | None = None
    """Upper end of the step in list dollars per period; null on the last step."""
    multiplier: NotNegative
    """What is paid per list dollar inside the step."""


class Commitment(Record):
    """An optional commitment: the smaller of list spend and max(usd, multiplier x list) is paid."""

    usd: NotNegative
    """Dollars paid at least once the commitment is taken."""
    multiplier: NotNegative
    """What is paid per list dollar under the commitment."""


class Contract(Record):
    """Terms with one provider that apply to the whole bill."""

    tiers: tuple[Tier, ...] = ()
    """Volume discount, lowest step first."""
    commitment: Commitment | None = None
    """An optional commitment."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if not self.tiers and self.commitment is None:
            raise ValueError("a contract needs tiers or a commitment")
        ends = [tier.up_to_usd for tier in self.tiers]
        if any(end is None for end in ends[:-1]) or (ends and ends[-1] is not None):
            raise ValueError("only the last tier is open: leave out its up_to_usd, and only its")
        bounds = [end for end in ends if end is not None]
        if bounds != sorted(set(bounds)):
            raise ValueError("tiers must rise in up_to_usd")
        return self


class StatedPrice(Record):
    """A contracted price that replaces the list price of one model."""

    input_usd_per_mtok: NotNegative
    """Dollars per million input tokens."""
    cached_input_usd_per_mtok: NotNegative | None = None
    """Dollars per million input tokens read from the cache; the input price when absent."""
    output_usd_per_mtok: NotNegative
    """Dollars per million output tokens, reasoning included."""
    batch_multiplier: Fraction | None = None
    """What a batch request pays per dollar of these prices; no batch price when absent."""
    source: Name
    """Where the price is written: "contract 2026-114"."""


class PriceChange(Record):
    """A price that is known to change: announced by the vendor, or assumed by you."""

    model: Name
    """Name of the model."""
    starts: Day
    """First day of the new price."""
    input_usd_per_mtok: NotNegative
    """Dollars per million input tokens from then on."""
    cached_input_usd_per_mtok: NotNegative | None = None
    """Dollars per million cached input tokens; the input price when absent."""
    output_usd_per_mtok: NotNegative
    """Dollars per million output tokens from then on."""
    batch_multiplier: Fraction | None = None
    """What a batch request pays per dollar of these prices; no batch price when absent."""
    source: Name
    """Where the change is written."""


class Horizon(Record):
    """Months that are planned together."""

    start: Month
    """First month: 2027-01."""
    months: Annotated[WholePositive, Field(le=60)] = 12
    """How many months, at most 60."""
    budget: Literal["month", "total"] = "month"
    """Whether ceilings.usd is for each month, or for all of them together."""


class Today(Record):
    """What is done now for a class: the baseline of the plan."""

    model: Name
    """Name of a profile or of one of the class's own options."""
    setting: str | None = None
    """Position of the model's knob; may be absent where the model has only one."""


class Evidence(Record):
    """What stands for the class's accuracy: a published curve, or own outcomes."""

    benchmark: str | None = None
    """Published benchmark that resembles the class: see `costplan curves`."""
    source: str | None = None
    """Publication to take the benchmark from; the one that gives most models when absent."""
    outcomes: str | None = None
    """CSV of own outcomes, question by question; a path relative to the workload."""
    outcomes_class: str | None = None
    """The task_class in that CSV; the class's own name when absent."""
    reasoning_scale: Positive = Decimal(1)
    """How long this class thinks, relative to the evidence; scales reasoning tokens only."""
    reasoning_tokens: dict[Name, NotNegative] = Field(default_factory=dict)
    """Mean reasoning tokens per request where you know them: {gpt-5/high: 9000}; not scaled."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.benchmark is None and self.outcomes is None:
            raise ValueError("evidence needs a benchmark or outcomes")
        return self


class ModelFilter(Record):
    """Models a class may use; shell-style patterns on profile names."""

    allow: tuple[Name, ...] = ("*",)
    """Only models that match one of these."""
    deny: tuple[Name, ...] = ()
    """And none that match one of these."""
    insist: tuple[Name, ...] = ()
    """Settings to keep though their measurement looks wrong, as "o1/high"; patterns too."""


class StatedOption(Record):
    """An option whose numbers are known exactly: contracted, in-house, or from elsewhere."""

    name: Name
    """Name of the option, unique in its class."""
    model: Name | None = None
    """Model behind it; the option's name when absent."""
    provider: Name | None = None
    """Who serves it; matters where provider ceilings, contracts or shares are set."""
    setting: str | None = None
    """Position of the model's knob."""
    accuracy: Fraction
    """Share of right answers, 0 to 1."""
    usd_per_request: NotNegative | None = None
    """Dollars per request; absent only for an option of a pool, which costs nothing per request."""
    mean_latency_s: NotNegative | None = None
    """Mean seconds per request."""
    p95_latency_s: NotNegative | None = None
    """Seconds that 95 in 100 requests stay within."""
    tokens_per_request: NotNegative | None = None
    """Tokens per request, input and output together."""
    pool: Name | None = None
    """Pool of own GPUs that serves it."""

    @model_validator(mode="after")
    def _priced(self) -> Self:
        if self.pool is None and self.usd_per_request is None:
            raise ValueError("usd_per_request is missing; only an option of a pool has none")
        if self.pool is not None and self.tokens_per_request is None:
            raise ValueError("an option of a pool needs tokens_per_request")
        return self


class TaskClass(Record):
    """A kind of request: its volume, sizes, worth, limits, and the evidence that stands for it."""

    name: Name
    """Name of the class, unique in the workload."""
    team: Name | None = None
    """Team that pays for it."""
    requests: Positive
    """Requests per period."""
    input_tokens: NotNegative | None = None
    """Mean input tokens per request, cached ones included."""
    cached_input_tokens: NotNegative = Decimal(0)
    """Mean input tokens per request that are read from the provider's cache."""
    output_tokens: NotNegative | None = None
    """Mean output tokens per request that the user sees, without reasoning."""
    value_usd: NotNegative | None = None
    """Dollars that a right answer is worth."""
    weight: NotNegative | None = None
    """Worth of a right answer in any unit, for want of dollars; 1 when both are absent."""
    min_accuracy: Fraction | None = None
    """Accuracy to reach: by each option, or by the class's mix where splits are allowed."""
    max_p95_latency_s: Positive | None = None
    """Seconds that 95 in 100 requests must stay within; slower options are shut out."""
    today: Today | None = None
    """What is done now."""
    evidence: Evidence | None = None
    """What stands for the accuracy."""
    options: tuple[StatedOption, ...] = ()
    """Options with exact numbers of their own, beside or instead of evidence."""
    policies: Policies = ()
    """Ways to answer with several calls, beside single ones: votes, best-ofs, cascades, routes;
    `auto` lets costplan propose some."""
    models: ModelFilter = ModelFilter()
    """Models that may serve the class."""
    growth_per_month: Annotated[Number, Field(gt=-1, le=10)] = Decimal(0)
    """Growth of requests from one month of the horizon to the next: 0.03 is three percent."""
    requests_by_month: dict[Month, NotNegative] = Field(default_factory=dict)
    """Requests of single months of the horizon, instead of growth and season: {2027-03: 5000}."""
    seasonality: dict[CalendarMonth, NotNegative] = Field(default_factory=dict)
    """Factor on requests by calendar month, instead of the workload's: {12: 1.6}."""
    batch: bool = False
    """Whether the class may wait up to a day for the batch price."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.value_usd is not None and self.weight is not None:
            raise ValueError("give value_usd or weight, not both")
        if self.evidence is None and not self.options:
            raise ValueError("a class needs evidence or options")
        if self.evidence is not None and (self.input_tokens is None) != (
            self.output_tokens is None
        ):
            raise ValueError(
                "give both input_tokens and output_tokens, or neither to take the evidence's own"
            )
        if self.input_tokens is not None and self.cached_input_tokens > self.input_tokens:
            raise ValueError(
                "cached_input_tokens is above input_tokens, which include the cached ones"
            )
        return self

    @property
    def worth(self) -> Decimal:
        """Worth of a right answer: value_usd, else weight, else 1."""
        if self.value_usd is not None:
            return self.value_usd
        return self.weight if self.weight is not None else Decimal(1)


class Workload(Record):
    """A workload: task classes, ceilings, and what to make the most of."""

    name: Name
    """Title of the plan."""
    period: Literal["day", "week", "month", "quarter", "year"] = "month"
    """What volumes and dollar ceilings are per."""
    horizon: Horizon | None = None
    """Months that are planned together; needs period: month."""
    seasonality: dict[CalendarMonth, NotNegative] = Field(default_factory=dict)
    """Factor on requests by calendar month, over the horizon: {11: 1.2, 12: 1.6}."""
    starts: Day | None = None
    """First day of the period; prices and models of that day are used. Today when absent."""
    objective: Objective = Objective(maximize="value")
    """What to make the most of."""
    splits: bool = True
    """Whether a class may be split over several options."""
    confidence: Annotated[Fraction, Field(gt=0.5, lt=1)] = Decimal("0.9")
    """How sure intervals, the objective and the dollar ceiling are to be, above 0.5 and below 1."""
    seed: WholePositive = 1
    """Seed of every random number."""
    ceilings: Ceilings = Ceilings()
    """Limits that the plan keeps."""
    pools: dict[Name, Pool] = Field(default_factory=dict)
    """Own GPUs."""
    contracts: dict[Name, Contract] = Field(default_factory=dict)
    """Discounts and commitments per provider."""
    prices: dict[Name, StatedPrice] = Field(default_factory=dict)
    """Contracted prices per model."""
    price_changes: tuple[PriceChange, ...] = ()
    """Prices that are known to change within the horizon."""
    hosts: dict[Name, Name] = Field(default_factory=dict)
    """Who serves an open model, where not the profile's default: {deepseek-r1: aws}."""
    endpoints: dict[Name, OwnEndpoint] = Field(default_factory=dict)
    """Where `probe` asks, by model or by provider, where not at the provider's usual address:
    {my-qwen: {base_url: "http://localhost:8000/v1"}, openai: {requests_per_minute: 500}}."""
    probe: ProbeLimits = ProbeLimits()
    """What `probe` may do without being told on the command line."""
    curves: tuple[Name, ...] = ()
    """Further curve tables (CSV), paths relative to the workload."""
    profiles: tuple[Name, ...] = ()
    """Further model profiles (YAML), paths relative to the workload; they replace shipped ones."""
    classes: Annotated[tuple[TaskClass, ...], Field(min_length=1)]
    """Kinds of requests."""

    @model_validator(mode="after")
    def _monthly(self) -> Self:
        if self.horizon is not None and self.period != "month":
            raise ValueError("a horizon is planned month by month: period must be month")
        if self.horizon is not None and self.starts is not None:
            raise ValueError("give horizon.start or starts, not both")
        return self

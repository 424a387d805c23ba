"""An option: a way to answer the requests of a class, with what it should achieve and cost."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from costplan.domain.estimate import Estimate
from costplan.domain.price import Price
from costplan.domain.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Source:
    """The measurement behind an option's accuracy, as it was made."""

    source: str
    """Publication, outcomes file, or "workload" for numbers the user states."""
    benchmark: str
    """Benchmark, or the class it was measured on; empty for stated numbers."""
    n_questions: int | None
    """Graded questions; None where unknown or where nothing was measured."""
    accuracy: float
    """Share of right answers as measured, before any shrinkage, 0 to 1."""
    date: str = ""
    """ISO date of the measurement; empty where unknown."""


@dataclass(frozen=True, slots=True)
class OptionPart:
    """What a policy asks of one of the providers, or pools of own GPUs, that share it."""

    provider: str
    """Who serves it; empty where the user does not say."""
    pool: str | None
    """Pool of own GPUs; None for a provider that is paid per request."""
    usd: Decimal
    """Dollars per request of the policy, checks included."""
    tokens: Decimal | None
    """Input and output tokens per request of the policy; None where unknown."""
    reach: Decimal
    """Share of the policy's requests that reach it, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Option:
    """A policy that a task class may take, with its estimated accuracy, cost and latency.

    Tokens are per request; input includes cached, output includes reasoning; unknown is None.
    """

    name: str
    """Name, unique in its class: "gpt-5/high"."""
    model: str
    """Name of the profile, or what the user calls it."""
    provider: str
    """Who serves it; empty where the user does not say."""
    setting: str
    """Position of the model's knob; empty where the user does not say."""
    accuracy: Estimate
    """Share of right answers, with its interval."""
    usd_per_request: Decimal
    """Dollars per request at list price; 0 for an option of a pool."""
    usd_relative_sd: float
    """Standard error of the dollars relative to them; 0 for stated numbers."""
    source: Source
    """The measurement behind the accuracy."""
    mean_latency_s: Decimal | None = None
    """Mean seconds per request."""
    p95_latency_s: Decimal | None = None
    """Seconds that 95 in 100 requests stay within."""
    tokens_per_request: Decimal | None = None
    """Input and output tokens together."""
    input_tokens: Decimal | None = None
    """Input tokens."""
    cached_input_tokens: Decimal | None = None
    """Input tokens read from the cache."""
    output_tokens: Decimal | None = None
    """Output tokens."""
    reasoning_tokens: Decimal | None = None
    """Reasoning tokens, part of the output tokens."""
    pool: str | None = None
    """Pool of own GPUs that serves it."""
    policy: str = "single"
    """How a request is answered: "single" is one call."""
    recipe: Recipe | None = None
    """How a policy is built; None for a single call."""
    parts: tuple[OptionPart, ...] = ()
    """What each provider and pool has of a policy that several share, or own GPUs serve."""
    price: Price | None = None
    """List price used; None for stated numbers and measured dollars."""
    notes: tuple[str, ...] = ()
    """What was assumed to get these numbers."""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A model or setting that is no option for a class, and why."""

    name: str
    """Option that was left out: "o1/high"."""
    code: str
    """Kind of reason: "ended", "denied", "no_price", "no_tokens", "context", "output_limit"..."""
    reason: str
    """The reason in one sentence."""

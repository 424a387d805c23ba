"""How a policy is built, and what its accuracy leans on."""

from __future__ import annotations

from dataclasses import dataclass

Setting = tuple[str, str]
"""Model and position of its knob."""


@dataclass(frozen=True, slots=True)
class Spend:
    """What a stage takes per request of the policy, whether the request reaches it or not."""

    usd: float
    """Dollars of its calls and of its check."""
    input_tokens: float | None = None
    """Input tokens; None where unknown."""
    output_tokens: float | None = None
    """Output tokens, reasoning included."""
    reasoning_tokens: float | None = None
    """Reasoning tokens."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a policy: who is asked, how often, and what decides."""

    setting: Setting
    """Model and knob that is asked."""
    calls: float
    """Expected calls once the stage is reached."""
    check: str
    """What decides whether the answer is taken; empty on a last stage."""
    threshold: str
    """From where it is taken: "3 of 5 alike", "confidence 0.8"; empty for a test."""
    reach: float
    """Expected share of the requests that reach the stage, 0 to 1."""
    spend: Spend | None = None
    """Its part of what the policy takes; None where it is all of it, or not known apart."""
    provider: str = ""
    """Who serves it."""


@dataclass(frozen=True, slots=True)
class Path:
    """One way a request can go: by stages run, or by calls of a vote or best-of."""

    stages: int
    """Stages run, or calls made, from 1."""
    share: float
    """Share of the requests that go this way, 0 to 1."""
    usd: float
    """Mean dollars of a request that goes this way."""
    mean_latency_s: float | None
    """Mean seconds; None where unknown."""
    p95_latency_s: float | None
    """Seconds that 95 in 100 requests on this way stay within; None where unknown."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A policy so that it can be built, and what is believed of it beside its accuracy."""

    kind: str
    """"vote", "best_of", "cascade" or "route"."""
    stages: tuple[Stage, ...]
    """Stages in order; the buckets of a route."""
    paths: tuple[Path, ...]
    """Ways a request can go."""
    calls: float
    """Expected model calls per answer."""
    accepted: float
    """Share of requests whose answer a check took, or that nothing checked."""
    accepted_right: float
    """Share of requests whose answer is right and was not turned down by the last check."""
    sd: float
    """Standard deviation of the accuracy, widening included."""
    leans_on: tuple[tuple[Setting, float], ...]
    """How much the accuracy moves with that of each setting; empty where nothing says it."""
    batch: bool = False
    """Whether all its calls pay the batch price."""

"""How long a request takes, from first-token time and speed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

from costplan.domain.measurement import Measurement
from costplan.domain.profile import Profile

TOKEN_CV2 = 0.64
"""Squared coefficient of variation of output tokens within a class; the pooled value of costs per
question in the tables that the forecasts were calibrated on."""
MILLISECOND = Decimal("0.001")


def _tail(cv2: float, z: float = 1.6448536269514722) -> float:
    """Ratio of a log-normal's 95th percentile to its mean."""
    variance = math.log1p(cv2)
    return math.exp(z * math.sqrt(variance) - variance / 2)


P95_OVER_MEAN = _tail(TOKEN_CV2)


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds of one request; None where nothing is known."""

    mean_s: Decimal | None
    """Mean seconds."""
    p95_s: Decimal | None
    """Seconds that 95 in 100 requests stay within."""
    note: str = ""
    """What was assumed."""


def expect_latency(
    profile: Profile, output_tokens: Decimal | None, row: Measurement | None
) -> Latency:
    """Expect first-token time plus output tokens over speed; the p95 from log-normal tokens.

    Without a speed in the profile, the curve's own seconds per output token; without those, or
    without token counts, the curve's own seconds; else unknown.
    """
    if profile.speed is not None and output_tokens is not None:
        first = float(profile.speed.first_token_s)
        return _spread(first, float(output_tokens / profile.speed.tokens_per_s), "")
    if row is None or row.seconds is None:
        return Latency(None, None)
    if output_tokens is not None and row.output_tokens:
        generating = row.seconds * float(output_tokens) / row.output_tokens
        return _spread(0.0, generating, "latency from the curve's seconds per output token")
    if output_tokens is not None:
        return Latency(None, None)
    return _spread(0.0, row.seconds, "latency as the benchmark measured it")


def _spread(first_s: float, generating_s: float, note: str) -> Latency:
    mean = Decimal(str(first_s + generating_s)).quantize(MILLISECOND)
    p95 = Decimal(str(first_s + P95_OVER_MEAN * generating_s)).quantize(MILLISECOND)
    return Latency(mean, p95, note)

"""How far the bill of a plan may stray when volumes and answer lengths do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from costplan.domain.errors import Fault, InputError
from costplan.plan.line_price import Offer, find_price, group_prices, offer_of
from costplan.plan.model import Line, Plan, PriceUsed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

DRAWS = 10_000
"""Simulated periods."""
WHAT = ("requests", "tokens")
_MOST = 1e6


@dataclass(frozen=True, slots=True)
class Range:
    """How far a number may be from what the workload says."""

    what: str
    """"requests", or "tokens" of the answer, reasoning included."""
    classes: str
    """Pattern of the classes it is about; each class strays by itself, all its months alike."""
    low: float
    """Least factor."""
    high: float
    """Greatest factor; 1 in between is the likeliest."""

    @staticmethod
    def parse(text: str) -> Range:
        """Read `requests=0.8:1.3`, `chat.tokens=0.7:1.6` or `requests=20%`; InputError if none."""
        place, _, spread = text.partition("=")
        classes, _, what = place.strip().rpartition(".")
        low, high = _read_factors(spread.strip())
        if what not in WHAT or not 0 <= low <= 1 <= high <= _MOST:
            raise InputError(
                [
                    Fault(
                        f"{text!r} is no range",
                        advice="such as requests=0.8:1.3 or chat.tokens=20%: factors around 1",
                    )
                ]
            )
        return Range(what, classes or "*", low, high)


def _read_factors(text: str) -> tuple[float, float]:
    try:
        if text.endswith("%"):
            part = float(text.removesuffix("%").lstrip("±")) / 100
            return 1 - part, 1 + part
        low, _, high = text.partition(":")
        return float(low), float(high)
    except ValueError:
        return -1.0, -1.0


@dataclass(frozen=True, slots=True)
class Spread:
    """The bill of a plan when the world is not as the workload says."""

    draws: int
    """Simulated periods."""
    mean_usd: Decimal
    """Mean bill."""
    inside: float | None
    """Share of draws inside the dollar ceiling; None without one."""
    budgets: tuple[tuple[float, Decimal], ...]
    """Budgets that hold with these probabilities."""


def simulate(plan: Plan, ranges: Sequence[Range], *, seed: int, draws: int = DRAWS) -> Spread:
    """Simulate the bill of a plan whose choices stay while volumes and lengths stray.

    Factors are triangular between low and high with the mode at 1. Dollars are at list price:
    contract terms and GPUs stay as planned.
    """
    import numpy as np

    if plan.totals is None:
        raise InputError([Fault("the plan is infeasible: there is nothing to simulate")])
    rng = np.random.default_rng(seed)
    classes = sorted({line.task_class for line in plan.lines})
    for one in ranges:
        if not any(fnmatchcase(name, one.classes) for name in classes):
            advice = "classes are: " + ", ".join(classes[:20])
            raise InputError([Fault(f"--range: no class is called {one.classes!r}", advice=advice)])
    factors = {
        (name, what): _draw(rng, name, what, ranges, draws) for name in classes for what in WHAT
    }
    fixed = float(plan.totals.usd - plan.totals.usd_list)
    bill = np.full(draws, fixed)
    prices = group_prices(plan.prices)
    for line in plan.lines:
        output = _output_usd(line, prices)
        longer = output * factors[line.task_class, "tokens"] + (float(line.usd) - output)
        bill += longer * factors[line.task_class, "requests"]
    ceiling = next((c.limit for c in plan.ceilings if c.name == "usd"), None)
    inside = None if ceiling is None else float((bill <= float(ceiling)).mean())
    budgets = tuple((p, _cents(float(np.quantile(bill, p)))) for p in (0.5, 0.9, 0.95))
    return Spread(draws, _cents(float(bill.mean())), inside, budgets)


def _draw(
    rng: np.random.Generator, name: str, what: str, ranges: Sequence[Range], draws: int
) -> Floats:
    import numpy as np

    factor = np.ones(draws)
    for one in ranges:
        if one.what == what and one.high > one.low and fnmatchcase(name, one.classes):
            factor = factor * rng.triangular(one.low, 1.0, one.high, draws)
    return factor


def _output_usd(line: Line, prices: Mapping[Offer, Sequence[PriceUsed]]) -> float:
    """Dollars of a line that grow with its answers; all of them where they are not known apart."""
    offered = prices.get(offer_of(line), ())
    place = find_price(line, prices)
    if line.stages or not offered or line.output_tokens is None:
        # Stages ask several models, and longer answers of one are longer questions to the next.
        return float(line.usd)
    price = offered[place or 0]
    return min(float(line.output_tokens * price.output_usd_per_mtok) / 1e6, float(line.usd))


def _cents(amount: float) -> Decimal:
    return Decimal(repr(amount)).quantize(Decimal("0.01"))

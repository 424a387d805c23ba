"""What a provider's list spend costs: tiers and an optional commitment as one curve."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from costplan.solve.problem import Contract, Tier


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of list spend on which the bill is a straight line."""

    start_usd: Fraction
    """List spend where it begins."""
    end_usd: Fraction | None
    """List spend where it ends; None has no end."""
    base_usd: Fraction
    """The bill at its beginning."""
    multiplier: Fraction
    """The bill per further list dollar."""


def tiered_usd(tiers: tuple[Tier, ...], spend_usd: Fraction) -> Fraction:
    """Return the bill of a list spend under marginal tiers; past the last bound its rate holds."""
    if not tiers:
        return spend_usd
    bill, start = Fraction(0), Fraction(0)
    for i, tier in enumerate(tiers):
        last = i == len(tiers) - 1
        end = spend_usd if tier.up_to_usd is None or last else Fraction(tier.up_to_usd)
        if spend_usd <= end:
            return bill + (spend_usd - start) * Fraction(tier.multiplier)
        bill += (end - start) * Fraction(tier.multiplier)
        start = end
    raise AssertionError("the last tier has no end")


def billed_usd(contract: Contract | None, spend_usd: Fraction) -> Fraction:
    """Return what a list spend costs, with the commitment signed where that is cheaper."""
    if contract is None:
        return spend_usd
    unsigned = tiered_usd(contract.tiers, spend_usd)
    if contract.commitment is None:
        return unsigned
    usd, multiplier = Fraction(contract.commitment.usd), Fraction(contract.commitment.multiplier)
    return min(unsigned, max(usd, multiplier * spend_usd))


def segments(contract: Contract, most_usd: Fraction) -> list[Segment]:
    """Cut list spend from 0 to most_usd into stretches with a straight bill.

    Between the bounds of both rules the two bills are straight lines, so they cross at most once.
    """
    cuts = {Fraction(0), most_usd}
    cuts.update(Fraction(t.up_to_usd) for t in contract.tiers if t.up_to_usd is not None)
    signed = contract.commitment
    if signed is not None and signed.multiplier > 0:
        cuts.add(Fraction(signed.usd) / Fraction(signed.multiplier))
    points = sorted(cut for cut in cuts if 0 <= cut <= most_usd)
    if signed is not None:
        points = sorted({*points, *_crossings(contract, points)})
    if len(points) == 1:
        return [Segment(points[0], None, billed_usd(contract, points[0]), Fraction(0))]
    found: list[Segment] = []
    for start, end in pairwise(points):
        low, high = billed_usd(contract, start), billed_usd(contract, end)
        slope = (high - low) / (end - start)
        if found and found[-1].multiplier == slope:
            found[-1] = Segment(found[-1].start_usd, end, found[-1].base_usd, slope)
        else:
            found.append(Segment(start, end, low, slope))
    return found


def _crossings(contract: Contract, points: list[Fraction]) -> list[Fraction]:
    """Find where the signed and the unsigned bill cross between neighbouring points."""
    crossings = []
    assert contract.commitment is not None
    usd, multiplier = Fraction(contract.commitment.usd), Fraction(contract.commitment.multiplier)

    def lead(spend: Fraction) -> Fraction:
        return tiered_usd(contract.tiers, spend) - max(usd, multiplier * spend)

    for start, end in pairwise(points):
        left, right = lead(start), lead(end)
        if left * right < 0:
            crossings.append(start + (end - start) * left / (left - right))
    return crossings

"""Best of several calls: what a check that picks makes of them, exactly.

Takes every answer that a check accepts and gives one of them at random; where it accepts none,
one of all at random. In turn, the first that is accepted; where none is, the last.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import comb

from costplan.policies.voting import Draws, count_right


@dataclass(frozen=True, slots=True)
class Rates:
    """How often a check errs."""

    false_accept: float = 0.0
    """Share of wrong answers that it takes."""
    false_reject: float = 0.0
    """Share of right answers that it turns down."""

    def moods(self, repeats: float) -> list[tuple[float, Rates]]:
        """Split a check whose mistakes repeat on a question into cases with independent ones.

        With chance `repeats` one draw of leniency settles all verdicts on a question: each kind
        of answer is taken below its own rate. Verdicts then correlate by `repeats` from call to
        call at the same rates, and a check with equal rates for right and wrong stays useless.
        """
        if repeats <= 0:
            return [(1.0, self)]
        wrong, right = self.false_accept, 1 - self.false_reject
        fixed = [
            (min(wrong, right), Rates(1.0, 0.0)),
            (max(right - wrong, 0.0), Rates(0.0, 0.0)),
            (max(wrong - right, 0.0), Rates(1.0, 1.0)),
            (1 - max(wrong, right), Rates(0.0, 1.0)),
        ]
        moods = [(1 - repeats, self), *((repeats * weight, mood) for weight, mood in fixed)]
        return [(weight, mood) for weight, mood in moods if weight > 0]


@dataclass(frozen=True, slots=True)
class Pick:
    """What a best-of comes to on one question."""

    right: float
    """Chance that the answer is right."""
    accepted: float
    """Chance that the check took the answer."""
    accepted_right: float
    """Chance of both."""
    ends: tuple[float, ...]
    """Chance that it ends after 1, 2, ... n calls."""


@lru_cache(maxsize=65536)
def pick_at_once(draws: Draws, n: int, rates: Rates, repeats: float = 0.0) -> Pick:
    """Make n calls at once and let the check pick."""
    right = accepted = both = 0.0
    for weight, mood in rates.moods(repeats):
        for k, chance in enumerate(count_right(draws, n)):
            share = weight * chance
            taken, none = _take(k, n - k, mood)
            both += share * taken
            accepted += share * (1 - none)
            right += share * (taken + none * k / n)
    return Pick(right, accepted, both, (*[0.0] * (n - 1), 1.0))


@lru_cache(maxsize=65536)
def pick_in_turn(draws: Draws, n: int, rates: Rates, repeats: float = 0.0) -> Pick:
    """Make calls one after another until the check takes an answer."""
    right = accepted = both = 0.0
    ends = [0.0] * n
    for weight, mood in rates.moods(repeats):
        going = {0: weight}
        for j in range(n):
            following: dict[int, float] = {}
            for k, chance in going.items():
                p = draws.chance(k, j)
                taken_right = chance * p * (1 - mood.false_reject)
                taken_wrong = chance * (1 - p) * mood.false_accept
                both += taken_right
                accepted += taken_right + taken_wrong
                right += taken_right
                ends[j] += taken_right + taken_wrong
                down_right, down_wrong = chance * p - taken_right, chance * (1 - p) - taken_wrong
                if j == n - 1:
                    right += down_right
                    ends[j] += down_right + down_wrong
                following[k + 1] = following.get(k + 1, 0.0) + down_right
                following[k] = following.get(k, 0.0) + down_wrong
            going = following
    return Pick(right, accepted, both, tuple(ends))


def _take(k: int, wrong: int, rates: Rates) -> tuple[float, float]:
    """Give the chances that a right answer is taken and that nothing is."""
    taken = 0.0
    rights = _binomial(k, 1 - rates.false_reject)
    wrongs = _binomial(wrong, rates.false_accept)
    for a, chance in enumerate(rights):
        if a:
            taken += chance * sum(w * a / (a + b) for b, w in enumerate(wrongs))
    return taken, rights[0] * wrongs[0]


def _binomial(n: int, p: float) -> list[float]:
    return [comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]

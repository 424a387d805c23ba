"""Calls of one setting for one answer: majorities, agreement and picks, exactly.

Calls are drawn one after another; after k right ones of j the next is right with a chance that
`Draws` gives: from R right of m recorded samples without replacement, or from a question whose
chance of a right answer is itself unknown (a Polya urn, that is the beta-binomial law). Wrong
answers fall on `wrong_answers` equally likely values; one value is a vote's worst case. All sums
run over the states (right calls, how often each wrong value came), so nothing is simulated.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache

State = tuple[int, tuple[int, ...]]
"""Right calls, and the counts of the wrong values that came, largest first."""


@dataclass(frozen=True, slots=True)
class Draws:
    """Chances of right answers from call to call."""

    right: float
    """Right among the recorded samples, or alpha of the urn."""
    wrong: float
    """Wrong among them, or beta of the urn."""
    step: int
    """-1 draws without replacement; 1 is a Polya urn; 0 keeps the chance."""

    def chance(self, k: int, j: int) -> float:
        """Give the chance of a right answer after k right ones of j."""
        left = self.right + self.wrong + self.step * j
        if left <= 0:
            return 1.0 if k else 0.0
        return min(max((self.right + self.step * k) / left, 0.0), 1.0)


def recorded(right: float, samples: int) -> Draws:
    """Draw without replacement from samples of which so many are right.

    Partial scores are no counts: they are taken as the chance of every call instead.
    """
    whole = abs(right - round(right)) < 1e-9
    return Draws(right, samples - right, -1 if whole else 0)


def correlated(accuracy: float, rho: float) -> Draws:
    """Draw from questions of an accuracy whose answers correlate by rho, 0 to 1.

    rho = 1 / (alpha + beta + 1) of the Beta law of the questions' chances.
    """
    if rho < 1e-12:
        return Draws(accuracy, 1 - accuracy, 0)
    size = (1 - rho) / rho
    if size <= 0:
        return Draws(accuracy * 1e-12, (1 - accuracy) * 1e-12, 1)
    return Draws(accuracy * size, (1 - accuracy) * size, 1)


@dataclass(frozen=True, slots=True)
class Rule:
    """When a vote stops."""

    n: int
    """Calls at most."""
    start: int
    """Calls made at once before the first look."""
    decided: bool = False
    """Stop when the calls left cannot change the answer."""
    agree: int | None = None
    """Stop when so many calls give the same answer."""

    def stops(self, state: State, calls: int) -> bool:
        """Tell whether the vote ends here."""
        if calls >= self.n:
            return True
        if calls < self.start:
            return False
        first, second = _lead(state)
        if self.agree is not None and first >= self.agree:
            return True
        return self.decided and first - second > self.n - calls


def rule_of(n: int, start: int | None, *, decided: bool, agree: int | None) -> Rule:
    """Make a rule; without a start, all at once or the fewest calls that can settle the vote."""
    least = min([n // 2 + 1] if decided else [n] + ([agree] if agree else []))
    if decided and agree:
        least = min(least, agree)
    return Rule(n, start or least, decided, agree)


@dataclass(frozen=True, slots=True)
class Ballot:
    """What a vote comes to on one question."""

    right: float
    """Chance that the answer is right, ties broken at random."""
    ends: dict[int, float]
    """Chance that it ends after so many calls."""
    agreed: dict[int, tuple[float, float]]
    """For each size of the largest group at the end: chance that its answer is right, is wrong."""

    @property
    def calls(self) -> float:
        """Expected calls."""
        return sum(calls * chance for calls, chance in self.ends.items())

    def taken(self, least: int) -> tuple[float, float]:
        """Give the chances of a right and of a wrong answer that so many calls agree on."""
        groups = [pair for size, pair in self.agreed.items() if size >= least]
        return sum(right for right, _ in groups), sum(wrong for _, wrong in groups)


@lru_cache(maxsize=65536)
def vote(draws: Draws, rule: Rule, wrong_answers: int = 1) -> Ballot:
    """Add up all ways in which a vote can go."""
    states: dict[State, float] = {(0, ()): 1.0}
    right = 0.0
    ends: dict[int, float] = {}
    agreed: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for calls in range(1, rule.n + 1):
        states = _call(states, draws, calls - 1, wrong_answers)
        going: dict[State, float] = {}
        for state, chance in states.items():
            if not rule.stops(state, calls):
                going[state] = chance
                continue
            won = chance * _win(state)
            right += won
            ends[calls] = ends.get(calls, 0.0) + chance
            group = agreed[max((state[0], *state[1]))]
            group[0] += won
            group[1] += chance - won
        states = going
    return Ballot(right, ends, {size: (r, w) for size, (r, w) in sorted(agreed.items())})


def count_right(draws: Draws, n: int) -> list[float]:
    """Give the chances of 0, 1, ... n right answers among n calls."""
    chances = [1.0]
    for j in range(n):
        following = [0.0] * (j + 2)
        for k, chance in enumerate(chances):
            p = draws.chance(k, j)
            following[k + 1] += chance * p
            following[k] += chance * (1 - p)
        chances = following
    return chances


def _call(
    states: dict[State, float], draws: Draws, calls: int, wrong_answers: int
) -> dict[State, float]:
    """Make one more call from every state."""
    following: dict[State, float] = defaultdict(float)
    for (k, wrong), chance in states.items():
        p = draws.chance(k, calls)
        if p > 0:
            following[k + 1, wrong] += chance * p
        if p >= 1:
            continue
        part = chance * (1 - p) / wrong_answers
        for i in range(len(wrong)):
            grown = (*wrong[:i], wrong[i] + 1, *wrong[i + 1 :])
            following[k, tuple(sorted(grown, reverse=True))] += part
        if len(wrong) < wrong_answers:
            following[k, (*wrong, 1)] += part * (wrong_answers - len(wrong))
    return following


def _lead(state: State) -> tuple[int, int]:
    """Give the sizes of the two largest groups."""
    groups = sorted((state[0], *state[1], 0, 0), reverse=True)
    return groups[0], groups[1]


def _win(state: State) -> float:
    """Give the chance that the right answer wins, ties broken at random."""
    k, wrong = state
    top = wrong[0] if wrong else 0
    if k != top:
        return 1.0 if k > top else 0.0
    return 1.0 / (1 + sum(1 for count in wrong if count == top))

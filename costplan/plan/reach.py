"""From which ceiling to which each option of a class is in its mix, found by solving again."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from costplan.plan.binding import Held
from costplan.plan.case import Case
from costplan.plan.insight import Reach
from costplan.plan.solving import Solved
from costplan.plan.worth import Needed, read_solved, solve_at

GRID = 20
"""Ceilings that are looked at first."""
ABOVE = 4
"""How far above the stated ceiling is looked, as a multiple."""
FINE = 1.002
"""Ratio of two ceilings between which a change is not narrowed down further."""
DIGITS = 4
"""Leading digits to which a found ceiling is kept."""
SECONDS = 8.0
"""Seconds after which the bounds stay as they are found."""


@dataclass(frozen=True, slots=True)
class _Sample:
    """The options of the class at one ceiling."""

    planned: Decimal
    """What is planned with."""
    stated: Decimal
    """The ceiling to state for it."""
    options: tuple[str, ...]


def choose_ceiling(solved: Solved, held: Held) -> str | None:
    """Choose the ceiling to move: the dearest that binds the class, else dollars or latency."""
    from costplan.solve.limits import whole_limits

    names = [name for name in whole_limits(solved.problem) if not name.startswith("pools.")]
    binding = [c.name for c in held.binding if c.name in names and c.price_up]
    for name in ("usd", *binding, *names):
        if name in binding:
            return name
    return next((name for name in ("usd", "mean_latency_s") if name in names), None)


def trace_reach(case: Case, solved: Solved, c: int, name: str, z: float) -> tuple[Reach, ...]:
    """Move a ceiling from the least that works upwards, and see what class c takes.

    Bounds are those to state: dollars include the margin. They are within 0.2 %, or as near as the
    time allowed.
    """
    from costplan.solve.limits import value_of

    here = read_solved(case, solved, z)
    own = value_of(solved.problem, name)
    tracer = _Tracer(case, solved, c, name, z)
    samples = {own: tracer.read(own, here)}
    low = tracer.least()
    high = own * ABOVE
    if name.endswith("share"):
        high = Decimal(1)
    if low is not None and 0 < low < high:
        steps = [low * (high / low) ** (Decimal(i) / (GRID - 1)) for i in range(1, GRID - 1)]
        for planned in (low, *steps, high):
            tracer.add(samples, planned)
    tracer.refine(samples)
    return tuple(_join(sorted(samples.values(), key=lambda s: s.planned), tracer))


@dataclass(slots=True)
class _Tracer:
    case: Case
    solved: Solved
    c: int
    name: str
    z: float
    end_s: float = 0.0

    def __post_init__(self) -> None:
        self.end_s = time.monotonic() + SECONDS

    @property
    def key(self) -> str:
        return self.case.classes[self.c].key

    def least(self) -> Decimal | None:
        """Find the least of the ceiling that leaves a plan."""
        from costplan.solve.least import least_of

        if self.name.endswith("min_share") or self.name.startswith("target"):
            return None
        least = least_of(self.solved.problem, self.name)
        return None if least is None else max(least, Decimal("1e-6"))

    def read(self, planned: Decimal, needed: Needed) -> _Sample:
        options = self.case.classes[self.c].options
        names = tuple(options[p].name for p, share in needed.allocation.picks[self.c] if share > 0)
        stated = planned
        if self.name == "usd" and needed.usd > 0:
            stated = planned * needed.ceiling / needed.usd
        return _Sample(planned, stated, names)

    def add(self, samples: dict[Decimal, _Sample], planned: Decimal) -> None:
        if planned in samples or time.monotonic() > self.end_s:
            return
        found = solve_at(self.case, self.solved.problem, (self.name, planned), self.z)
        if found is not None:
            samples[planned] = self.read(planned, found)

    def refine(self, samples: dict[Decimal, _Sample]) -> None:
        """Halve the widest gap between two ceilings with different options, while time lasts."""
        while time.monotonic() < self.end_s:
            gaps = [
                (high / low, low, high)
                for low, high in itertools.pairwise(sorted(samples))
                if set(samples[low].options) != set(samples[high].options)
            ]
            wide = max(gaps, default=(Decimal(1), Decimal(0), Decimal(0)))
            middle = (wide[1] * wide[2]).sqrt()
            if float(wide[0]) < FINE or middle in samples:
                return
            before = len(samples)
            self.add(samples, middle)
            if len(samples) == before:
                return


def _join(samples: Sequence[_Sample], tracer: _Tracer) -> list[Reach]:
    groups = [
        list(group) for _, group in itertools.groupby(samples, key=lambda s: frozenset(s.options))
    ]
    if len(groups) > 1 and float(groups[1][0].planned / groups[0][0].planned) < FINE:
        # The least amount alone may need one option that the first cent above it does not.
        groups = [[groups[0][0], *groups[1]], *groups[2:]]
    found = []
    for i, group in enumerate(groups):
        low = _round(group[0].stated, up=True)
        last = i == len(groups) - 1
        found.append(
            Reach(
                task_class=tracer.key,
                ceiling=tracer.name,
                low=low,
                high=None if last else _round(groups[i + 1][0].stated, up=False),
                options=group[-1].options,
            )
        )
    return found


def _round(amount: Decimal, *, up: bool) -> Decimal:
    place = amount.adjusted() - DIGITS + 1
    mode = ROUND_CEILING if up else ROUND_FLOOR
    return amount.quantize(Decimal(1).scaleb(place), rounding=mode) + Decimal(0)

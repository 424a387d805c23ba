"""Whether policies keep on one half of the questions what they promise from the other.

*chosen*: what `auto` proposes from the planning half, so that luck had its say in the choice;
*any*: every vote and best-of that the samples allow, chosen or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING

from costplan.domain.outcomes import Outcomes
from costplan.domain.policy import Auto, Policy
from costplan.plan.backtest_halves import Half, Halves

if TYPE_CHECKING:
    from costplan.policies.estimate import PolicyEstimate

LEVELS = (0.8, 0.95)
"""How sure the intervals are to be."""
MOST = 8
"""Proposals of a class that are judged."""
SIZES = (3, 5, 9)
"""Calls of the votes and best-ofs that are judged."""

Watch = Callable[[Iterable[int]], Iterable[int]]
_Key = tuple[str, bool]


@dataclass(frozen=True, slots=True)
class Promise:
    """How policies of a kind kept their promise; accuracies are means over those judged."""

    kind: str
    """"vote", "best_of", "cascade" or "route"."""
    chosen: bool
    """Whether `auto` proposed them; else every one that the samples allow."""
    judged: int
    """Promises judged: policies times halves."""
    forecast: float
    """Accuracy promised."""
    realised: float
    """Accuracy on the questions not seen."""
    gain: float | None
    """Realised accuracy over the best mix of single settings at the same dollars, as they too came
    out on the questions not seen; None where it was not compared."""
    held_80: float
    """Share of 80 % intervals that held what the other half showed."""
    held_95: float
    """The same for 95 %."""

    @property
    def gap(self) -> float:
        """Forecast minus realised."""
        return self.forecast - self.realised


@dataclass(slots=True)
class _Tally:
    forecast: list[float] = field(default_factory=list)
    realised: list[float] = field(default_factory=list)
    held: list[tuple[bool, ...]] = field(default_factory=list)
    gain: list[float] = field(default_factory=list)


def judge_promises(
    outcomes: Outcomes, splits: int, seed: int = 0, *, watch: Watch = iter
) -> tuple[Promise, ...]:
    """Judge every policy that half of the questions suggest on the other half, many times.

    By kind, chosen ones first. InputError where no class has questions enough.
    """
    halves = Halves.of(outcomes, seed)
    found: dict[_Key, _Tally] = {}
    for _ in watch(range(splits)):
        for half in halves.draw():
            for c in range(len(halves.tables)):
                for chosen, policy, told in _promise(halves, half, c):
                    _judge(halves, half, c, found, (policy.kind, chosen), policy, told)
    order = sorted(found.items(), key=lambda item: (not item[0][1], item[0]))
    return tuple(
        Promise(
            kind=kind,
            chosen=chosen,
            judged=len(tally.held),
            forecast=fmean(tally.forecast),
            realised=fmean(tally.realised),
            gain=fmean(tally.gain) if tally.gain else None,
            held_80=fmean(held[0] for held in tally.held),
            held_95=fmean(held[1] for held in tally.held),
        )
        for (kind, chosen), tally in order
    )


def _promise(halves: Halves, half: Half, c: int) -> Iterator[tuple[bool, Policy, PolicyEstimate]]:
    """List policies with what the planning half promises of them."""
    from costplan.policies.evaluate import evaluate
    from costplan.policies.facts import NotMeasured
    from costplan.policies.propose import find_policies

    evidence = halves.believe(half, c, LEVELS[0])
    for policy, estimate in find_policies(Auto(most=MOST), evidence):
        yield True, policy, estimate
    for policy in _list_repeated(half, c):
        try:
            yield False, policy, evaluate(policy, evidence)
        except NotMeasured:
            continue


def _list_repeated(half: Half, c: int) -> Iterator[Policy]:
    """List the votes and best-ofs that the samples allow."""
    most = half.seen[c].count.max(axis=0)
    for m, samples in enumerate(most.tolist()):
        for n in SIZES:
            if n <= samples:
                yield Policy.model_validate({"vote": {"option": str(m), "n": n}})
                best = {"option": str(m), "n": n, "check": {"kind": "test"}}
                yield Policy.model_validate({"best_of": best})


def _judge(
    halves: Halves,
    half: Half,
    c: int,
    found: dict[_Key, _Tally],
    key: _Key,
    policy: Policy,
    told: PolicyEstimate,
) -> None:
    """Play a policy on the held half, and compare."""
    from costplan.policies.estimate import Trust, between
    from costplan.policies.facts import NotMeasured
    from costplan.policies.unseen import mix_unseen, play_unseen

    try:
        real, usd = play_unseen(policy, halves.name(half.seen[c]), halves.name(half.held[c]))
    except NotMeasured:
        return
    tally = found.setdefault(key, _Tally())
    tally.forecast.append(told.accuracy.mean)
    tally.realised.append(real)
    ends = [
        between(told.accuracy.mean, told.sd, Trust(level, 1.0), told.accuracy.grade)
        for level in LEVELS
    ]
    tally.held.append(tuple(end.low <= real <= end.high for end in ends))
    mixed = mix_unseen(halves.believe(half, c, LEVELS[0]), halves.name(half.held[c]), usd)
    if key[1] and mixed is not None:
        tally.gain.append(real - mixed)

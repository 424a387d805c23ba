"""A cascade walked question by question: who is reached, what comes out, what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np  # noqa: TID253 - this room is about arrays

from costplan.domain.policy import Check
from costplan.policies.facts import Facts, judge_anew
from costplan.policies.picking import Rates
from costplan.policies.points import Points, mix
from costplan.policies.table import Array


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """What comes out of every question; arrays are (Q,) or (K, Q)."""

    right: Array
    """Chance that the answer given is right."""
    reach: Array
    """Chance that a stage is reached, (K, Q)."""
    ends: Array
    """Chance that a stage gives the answer, (K, Q)."""
    usd: Array
    """Expected dollars; NaN unknown."""
    calls: Array
    """Expected calls."""

    @staticmethod
    def sum(parts: Sequence[tuple[float, Walk]]) -> Walk:
        """Add walks up by weights."""
        fields = ("right", "reach", "ends", "usd", "calls")
        return Walk(**{f: sum(w * getattr(walk, f) for w, walk in parts) for f in fields})


def walk(stages: Sequence[Facts], checks: Sequence[Check]) -> Walk:
    """Walk a cascade; verdicts that repeat on a question are added up case by case."""
    parts = [(weight, _walk_once(case)) for weight, case in _list_cases(stages, checks)]
    return parts[0][1] if len(parts) == 1 else Walk.sum(parts)


def _list_cases(
    stages: Sequence[Facts], checks: Sequence[Check]
) -> list[tuple[float, Sequence[Facts]]]:
    """List the cases of verdicts that repeat on a question, with their chances.

    Only steps with the very same check share a verdict.
    """
    cases: list[tuple[float, Sequence[Facts]]] = [(1.0, stages)]
    for judge in dict.fromkeys(check for check in checks if check.repeats > 0):
        rates = Rates(float(judge.false_accept or 0), float(judge.false_reject or 0))
        cases = [
            (weight * chance, _judge_again(case, checks, judge, mood))
            for weight, case in cases
            for chance, mood in rates.moods(float(judge.repeats))
        ]
    return cases


def _judge_again(
    stages: Sequence[Facts], checks: Sequence[Check], judge: Check, rates: Rates
) -> list[Facts]:
    return [
        judge_anew(stage, rates.false_accept, rates.false_reject)
        if k < len(checks) and checks[k] == judge
        else stage
        for k, stage in enumerate(stages)
    ]


def _walk_once(stages: Sequence[Facts]) -> Walk:
    size = len(stages[0].right)
    reach, ends = [], []
    here = np.ones(size)
    right, usd, calls = np.zeros(size), np.zeros(size), np.zeros(size)
    for k, stage in enumerate(stages):
        reach.append(here)
        usd = usd + np.where(here > 0, here * stage.usd, 0.0)
        calls = calls + here * stage.calls
        if k == len(stages) - 1:
            right = right + here * stage.right
            ends.append(here)
            break
        right = right + here * stage.taken_right
        ends.append(here * (1 - stage.turned_down))
        here = here * stage.turned_down
    return Walk(right, np.array(reach), np.array(ends), usd, calls)


def time_paths(stages: Sequence[Facts], ends: Array) -> list[Points | None] | None:
    """Give the seconds of the requests that end at each stage; None where a time is unknown."""
    if any(stage.seconds is None for stage in stages):
        return None
    paths: list[Points | None] = []
    so_far: list[Points] = []
    for k, stage in enumerate(stages):
        seconds = stage.seconds or ()
        so_far = (
            list(seconds) if k == 0 else [a.then(b) for a, b in zip(so_far, seconds, strict=True)]
        )
        paths.append(mix(zip(ends[k].tolist(), so_far, strict=True)))
    return paths

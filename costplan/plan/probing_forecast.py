"""What a probe would do, before it spends anything: the same rule on answers drawn from belief."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from costplan.plan.probing_costs import Costs, expect_costs
from costplan.plan.probing_run import Live, decide, first_steps, left_to_gain, think
from costplan.plan.probing_update import update_beliefs
from costplan.probe.schedule import Posterior, Step, root_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

RUNS = 8
"""Runs that are drawn."""
FEW_RUNS = 3
"""Runs of a large probe, where each takes seconds."""
LARGE = 40
"""Candidates of all classes from which a probe is large."""
MOST_ROUNDS = 200
OFTEN = 3
"""Rounds after each of which a drawn probe makes the plan again."""
SELDOM = 4
"""Rounds in which it does so once thereafter: the plan moves little, and making it takes long."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a probe would ask, cost and bring."""

    first_calls: int
    """Calls of the first round."""
    first_usd: float
    """Dollars that they are expected to cost."""
    first_worst_usd: Decimal
    """Most that they can cost."""
    calls: tuple[float, float, float]
    """Calls of the whole probe: mean, fewest and most of the runs drawn."""
    usd: tuple[float, float, float]
    """Dollars of the whole probe: mean, least and most of the runs drawn."""
    worst_usd: Decimal
    """Most that the calls of the dearest run can cost; the limit is kept all the same."""
    gain_before: float
    """Accuracy that knowing everything would bring today."""
    gain_after: float
    """Accuracy that it would still bring afterwards, mean."""
    sure_before: float
    """Chance that the option that takes most of a class is its best, at the weakest class."""
    sure_after: float
    """The same afterwards, mean."""
    settled: float
    """Part of the runs in which the plan is settled within the limit."""
    runs: int
    """Runs that were drawn."""


def forecast(
    live: Live,
    max_usd: Decimal | None,
    tolerance: float,
    *,
    grid: bool = False,
    told: Callable[[int, int], None] = lambda done, whole: None,
) -> Forecast:
    """Draw whole probes from what is believed; live is left as it is.

    told gets how many of how many are drawn, 0 at the begin.
    """
    costs = expect_costs(live.stage, live.lineup)
    steps = first_steps(live, 10**9) if grid else first_steps(live)
    calls, usd, worst = _price(live, steps, costs.worst_usd)
    scratch = _copy(live)
    think(scratch, [], tolerance)
    assert scratch.advice is not None
    before, sure = left_to_gain(scratch), scratch.advice.weakest
    limit = math.inf if max_usd is None else float(max_usd)
    count = FEW_RUNS if int(live.candidates.sum()) > LARGE else RUNS
    runs: list[_Run] = []
    for seed in range(count):
        told(seed, count)
        runs.append(_draw(live, costs, limit, tolerance, grid=grid, seed=seed))
    spent = [run.usd for run in runs]
    asked = [float(run.calls) for run in runs]
    return Forecast(
        first_calls=calls,
        first_usd=usd,
        first_worst_usd=worst,
        calls=_sum_up(asked),
        usd=_sum_up(spent),
        worst_usd=max(run.worst_usd for run in runs),
        gain_before=before,
        gain_after=sum(run.gain for run in runs) / len(runs),
        sure_before=sure,
        sure_after=sum(run.sure for run in runs) / len(runs),
        settled=sum(run.settled for run in runs) / len(runs),
        runs=len(runs),
    )


def _sum_up(drawn: list[float]) -> tuple[float, float, float]:
    """Mean, least and most; rounding keeps the mean between them."""
    low, high = min(drawn), max(drawn)
    return min(max(sum(drawn) / len(drawn), low), high), low, high


@dataclass(frozen=True, slots=True)
class _Run:
    calls: int
    usd: float
    worst_usd: Decimal
    gain: float
    sure: float
    settled: bool


def _copy(live: Live) -> Live:
    """Begin again from nothing asked."""
    return replace(
        live, reached=live.reached * 0, closed=live.closed.copy(), kept={}, round=0, advice=None
    )


def _price(
    live: Live, steps: tuple[Step, ...], worst: tuple[tuple[Decimal, ...], ...]
) -> tuple[int, float, Decimal]:
    """Count and price the calls of steps: expected and at worst."""
    calls, usd, most = 0, 0.0, Decimal(0)
    for step in steps:
        c = step.class_index
        for m, up_to in step.up_to:
            more = int(up_to - live.reached[c, m])
            calls += more
            usd += more * float(live.ask_usd[c, m])
            most += more * worst[c][m]
    return calls, usd, most


def _draw(
    live: Live, costs: Costs, limit: float, tolerance: float, *, grid: bool, seed: int
) -> _Run:
    """Draw what is true from what is believed, and run the rule on answers drawn from that."""
    import numpy as np

    rng = np.random.default_rng([live.stage.case.workload.seed, seed])
    assert live.believed is not None
    truth = _true_accuracies(live.believed.posterior, rng)
    run = _copy(live)
    n, right = np.zeros(truth.shape), np.zeros(truth.shape)
    calls, spent, most = 0, 0.0, Decimal(0)
    steps = first_steps(run, 10**9) if grid else first_steps(run)
    while steps and run.round < MOST_ROUNDS and spent < limit:
        run.round += 1
        more, usd, worst = _price(run, steps, costs.worst_usd)
        calls, spent, most = calls + more, spent + usd, most + worst
        for step in steps:
            _answer(run, step, truth, rng, n, right)
        believed = update_beliefs(live.believed, n, right)
        again = run.round <= OFTEN or run.round % SELDOM == 0
        decide(run, believed, 0.0 if grid else tolerance, again=again)
        steps = () if grid or run.advice is None else run.advice.steps
    assert run.advice is not None
    settled = left_to_gain(run) < tolerance and spent <= limit
    return _Run(calls, min(spent, limit), most, left_to_gain(run), run.advice.weakest, settled)


def _true_accuracies(posterior: Posterior, rng: np.random.Generator) -> Array:
    import numpy as np

    found = np.zeros_like(posterior.logit)
    for c in range(len(found)):
        noise = rng.standard_normal(found.shape[1])
        found[c] = posterior.logit[c] + root_of(posterior.covariance[c]) @ noise
    return np.asarray(1 / (1 + np.exp(-found)))


def _answer(
    live: Live, step: Step, truth: Array, rng: np.random.Generator, n: Array, right: Array
) -> None:
    """Draw the answers of a step, and count them and how far it went."""
    c = step.class_index
    for m, up_to in step.up_to:
        more = max(up_to - int(live.reached[c, m]), 0)
        n[c, m] += more
        right[c, m] += rng.binomial(more, truth[c, m])
        live.reached[c, m] = up_to

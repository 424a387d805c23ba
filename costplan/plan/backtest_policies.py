"""What cascades bring out of sample: planned on half of the questions, judged on the other half.

Every pair of settings is an option of its class, with a check whose errors are stated. Plans with
and without them fill the same ceilings, of forecast dollars without a margin; what they bring is
read on questions that neither has seen, where the check errs at its rates. Each cascade that a plan
takes is also judged alone: does its own interval hold what the other half shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from costplan.domain.outcomes import Outcomes
from costplan.plan.backtest_fill import Ladder
from costplan.plan.backtest_halves import Half, Halves

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from costplan.policies.picking import Rates
    from costplan.policies.table import Table

    Array = NDArray[np.float64]

CONFIDENCE = 0.9
"""How sure the intervals of single cascades are to be."""


@dataclass(frozen=True, slots=True)
class CheckTried:
    """A check as it is tried."""

    error: float
    """Share of right and of wrong answers that it judges wrongly, 0 to 1."""
    price: float = 0.0
    """Dollars of one check over the best single option's per question."""
    hardness: float = 0.0
    """How much likelier it takes wrong answers to hard questions than planned, as
    `Check.hardness`: plans do not know it."""


@dataclass(frozen=True, slots=True)
class CascadeResult:
    """What cascades brought with a check at a ceiling; means over the halves with both plans."""

    check: CheckTried
    """The check."""
    fraction: float
    """Ceiling as a fraction of the best single option's cost per question."""
    planned: int
    """Halves in which both plans met the ceiling; without any, the means are None."""
    single: float | None
    """Accuracy of single settings on the questions not seen."""
    cascades: float | None
    """Accuracy with cascades too."""
    forecast: float | None
    """The same as forecast."""
    gain_sd: float | None
    """Standard deviation of the gain between halves."""
    taken: int
    """Cascades taken by plans and judged alone."""
    covered: float | None
    """Share of them whose 90 % interval held what the other half showed."""

    @property
    def gain(self) -> float | None:
        """Accuracy that cascades add on questions not seen."""
        return None if self.single is None or self.cascades is None else self.cascades - self.single

    @property
    def gap(self) -> float | None:
        """Forecast minus realised."""
        if self.forecast is None or self.cascades is None:
            return None
        return self.forecast - self.cascades


@dataclass(frozen=True, slots=True)
class CascadeBacktest:
    """Cascades against single settings, out of sample."""

    dataset: str
    """Names of the datasets, joined by " + "."""
    splits: int
    """Times the questions were halved; each half planned once and judged once."""
    seed: int
    """Seed of the halves."""
    classes: int
    """Classes judged; those of fewer than 8 questions are left out."""
    options: int
    """Settings."""
    questions: int
    """Questions of these classes."""
    results: tuple[CascadeResult, ...]
    """By check, then by ceiling."""

    @property
    def checks(self) -> tuple[CheckTried, ...]:
        """Checks tried, in order."""
        return tuple(dict.fromkeys(result.check for result in self.results))

    def mean_gain(self, check: CheckTried) -> float | None:
        """Give the mean over the ceilings of what cascades add with a check; None without plans."""
        gains = [r.gain for r in self.results if r.check == check and r.gain is not None]
        return fmean(gains) if gains else None


Watch = Callable[[Iterable[int]], Iterable[int]]


def backtest_cascades(
    outcomes: Outcomes,
    checks: Sequence[CheckTried],
    fractions: Sequence[float],
    splits: int,
    seed: int = 0,
    *,
    watch: Watch = iter,
) -> CascadeBacktest:
    """Plan with and without cascades on half of the questions, many times, and judge on the rest.

    InputError where no class has questions enough or no setting was asked in every class.
    """
    halves = Halves.of(outcomes, seed)
    found: dict[tuple[CheckTried, float], _Tally] = {
        (check, fraction): _Tally() for check in checks for fraction in fractions
    }
    for _ in watch(range(splits)):
        for half in halves.draw():
            for check in checks:
                _judge(halves, half, check, fractions, found)
    return CascadeBacktest(
        dataset=" + ".join(outcomes.dataset.names),
        splits=splits,
        seed=seed,
        classes=len(halves.tables),
        options=len(halves.answers.options),
        questions=sum(len(table.questions) for table in halves.tables),
        results=tuple(tally.sum_up(*key) for key, tally in found.items()),
    )


@dataclass(slots=True)
class _Tally:
    """What the halves showed at one check and ceiling."""

    single: list[float] = field(default_factory=list)
    cascades: list[float] = field(default_factory=list)
    forecast: list[float] = field(default_factory=list)
    held: list[bool] = field(default_factory=list)

    def sum_up(self, check: CheckTried, fraction: float) -> CascadeResult:
        """Average."""
        gains = [a - b for a, b in zip(self.cascades, self.single, strict=True)]
        return CascadeResult(
            check=check,
            fraction=fraction,
            planned=len(gains),
            single=fmean(self.single) if gains else None,
            cascades=fmean(self.cascades) if gains else None,
            forecast=fmean(self.forecast) if gains else None,
            gain_sd=stdev(gains) if len(gains) > 1 else None,
            taken=len(self.held),
            covered=fmean(self.held) if self.held else None,
        )


def _judge(
    halves: Halves,
    half: Half,
    check: CheckTried,
    fractions: Sequence[float],
    found: dict[tuple[CheckTried, float], _Tally],
) -> None:
    """Plan on one half with and without cascades, and judge both on the other."""
    import numpy as np

    unit = _best_single_usd(halves, half)
    if unit is None:
        return
    gain, usd, may, right = _lay_pairs(halves, half, check, unit)
    alone = may & (np.arange(may.shape[1]) < len(halves.answers.options))
    single, both = (Ladder(gain, usd, which, halves.weights) for which in (alone, may))
    for fraction in fractions:
        before, after = single.fill(fraction * unit), both.fill(fraction * unit)
        if before is None or after is None:
            continue
        tally = found[check, fraction]
        tally.single.append(_weigh(halves, before * right))
        tally.cascades.append(_weigh(halves, after * right))
        tally.forecast.append(_weigh(halves, after * gain))
        tally.held += _judge_alone(halves, half, check, unit, after)


def _weigh(halves: Halves, shares: Array) -> float:
    return float(halves.weights @ shares.sum(axis=1))


def _best_single_usd(halves: Halves, half: Half) -> float | None:
    """Give the dollars per question of the setting that is best over all classes."""
    import numpy as np

    cells, usable = half.estimates.cells, half.estimates.usable[list(halves.places)]
    everywhere = np.flatnonzero(usable.all(axis=0))
    if not len(everywhere):
        return None
    rows = list(halves.places)
    raw = halves.weights @ cells.mean[rows][:, everywhere]
    usd = float(halves.weights @ cells.usd[rows][:, everywhere[raw.argmax()]])
    return usd if np.isfinite(usd) and usd > 0 else None


def _lay_pairs(
    halves: Halves, half: Half, check: CheckTried, unit: float
) -> tuple[Array, Array, NDArray[np.bool_], Array]:
    """Lay settings and all cascades of two out: belief, dollars, use, truth, (C, M + M M)."""
    import numpy as np

    from costplan.policies.joint import measure_dependence, pair_accuracies
    from costplan.policies.picking import Rates

    rates, rows = Rates(check.error, check.error), list(halves.places)
    mean, usd = half.estimates.mean[rows], half.estimates.cells.usd[rows]
    usable = half.estimates.usable[rows]
    gain, cost, may, right = [], [], [], []
    for c, (seen, held) in enumerate(zip(half.seen, half.held, strict=True)):
        pairs, _ = pair_accuracies(seen, mean[c], measure_dependence(seen), rates)
        _, paid = replay_pairs(seen, rates, check.price * unit)
        true, _ = replay_pairs(held, rates, check.price * unit, check.hardness)
        asked = (held.count > 0).sum(axis=0)
        alone = np.nansum(np.where(held.count > 0, held.score, 0.0), axis=0) / np.maximum(asked, 1)
        known = np.isfinite(usd[c]) & usable[c] & (asked > 0)
        two = known[:, None] & known & ~np.eye(len(known), dtype=bool)
        two &= np.isfinite(pairs) & np.isfinite(paid) & np.isfinite(true)
        gain.append(np.r_[mean[c], pairs.ravel()])
        cost.append(np.r_[usd[c], paid.ravel()])
        may.append(np.r_[known, two.ravel()])
        right.append(np.r_[alone, true.ravel()])
    laid = [np.nan_to_num(np.array(part)) for part in (gain, cost, right)]
    return laid[0], laid[1], np.array(may), laid[2]


def replay_pairs(
    table: Table, rates: Rates, check_usd: float, hardness: float = 0.0
) -> tuple[Array, Array]:
    """Replay all cascades of two question by question: accuracy and dollars, (M, M).

    NaN where no question was asked of both. hardness spreads false accepts as `Check.hardness`.
    """
    import numpy as np

    from costplan.domain.policy import Check
    from costplan.policies.facts import false_accepts

    score = np.where(table.count > 0, table.score, np.nan)
    size, r = score.shape[1], rates.false_reject
    accuracy, dollars = np.full((size, size), np.nan), np.full((size, size), np.nan)
    check = Check.model_validate(
        {"kind": "verifier", "false_accept": rates.false_accept, "false_reject": r}
        | {"hardness": hardness}
    )
    for i in range(size):
        first = score[:, [i]]
        asked = np.isfinite(first[:, 0])
        accept = np.full(first.shape, rates.false_accept)
        if hardness and asked.any():
            accept[asked, 0] = false_accepts(check, first[asked, 0], table.hardness[asked])
        n = (np.isfinite(first) & np.isfinite(score)).sum(axis=0)
        right = first * (1 - r) + first * r * score + (1 - first) * (1 - accept) * score
        down = first * r + (1 - first) * (1 - accept)
        spent = np.where(np.isfinite(score), table.usd[:, [i]] + check_usd + down * table.usd, 0.0)
        some = n > 0
        accuracy[i, some] = np.nansum(right, axis=0)[some] / n[some]
        dollars[i, some] = np.nansum(spent, axis=0)[some] / n[some]
    return accuracy, dollars


def _judge_alone(
    halves: Halves, half: Half, check: CheckTried, unit: float, shares: Array
) -> Iterator[bool]:
    """Tell of each cascade that a plan takes whether its interval holds what was not seen."""
    import numpy as np

    from costplan.domain.policy import Policy
    from costplan.policies.evaluate import evaluate
    from costplan.policies.facts import NotMeasured

    size = len(halves.answers.options)
    for c, place in zip(*np.nonzero(shares[:, size:] > 0), strict=True):
        first, second = divmod(int(place), size)
        stated = {"kind": "verifier", "false_accept": check.error, "false_reject": check.error}
        priced = stated | {"usd": round(check.price * unit, 12)}
        steps = [str(first), str(second)]
        promised = Policy.model_validate({"cascade": {"steps": steps, "check": priced}})
        # What comes true is replayed with the hardness that the plan does not know.
        true = priced | {"hardness": check.hardness}
        came = Policy.model_validate({"cascade": {"steps": steps, "check": true}})
        try:
            promise = evaluate(promised, halves.believe(half, int(c), CONFIDENCE))
            real = evaluate(came, halves.name(half.held[int(c)])).replayed
        except NotMeasured:
            continue
        yield promise.accuracy.low <= real <= promise.accuracy.high

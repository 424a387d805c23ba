"""One split of a backtest: plan on one part of the questions, judge on the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from costplan.domain.outcomes import Labels, Outcomes
from costplan.plan.backtest_fill import Ladder, fill_with_margin

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from costplan.evidence.cells import Answers, Cells
    from costplan.evidence.estimates import Estimates

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

FALL_BACK_SDS = 0.25
FALL_BACK_GAIN = 0.002
"""The class-blind mix is taken where class by class promises less than both."""
MONEY_GRID = 48


@dataclass(frozen=True, slots=True)
class Trial:
    """One plan at one ceiling, forecast and judged; accuracies are shares, NaN unknown."""

    split: int
    """Number of the split."""
    fraction: float
    """Ceiling as a fraction of the best single option's cost per question."""
    forecast: float
    """Accuracy forecast from the planning part."""
    realised: float
    """Accuracy on the held-out part."""
    inside_80: bool
    """Whether the realised accuracy lies in the 80 % interval."""
    inside_95: bool
    """Whether the realised accuracy lies in the 95 % interval."""
    over: float
    """Realised cost over the ceiling, as a fraction of the ceiling."""
    promised: bool
    """Whether the plan kept its cost margin; else it had warned that the ceiling may break."""
    fell_back: bool
    """Whether the plan took the class-blind mix."""
    unmargined: float
    """Accuracy realised by the same estimates without a cost margin."""
    naive_forecast: float
    """Accuracy that raw means promise."""
    naive_realised: float
    """Accuracy realised by planning on raw means without a margin."""
    naive_over: float
    """Realised cost of that plan over the ceiling."""
    best_single: float
    """Accuracy realised by the best single option within the ceiling."""
    mix: float
    """Accuracy realised by the best class-blind mix, raw means, without a margin."""
    mix_with_margin: float
    """Accuracy realised by such a mix that leaves the same room below its ceiling."""
    hindsight: float
    """Accuracy of the best class-by-class plan for the held-out part itself."""
    oracle: float
    """Accuracy when the best option could be chosen for each held-out question."""


@dataclass(frozen=True, slots=True)
class SplitResult:
    """What one split showed."""

    trials: tuple[Trial, ...]
    """One per ceiling that a plan can meet."""
    best_accuracy: float
    """Accuracy realised by the best single option of the planning part; NaN without one."""
    best_usd: float
    """Dollars per question it cost."""
    curve: Array
    """Realised (dollars, accuracy) of the plan along the budget, (MONEY_GRID, 2)."""


class Split:
    """The two parts of the questions, with everything that ceilings share."""

    def __init__(self, answers: Answers, planning: Mask, held: Mask, weights: Array) -> None:
        """Count and estimate; planning and held mark questions, weights are (C,)."""
        import numpy as np

        from costplan.evidence.cells import count_cells
        from costplan.evidence.estimates import estimate_cells

        self.weights = weights
        self.seen: Cells = count_cells(answers, planning)
        self.judge: Cells = count_cells(answers, held)
        self.estimates: Estimates = estimate_cells(self.seen)
        self.usable = self.estimates.usable & (self.judge.n > 0) & np.isfinite(self.judge.usd)
        self.feasible = bool(self.usable.any(1).all())
        if not self.feasible:
            return
        self.judge_usd = np.nan_to_num(self.judge.usd)
        self.everywhere = self.usable.all(0)
        self.by_class = Ladder(self.estimates.mean, self.seen.usd, self.usable, weights)
        self.naive = Ladder(self.seen.mean, self.seen.usd, self.usable, weights)
        self.hindsight = Ladder(self.judge.mean, self.judge.usd, self.usable, weights)
        self.raw = weights @ self.seen.mean
        self.usd = weights @ np.nan_to_num(self.seen.usd)
        self.mixes = self._mix(self.raw)
        self.estimated_mixes = self._mix(weights @ self.estimates.mean)
        self.oracle = _oracle(answers, held, weights)

    def _mix(self, gain: Array) -> Ladder | None:
        """Plan over the options that every class has, as if there were one class."""
        import numpy as np

        if not self.everywhere.any():
            return None
        return Ladder(gain[None], self.usd[None], np.atleast_2d(self.everywhere), np.ones(1))

    def blind(self, mixes: Ladder | None, budget: float) -> Array | None:
        """Give the shares (C, M) of the best class-blind mix."""
        import numpy as np

        shares = mixes.fill(budget) if mixes is not None else None
        return None if shares is None else np.repeat(shares, len(self.weights), axis=0)

    def read_usd(self, shares: Array) -> tuple[float, float]:
        """Give dollars per question and their standard deviation, as forecast."""
        from costplan.evidence.costs import plan_usd

        return plan_usd(shares, self.weights, self.seen, self.estimates.cv2, self.judge.questions)

    def realise(self, shares: Array | None) -> tuple[float, float]:
        """Give accuracy and dollars per question on the held-out part; NaN without a plan."""
        if shares is None:
            return float("nan"), float("nan")
        right = (shares * self.judge.mean).sum(1)
        usd = (shares * self.judge_usd).sum(1)
        return float(self.weights @ right), float(self.weights @ usd)

    def plan(self, ceiling: float, z: float) -> tuple[Array | None, bool, bool]:
        """Plan with the cost margin; tell whether it is kept and whether the mix was taken."""
        shares, promised = fill_with_margin(
            self.by_class.fill, self.read_usd, ceiling, z, self.by_class.base_usd
        )
        if shares is None or self.estimated_mixes is None:
            return shares, promised, False
        mixed, kept = fill_with_margin(
            lambda budget: self.blind(self.estimated_mixes, budget),
            self.read_usd,
            ceiling,
            z,
            self.estimated_mixes.base_usd,
        )
        if mixed is None or (promised and not kept):
            return shares, promised, False
        more = self.estimates.forecast(shares, self.weights, minus=mixed)
        if more.sd > 0 and more.mean < min(FALL_BACK_SDS * more.sd, FALL_BACK_GAIN):
            return mixed, kept, True
        return shares, promised, False

    def careful_mix(self, ceiling: float, z: float) -> Array | None:
        """Give the shares of the best class-blind mix that keeps the cost margin."""
        if self.mixes is None:
            return None
        return fill_with_margin(
            lambda budget: self.blind(self.mixes, budget),
            self.read_usd,
            ceiling,
            z,
            self.mixes.base_usd,
        )[0]

    def single(self, ceiling: float) -> Array | None:
        """Give the shares of the best single option within the ceiling."""
        import numpy as np

        fits = self.everywhere & (self.usd <= ceiling * (1 + 1e-12))
        if not fits.any():
            return None
        shares = np.zeros_like(self.seen.mean)
        shares[:, int(np.where(fits, self.raw, -1.0).argmax())] = 1.0
        return shares

    def trial(self, number: int, fraction: float, ceiling: float, z: float) -> Trial | None:
        """Plan at one ceiling and judge; None where no plan meets it."""
        shares, promised, fell_back = self.plan(ceiling, z)
        if shares is None:
            return None
        inside = []
        for confidence in (0.8, 0.95):
            forecast = self.estimates.forecast(
                shares,
                self.weights,
                confidence=confidence,
                future_questions=self.judge.questions,
            )
            inside.append((forecast.low, forecast.high))
        realised, usd = self.realise(shares)
        naive = self.naive.fill(ceiling)
        naive_realised, naive_usd = self.realise(naive)
        assert naive is not None
        return Trial(
            split=number,
            fraction=fraction,
            forecast=forecast.mean,
            realised=realised,
            inside_80=inside[0][0] <= realised <= inside[0][1],
            inside_95=inside[1][0] <= realised <= inside[1][1],
            over=usd / ceiling - 1,
            promised=promised,
            fell_back=fell_back,
            unmargined=self.realise(self.by_class.fill(ceiling))[0],
            naive_forecast=float(self.weights @ (naive * self.seen.mean).sum(1)),
            naive_realised=naive_realised,
            naive_over=naive_usd / ceiling - 1,
            best_single=self.realise(self.single(ceiling))[0],
            mix=self.realise(self.blind(self.mixes, ceiling))[0],
            mix_with_margin=self.realise(self.careful_mix(ceiling, z))[0],
            hindsight=self.realise(self.hindsight.fill(ceiling))[0],
            oracle=self.oracle.accuracy(ceiling),
        )

    def money_curve(self, top_usd: float) -> Array:
        """Give what the plan without margin realises along the budget, (MONEY_GRID, 2)."""
        import numpy as np

        low = self.by_class.base_usd
        start = max(low, 1e-4 * top_usd, 1e-300)
        out = np.empty((MONEY_GRID, 2))
        for i, budget in enumerate(np.geomspace(start, max(top_usd, start), MONEY_GRID)):
            accuracy, usd = self.realise(self.by_class.fill(max(float(budget), low)))
            out[i] = usd, accuracy
        return out


class _Oracle:
    """The best accuracy when every question may take its own option."""

    def __init__(self, base_usd: float, base: float, usd: Array, gain: Array) -> None:
        """Keep cumulative dollars and gains of the steps in order of slope."""
        self.base_usd, self.base, self.usd, self.gain = base_usd, base, usd, gain

    def accuracy(self, budget: float) -> float:
        """Give the accuracy within the budget; NaN when even the cheapest choices exceed it."""
        import numpy as np

        if budget < self.base_usd * (1 - 1e-12):
            return float("nan")
        if not len(self.usd):
            return self.base
        at = np.r_[self.base_usd, self.usd]
        return float(np.interp(budget, at, np.r_[self.base, self.gain]))


def _oracle(answers: Answers, held: Mask, weights: Array) -> _Oracle:
    """Find the steps of all held-out questions at once."""
    import numpy as np

    from costplan.solve.hull import steps_of, upper_hulls

    rows = held[answers.question] & np.isfinite(answers.usd)
    question, usd, gain = answers.question[rows], answers.usd[rows], answers.score[rows]
    members, first = np.unique(question, return_index=True)
    hulls = upper_hulls(usd, gain, np.append(first, len(question)).astype(np.int64))
    steps = steps_of(hulls)
    class_of = answers.class_of[members]
    weight = weights[class_of] / np.bincount(class_of, minlength=len(weights))[class_of]
    start = hulls.start[:-1]
    base_usd = float(weight @ hulls.weight[start])
    base = float(weight @ hulls.gain[start])
    mine = weight[np.searchsorted(hulls.start, steps.corner, side="right") - 1]
    spent = np.cumsum((hulls.weight[steps.corner + 1] - hulls.weight[steps.corner]) * mine)
    won = np.cumsum((hulls.gain[steps.corner + 1] - hulls.gain[steps.corner]) * mine)
    return _Oracle(base_usd, base, base_usd + spent, base + won)


def split_datasets(outcomes: Outcomes) -> list[Outcomes]:
    """Take a table apart by its datasets, in order of name."""
    import numpy as np

    parts = []
    for code, name in enumerate(outcomes.dataset.names):
        part = outcomes.take(np.flatnonzero(outcomes.dataset.codes == code))
        classes = {part.task_class.names[i] for i in set(part.task_class.codes.tolist())}
        notes = tuple(n for n in part.notes if not n.task_class or n.task_class in classes)
        parts.append(replace(part, dataset=Labels.of([name] * len(part)), notes=notes))
    return parts


def draw_splits(
    answers: Answers, splits: int, seed: int, folds: int, questions_per_class: int | None
) -> Iterator[tuple[Mask, Mask]]:
    """Draw planning and held-out questions, class by class, in canonical order.

    folds 2 draws independent halves; more rotate through the folds of one shuffle, then shuffle
    again. questions_per_class caps the planning part; the rest is held out.
    """
    import numpy as np

    members = [np.flatnonzero(answers.class_of == c) for c in range(len(answers.classes))]
    for number in range(splits):
        repeat, fold = (number, 0) if folds == 2 else divmod(number, folds)
        rng = np.random.default_rng([seed, repeat])
        planning = np.zeros(len(answers.class_of), dtype=np.bool_)
        for questions in members:
            shuffled = rng.permutation(questions)
            # Odd classes give the spare question to either part by turns of chance.
            offset = int(rng.integers(folds))
            part = (np.arange(len(shuffled)) + offset) % folds
            chosen = shuffled[part != fold]
            planning[chosen[:questions_per_class]] = True
        yield planning, ~planning

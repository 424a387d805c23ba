"""Which questions to ask next: where an answer can still change the plan.

The value of a class's option is v = p - price x k, with p its accuracy, k the dollars that the plan
would pay for it, and the price of a dollar taken from the slope of the frontier at the ceiling. A
class is worth asking about by the expected value of perfect information, EVPI = E max v - max E v,
over draws from the posterior (Howard, IEEE Trans. SSC 2, 1966); what n more answers bring of it
falls as 1 - sqrt(n / (n + more)).

Arrays are (C,) over classes and (C, M) over options; where the posterior comes from is the
caller's business.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from costplan.probe.frontier import Fill, dollar_price, expected_accuracy, fill

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Counts = NDArray[np.int64]
    Mask = NDArray[np.bool_]

FIRST_QUESTIONS = 4
"""Questions that every option is asked before anything is judged."""
DRAWS = 400
COVER = 0.7
"""Part of a class's gain that the options asked in a round must carry."""
TOP_SHARE = 0.25
"""Part of the classes, best first, that get a step in a round."""
EVEN_OPTIONS = 2.0
"""A class with M options keeps each of them at this many M-ths of the questions that even asking
would have come to for the same dollars."""
FEW_OPTIONS = 3
"""Where no class has more options in play little can be left out, and all are asked evenly."""
EVEN_PART = 4
"""A round of even asking brings a quarter more questions."""
SHORTFALL = 3.0
"""What a point of accuracy below a class's floor costs, in points."""
TOLERANCE = 0.003
"""Accuracy, 0 to 1, that perfect information may still be worth when the asking stops."""


@dataclass(frozen=True, slots=True)
class Posterior:
    """What is believed of every option of every class."""

    logit: Array
    """Means in logits, (C, M)."""
    covariance: Array
    """Covariances between the options of a class, (C, M, M)."""


class Estimator(Protocol):
    """Turns answers into beliefs."""

    def __call__(self, asked: Counts, score: Array) -> Posterior:
        """Estimate from the number of answers and their mean marks, both (C, M)."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What the plan is for."""

    weight: Array
    """Value of a right answer times requests, as a share of all classes; adds up to 1 where the
    arrays hold all of them, (C,)."""
    plan_usd: Array
    """Dollars per period when a class goes to an option wholly, (C, M)."""
    ceiling_usd: float
    """Most dollars per period; infinite where there is no ceiling."""
    may: Mask
    """Options that a class may take, (C, M)."""
    floor: Array | None = None
    """Accuracy that a class must reach, 0 where there is none, (C,)."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What has been asked and what asking costs."""

    asked: Counts
    """Questions answered, (C, M); an option is always asked the first ones of its class."""
    available: Counts
    """Questions that a class has, (C,)."""
    ask_usd: Array
    """Expected dollars of one question, (C, M)."""
    closed: Mask | None = None
    """Options that cannot be asked: known without asking, given up, or too dear, (C, M)."""

    def is_open(self, c: int, options: Sequence[int]) -> Mask:
        """Whether these options of a class can be asked."""
        import numpy as np

        if self.closed is None:
            return np.ones(len(options), bool)
        return np.asarray(~self.closed[c, list(options)])


@dataclass(frozen=True, slots=True)
class Step:
    """Ask options of a class until each has answered so many of its questions."""

    class_index: int
    up_to: tuple[tuple[int, int], ...]
    """Options, and how many of the class's first questions each has then answered."""
    usd: float
    """Expected dollars."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What to ask next, and how sure the plan is."""

    steps: tuple[Step, ...]
    """Best first; empty when nothing is worth asking or nothing is left to ask."""
    evpi: Array
    """Expected gain of knowing a class's accuracies, in accuracy of that class, (C,)."""
    best_share: Array
    """Probability that an option is the best of its class at this price of a dollar, (C, M)."""
    usd_price: float
    """Accuracy that a dollar buys at the ceiling; 0 where money does not bind."""
    shares: Array
    """The plan by today's estimates, (C, M)."""
    settled: bool
    """Whether perfect information would be worth less than the tolerance."""

    @property
    def weakest(self) -> float:
        """Smallest probability, over classes, that the option taken most is the best."""
        main = self.shares.argmax(1)
        return float(self.best_share[range(len(main)), main].min())


def first_steps(aim: Aim, asking: Asking, questions: int = FIRST_QUESTIONS) -> tuple[Step, ...]:
    """Ask every option of every class the first questions."""
    steps = []
    for c in range(len(asking.available)):
        count = min(questions, int(asking.available[c]))
        options = [int(m) for m in aim.may[c].nonzero()[0] if asking.asked[c, m] < count]
        open_ = asking.is_open(c, options)
        behind = [m for m, there in zip(options, open_, strict=True) if there]
        if behind:
            missing = count - asking.asked[c, behind]
            usd = float((missing * asking.ask_usd[c, behind]).sum())
            steps.append(Step(c, tuple((m, count) for m in behind), usd))
    return tuple(steps)


def advise(
    posterior: Posterior,
    aim: Aim,
    asking: Asking,
    *,
    tolerance: float = TOLERANCE,
    seed: int = 0,
    plan: Fill | None = None,
) -> Advice:
    """Say what to ask next; the same inputs give the same advice.

    Options are never dropped for good: each round looks at all of them again. plan is today's best
    plan, where the caller knows it better than the ceiling in dollars alone tells.
    """
    import numpy as np

    accuracy = expected_accuracy(posterior.logit, posterior.covariance)
    accuracy = np.where(aim.may, accuracy - _shortfall(accuracy, aim.floor), -np.inf)
    if plan is None:
        value = aim.weight[:, None] * accuracy
        plan = fill(value, aim.plan_usd, aim.may, aim.ceiling_usd)
    price = dollar_price(plan)
    # in accuracy of the class itself, so that a class without weight divides by nothing
    weight = np.maximum(aim.weight, 1e-12)[:, None]
    cost = np.where(aim.may, price * aim.plan_usd / weight, 0.0)
    gain, best_share = _information(posterior, cost, aim, seed)
    evpi = gain.sum(1)
    steps = _steps(aim.weight[:, None] * gain, plan.shares, accuracy - cost, asking)
    askable = sorted({step.class_index for step in steps})
    settled = bool((aim.weight * evpi)[askable].sum() < tolerance)
    top = max(1, -int(-len(evpi) * TOP_SHARE // 1))
    chosen = () if settled else _with_laggards(steps[:top], aim, asking)
    return Advice(chosen, evpi, best_share, price, plan.shares, settled)


def foresee(posterior: Posterior, more: Counts) -> Posterior:
    """Say how sure so many more answers, (C, M), would make, whatever they are.

    Means stay what they are expected to be; an answer is a measurement of its logit with variance
    1 / p(1 - p).
    """
    import numpy as np

    p = expected_accuracy(posterior.logit, posterior.covariance)
    covariance = posterior.covariance.copy()
    for c in np.flatnonzero(more.any(1)):
        at = np.flatnonzero(more[c])
        rows = covariance[c][at]
        noise = 1 / (more[c, at] * p[c, at] * (1 - p[c, at]))
        covariance[c] -= rows.T @ np.linalg.solve(rows[:, at] + np.diag(noise), rows)
    return Posterior(posterior.logit, covariance)


def _shortfall(accuracy: Array, floor: Array | None) -> Array | float:
    """Count what an option lacks to its class's floor, so that nearness to it is worth knowing."""
    import numpy as np

    if floor is None:
        return 0.0
    return np.asarray(SHORTFALL * np.maximum(floor[:, None] - accuracy, 0.0))


def _information(posterior: Posterior, cost: Array, aim: Aim, seed: int) -> tuple[Array, Array]:
    """Give what knowing would gain, by the option it would lead to, and who is best; both (C, M).

    The gains of a class add up to its EVPI.
    """
    import numpy as np

    may = aim.may
    classes, options = may.shape
    normal = np.random.default_rng(seed).standard_normal((DRAWS // 2, options))
    normal = np.concatenate([normal, -normal])  # antithetic: half the noise
    gain, share = np.zeros((classes, options)), np.zeros((classes, options))
    for c in range(classes):
        at = np.flatnonzero(may[c])
        if not len(at):
            continue
        # the noise of an option is its own column's, whichever others are in play beside it
        root = root_of(posterior.covariance[c][np.ix_(at, at)])
        drawn = posterior.logit[c, at] + normal[:, at] @ root.T
        accuracy = 1 / (1 + np.exp(-drawn))
        if aim.floor is not None:
            accuracy = accuracy - _shortfall(accuracy, np.full(len(drawn), aim.floor[c]))
        value = accuracy - cost[c, at]
        best = value.argmax(1)
        better = value[np.arange(len(value)), best] - value[:, value.mean(0).argmax()]
        gain[c, at] = np.bincount(best, better, minlength=len(at)) / len(value)
        share[c, at] = np.bincount(best, minlength=len(at)) / len(value)
    return gain, share


def root_of(covariance: Array) -> Array:
    """Give a matrix R with R R' = covariance, (M, M); what is not positive counts as 0."""
    import numpy as np

    scale = max(float(np.diagonal(covariance).max(initial=0.0)), 1e-12)
    try:
        return np.asarray(np.linalg.cholesky(covariance + 1e-9 * scale * np.eye(len(covariance))))
    except np.linalg.LinAlgError:  # ten times slower, for matrices that rounding has bent
        level, vectors = np.linalg.eigh(covariance)
        return np.asarray(vectors * np.sqrt(np.maximum(level, 0.0)))


def _steps(gain: Array, shares: Array, value: Array, asking: Asking) -> tuple[Step, ...]:
    """Give the classes that have questions left steps, most expected gain per dollar first.

    A class whose challengers have answered everything waits; the others of its options are asked
    when no class has a challenger left.
    """
    import numpy as np

    everyone = range(gain.shape[1])
    able = np.array([asking.is_open(c, everyone) for c in range(len(gain))])
    left = able & (asking.asked < asking.available[:, None])
    for useful in (gain, np.where(left, gain, 0.0)):
        steps = [
            (-gain[c].sum() * learnt / max(step.usd, 1e-12), c, step)
            for c in range(len(gain))
            if useful[c].sum() > 0
            for step, learnt in _step(c, useful[c], shares[c], value[c], left[c], asking)
        ]
        if steps:
            return tuple(step for _, _, step in sorted(steps, key=lambda entry: entry[:2]))
    return ()


def _with_laggards(steps: Sequence[Step], aim: Aim, asking: Asking) -> tuple[Step, ...]:
    """Bring along what lags far behind even asking for the same dollars.

    Beliefs from few answers may be wrong in ways that they cannot tell. With M options in play
    none falls below 2/M of the questions that even asking would have come to, so that even asking
    is never better than by M/2; where no class has more than three, it is what is done.
    """
    import numpy as np

    reach = asking.asked.copy()
    for step in steps:
        for m, up_to in step.up_to:
            reach[step.class_index, m] = up_to
    playing = aim.may & (reach > 0)
    if asking.closed is not None:
        playing &= ~asking.closed
    if not steps or not playing.any():
        return tuple(steps)
    count = np.maximum(playing.sum(1), 1)
    if count.max() <= FEW_OPTIONS:
        left = playing & (asking.asked < asking.available[:, None])
        behind = int(asking.asked[left].min(initial=int(asking.available.max())))
        reach = asking.asked
        even = max(_even_questions(reach, playing, asking), behind + max(2.0, behind / EVEN_PART))
        part = np.ones(len(count))
    else:
        even = _even_questions(reach, playing, asking)
        part = np.minimum(1.0, EVEN_OPTIONS / count)
    least = np.minimum((part * even + 1e-9).astype(np.int64), asking.available)
    late = playing & (reach < least[:, None])
    reach = np.where(late, least[:, None], reach)
    first = [step.class_index for step in steps if (reach > asking.asked)[step.class_index].any()]
    order = list(dict.fromkeys([*first, *np.flatnonzero(late.any(1)).tolist()]))
    return tuple(_step_to(c, reach[c], asking) for c in order) or tuple(steps)


def _even_questions(reach: Counts, playing: Mask, asking: Asking) -> float:
    """Give the questions that even asking comes to for the dollars of reach."""
    import numpy as np

    usd = np.where(playing, asking.ask_usd, 0.0)
    counts = np.unique(np.append(asking.available, 0))
    cost = [float((usd * np.minimum(n, asking.available)[:, None]).sum()) for n in counts]
    return float(np.interp(float((usd * reach).sum()), cost, counts))


def _step_to(c: int, reach: Counts, asking: Asking) -> Step:
    """Ask options of a class until each has answered so many."""
    more = reach - asking.asked[c]
    options = [int(m) for m in (more > 0).nonzero()[0]]
    usd = float((more * asking.ask_usd[c])[options].sum())
    return Step(c, tuple((m, int(reach[m])) for m in options), usd)


def _step(
    c: int, gain: Array, shares: Array, value: Array, left: Mask, asking: Asking
) -> Iterator[tuple[Step, float]]:
    """Give a class's step with the part of the gain that it brings; nothing when none is left."""
    import numpy as np

    mine = [m for m in range(len(gain)) if shares[m] > 0 or m == int(np.argmax(value))]
    wanted = sorted({*mine, *_challengers(gain, asking.ask_usd[c])})
    options = [m for m in wanted if left[m]]
    if not options:
        return
    done = asking.asked[c, options]
    more = np.where(done < FIRST_QUESTIONS, FIRST_QUESTIONS - done, np.maximum(2, done // 2))
    up_to = np.minimum(done + more, asking.available[c])
    usd = float(((up_to - done) * asking.ask_usd[c, options]).sum())
    asked = tuple((m, int(n)) for m, n in zip(options, up_to, strict=True))
    yield Step(c, asked, usd), float((1 - np.sqrt(done / up_to)).mean())


def _challengers(gain: Array, ask_usd: Array) -> list[int]:
    """Give the options that carry most of the gain, those that cost least to ask first."""
    import numpy as np

    order = np.argsort(-gain / np.maximum(ask_usd, 1e-12), kind="stable")
    reached = np.cumsum(gain[order])
    enough = int(np.searchsorted(reached, COVER * gain.sum())) + 1
    return [int(m) for m in order[:enough] if gain[m] > 0]


def beta_posterior(asked: Counts, score: Array, strength: float = 2.0) -> Posterior:
    """Estimate each option by itself: a Beta posterior, as logits with digamma moments.

    strength is the weight, in answers, of the mean of all options of the class.
    """
    import numpy as np
    from scipy.special import digamma, polygamma

    total = asked.sum(1, keepdims=True)
    mean = ((asked * score).sum(1, keepdims=True) + 1) / (total + 2)
    right = asked * score + strength * mean
    wrong = asked * (1 - score) + strength * (1 - mean)
    variance = polygamma(1, right) + polygamma(1, wrong)
    covariance = variance[:, :, None] * np.eye(asked.shape[1])
    return Posterior(digamma(right) - digamma(wrong), covariance)

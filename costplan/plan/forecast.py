"""How well an allocation is forecast: every option moves with what was measured of its settings.

A single call is its setting. A policy moves with the settings it is made of, by the coefficients of
its recipe; its mean is its own, and what its standard deviation holds beyond theirs is its own too:
independent between classes where it was replayed on questions, the same everywhere where it rests
on an assumption.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from costplan.domain.estimate import Grade
from costplan.domain.option import Option
from costplan.plan.allocation import Allocation

if TYPE_CHECKING:
    from costplan.evidence.belief import Belief, Beliefs, Forecast

Coefficients = dict[str, dict[tuple[str, str], float]]
"""For each class, how much the allocation's accuracy moves with that of each setting."""


@dataclass(frozen=True, slots=True)
class _Leaning:
    """What an allocation's accuracies lean on."""

    shares: Coefficients = field(default_factory=dict)
    volumes: dict[str, float] = field(default_factory=dict)
    """Requests by class, over all months."""
    beyond: dict[str, float] = field(default_factory=dict)
    """By class, what the means of policies have beyond their coefficients."""
    own: dict[tuple[str, str], tuple[float, float, bool]] = field(default_factory=dict)
    """By class and policy: share, standard deviation of its own, whether that is an assumption."""


def forecast_accuracy(
    allocation: Allocation, confidence: float, minus: Allocation | None = None
) -> Forecast | None:
    """Forecast the mean accuracy over all requests, or its difference to another allocation.

    Stated options are exact and left out of the forecast; None when nothing else is chosen.
    """
    plus = _lean(allocation)
    other = _Leaning() if minus is None else _lean(minus)
    if not plus.shares and not other.shares:
        return None
    requests = sum(float(part.task.requests) for part in allocation.case.classes)
    weights = {name: volume / requests for name, volume in plus.volumes.items()}
    return _forecast(allocation.case.beliefs, plus, weights, other, confidence)


def forecast_gain(allocation: Allocation, minus: Allocation) -> Forecast | None:
    """Forecast what an allocation brings more than another, as a share of all there is to win.

    Classes weigh as the objective weighs them: by requests, or by the worth of their answers.
    """
    case = allocation.case
    plus, other = _lean(allocation), _lean(minus)
    if not plus.shares and not other.shares:
        return None
    by_worth = case.workload.objective.maximize == "value"
    worth = {part.task.name: float(part.task.worth) if by_worth else 1.0 for part in case.classes}
    whole = sum(volume * worth[name] for name, volume in plus.volumes.items())
    if whole <= 0:
        return None
    weights = {name: volume * worth[name] / whole for name, volume in plus.volumes.items()}
    return _forecast(case.beliefs, plus, weights, other)


def lean_sd(belief: Belief, leans_on: Mapping[tuple[str, str], float]) -> float:
    """Give the standard deviation that coefficients of a class's settings lead to, widened."""
    import numpy as np

    places = [belief.place[setting] for setting in leans_on]
    if not places:
        return 0.0
    h = np.array(list(leans_on.values())) * belief.slope[places]
    loading = belief.loading[places]
    covariance = belief.own[np.ix_(places, places)] + loading @ belief.shared @ loading.T
    return belief.widen * math.sqrt(max(float(h @ covariance @ h), 0.0))


def _lean(allocation: Allocation) -> _Leaning:
    found = _Leaning()
    beliefs = allocation.case.beliefs.classes
    uncertain = [
        (part, option, share)
        for part, option, share in allocation.parts()
        if option.accuracy.grade is not Grade.STATED and option.accuracy.low < option.accuracy.high
    ]
    named = {part.task.name for part, _, _ in uncertain} | set(beliefs)
    for part in allocation.case.classes:
        name = part.task.name
        if name in named:
            found.volumes[name] = found.volumes.get(name, 0.0) + float(part.task.requests)
    for part, option, share in uncertain:
        name = part.task.name
        whole = float(share * part.task.requests) / found.volumes[name]
        _add(found, name, option, whole, beliefs.get(name))
    return found


def _add(found: _Leaning, name: str, option: Option, share: float, belief: Belief | None) -> None:
    mine = found.shares.setdefault(name, {})
    recipe = option.recipe
    leans_on = {(option.model, option.setting): 1.0} if recipe is None else dict(recipe.leans_on)
    for setting, coefficient in leans_on.items():
        mine[setting] = mine.get(setting, 0.0) + coefficient * share
    if recipe is None:
        return
    explained = 0.0
    spread = 0.0
    if belief is not None and leans_on:
        explained = sum(c * float(belief.mean[belief.place[s]]) for s, c in leans_on.items())
        spread = lean_sd(belief, leans_on)
    beyond = share * (option.accuracy.mean - explained)
    found.beyond[name] = found.beyond.get(name, 0.0) + beyond
    sd = math.sqrt(max(recipe.sd**2 - spread**2, 0.0))
    before = found.own.get((name, option.name), (0.0, 0.0, False))[0]
    found.own[name, option.name] = before + share, sd, option.accuracy.grade is Grade.ASSUMED


def _forecast(
    beliefs: Beliefs,
    plus: _Leaning,
    weights: Mapping[str, float],
    minus: _Leaning,
    confidence: float = 0.9,
) -> Forecast:
    def known(shares: Coefficients) -> Coefficients:
        return {name: mine for name, mine in shares.items() if name in beliefs.classes and mine}

    base = beliefs.forecast(
        known(plus.shares), weights, confidence=confidence, minus=known(minus.shares)
    )
    if not plus.own and not minus.own:
        return base
    from costplan.evidence.belief import two_sided

    mean = base.mean + sum(
        weights[name] * (plus.beyond.get(name, 0.0) - minus.beyond.get(name, 0.0))
        for name in {*plus.beyond, *minus.beyond}
    )
    replayed, assumed = 0.0, 0.0
    for key in {*plus.own, *minus.own}:
        share, sd, guess = plus.own.get(key, (0.0, *minus.own.get(key, (0.0, 0.0, False))[1:]))
        net = abs(weights[key[0]] * (share - minus.own.get(key, (0.0,))[0])) * sd
        replayed, assumed = (replayed, assumed + net) if guess else (replayed + net**2, assumed)
    sd = math.sqrt(base.sd**2 + replayed + assumed**2)
    reach = two_sided(confidence) * sd
    return replace(base, mean=mean, sd=sd, low=mean - reach, high=mean + reach)

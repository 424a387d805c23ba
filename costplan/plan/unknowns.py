"""What the plan does not know, and what knowing it could bring: the hand-over to the probe.

For a class with options m of accuracy p_m and dollars k_m, lambda the value of a dollar at the
ceiling, v_m = worth * p_m - lambda * k_m. Knowing every p_m would bring
EVPI = requests * (E max v - max E v) (Raiffa & Schlaifer, Applied Statistical Decision Theory,
1961), estimated from joint draws of the beliefs: a level that all options share cancels.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING

from costplan.domain.estimate import Grade
from costplan.domain.option import Option
from costplan.plan.case import Case, ClassCase, value_unit
from costplan.plan.insight import Unknown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from costplan.domain.recipe import Recipe
    from costplan.evidence.belief import Belief

    Floats = NDArray[np.float64]

DRAWS = 2_000
"""Joint draws per class."""
CONTENDER = 0.03
"""Share of draws that an option must win to be worth measuring."""
QUESTIONS = 25
"""Own questions per option that about double what a published curve says."""
MOST = 3
"""Most classes that are named."""
WORTHWHILE = 1e-3
"""Gain, as part of the plan's value, below which knowing is not worth naming."""


@dataclass(frozen=True, slots=True)
class _Stake:
    part: ClassCase
    gain: float
    contenders: tuple[Option, ...]


def find_unknowns(case: Case, value: float, value_per_usd: float) -> list[Unknown]:
    """Find the classes whose measurement could change the plan most, dearest ignorance first.

    `value_per_usd` is what the last dollar under the ceiling bought, 0 where money is no limit.
    """
    first = {part.task.name: part for part in reversed(case.classes)}
    requests: dict[str, float] = {}
    for part in case.classes:
        name = part.task.name
        requests[name] = requests.get(name, 0.0) + float(part.task.requests)
    drawing = _Drawing(case.workload.seed)
    stakes = [
        stake
        for name, part in first.items()
        if name in case.beliefs.classes
        and (stake := _find_stake(case, part, value_per_usd, requests[name], drawing)) is not None
    ]
    stakes.sort(key=lambda stake: (-stake.gain, stake.part.task.name))
    known = (_write(stake) for stake in stakes if stake.gain > WORTHWHILE * abs(value))
    return list(islice((unknown for unknown in known if _pays(case, unknown)), MOST))


def _pays(case: Case, unknown: Unknown) -> bool:
    """Tell whether knowing may bring more than asking costs; always where not in dollars."""
    if case.workload.objective.maximize == "accuracy" or value_unit(case) != "usd":
        return True
    planned = len({part.month for part in case.classes})
    horizon = case.workload.horizon
    times = 1 if horizon is None else max(1, horizon.months // planned)
    return unknown.gain * times > float(unknown.usd)


class _Drawing:
    """Draws of the class before: classes on one benchmark with the same options have the same."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.of: tuple[Belief, tuple[tuple[str, str, Recipe | None, float], ...]] | None = None
        self.draws: Floats | None = None

    def draw(self, belief: Belief, options: list[Option]) -> Floats:
        """Draw accuracies of the options jointly, (DRAWS, options)."""
        made_of = tuple((o.model, o.setting, o.recipe, o.accuracy.mean) for o in options)
        same = self.of is not None and self.of[0] is belief and self.of[1] == made_of
        if self.draws is None or not same:
            self.of, self.draws = (belief, made_of), _draw(belief, options, self.seed)
        return self.draws


def _find_stake(
    case: Case, part: ClassCase, value_per_usd: float, requests: float, drawing: _Drawing
) -> _Stake | None:
    import numpy as np

    options = [
        option
        for option in part.options
        if option.accuracy.grade is not Grade.STATED
        and (option.recipe is None or option.recipe.leans_on)
    ]
    if len(options) < 2:
        return None
    belief = case.beliefs.classes[part.task.name]
    draws = drawing.draw(belief, options)
    worth = 1.0 if case.workload.objective.maximize == "accuracy" else float(part.task.worth)
    usd = np.array([float(option.usd_per_request) for option in options])
    values = worth * draws - value_per_usd * usd
    winners = np.bincount(values.argmax(1), minlength=len(options)) / len(draws)
    gain = float(values.max(1).mean() - values.mean(0).max()) * requests
    order = np.argsort(-winners, kind="stable")
    contenders = tuple(options[i] for i in order if winners[i] >= CONTENDER)
    return _Stake(part, gain, contenders) if len(contenders) > 1 else None


def _draw(belief: Belief, options: list[Option], seed: int) -> Floats:
    """Draw accuracies of the options jointly, (DRAWS, options)."""
    import numpy as np

    from costplan.evidence.logit import sigmoid

    settings = list(dict.fromkeys(s for option in options for s in _settings(option)))
    place = {setting: i for i, setting in enumerate(settings)}
    places = [belief.place[setting] for setting in settings]
    loading = belief.loading[places]
    covariance = belief.own[np.ix_(places, places)] + loading @ belief.shared @ loading.T
    spread, turn = np.linalg.eigh(belief.widen**2 * covariance)
    noise = np.random.default_rng(seed).standard_normal((DRAWS, len(places)))
    # The symmetric root is the only one that no solver's choice of signs changes.
    root = (turn * np.sqrt(np.maximum(spread, 0.0))) @ turn.T
    drawn = np.asarray(sigmoid(belief.logit[places] + noise @ root))
    return np.stack([_move(option, drawn, place) for option in options], axis=1)


def _move(option: Option, drawn: Floats, place: dict[tuple[str, str], int]) -> Floats:
    """Give an option's draws: a setting's own, or a policy's mean moved as its settings are."""
    if option.recipe is None:
        return drawn[:, place[option.model, option.setting]]
    moved = drawn[:, 0] * 0.0 + option.accuracy.mean
    for setting, coefficient in option.recipe.leans_on:
        column = drawn[:, place[setting]]
        moved = moved + coefficient * (column - column.mean())
    return moved


def _settings(option: Option) -> list[tuple[str, str]]:
    """List the settings that an option's accuracy moves with."""
    if option.recipe is None:
        return [(option.model, option.setting)]
    return [setting for setting, _ in option.recipe.leans_on]


def _list_asked(stake: _Stake) -> list[Option]:
    """List the single options to ask: contenders, and what contending policies are made of."""
    wanted = dict.fromkeys(s for option in stake.contenders for s in _settings(option))
    singles = {(o.model, o.setting): o for o in stake.part.options if o.recipe is None}
    return [singles[setting] for setting in wanted if setting in singles]


def _write(stake: _Stake) -> Unknown:
    asked = _list_asked(stake)
    usd = sum((option.usd_per_request for option in asked), Decimal(0)) * QUESTIONS
    return Unknown(
        task_class=stake.part.task.name,
        options=tuple(option.name for option in asked),
        gain=stake.gain,
        questions=QUESTIONS,
        usd=usd.quantize(Decimal("0.01")),
    )

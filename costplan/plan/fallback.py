"""Never worse than simple: the class-blind mix where the data do not support more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from costplan.domain.estimate import Grade
from costplan.plan.allocation import Allocation
from costplan.plan.backtest_split import FALL_BACK_GAIN, FALL_BACK_SDS
from costplan.plan.baselines import Rival
from costplan.plan.case import Case
from costplan.plan.forecast import forecast_gain


@dataclass(frozen=True, slots=True)
class Choice:
    """What the plan does, after asking whether class by class is worth it."""

    allocation: Allocation
    """Options and shares."""
    fell_back: bool
    """Whether the class-blind mix was taken."""


def may_fall_back(case: Case) -> bool:
    """Tell whether a plan of the case is compared with the class-blind mix at all."""
    stated = any(
        option.accuracy.grade is Grade.STATED for part in case.classes for option in part.options
    )
    return (
        not stated
        and len(case.classes) > 1
        and case.workload.splits
        and case.workload.objective.maximize in ("value", "accuracy")
    )


def choose(case: Case, planned: Allocation, rivals: Sequence[Rival]) -> Choice:
    """Take the class-blind mix where planning class by class promises next to nothing more.

    That is a gain of less than a quarter of its standard deviation and of 0.2 points: then what
    sets the classes apart is noise, and a mix forecasts better (rule and figures from backtests).
    Plans of least cost and plans with stated numbers are left as they are.
    """
    mix = next((rival for rival in rivals if rival.name == "class_blind_mix"), None)
    if mix is None or mix.allocation is None or not may_fall_back(case):
        return Choice(planned, fell_back=False)
    if not mix.judge().feasible:
        return Choice(planned, fell_back=False)
    gain = forecast_gain(planned, mix.allocation)
    if gain is None or gain.sd <= 0:
        return Choice(planned, fell_back=False)
    if gain.mean < min(FALL_BACK_SDS * gain.sd, FALL_BACK_GAIN):
        return Choice(mix.allocation, fell_back=True)
    return Choice(planned, fell_back=False)

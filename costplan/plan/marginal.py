"""What a little more or less of a ceiling would do: prices and next steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING

from costplan.domain.errors import LimitError
from costplan.plan.case import Case
from costplan.plan.insight import NextStep
from costplan.plan.model import Ceiling
from costplan.plan.months import NAMED_MONTH
from costplan.plan.part import hold_quantity
from costplan.plan.problem import part_of_requests
from costplan.plan.solving import Solved
from costplan.plan.worth import Needed, Worth, needed_ceiling, read_solved, solve_at

if TYPE_CHECKING:
    from costplan.solve.problem import Problem
    from costplan.solve.verify import Audit

MORE_USD = Decimal(1000)
"""Dollars that the next step of a money ceiling is about, at most a tenth of the ceiling."""
MORE_SECONDS = Decimal(1)
"""Seconds that the next step of a latency ceiling is about."""
SOLVED = ("usd", "mean_latency_s")
"""Ceilings whose next step is found by solving again."""
MOST_BINDING = 3
"""Other ceilings that are named, at most."""
STEP_OF_KIND = {
    "usd": Decimal(1),
    "mean_latency_s": Decimal(1),
    "tokens": Decimal(10**6),
    "max_share": Decimal("0.01"),
}
"""How much more of a ceiling a next step is about, by the last word of its name."""
NOISE = 1e-9
"""Part of an objective that is a rounding of shares."""
WHOLE_GPUS = "GPUs are whole: one more changes the plan in a jump, or not at all"
NO_TIME = "there was no time to find it"
NO_LESS = "with less of it no plan keeps every limit"
NO_MORE = "with more of it no plan keeps every limit"


def list_ceilings(case: Case, problem: Problem, audit: Audit, worth: Worth) -> list[Ceiling]:
    """List every limit with what the plan uses and what one unit more or less is worth."""
    return [
        _list_ceiling(case, problem, usage.name, (usage.limit, usage.used, usage.slack), worth)
        for usage in audit.usages
        if usage.used is not None and usage.slack is not None
    ]


def _list_ceiling(
    case: Case,
    problem: Problem,
    name: str,
    amounts: tuple[Decimal, Decimal, Decimal],
    worth: Worth,
) -> Ceiling:
    scale = _scale(case, name)
    limit, used, slack = (hold_quantity(name, amount * scale) for amount in amounts)
    up, down = (None if price is None else price / float(scale) for price in worth.price(name))
    return Ceiling(
        name=_full_name(problem, name),
        limit=limit,
        used=used,
        slack=slack,
        price_up=up,
        price_down=down,
        price_note=_explain_price(name, up, down),
    )


def _explain_price(name: str, up: float | None, down: float | None) -> str | None:
    """Say why a limit has no price, or none on one side."""
    if up is not None and down is not None:
        return None
    if name.startswith("pools."):
        return WHOLE_GPUS
    if up is None:
        return NO_TIME
    floor = name.endswith(".min_share") or name.startswith("target")
    return NO_MORE if floor else NO_LESS


def _scale(case: Case, name: str) -> Decimal:
    """Give what shares within a month of a horizon are multiplied by, to be of that month again."""
    month = NAMED_MONTH.search(name)
    if month is None or not name.endswith("share"):
        return Decimal(1)
    mine, everything = part_of_requests(case, month[1])
    return everything / mine


def _full_name(problem: Problem, name: str) -> str:
    if name != "target":
        return name
    by_accuracy = problem.objective.target_accuracy is not None
    return "target_accuracy" if by_accuracy else "target_value"


def list_next_steps(
    case: Case, solved: Solved, ceilings: Sequence[Ceiling], worth: Worth, z: float
) -> list[NextStep]:
    """Say what the next dollars and the next second would buy, by solving again.

    What other ceilings that bind would bring follows from their prices, the dearest first. A step
    that a deadline cuts short is left out.
    """
    return [*_take_steps(case, solved, ceilings, worth, z), *_list_binding(ceilings)]


def _take_steps(
    case: Case, solved: Solved, ceilings: Sequence[Ceiling], worth: Worth, z: float
) -> Iterator[NextStep]:
    from costplan.solve.deadline import is_over, left_s, within

    stated = {ceiling.name: ceiling.limit for ceiling in ceilings}
    here = read_solved(case, solved, z)
    seconds = solved.problem.limits.mean_latency_s
    with suppress(LimitError):
        if "usd" in stated and not is_over():
            more = _usd_step(stated["usd"])
            left = left_s()
            with within(left if left is None or seconds is None else left / 2):
                there = _spend_more(case, solved, here, (more, worth.rate_up), z)
            yield from _compare("usd", more, here, there, solved.problem)
    with suppress(LimitError):
        if seconds is not None and not is_over():
            limit = ("mean_latency_s", seconds + MORE_SECONDS)
            there = solve_at(case, solved.problem, limit, z)
            yield from _compare("mean_latency_s", MORE_SECONDS, here, there, solved.problem)


def _spend_more(
    case: Case, solved: Solved, here: Needed, step: tuple[Decimal, float], z: float
) -> Needed | None:
    """Plan with what a higher ceiling allows, the margin kept."""
    more, rate = step
    budget = solved.problem.limits.usd
    assert budget is not None
    added = more * Decimal(repr(rate))
    there = needed_ceiling(case, solved.problem, budget + added, z)
    if there is None or not case.workload.splits or there.ceiling <= here.ceiling or z == 0:
        return there
    if there.usd < budget + added * Decimal("0.999"):
        return there
    exact = added * more / (there.ceiling - here.ceiling)
    return needed_ceiling(case, solved.problem, budget + exact, z) or there


def _compare(
    name: str, more: Decimal, here: Needed, there: Needed | None, problem: Problem
) -> Iterator[NextStep]:
    if there is None:
        yield NextStep(name=name, step=more, value=0.0, accuracy=None)
        return
    accuracy = None
    if here.accuracy and there.accuracy:
        accuracy = float(there.accuracy - here.accuracy)
    gain = float(there.objective - here.objective)
    if problem.objective.goal.value == "cost":
        gain = -gain
    # A worse plan under a higher ceiling is one that time cut short: it tells nothing.
    if gain >= -NOISE * abs(float(here.objective)):
        yield NextStep(name=name, step=more, value=max(gain, 0.0), accuracy=accuracy)


def _list_binding(ceilings: Sequence[Ceiling]) -> list[NextStep]:
    """Say what some more of the other ceilings would bring, the dearest first."""
    priced = [
        NextStep(name=c.name, step=step, value=c.price_up * float(step), accuracy=None)
        for c in ceilings
        if c.name not in SOLVED and c.price_up is not None and c.price_up > 0
        if (step := STEP_OF_KIND.get(c.name.rsplit(".", 1)[-1])) is not None
    ]
    return sorted(priced, key=lambda step: -step.value)[:MOST_BINDING]


def _usd_step(limit: Decimal) -> Decimal:
    step = MORE_USD
    while step > limit / 10 and step > Decimal("0.01"):
        step /= 10
    return step

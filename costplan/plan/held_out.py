"""How the forecast did on held-out questions of the plan's own outcomes.

The money of a plan is planned again without a fifth of the questions, class by class over single
calls, and that fifth is the judge; five times, so that every question judges once. What is tested
is the forecast and the picking, not the plan's own choices: those have seen all questions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from costplan.domain.estimate import Grade
from costplan.domain.figures import write_count, write_percent, write_points
from costplan.plan.allocation import Allocation
from costplan.plan.backtest_fill import Ladder
from costplan.plan.backtest_split import draw_splits
from costplan.plan.case import ClassCase, OwnOutcomes
from costplan.plan.model import PlanWarning

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from costplan.evidence.cells import Cells
    from costplan.evidence.estimates import Estimates

    Array = NDArray[np.float64]

FOLDS = 5
FEWEST = 10
"""Questions of a class below which it cannot be checked."""
ERRORS = 2.0
"""Standard errors from which a difference is more than chance."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Forecast and truth over the held-out questions of one outcomes file; shares."""

    file: str
    """The file as the workload names it."""
    questions: int
    """Questions that judged."""
    forecast: float
    """Mean forecast, from the other questions."""
    came_true: float
    """Mean of what came true."""
    error: float
    """Standard error of what came true, by the number of questions."""

    @property
    def holds(self) -> bool:
        """Whether the difference may be chance."""
        return abs(self.forecast - self.came_true) <= ERRORS * self.error


@dataclass(slots=True)
class _Table:
    """What a plan does with the classes of one outcomes file, and their sums over the folds."""

    own: OwnOutcomes
    parts: list[ClassCase] = field(default_factory=list)
    budget: float = 0.0
    rows: list[int] = field(default_factory=list)
    judged: list[float] = field(default_factory=list)
    forecast: list[float] = field(default_factory=list)
    came_true: list[float] = field(default_factory=list)
    noise: list[float] = field(default_factory=list)


def check_held_out(allocation: Allocation) -> list[HeldOut]:
    """Check the forecast of the plan's money on held-out questions, file by file.

    Classes with fewer than ten questions, and those answered without own outcomes, are left out.
    """
    seed = allocation.case.workload.seed
    tables = _gather(allocation)
    found = (_check(tables[path], seed) for path in sorted(tables))
    return [held for held in found if held is not None]


def _gather(allocation: Allocation) -> dict[str, _Table]:
    """Find the classes that rest on own outcomes, and the money that the plan gives them."""
    tables: dict[str, _Table] = {}
    shares: dict[str, Decimal] = {}
    spent: dict[str, Decimal] = {}
    for part, option, share in allocation.parts():
        if option.accuracy.grade is Grade.STATED:
            continue
        name = part.task.name
        shares[name] = shares.get(name, Decimal(0)) + share
        spent[name] = spent.get(name, Decimal(0)) + share * option.usd_per_request
    for part in allocation.case.classes:
        own = allocation.case.own.get(part.task.name)
        name = part.task.name
        if own is None or name not in shares:
            continue
        row = own.answers.classes.index(own.name)
        if int((own.answers.class_of == row).sum()) < FEWEST:
            continue
        table = tables.setdefault(own.file, _Table(own))
        table.parts.append(part)
        table.rows.append(row)
        table.budget += float(part.task.requests * spent[name] / shares[name])
    return tables


def _check(table: _Table, seed: int) -> HeldOut | None:
    from costplan.evidence.cells import count_cells
    from costplan.evidence.estimates import estimate_cells

    answers, many = table.own.answers, len(table.parts)
    table.judged, table.forecast = [0.0] * many, [0.0] * many
    table.came_true, table.noise = [0.0] * many, [0.0] * many
    for planning, held in draw_splits(answers, FOLDS, seed, FOLDS, None):
        estimates = estimate_cells(count_cells(answers, planning), known=table.own.spreads)
        _judge(table, estimates, count_cells(answers, held))
    weights = [float(part.task.requests) for part in table.parts]
    seen = [c for c in range(many) if table.judged[c] > 0]
    if not seen:
        return None
    whole = sum(weights[c] for c in seen)

    def mean(sums: Sequence[float]) -> float:
        return sum(weights[c] / whole * sums[c] / table.judged[c] for c in seen)

    variance = sum((weights[c] / whole / table.judged[c]) ** 2 * table.noise[c] for c in seen)
    questions = {table.rows[c]: table.judged[c] for c in seen}
    return HeldOut(
        table.own.file,
        round(sum(questions.values())),
        mean(table.forecast),
        mean(table.came_true),
        math.sqrt(variance),
    )


def _judge(table: _Table, estimates: Estimates, judge: Cells) -> None:
    """Plan with the estimates of one fold, and add up what its held-out questions say."""
    import numpy as np

    place = {option: m for m, option in enumerate(estimates.cells.options)}
    shape = (len(table.parts), len(place))
    usd, usable = np.zeros(shape), np.zeros(shape, dtype=np.bool_)
    for t, part in enumerate(table.parts):
        for option in part.options:
            m = place.get((option.model, option.setting))
            if m is not None and option.recipe is None and option.pool is None:
                usd[t, m], usable[t, m] = float(option.usd_per_request), True
    rows = table.rows
    usable &= (estimates.cells.n[rows] > 0) & (judge.n[rows] > 0)
    fit = [t for t in range(len(rows)) if usable[t].any()]
    if not fit:
        return
    at = [rows[t] for t in fit]
    weights = np.array([float(table.parts[t].task.requests) for t in fit])
    mean, right = estimates.mean[at], judge.mean[at]
    ladder = Ladder(mean, usd[fit], usable[fit], weights)
    shares = ladder.fill(max(table.budget, ladder.base_usd))
    assert shares is not None
    noise = (shares * estimates.cells.phi[at] * mean * (1 - mean)).sum(1)
    for i, t in enumerate(fit):
        n = float(judge.questions[at[i]])
        table.judged[t] += n
        table.forecast[t] += n * float(shares[i] @ mean[i])
        table.came_true[t] += n * float(shares[i] @ right[i])
        table.noise[t] += n * float(noise[i])


def say_held_out(checks: Sequence[HeldOut]) -> Iterator[str]:
    """Say how the forecast did, file by file."""
    for held in checks:
        yield (
            f"checked on held-out questions of {held.file}: planned {FOLDS} times with the "
            f"same money and without a fifth of {write_count(held.questions)} questions, the "
            f"forecast for it was {write_percent(held.forecast)} and "
            f"{write_percent(held.came_true)} came true (± {write_percent(held.error)} by chance)"
        )


def warn_of_held_out(checks: Sequence[HeldOut]) -> Iterator[PlanWarning]:
    """Warn where forecast and held-out questions differ by more than chance."""
    for held in checks:
        if not held.holds:
            gap = held.forecast - held.came_true
            yield PlanWarning(
                code="forecast_off",
                task_class=None,
                message=f"on held-out questions of {held.file} the forecast was off by "
                f"{write_points(gap)}, more than two standard errors: do not rely on its level "
                "before more questions are asked (`costplan backtest` shows where it fails)",
            )

"""Plans whose tokens fill their GPUs exactly."""

from __future__ import annotations

from decimal import Decimal

from costplan.solve.build import ClassRow, OptionRow, build_problem
from costplan.solve.problem import Goal, Objective, Pool
from costplan.solve.room import solve
from costplan.solve.solution import Status


def test_rounding_a_share_buys_no_further_gpu() -> None:
    """A split that fills a GPU to the last token stays on one, a hair inside, and is proven."""
    pool = Pool("g", Decimal("186.1937"), Decimal("38137.54"), 3)
    options = [
        OptionRow("paid", "r", Decimal("0.6"), Decimal("0.37"), tokens=Decimal("213.26")),
        OptionRow("own", "q", Decimal("0.6"), tokens=Decimal("85.738943"), pool="g"),
    ]
    floor = OptionRow("only", "q", Decimal("0.64"), tokens=Decimal("40.55"), pool="g")
    problem = build_problem(
        [
            ClassRow("c", Decimal(1000), Decimal(1), options),
            ClassRow("d", Decimal(100), Decimal(1), [floor]),
        ],
        pools=[pool],
        objective=Objective(Goal.COST, target_value=Decimal(600)),
        splits=True,
    )
    solution = solve(problem)
    assert solution.status is Status.OPTIMAL
    assert solution.gpus == (1,)
    assert solution.audit is not None
    assert solution.audit.pool_tokens[0] <= pool.tokens_per_gpu

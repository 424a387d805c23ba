"""Small random problems for properties."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import strategies as st

from costplan.solve import (
    ClassRow,
    Commitment,
    Contract,
    Goal,
    Limits,
    Objective,
    OptionRow,
    Pool,
    Problem,
    Tier,
    build_problem,
)


def decimals(low: int, high: int, places: int) -> st.SearchStrategy[Decimal]:
    return st.integers(low, high).map(lambda n: Decimal(n).scaleb(-places))


@st.composite
def option_rows(draw, pools: tuple[str, ...] = ()):
    return OptionRow(
        name=f"o{draw(st.integers(0, 10**6))}",
        provider=draw(st.sampled_from(["north", "south"])),
        accuracy=draw(decimals(0, 100, 2)),
        usd=draw(decimals(0, 50, 3)),
        mean_latency_s=draw(st.none() | decimals(1, 200, 1)),
        p95_latency_s=draw(st.none() | decimals(1, 400, 1)),
        tokens=Decimal(draw(st.integers(1, 5000))),
        pool=draw(st.sampled_from([None, None, *pools])),
    )


@st.composite
def class_rows(draw, index: int, pools: tuple[str, ...] = (), floors: bool = True):
    return ClassRow(
        name=f"c{index}",
        requests=Decimal(draw(st.integers(0, 2000))),
        weight=draw(decimals(0, 30, 1)),
        options=draw(st.lists(option_rows(pools), min_size=1, max_size=4)),
        team=draw(st.sampled_from([None, "a", "b"])),
        min_accuracy=draw(st.none() | decimals(0, 70, 2)) if floors else None,
        max_p95_latency_s=draw(st.none() | st.none() | decimals(50, 400, 1)) if floors else None,
    )


@st.composite
def single_ceilings(draw, max_classes: int = 4, splits: bool = False) -> Problem:
    """Draw a problem with one dollar ceiling, or a target and no ceiling."""
    n = draw(st.integers(1, max_classes))
    rows = [draw(class_rows(i, floors=not splits)) for i in range(n)]
    goal = draw(st.sampled_from([Goal.VALUE, Goal.ACCURACY, Goal.NET_VALUE, Goal.COST]))
    objective, limits = Objective(goal), Limits(usd=draw(decimals(0, 100_000, 3)))
    if goal is Goal.COST:
        objective = Objective(goal, target_value=draw(decimals(0, 600_000, 1)))
        limits = Limits()
    return build_problem(rows, limits=limits, objective=objective, splits=splits)


@st.composite
def everything(draw, splits: bool = False) -> Problem:
    """Draw a problem with any mix of limits, pools and contracts."""
    n = draw(st.integers(1, 4))
    rows = [draw(class_rows(i, pools=("g",))) for i in range(n)]
    usd = decimals(0, 100_000, 3)
    share = decimals(0, 100, 2)
    limits = Limits(
        usd=draw(st.none() | usd),
        team_usd=draw(st.dictionaries(st.sampled_from(["a", "b"]), usd, max_size=1)),
        mean_latency_s=draw(st.none() | decimals(20, 250, 1)),
        team_mean_latency_s=draw(st.dictionaries(st.just("a"), decimals(20, 250, 1), max_size=1)),
        provider_usd=draw(st.dictionaries(st.just("north"), usd, max_size=1)),
        provider_tokens=draw(
            st.dictionaries(st.just("south"), st.integers(0, 10**7).map(Decimal), max_size=1)
        ),
        provider_min_share=draw(st.dictionaries(st.just("south"), share, max_size=1)),
        provider_max_share=draw(st.dictionaries(st.just("north"), share, max_size=1)),
    )
    pools = [Pool("g", draw(decimals(0, 30, 0)), Decimal(draw(st.integers(0, 10**6))), 3)]
    goal = draw(st.sampled_from([Goal.VALUE, Goal.ACCURACY, Goal.NET_VALUE, Goal.COST]))
    objective = Objective(goal)
    if goal is Goal.COST:
        objective = Objective(goal, target_accuracy=draw(decimals(0, 60, 2)))
    return build_problem(
        rows,
        limits=limits,
        pools=pools,
        contracts=draw(contracts()),
        objective=objective,
        splits=splits,
    )


@st.composite
def contracts(draw) -> dict[str, Contract]:
    tiers = draw(
        st.sampled_from(
            [
                (),
                (Tier(Decimal(10), Decimal(1)), Tier(None, Decimal("0.5"))),
                (
                    Tier(Decimal(5), Decimal(1)),
                    Tier(Decimal(20), Decimal("1.2")),
                    Tier(None, Decimal("0.3")),
                ),
            ]
        )
    )
    commitment = draw(
        st.none() | st.builds(Commitment, usd=decimals(0, 60, 0), multiplier=decimals(0, 12, 1))
    )
    if not tiers and commitment is None:
        return {}
    return {"north": Contract(tiers, commitment)}


def with_usd(problem: Problem, usd: Decimal | None) -> Problem:
    return replace(problem, limits=replace(problem.limits, usd=usd))

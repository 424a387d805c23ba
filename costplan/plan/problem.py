"""A case as the solver sees it: rows of exact decimals, limits and an objective."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from costplan.domain.option import Option
from costplan.domain.workload import Workload
from costplan.plan.case import Case, ClassCase

if TYPE_CHECKING:
    from costplan.solve.build import ClassRow
    from costplan.solve.problem import Contract, Limits, Objective, Pool, Problem


def pose(case: Case) -> Problem:
    """Pose a case as a problem."""
    from costplan.solve.build import build_problem

    workload = case.workload
    return build_problem(
        [_row(part) for part in case.classes],
        limits=limits_of(workload),
        pools=_pools(workload),
        contracts=_contracts(workload),
        objective=_objective(workload),
        splits=workload.splits,
    )


def exact_accuracy(option: Option) -> Decimal:
    """Give the accuracy that is planned with, in decimals."""
    return Decimal(repr(option.accuracy.mean))


def _row(part: ClassCase) -> ClassRow:
    from costplan.solve.build import ClassRow, OptionRow

    task = part.task
    return ClassRow(
        name=task.name,
        requests=task.requests,
        weight=task.worth,
        team=task.team,
        min_accuracy=task.min_accuracy,
        max_p95_latency_s=task.max_p95_latency_s,
        options=[
            OptionRow(
                name=option.name,
                provider=option.provider,
                accuracy=exact_accuracy(option),
                usd=option.usd_per_request,
                mean_latency_s=option.mean_latency_s,
                p95_latency_s=option.p95_latency_s,
                tokens=option.tokens_per_request,
                pool=option.pool,
            )
            for option in part.options
        ],
    )


def limits_of(workload: Workload) -> Limits:
    """Collect the workload's ceilings."""
    from costplan.solve.problem import Limits

    ceilings = workload.ceilings
    teams, providers = ceilings.teams, ceilings.providers
    return Limits(
        usd=ceilings.usd,
        mean_latency_s=ceilings.mean_latency_s,
        team_usd={n: t.usd for n, t in teams.items() if t.usd is not None},
        team_mean_latency_s={
            n: t.mean_latency_s for n, t in teams.items() if t.mean_latency_s is not None
        },
        provider_usd={n: p.usd for n, p in providers.items() if p.usd is not None},
        provider_tokens={n: p.tokens for n, p in providers.items() if p.tokens is not None},
        provider_min_share={
            n: p.min_share for n, p in providers.items() if p.min_share is not None
        },
        provider_max_share={
            n: p.max_share for n, p in providers.items() if p.max_share is not None
        },
    )


def _pools(workload: Workload) -> list[Pool]:
    from costplan.solve.problem import Pool

    return [
        Pool(name, pool.usd_per_gpu, pool.tokens_per_gpu, pool.max_gpus)
        for name, pool in workload.pools.items()
    ]


def _contracts(workload: Workload) -> dict[str, Contract]:
    from costplan.solve.problem import Commitment, Contract, Tier

    return {
        name: Contract(
            tuple(Tier(tier.up_to_usd, tier.multiplier) for tier in contract.tiers),
            None
            if contract.commitment is None
            else Commitment(contract.commitment.usd, contract.commitment.multiplier),
        )
        for name, contract in workload.contracts.items()
    }


def _objective(workload: Workload) -> Objective:
    from costplan.solve.problem import Goal, Objective

    aim = workload.objective
    if aim.maximize is not None:
        return Objective(Goal(aim.maximize))
    return Objective(Goal.COST, target_value=aim.target_value, target_accuracy=aim.target_accuracy)

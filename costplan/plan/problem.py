"""A case as the solver sees it: rows of exact decimals, limits and an objective."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from typing import TYPE_CHECKING

from costplan.domain.money import EXACT, total
from costplan.domain.option import Option
from costplan.domain.workload import Workload
from costplan.plan.case import Case, ClassCase

if TYPE_CHECKING:
    from costplan.solve.build import ClassRow, PartRow
    from costplan.solve.problem import Contract, Limits, Objective, Pool, Problem


SHARE_UNIT = Decimal("1e-18")
"""Decimal places of a scaled share."""


def pose(case: Case) -> Problem:
    """Pose a case as a problem."""
    from costplan.solve.build import build_problem

    workload = case.workload
    return build_problem(
        [_row(part) for part in case.classes],
        limits=limits_of(case),
        pools=_pools(case),
        contracts=_contracts(case),
        objective=_objective(workload),
        splits=workload.splits,
    )


def exact_accuracy(option: Option) -> Decimal:
    """Give the accuracy that is planned with, in decimals."""
    return Decimal(repr(option.accuracy.mean))


def in_month(name: str, month: str | None) -> str:
    """Name of a team, provider or pool in a month of a horizon: each month has its own limits."""
    return name if month is None else f"{name} {month}"


def _months(case: Case) -> list[str | None]:
    return list(dict.fromkeys(part.month for part in case.classes))


def part_of_requests(case: Case, month: str | None) -> tuple[Decimal, Decimal]:
    """Requests of a month and of the whole case."""
    everything = total([part.task.requests for part in case.classes])
    mine = total([part.task.requests for part in case.classes if part.month == month])
    return mine, everything


def scale_share(case: Case, share: Decimal, month: str | None, *, floor: bool) -> Decimal:
    """Scale a share of a month's requests to all requests, rounded to the side that keeps it."""
    if month is None:
        return share
    mine, everything = part_of_requests(case, month)
    with localcontext(EXACT):
        scaled = share * mine / everything
        return scaled.quantize(SHARE_UNIT, rounding=ROUND_CEILING if floor else ROUND_FLOOR)


def _row(part: ClassCase) -> ClassRow:
    from costplan.solve.build import ClassRow, OptionRow

    task, month = part.task, part.month
    return ClassRow(
        name=part.key,
        requests=task.requests,
        weight=task.worth,
        team=None if task.team is None else in_month(task.team, month),
        min_accuracy=task.min_accuracy,
        max_p95_latency_s=task.max_p95_latency_s,
        options=[
            OptionRow(
                name=option.name,
                provider=in_month(option.provider, month),
                accuracy=exact_accuracy(option),
                usd=option.usd_per_request,
                mean_latency_s=option.mean_latency_s,
                p95_latency_s=option.p95_latency_s,
                tokens=option.tokens_per_request,
                pool=None if option.pool is None else in_month(option.pool, month),
                parts=_parts(option, month),
            )
            for option in part.options
        ],
    )


def _parts(option: Option, month: str | None) -> list[PartRow]:
    """Say what each provider and pool has of a policy that several share."""
    from costplan.solve.build import PartRow

    return [
        PartRow(
            provider=in_month(part.provider, month),
            usd=part.usd,
            tokens=part.tokens,
            reach=part.reach,
            pool=None if part.pool is None else in_month(part.pool, month),
        )
        for part in option.parts
    ]


def limits_of(case: Case) -> Limits:
    """Collect the workload's ceilings, those of teams and providers for every month."""
    from costplan.solve.problem import Limits

    ceilings = case.workload.ceilings
    months = _months(case)

    def each(values: Mapping[str, Decimal | None]) -> dict[str, Decimal]:
        return {
            in_month(name, month): value
            for month in months
            for name, value in values.items()
            if value is not None
        }

    def shares(values: Mapping[str, Decimal | None], *, floor: bool) -> dict[str, Decimal]:
        """A month's share of its own requests, as a share of the requests of all months."""
        return {
            in_month(name, month): scale_share(case, value, month, floor=floor)
            for month in months
            for name, value in values.items()
            if value is not None
        }

    teams, providers = ceilings.teams, ceilings.providers
    return Limits(
        usd=ceilings.usd,
        mean_latency_s=ceilings.mean_latency_s,
        team_usd=each({n: t.usd for n, t in teams.items()}),
        team_mean_latency_s=each({n: t.mean_latency_s for n, t in teams.items()}),
        provider_usd=each({n: p.usd for n, p in providers.items()}),
        provider_tokens=each({n: p.tokens for n, p in providers.items()}),
        provider_min_share=shares({n: p.min_share for n, p in providers.items()}, floor=True),
        provider_max_share=shares({n: p.max_share for n, p in providers.items()}, floor=False),
    )


def _pools(case: Case) -> list[Pool]:
    from costplan.solve.problem import Pool

    return [
        Pool(in_month(name, month), pool.usd_per_gpu, pool.tokens_per_gpu, pool.max_gpus)
        for month in _months(case)
        for name, pool in case.workload.pools.items()
    ]


def _contracts(case: Case) -> dict[str, Contract]:
    from costplan.solve.problem import Commitment, Contract, Tier

    return {
        in_month(name, month): Contract(
            tuple(Tier(tier.up_to_usd, tier.multiplier) for tier in contract.tiers),
            None
            if contract.commitment is None
            else Commitment(contract.commitment.usd, contract.commitment.multiplier),
        )
        for month in _months(case)
        for name, contract in case.workload.contracts.items()
    }


def _objective(workload: Workload) -> Objective:
    from costplan.solve.problem import Goal, Objective

    aim = workload.objective
    if aim.maximize is not None:
        return Objective(Goal(aim.maximize))
    return Objective(Goal.COST, target_value=aim.target_value, target_accuracy=aim.target_accuracy)

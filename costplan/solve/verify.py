"""Add a plan up again, independently of every solver, in exact integers and decimals.

No tolerance: a limit met with equality is met, and one unit of the last place above it is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

import numpy as np

from costplan.solve.decimals import WIDE, Ints
from costplan.solve.pick import Pick
from costplan.solve.problem import Contract, Goal, Problem
from costplan.solve.shared import pool_tokens_at, usd_at
from costplan.solve.tally import Tally, ratio
from costplan.solve.usages import (
    Usage,
    class_usages,
    latency_usages,
    money_usages,
    pool_usages,
    provider_usages,
    target_usages,
)


@dataclass(frozen=True, slots=True)
class Audit:
    """A plan added up."""

    usages: tuple[Usage, ...]
    """Every ceiling of the whole plan, and the limits of classes that are broken."""
    faults: tuple[str, ...]
    """What makes it no plan at all: shares that do not add up to 1, a foreign option."""
    bill_usd: Decimal
    """Provider bills after tiers and commitments, and GPUs."""
    list_usd: Mapping[str, Decimal]
    """List spend per provider, without pools."""
    billed_usd: Mapping[str, Decimal]
    """Bill per provider."""
    gpus: tuple[int, ...]
    """Fewest GPUs per pool that carry its tokens."""
    pool_tokens: tuple[Decimal, ...]
    """Tokens per pool."""
    value: Decimal
    """Requests * weight * accuracy, added up."""
    accuracy: Decimal | None
    """Request-weighted mean accuracy; None without requests."""
    mean_latency_s: Decimal | None
    """Request-weighted mean latency; None when one of them is unknown."""
    objective: Decimal
    """What the goal of the problem asks for."""

    @property
    def violations(self) -> tuple[Usage, ...]:
        """Return the limits that are broken."""
        return tuple(usage for usage in self.usages if not usage.kept)

    @property
    def ok(self) -> bool:
        """Whether it is a plan and keeps every limit."""
        return not self.faults and not self.violations


def verify(problem: Problem, main: Ints, splits: Mapping[int, Sequence[Pick]]) -> Audit:
    """Recompute every limit and the objective of a plan without any tolerance.

    main has shape (n_classes,); splits holds the picks of classes over several options.
    """
    faults = _faults(problem, main, splits)
    tally = Tally.of(problem, main, splits)
    list_usd = {name: tally.total_of(usd_at(problem, name)) for name in problem.provider_names}
    billed = {name: _billed(problem.contracts.get(name), usd) for name, usd in list_usd.items()}
    pool_tokens = tuple(
        tally.total_of(pool_tokens_at(problem, g)) for g in range(len(problem.pools))
    )
    gpus = tuple(
        _gpus(tokens, pool.tokens_per_gpu)
        for tokens, pool in zip(pool_tokens, problem.pools, strict=True)
    )
    with localcontext(WIDE):
        bill = sum(billed.values(), Decimal(0)) + sum(
            (n * pool.usd_per_gpu for n, pool in zip(gpus, problem.pools, strict=True)), Decimal(0)
        )
    value = tally.total(problem.requests, problem.accuracy, tally.all, weight=problem.weight)
    correct = tally.total(problem.requests, problem.accuracy, tally.all)
    requests = tally.total(problem.requests, None, tally.all)
    usages = [
        *money_usages(problem, tally, bill, list_usd),
        *latency_usages(problem, tally),
        *provider_usages(problem, tally, requests),
        *target_usages(problem, value, correct, requests),
        *pool_usages(problem, gpus),
        *class_usages(problem, tally),
    ]
    accuracy = ratio(correct, requests)
    objective = {
        Goal.VALUE: value,
        Goal.ACCURACY: accuracy if accuracy is not None else Decimal(0),
        Goal.NET_VALUE: WIDE.subtract(value, bill),
        Goal.COST: bill,
    }[problem.objective.goal]
    return Audit(
        usages=tuple(usages),
        faults=tuple(faults),
        bill_usd=bill,
        list_usd=list_usd,
        billed_usd=billed,
        gpus=gpus,
        pool_tokens=pool_tokens,
        value=value,
        accuracy=accuracy,
        mean_latency_s=tally.mean_latency(tally.all),
        objective=objective,
    )


def _faults(problem: Problem, main: Ints, splits: Mapping[int, Sequence[Pick]]) -> list[str]:
    """Find what makes the picks no plan."""
    if len(main) != problem.n_classes:
        raise ValueError(f"{len(main)} picks for {problem.n_classes} classes")
    foreign = (main < problem.first[:-1]) | (main >= problem.first[1:])
    faults = [
        f"class {problem.class_names[int(c)]}: foreign option" for c in np.flatnonzero(foreign)
    ]
    for c, parts in splits.items():
        name = problem.class_names[c]
        if not problem.splits and len(parts) > 1:
            faults.append(f"class {name}: split although splits are not allowed")
        with localcontext(WIDE):
            whole = sum((share for _, share in parts), Decimal(0))
        if whole != 1 or any(share <= 0 for _, share in parts):
            faults.append(f"class {name}: shares are not positive parts of 1")
        if any(not problem.first[c] <= o < problem.first[c + 1] for o, _ in parts):
            faults.append(f"class {name}: foreign option")
    return faults


def _billed(contract: Contract | None, spend_usd: Decimal) -> Decimal:
    """Apply tiers step by step and the commitment where it is cheaper."""
    if contract is None:
        return spend_usd
    with localcontext(WIDE):
        bill, start = Decimal(0), Decimal(0)
        for i, tier in enumerate(contract.tiers):
            last = i == len(contract.tiers) - 1
            end = spend_usd
            if tier.up_to_usd is not None and not last:
                end = min(spend_usd, tier.up_to_usd)
            bill += max(Decimal(0), end - start) * tier.multiplier
            start = max(start, end)
        if not contract.tiers:
            bill = spend_usd
        signed = contract.commitment
        if signed is None:
            return bill
        return min(bill, max(signed.usd, signed.multiplier * spend_usd))


def _gpus(tokens: Decimal, tokens_per_gpu: Decimal) -> int:
    """Return the fewest GPUs that carry the tokens; an absurd number where none can."""
    if tokens == 0:
        return 0
    if tokens_per_gpu == 0:
        return 2**62
    with localcontext(WIDE):
        whole, rest = divmod(tokens, tokens_per_gpu)
        return int(whole) + (rest > 0)

"""From a case to a plan: solve, keep the margin, compare, and write down what it rests on."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING

from costplan import __version__
from costplan.domain.errors import LimitError
from costplan.domain.money import CENT
from costplan.plan.baselines import find_rivals, list_least
from costplan.plan.beside import look_beside
from costplan.plan.case import Case, value_unit
from costplan.plan.fallback import choose
from costplan.plan.held_out import check_held_out, say_held_out, warn_of_held_out
from costplan.plan.horizon import is_monthly, merge_plans, split_months
from costplan.plan.lines import list_evidence, list_lines, list_prices, total_up
from costplan.plan.margin import z_of
from costplan.plan.model import (
    SCHEMA_VERSION,
    Ceiling,
    Conflict,
    Objective,
    Plan,
    PlanWarning,
    PoolUse,
    WorkloadRef,
)
from costplan.plan.naive import confess, take_at_word
from costplan.plan.overrun import warn_of_overrun
from costplan.plan.part import hold_quantity, is_usd
from costplan.plan.problem import pose
from costplan.plan.slider import find_before, list_bills
from costplan.plan.solving import Manner, Solved, solve_with_margin
from costplan.plan.unknowns import find_unknowns
from costplan.plan.verdict import list_assumptions, list_warnings, pronounce

if TYPE_CHECKING:
    from costplan.solve.problem import Problem
    from costplan.solve.solution import Solution
    from costplan.solve.verify import Audit

FELL_BACK = "of a plan class by class; this plan is the class-blind mix"

CONFLICT_S = 60.0
"""Seconds that the search for conflicting limits may take where no time limit is asked for."""
NO_CONFLICT = "no time was left to find which limits conflict; give it more with --time-limit"


def build_plan(case: Case, manner: Manner | None = None) -> Plan:
    """Make the plan of a case.

    An infeasible case gives a plan without lines that names the conflict. Raises LimitError when
    the time limit came before any plan.
    """
    manner = manner or Manner()
    if is_monthly(case):
        months = split_months(case)
        # All months rest on the same evidence: one check of it is enough, and one look at what
        # it leaves open.
        first, *others = (part for _, part in months)
        plans = [build_plan(first, _share(manner, len(months)))]
        later = replace(_share(manner, len(months)), unknowns=False)
        plans += [build_plan(replace(part, own={}), later) for part in others]
        return merge_plans([month for month, _ in months], plans)
    honest, case = case, take_at_word(case) if manner.naive else case
    problem = pose(case)
    solved, sure = solve_with_margin(case, problem, manner)
    if isinstance(solved, Solved):
        plan = _write_plan(case, problem, solved, sure, manner)
        if not manner.naive or plan.totals is None:
            return plan
        confession = confess(honest, solved.allocation, plan.totals.accuracy.mean)
        return plan.model_copy(update={"warnings": (confession, *plan.warnings)})
    return _write_infeasible(case, problem, solved, manner)


def _share(manner: Manner, n_months: int) -> Manner:
    """Give every month its part of the time."""
    limit = manner.time_limit_s
    return replace(
        manner,
        time_limit_s=None if limit is None else limit / n_months,
        beside_s=max(4.0, manner.beside_s / n_months),
    )


def _reference(case: Case) -> WorkloadRef:
    workload = case.workload
    return WorkloadRef(
        name=workload.name,
        period=workload.period,
        starts=case.starts.isoformat(),
        months=1 if case.workload.horizon is None else case.workload.horizon.months,
        digest=case.digest,
        file=case.file,
    )


def _now() -> str:
    """The time, or SOURCE_DATE_EPOCH where a build is to be the same every time."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    now = dt.datetime.fromtimestamp(int(epoch), dt.UTC) if epoch else dt.datetime.now(dt.UTC)
    return now.replace(microsecond=0).isoformat()


def _common(case: Case, manner: Manner) -> dict[str, object]:
    return {
        "schema_version": SCHEMA_VERSION,
        "costplan_version": __version__,
        "created_at": _now(),
        "seed": case.workload.seed,
        "confidence": 0.0 if manner.naive else float(case.workload.confidence),
        "workload": _reference(case),
        "splits": case.workload.splits,
        "value_unit": value_unit(case),
        "prices": list_prices(case),
    }


def _objective(case: Case, solution: Solution, audit: Audit | None = None) -> Objective:
    aim = case.workload.objective
    target = aim.target_accuracy if aim.target_accuracy is not None else aim.target_value
    bound = None if solution.bound is None else float(solution.bound)
    value = None if solution.objective is None else float(solution.objective)
    gap = solution.gap
    if audit is not None and audit.objective != solution.objective:
        value = float(audit.objective)
        gap = None if bound is None else abs(bound - value) / max(abs(bound), abs(value), 1e-300)
    return Objective(
        maximize=aim.maximize,
        minimize=aim.minimize,
        target=None if target is None else float(target),
        value=value,
        bound=bound,
        gap=gap,
    )


def _write_plan(case: Case, problem: Problem, solved: Solved, sure: bool, manner: Manner) -> Plan:
    rivals = find_rivals(case, problem, _margin_z(case, manner))
    choice = choose(case, solved.allocation, () if manner.naive else rivals)
    solved = replace(solved, allocation=choice.allocation)
    audit = solved.allocation.audit(problem)
    if not audit.ok:
        broken = ", ".join(usage.name for usage in audit.violations)
        raise AssertionError(f"the {solved.solution.solver} solver broke {broken or audit.faults}")
    confidence = float(case.workload.confidence)
    lines = list_lines(solved.allocation)
    totals = total_up(solved.allocation, audit, confidence)
    z = _margin_z(case, manner)
    limit = manner.time_limit_s
    seconds = manner.beside_s if limit is None else min(manner.beside_s, limit)
    beside = look_beside(case, problem, solved, audit, z, seconds)
    ceilings = beside.ceilings
    if choice.fell_back:
        ceilings = [c.model_copy(update={"price_note": FELL_BACK}) for c in ceilings]
    checks = () if manner.naive else check_held_out(solved.allocation)
    draft = Plan.model_validate(
        _common(case, manner)
        | {
            "status": "feasible" if choice.fell_back else solved.solution.status.value,
            "solver": solved.solution.solver,
            "objective": _objective(case, solved.solution, audit),
            "verdict": "",
            "lines": lines,
            "totals": totals,
            "ceilings": ceilings,
            "baselines": [rival.judge() for rival in rivals],
            "before": find_before(rivals),
            "bills": list_bills(case, audit),
            "pools": _list_pools(problem, audit),
            "conflict": (),
            "smallest_usd": None,
            "next_steps": beside.next_steps,
            "frontier": beside.chart,
            "evidence": list_evidence(solved.allocation),
            "considered": beside.considered,
            "changes": beside.changes,
            "assumptions": (*list_assumptions(solved.allocation), *say_held_out(checks)),
            "warnings": (),
            "unknowns": find_unknowns(case, float(audit.value), _value_per_usd(ceilings))
            if manner.unknowns
            else (),
        }
    )
    warned = draft.model_copy(
        update={
            "warnings": warn_of_overrun([(None, draft)])
            + tuple(
                list_warnings(draft, case, solved.allocation, sure=sure, fell_back=choice.fell_back)
            )
            + tuple(warn_of_held_out(checks))
            + beside.warnings
        }
    )
    return warned.model_copy(update={"verdict": pronounce(warned)})


def _list_pools(problem: Problem, audit: Audit) -> list[PoolUse]:
    return [
        PoolUse(
            name=pool.name,
            gpus=gpus,
            usd=gpus * pool.usd_per_gpu,
            tokens_used=tokens,
            tokens_available=gpus * pool.tokens_per_gpu,
        )
        for pool, gpus, tokens in zip(problem.pools, audit.gpus, audit.pool_tokens, strict=True)
    ]


def _least_above(problem: Problem) -> Decimal | None:
    """Least bill of a plan, where it is above the dollar ceiling by a hair only."""
    from costplan.solve.least import least_usd

    ceiling = problem.limits.usd
    least = None if ceiling is None else least_usd(problem)
    return least if least is not None and ceiling is not None and least > ceiling else None


def _round_up(usd: Decimal | None) -> Decimal | None:
    """Round up to the cent: less would not do."""
    return None if usd is None else usd.quantize(CENT, rounding=ROUND_CEILING)


def _shortfall(name: str, shortfall: Decimal) -> Decimal:
    if not is_usd(name):
        return hold_quantity(name, shortfall)
    return shortfall.quantize(CENT, rounding=ROUND_CEILING)


def _margin_z(case: Case, manner: Manner) -> float:
    return 0.0 if manner.naive else z_of(case)


def _value_per_usd(ceilings: Sequence[Ceiling]) -> float:
    """What the last dollar under the ceiling bought; 0 where money is no limit."""
    prices = [ceiling.price_down for ceiling in ceilings if ceiling.name == "usd"]
    return prices[0] or 0.0 if prices else 0.0


def _write_infeasible(case: Case, problem: Problem, solution: Solution, manner: Manner) -> Plan:
    from costplan.solve.conflict import conflict_of
    from costplan.solve.deadline import within

    conflict, least = None, None
    warnings: tuple[PlanWarning, ...] = ()
    try:
        with within(CONFLICT_S if manner.time_limit_s is None else manner.time_limit_s):
            conflict = conflict_of(problem)
            least = conflict.least_usd if conflict else _least_above(problem)
    except LimitError:
        warnings = (PlanWarning(code="left_out", task_class=None, message=NO_CONFLICT),)
    draft = Plan.model_validate(
        _common(case, manner)
        | {
            "status": "infeasible",
            "solver": solution.solver,
            "objective": _objective(case, solution),
            "verdict": "",
            "lines": (),
            "totals": None,
            "ceilings": (),
            "baselines": [
                rival.judge() for rival in find_rivals(case, problem, _margin_z(case, manner))
            ],
            "pools": (),
            "conflict": [
                Conflict(
                    limit=member.name,
                    shortfall=None
                    if member.shortfall is None
                    else _shortfall(member.name, member.shortfall),
                )
                for member in (conflict.limits if conflict else ())
            ],
            "smallest_usd": _round_up(least),
            "next_steps": (),
            "frontier": (),
            "evidence": (),
            "considered": (),
            "assumptions": (),
            "warnings": list_least(case) if least is not None else warnings,
        }
    )
    return draft.model_copy(update={"verdict": pronounce(draft)})

"""The limits of a problem by name, and the problem without some of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from decimal import Decimal

import numpy as np

from costplan.solve.decimals import DecimalColumn
from costplan.solve.problem import Limits, Objective, Problem

UNLIMITED = Decimal(10) ** 15
"""A ceiling that binds nothing, yet still shuts out options whose number is unknown."""

TEAM_KEYS = {"usd": "team_usd", "mean_latency_s": "team_mean_latency_s"}
PROVIDER_KEYS = {
    "usd": "provider_usd",
    "tokens": "provider_tokens",
    "min_share": "provider_min_share",
    "max_share": "provider_max_share",
}


def whole_limits(problem: Problem) -> list[str]:
    """Name the limits on the plan as a whole, the bill first."""
    limits, found = problem.limits, []
    if limits.usd is not None:
        found.append("usd")
    if limits.mean_latency_s is not None:
        found.append("mean_latency_s")
    for key, attribute in TEAM_KEYS.items():
        found += [f"teams.{name}.{key}" for name in getattr(limits, attribute)]
    for key, attribute in PROVIDER_KEYS.items():
        found += [f"providers.{name}.{key}" for name in getattr(limits, attribute)]
    goal = problem.objective
    if goal.target_value is not None or goal.target_accuracy is not None:
        found.append("target")
    if goal.target_value is not None and goal.target_accuracy is not None:
        found.append("target_accuracy")
    return found + [f"pools.{pool.name}.max_gpus" for pool in problem.pools]


def class_limits(problem: Problem) -> list[str]:
    """Name the limits of single classes."""
    found = []
    for key in ("min_accuracy", "max_p95_latency_s"):
        column: DecimalColumn | None = getattr(problem, key)
        if column is not None:
            at = np.flatnonzero(column.known)
            found += [f"classes.{problem.class_names[int(c)]}.{key}" for c in at]
    return found


def value_of(problem: Problem, name: str) -> Decimal:
    """Return a limit's stated value."""
    kind, _, rest = name.partition(".")
    if name in {"usd", "mean_latency_s"}:
        stated: Decimal | None = getattr(problem.limits, name)
    elif name.startswith("target"):
        goal = problem.objective
        value_first = name == "target" and goal.target_value is not None
        stated = goal.target_value if value_first else goal.target_accuracy
    elif kind == "pools":
        stated = next(Decimal(p.max_gpus) for p in problem.pools if rest == f"{p.name}.max_gpus")
    else:
        owner, _, key = rest.rpartition(".")
        stated = _owned(problem, kind, owner, key)
    if stated is None:
        raise ValueError(f"the problem has no limit {name!r}")
    return stated


def _owned(problem: Problem, kind: str, owner: str, key: str) -> Decimal | None:
    """Return the limit of a team, a provider or a class."""
    if kind == "classes":
        column: DecimalColumn | None = getattr(problem, key)
        return None if column is None else column.get(list(problem.class_names).index(owner))
    keys = TEAM_KEYS if kind == "teams" else PROVIDER_KEYS
    table: Mapping[str, Decimal] = getattr(problem.limits, keys[key])
    return table.get(owner)


def without(problem: Problem, names: Collection[str], *, keep_unknown: bool = False) -> Problem:
    """Return the problem without some limits.

    keep_unknown leaves a ceiling that binds nothing in place of a latency or token ceiling, so that
    options of unknown latency or tokens stay shut out.
    """
    dropped = set(names)
    limits = problem.limits
    changes: dict[str, object] = {}
    for name in ("usd", "mean_latency_s"):
        if name in dropped:
            changes[name] = UNLIMITED if keep_unknown and name != "usd" else None
    for kind, keys in (("teams", TEAM_KEYS), ("providers", PROVIDER_KEYS)):
        for key, attribute in keys.items():
            table: Mapping[str, Decimal] = getattr(limits, attribute)
            soft = keep_unknown and key in {"mean_latency_s", "tokens"}
            changes[attribute] = {
                owner: UNLIMITED if f"{kind}.{owner}.{key}" in dropped else value
                for owner, value in table.items()
                if soft or f"{kind}.{owner}.{key}" not in dropped
            }
    found: Limits = replace(limits, **changes)  # type: ignore[arg-type]
    return replace(
        problem,
        limits=found,
        objective=_without_targets(problem, dropped),
        pools=tuple(
            replace(pool, max_gpus=10**6) if f"pools.{pool.name}.max_gpus" in dropped else pool
            for pool in problem.pools
        ),
        min_accuracy=_without_classes(problem, "min_accuracy", dropped),
        max_p95_latency_s=_without_classes(problem, "max_p95_latency_s", dropped),
    )


def _without_targets(problem: Problem, dropped: set[str]) -> Objective:
    """Return the objective without dropped targets."""
    goal = problem.objective
    if "target" in dropped and goal.target_value is not None:
        goal = replace(goal, target_value=None)
    elif "target" in dropped or "target_accuracy" in dropped:
        goal = replace(goal, target_accuracy=None)
    return goal


def _without_classes(problem: Problem, key: str, dropped: set[str]) -> DecimalColumn | None:
    """Return a column of class limits with some of them missing."""
    column: DecimalColumn | None = getattr(problem, key)
    mine = [name for name in dropped if name.startswith("classes.") and name.endswith(f".{key}")]
    if column is None or not mine:
        return column
    places = {name: c for c, name in enumerate(problem.class_names)}
    missing = ~column.known
    for name in mine:
        missing[places[name[len("classes.") : -len(key) - 1]]] = True
    return None if missing.all() else DecimalColumn(column.units, column.exponent, missing)


def with_value(problem: Problem, name: str, value: Decimal) -> Problem:
    """Return the problem with one limit on the plan as a whole set anew."""
    kind, _, rest = name.partition(".")
    if name in {"usd", "mean_latency_s"}:
        return replace(problem, limits=_changed(problem.limits, name, value))
    if name.startswith("target"):
        value_first = name == "target" and problem.objective.target_value is not None
        key = "target_value" if value_first else "target_accuracy"
        changed = {key: value}
        return replace(problem, objective=replace(problem.objective, **changed))  # type: ignore[arg-type]
    owner, _, key = rest.rpartition(".")
    attribute = (TEAM_KEYS if kind == "teams" else PROVIDER_KEYS)[key]
    table = dict(getattr(problem.limits, attribute)) | {owner: value}
    return replace(problem, limits=_changed(problem.limits, attribute, table))


def _changed(limits: Limits, attribute: str, value: object) -> Limits:
    """Return limits with one of them changed."""
    changed = {attribute: value}
    return replace(limits, **changed)  # type: ignore[arg-type]

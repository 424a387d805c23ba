"""Policies as they come out on questions that they were not found on."""

from __future__ import annotations

import numpy as np  # noqa: TID253 - this room is about arrays

from costplan.domain.policy import Policy
from costplan.policies.evaluate import evaluate
from costplan.policies.facts import NotMeasured
from costplan.policies.measured import FEWEST_QUESTIONS, Evidence
from costplan.policies.propose import price_singles, upper_hull
from costplan.policies.routes import learn_route


def play_unseen(policy: Policy, seen: Evidence, held: Evidence) -> tuple[float, float]:
    """Give accuracy and dollars of a policy on held questions, as they came out.

    A difficulty that is learned is learned on the seen questions. NotMeasured as `evaluate`.
    """
    route = policy.route
    if route is None or route.by != "learned":
        came = evaluate(policy, held)
        return came.replayed, came.usd
    table, learned = held.table, learn_route(route, seen)[1]
    columns = np.array([held.column(bucket.option) for bucket in route.buckets.values()])
    asked = np.flatnonzero((table.count[:, columns] > 0).all(axis=1))
    if len(asked) < FEWEST_QUESTIONS:
        raise NotMeasured(f"only {len(asked)} questions were answered by all its settings")
    taken = columns[learned.place(table, asked)]
    return float(table.score[asked, taken].mean()), float(table.usd[asked, taken].mean())


def mix_unseen(seen: Evidence, held: Evidence, usd: float) -> float | None:
    """Give the accuracy on held questions of the mix of single settings that was best before.

    usd: dollars per request that it may spend. None below the cheapest setting.
    """
    asked = np.asarray((held.table.count > 0).any(axis=0))
    singles = {
        name: point for name, point in price_singles(seen).items() if asked[held.column(name)]
    }
    corners, gained = upper_hull(singles.values())
    if not len(corners) or usd < corners[0]:
        return None
    named = {point: name for name, point in reversed(singles.items())}
    names = [named[corner] for corner in zip(corners.tolist(), gained.tolist(), strict=True)]
    came = [np.nanmean(held.table.score[:, held.column(name)]) for name in names]
    return float(np.interp(usd, corners, came))

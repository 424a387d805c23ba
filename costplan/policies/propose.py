"""Proposals: the policies worth a look, found over all pairs of settings at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np  # noqa: TID253 - this room is about arrays

from costplan.domain.policy import Auto, Check, Policy
from costplan.policies.estimate import PolicyEstimate
from costplan.policies.evaluate import evaluate
from costplan.policies.facts import NotMeasured
from costplan.policies.joint import pair_accuracies
from costplan.policies.measured import Evidence
from costplan.policies.picking import Rates
from costplan.policies.table import Array

LEAST_GAIN = 0.001
"""Accuracy over the single settings at the same money from which a policy is proposed."""


def propose(auto: Auto, evidence: Evidence) -> tuple[PolicyEstimate, ...]:
    """Propose policies that beat single settings and their mixes at the same money, best first.

    Cascades and best-ofs need auto.check; votes, and cascades by agreement, enough samples.
    """
    found: dict[str, PolicyEstimate] = {}
    for policy in _list_candidates(auto, evidence):
        try:
            estimate = evaluate(policy, evidence)
        except NotMeasured:
            continue
        found[estimate.name] = estimate
    usd, accuracy = _singles(evidence)
    gains = {
        name: estimate.accuracy.mean - _frontier(usd, accuracy, estimate.usd)
        for name, estimate in found.items()
    }
    ranked = sorted((n for n in gains if gains[n] >= LEAST_GAIN), key=lambda n: (-gains[n], n))
    return tuple(found[name] for name in ranked[: auto.most])


def _list_candidates(auto: Auto, evidence: Evidence) -> Iterator[Policy]:
    names = [name for name, s in evidence.settings.items() if s in evidence.table.settings]
    for name in names:
        column = evidence.column(name)
        samples = int(np.median(evidence.table.count[:, column]))
        for n in auto.votes:
            if 2 < n <= samples:
                yield Policy.model_validate({"vote": {"option": name, "n": n, "early_stop": True}})
            if 1 < n <= samples and auto.check is not None and auto.check.kind in _PICKS:
                best = {"option": name, "n": n, "check": auto.check, "parallel": False}
                yield Policy.model_validate({"best_of": best})
    pairs = _rank_pairs(auto.check, evidence, names)[: 2 * auto.most]
    for first, second in pairs:
        yield _cascade([first, second], auto.check)
    # The best pairs grow by a third step that starts where they end.
    for first, second in pairs[: auto.most // 2]:
        for middle, last in pairs[: auto.most // 2]:
            if middle == second and last != first:
                yield _cascade([first, second, last], auto.check)


_PICKS = ("test", "verifier")


def _cascade(steps: list[str], check: Check | None) -> Policy:
    return Policy.model_validate({"cascade": {"steps": steps, "check": check}})


def _rank_pairs(check: Check | None, evidence: Evidence, names: list[str]) -> list[tuple[str, str]]:
    """Rank cascades of two by what they add to single settings at the same money."""
    if check is None or check.kind not in _PICKS or check.measured:
        return []
    rates = Rates(float(check.false_accept or 0), float(check.false_reject or 0))
    columns = [evidence.column(name) for name in names]
    believed = np.full(len(evidence.table.settings), np.nan)
    for name, column in zip(names, columns, strict=True):
        measured = float(np.nanmean(evidence.table.score[:, column]))
        believed[column] = evidence.believed.get(evidence.settings[name], measured)
    accuracy, down = pair_accuracies(evidence.table, believed, evidence.dependence, rates)
    usd = _mean_usd(evidence)
    total = usd[:, None] + float(check.usd) + down * usd[None, :]
    singles = _singles(evidence)
    gains = [
        (float(accuracy[i, j] - _frontier(*singles, float(total[i, j]))), names[a], names[b])
        for a, i in enumerate(columns)
        for b, j in enumerate(columns)
        if i != j and np.isfinite(total[i, j]) and np.isfinite(accuracy[i, j])
    ]
    gains.sort(key=lambda gain: (-gain[0], gain[1:]))
    return [(first, second) for gain, first, second in gains if gain > 0]


def _mean_usd(evidence: Evidence) -> Array:
    usd = np.where(evidence.table.count > 0, evidence.table.usd, np.nan)
    known = np.isfinite(usd)
    number = known.sum(axis=0)
    total = np.where(known, usd, 0.0).sum(axis=0)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _singles(evidence: Evidence) -> tuple[Array, Array]:
    """Give dollars and accuracy of the single settings on their upper hull, by rising dollars."""
    usd, points = _mean_usd(evidence), []
    for setting in evidence.settings.values():
        if setting in evidence.table.settings:
            column = evidence.table.place(setting)
            measured = float(np.nanmean(evidence.table.score[:, column]))
            if np.isfinite(usd[column]):
                points.append((float(usd[column]), evidence.believed.get(setting, measured)))
    hull: list[tuple[float, float]] = []
    for point in sorted(points, key=lambda p: (p[0], -p[1])):
        if hull and point[1] <= hull[-1][1]:
            continue
        while len(hull) > 1 and _slope(hull[-2], point) >= _slope(hull[-2], hull[-1]):
            hull.pop()
        hull.append(point)
    return np.array([p[0] for p in hull]), np.array([p[1] for p in hull])


def _slope(a: tuple[float, float], b: tuple[float, float]) -> float:
    return (b[1] - a[1]) / (b[0] - a[0]) if b[0] > a[0] else float("inf")


def _frontier(usd: Array, accuracy: Array, money: float) -> float:
    """Give the best accuracy of a mix of single settings for some money; 0 below the cheapest."""
    if not len(usd):
        return 0.0
    return float(np.interp(money, usd, accuracy, left=0.0))

"""Proposals: the policies worth a look, found over all pairs of settings at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

import numpy as np  # noqa: TID253 - this room is about arrays

from costplan.domain.option import Option
from costplan.domain.policy import Auto, Check, Policy
from costplan.policies.assumed import Assumed, assume
from costplan.policies.estimate import PolicyEstimate
from costplan.policies.evaluate import evaluate
from costplan.policies.facts import NotMeasured
from costplan.policies.joint import pair_accuracies
from costplan.policies.measured import Evidence
from costplan.policies.picking import Rates
from costplan.policies.propose_routes import list_routes
from costplan.policies.table import Array

LEAST_GAIN = 0.001
"""Accuracy over the single settings at the same money from which a policy is proposed."""
THRESHOLDS = ("0.5", "0.6", "0.7", "0.8", "0.9", "0.95")
"""Stated confidences that are tried as thresholds."""
MOST_ON_HULL = 6
"""Settings of the upper hull that are paired where a check must be replayed to be ranked."""


def propose(auto: Auto, evidence: Evidence) -> tuple[PolicyEstimate, ...]:
    """Propose policies as `find_policies` finds them."""
    return tuple(estimate for _, estimate in find_policies(auto, evidence))


def find_policies(auto: Auto, evidence: Evidence) -> tuple[tuple[Policy, PolicyEstimate], ...]:
    """Find policies that beat single settings and their mixes at the same money, best first.

    Without auto.check, the checks that the outcomes hold are tried: a verifier's recorded
    verdicts, the models' stated confidence, and agreement where there are enough samples. Routes
    are tried by every column that the outcomes know before the call, with and without a check.
    """
    found: dict[str, PolicyEstimate] = {}
    made: dict[str, Policy] = {}
    for policy in _list_candidates(auto, evidence):
        try:
            estimate = evaluate(policy, evidence)
        except NotMeasured:
            continue
        found[estimate.name], made[estimate.name] = estimate, policy
    spent = {name: estimate.usd for name, estimate in found.items()}
    ranked = _rank(found, spent, upper_hull(price_singles(evidence).values()), auto.most)
    return tuple((made[estimate.name], estimate) for estimate in ranked)


def propose_assumed(
    auto: Auto, options: Mapping[str, Option], gpu_usd: Mapping[str, float] | None = None
) -> tuple[PolicyEstimate, ...]:
    """Propose cascades of two settings that were measured apart, by a stated check.

    Only cascades: what a vote or a best-of brings hangs on the assumed correlation alone.
    gpu_usd: what full GPUs cost per request of the options that own GPUs serve.
    """
    check = auto.check
    if check is None or check.kind not in _PICKS or check.measured:
        return ()
    how = Assumed()
    rates = Rates(float(check.false_accept or 0), float(check.false_reject or 0))
    own = gpu_usd or {}
    names = [name for name, option in options.items() if option.pool is None or name in own]
    p = np.array([options[name].accuracy.mean for name in names])
    paid = [float(options[name].usd_per_request) + own.get(name, 0.0) for name in names]
    price = np.array(paid)
    usd, accuracy = upper_hull(zip(price.tolist(), p.tolist(), strict=True))
    least = np.minimum(p[:, None], p[None, :])
    both = p[:, None] * p[None, :] * (1 - how.dependence) + how.dependence * least
    f, r = rates.false_accept, rates.false_reject
    right = p[:, None] * (1 - r) + r * both + (1 - f) * (p[None, :] - both)
    down = p[:, None] * r + (1 - p[:, None]) * (1 - f)
    total = price[:, None] + float(check.usd) + down * price[None, :]
    gain = right - np.interp(total, usd, accuracy, left=0.0) if len(usd) else right * 0.0
    np.fill_diagonal(gain, -1.0)
    order = np.argsort(-gain, axis=None, kind="stable")[: 2 * auto.most].tolist()
    best = [divmod(place, len(names)) for place in order if gain.flat[place] >= LEAST_GAIN]
    found, spent = {}, {}
    for i, j in best:
        try:
            estimate = assume(_cascade([names[i], names[j]], check), options, how)
        except NotMeasured:
            continue
        found[estimate.name] = estimate
        spent[estimate.name] = float(total[i, j])
    return _rank(found, spent, (usd, accuracy), auto.most)


def _rank(
    found: Mapping[str, PolicyEstimate],
    spent: Mapping[str, float],
    singles: tuple[Array, Array],
    most: int,
) -> tuple[PolicyEstimate, ...]:
    gains = {
        name: estimate.accuracy.mean - _frontier(*singles, spent[name])
        for name, estimate in found.items()
    }
    ranked = sorted((n for n in gains if gains[n] >= LEAST_GAIN), key=lambda n: (-gains[n], n))
    return tuple(found[name] for name in ranked[:most])


def _list_candidates(auto: Auto, evidence: Evidence) -> Iterator[Policy]:
    yield from list_routes(evidence, _names_on_hull(evidence))
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
    if auto.check is not None and auto.check.kind in _PICKS and not auto.check.measured:
        yield from _list_chains(auto.check, auto.most, evidence, names)
        return
    for check in [auto.check] if auto.check is not None else _find_checks(auto, evidence):
        yield from _list_replayed(check, auto, _names_on_hull(evidence))


def _list_replayed(check: Check, auto: Auto, hull: list[str]) -> Iterator[Policy]:
    """List what a check that must be replayed to be ranked can make of the hull's settings."""
    for place, first in enumerate(hull):
        for second in hull[place + 1 :]:
            yield _cascade([first, second], check)
        if check.measured:
            for n in auto.votes:
                best = {"option": first, "n": n, "check": check, "parallel": False}
                yield Policy.model_validate({"best_of": best})


def _list_chains(check: Check, most: int, evidence: Evidence, names: list[str]) -> Iterator[Policy]:
    """List cascades whose check needs nothing but right and wrong, so that all pairs rank."""
    pairs = _rank_pairs(check, evidence, names)[: 2 * most]
    for first, second in pairs:
        yield _cascade([first, second], check)
    # The best pairs grow by a third step that starts where they end.
    for first, second in pairs[: most // 2]:
        for middle, last in pairs[: most // 2]:
            if middle == second and last != first:
                yield _cascade([first, second, last], check)


def _find_checks(auto: Auto, evidence: Evidence) -> Iterator[Check]:
    """List the checks that the outcomes themselves hold."""
    table = evidence.table
    if np.isfinite(table.row_accepted).any():
        yield Check(kind="verifier")
    if np.isfinite(table.row_confidence).any():
        for threshold in THRESHOLDS:
            yield Check.model_validate({"kind": "confidence", "threshold": Decimal(threshold)})
    for n in auto.votes:
        if 1 < n <= int(table.count.max(initial=0)):
            for agree in (n, n - 1):
                if agree >= 2 and 2 * agree > n:
                    yield Check(kind="agreement", calls=n, agree=agree)


def _names_on_hull(evidence: Evidence) -> list[str]:
    """Name the settings on the upper hull by rising dollars, thinned evenly."""
    singles = price_singles(evidence)
    usd, accuracy = upper_hull(singles.values())
    corners = set(zip(usd.tolist(), accuracy.tolist(), strict=True))
    names = sorted((n for n in singles if singles[n] in corners), key=lambda n: singles[n])
    if len(names) <= MOST_ON_HULL:
        return names
    places = np.linspace(0, len(names) - 1, MOST_ON_HULL).round().astype(int)
    return [names[place] for place in places.tolist()]


_PICKS = ("test", "verifier")


def _cascade(steps: list[str], check: Check | None) -> Policy:
    return Policy.model_validate({"cascade": {"steps": steps, "check": check}})


def _rank_pairs(check: Check, evidence: Evidence, names: list[str]) -> list[tuple[str, str]]:
    """Rank cascades of two by what they add to single settings at the same money."""
    rates = Rates(float(check.false_accept or 0), float(check.false_reject or 0))
    columns = [evidence.column(name) for name in names]
    believed = np.full(len(evidence.table.settings), np.nan)
    for name, column in zip(names, columns, strict=True):
        if (evidence.table.count[:, column] > 0).any():
            measured = float(np.nanmean(evidence.table.score[:, column]))
            believed[column] = evidence.believed.get(evidence.settings[name], measured)
    accuracy, down = pair_accuracies(evidence.table, believed, evidence.dependence, rates)
    usd = _mean_usd(evidence)
    total = usd[:, None] + float(check.usd) + down * usd[None, :]
    singles = upper_hull(price_singles(evidence).values())
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


def price_singles(evidence: Evidence) -> dict[str, tuple[float, float]]:
    """Give dollars and accuracy of the single settings."""
    usd, points = _mean_usd(evidence), {}
    for name, setting in evidence.settings.items():
        if setting in evidence.table.settings:
            column = evidence.table.place(setting)
            if np.isfinite(usd[column]):
                measured = float(np.nanmean(evidence.table.score[:, column]))
                points[name] = float(usd[column]), evidence.believed.get(setting, measured)
    return points


def upper_hull(points: Iterable[tuple[float, float]]) -> tuple[Array, Array]:
    """Give dollars and accuracy on the upper hull, by rising dollars."""
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

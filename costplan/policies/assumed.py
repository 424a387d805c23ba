"""Policies from aggregates: no joint outcomes, so how settings go together is assumed.

A question's chance of a right answer is taken as Beta-distributed with the stated correlation of
two calls; two settings as a mixture of independent ones and ones that fail on the same questions
as far as they can. The interval covers the members' own intervals and every correlation between
half of what is assumed and halfway from it to 1, so it is wide, and the grade is `assumed`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from costplan.domain.estimate import Estimate, Grade
from costplan.domain.figures import write_percent
from costplan.domain.option import Option
from costplan.domain.policy import BestOf, Cascade, Check, Policy, Route, Vote
from costplan.domain.policy_text import write_policy
from costplan.domain.recipe import Path, Spend, Stage
from costplan.policies.estimate import PolicyEstimate
from costplan.policies.facts import NotMeasured
from costplan.policies.joint import (
    USUAL_DEPENDENCE,
    cascade_accuracy,
    cascade_reach,
    mixed_patterns,
)
from costplan.policies.naming import name_policy, say_check, say_threshold
from costplan.policies.picking import Rates, pick_at_once, pick_in_turn
from costplan.policies.points import Points, in_a_row, log_normal, mix
from costplan.policies.voting import correlated, rule_of, vote

_STEP = 1e-4
"""Step of a slope."""


@dataclass(frozen=True, slots=True)
class Assumed:
    """How answers are taken to go together where nothing says it."""

    repeats: float = 0.7
    """Correlation of two answers of one setting to the same question, 0 to 1."""
    dependence: float = USUAL_DEPENDENCE
    """Share of the greatest possible covariance of two settings, 0 to 1."""
    spread: float = 0.64
    """Squared coefficient of variation of the dollars between questions."""

    @staticmethod
    def of(policy: Policy) -> Assumed:
        """Take what the policy states itself, else what is usual."""
        stated = policy.correlation
        if stated is None or policy.route is not None:
            return Assumed()
        if policy.cascade is not None:
            return Assumed(dependence=float(stated))
        return Assumed(repeats=float(stated))

    def range_of(self, value: float) -> tuple[float, float, float]:
        """Give what is assumed, half of it, and halfway from it to 1."""
        return value, value / 2, (1 + value) / 2


_Way = tuple[int, float, float, Points | None]
"""Stages or calls, share, dollars and seconds of a way that a request can go."""


@dataclass(frozen=True, slots=True)
class _Made:
    """A policy put together from aggregates."""

    accuracy: Estimate
    stages: tuple[Stage, ...]
    paths: Sequence[_Way]
    """Ways a request can go."""
    calls: Mapping[str, float]
    """Expected calls of each option."""
    accepted: float
    accepted_right: float
    said: str
    """What was assumed."""
    leans_on: Mapping[str, float]
    """How much the accuracy moves with that of each option."""


def assume(
    policy: Policy, options: Mapping[str, Option], how: Assumed | None = None
) -> PolicyEstimate:
    """Put a policy together from options that were measured apart.

    NotMeasured where an option is missing or a check needs outcomes.
    """
    how = how or Assumed.of(policy)
    missing = [name for name in policy.options if name not in options]
    if missing:
        raise NotMeasured(f"the class has no option {missing[0]}")
    if policy.vote is not None:
        made = _vote(policy.vote, options[policy.vote.option], how)
    elif policy.best_of is not None:
        made = _best_of(policy.best_of, options[policy.best_of.option], how)
    elif policy.cascade is not None:
        made = _cascade(policy.cascade, [options[name] for name in policy.options], how)
    elif policy.route is not None:
        made = _route(policy.route, options)
    else:
        raise ValueError("proposals are made by `propose`, not assumed")
    return _write(policy, made, options)


def _vote(spec: Vote, option: Option, how: Assumed) -> _Made:
    rule = rule_of(spec.n, spec.start, decided=spec.early_stop, agree=spec.agree)

    def play(p: float, rho: float) -> float:
        return vote(correlated(p, rho), rule, spec.wrong_answers).right

    accuracy = _span(option.accuracy, play, how.range_of(how.repeats))
    ballot = vote(correlated(option.accuracy.mean, how.repeats), rule, spec.wrong_answers)
    paths = _paths_of_calls(option, ballot.ends, rule.start, None)
    stage = Stage((option.model, option.setting), ballot.calls, "", "", 1.0)
    said = f"two calls of {option.name} are taken to agree on right and wrong by {how.repeats:g}"
    lean = {option.name: _slope(lambda p: play(p, how.repeats), option.accuracy.mean)}
    return _Made(
        accuracy, (stage,), paths, {option.name: ballot.calls}, 1.0,
        accuracy.mean, said, lean,
    )  # fmt: skip


def _best_of(spec: BestOf, option: Option, how: Assumed) -> _Made:
    rates, repeats = _rates(spec.check), float(spec.check.repeats)
    pick = pick_at_once if spec.parallel else pick_in_turn

    def play(p: float, rho: float) -> float:
        return pick(correlated(p, rho), spec.n, rates, repeats).right

    accuracy = _span(option.accuracy, play, how.range_of(how.repeats))
    done = pick(correlated(option.accuracy.mean, how.repeats), spec.n, rates, repeats)
    ends = {calls: chance for calls, chance in enumerate(done.ends, start=1) if chance > 0}
    calls = sum(number * chance for number, chance in ends.items())
    paths = _paths_of_calls(option, ends, spec.n if spec.parallel else 1, spec.check)
    stage = Stage((option.model, option.setting), calls, say_check(spec.check), "", 1.0)
    said = f"two calls of {option.name} are taken to agree on right and wrong by {how.repeats:g}"
    lean = {option.name: _slope(lambda p: play(p, how.repeats), option.accuracy.mean)}
    return _Made(
        accuracy, (stage,), paths, {option.name: calls}, done.accepted,
        done.accepted_right, said, lean,
    )  # fmt: skip


def _cascade(spec: Cascade, options: Sequence[Option], how: Assumed) -> _Made:
    rates = [_rates(check) for check in spec.checks]
    if any(check.repeats or check.hardness for check in spec.checks):
        raise NotMeasured("repeats and hardness of a cascade's check need joint outcomes")

    def play(p: Sequence[float], dependence: float) -> float:
        return cascade_accuracy(mixed_patterns(p, dependence), rates)

    means = [option.accuracy.mean for option in options]
    ends = [
        play([getattr(option.accuracy, end) for option in options], dependence)
        for end in ("low", "mean", "high")
        for dependence in how.range_of(how.dependence)
    ]
    mean = play(means, how.dependence)
    accuracy = Estimate(mean, min(*ends, mean), max(*ends, mean), Grade.ASSUMED)
    reach = cascade_reach(mixed_patterns(means, how.dependence), rates)
    checks: list[Check | None] = [*spec.checks, None]
    stages = tuple(
        Stage(
            (option.model, option.setting),
            1.0,
            "" if check is None else say_check(check),
            "" if check is None else say_threshold(check),
            share,
            _spend(option, share, check),
        )
        for option, check, share in zip(options, checks, reach, strict=True)
    )
    paths = _list_paths(options, checks, reach)
    calls = {option.name: share for option, share in zip(options, reach, strict=True)}
    said = (
        "settings are taken to fail on the same questions to "
        f"{write_percent(how.dependence, 0)} of what their accuracies allow"
    )
    lean = {
        option.name: _slope(partial(_play_at, play, means, k, how.dependence), means[k])
        for k, option in enumerate(options)
    }
    return _Made(accuracy, stages, paths, calls, 1.0, mean, said, lean)


def _spend(option: Option, share: float, check: Check | None) -> Spend:
    """Give what a stage that a share of the requests reaches takes per request of the policy."""
    tokens = (
        None if number is None else share * float(number)
        for number in (option.input_tokens, option.output_tokens, option.reasoning_tokens)
    )
    usd = float(option.usd_per_request) + (float(check.usd) if check else 0.0)
    return Spend(share * usd, *tokens)


def _paths_of_calls(
    option: Option, ends: Mapping[int, float], at_once: int, check: Check | None
) -> list[_Way]:
    """Give share, dollars and seconds by the calls that a repeated setting makes."""
    usd = float(option.usd_per_request) + (float(check.usd) if check else 0.0)
    check_s = float(check.latency_s) if check else 0.0
    return [
        (calls, chance, calls * usd, _seconds_of_calls(option, {calls: 1.0}, at_once, check_s))
        for calls, chance in sorted(ends.items())
        if chance > 0
    ]


def _list_paths(
    options: Sequence[Option], checks: Sequence[Check | None], reach: Sequence[float]
) -> list[_Way]:
    """Give share, dollars and seconds of the requests that end at each stage."""
    paths: list[_Way] = []
    usd = 0.0
    so_far: Points | None = None
    for k, (option, check) in enumerate(zip(options, checks, strict=True)):
        usd += float(option.usd_per_request) + (float(check.usd) if check else 0.0)
        mine = _seconds_of_calls(option, {1: 1.0}, 1, float(check.latency_s) if check else 0.0)
        if k == 0 or mine is None:
            so_far = mine
        elif so_far is not None:
            so_far = so_far.then(mine)
        left = reach[k + 1] if k + 1 < len(reach) else 0.0
        paths.append((k + 1, reach[k] - left, usd, so_far))
    return paths


def _route(spec: Route, options: Mapping[str, Option]) -> _Made:
    if spec.by == "learned":
        raise NotMeasured("a difficulty is learned from outcomes question by question")
    parts = []
    for name, bucket in spec.buckets.items():
        if bucket.share is None:
            raise NotMeasured("without outcomes every bucket needs its share")
        parts.append((name, float(bucket.share), options[bucket.option]))
    low, mean, high = (
        sum(share * getattr(option.accuracy, end) for _, share, option in parts)
        for end in ("low", "mean", "high")
    )
    stages = tuple(
        Stage(
            (option.model, option.setting), 1.0, "", f"{spec.by} {name}", share,
            _spend(option, share, None),
        )
        for name, share, option in parts
    )  # fmt: skip
    calls: dict[str, float] = {}
    for _, share, option in parts:
        calls[option.name] = calls.get(option.name, 0.0) + share
    paths = [
        (k, share, float(option.usd_per_request), _seconds_of_calls(option, {1: 1.0}, 1, 0.0))
        for k, (_, share, option) in enumerate(parts, start=1)
    ]
    said = "every bucket is taken to be as hard as the whole class"
    return _Made(
        Estimate(mean, low, high, Grade.ASSUMED), stages, paths, calls, 1.0, mean, said, calls
    )  # fmt: skip


def _span(
    estimate: Estimate, play: Callable[[float, float], float], rhos: Sequence[float]
) -> Estimate:
    """Give the policy's accuracy over the interval of its setting and the correlations."""
    mean = play(estimate.mean, rhos[0])
    ends = [play(p, rho) for p in (estimate.low, estimate.mean, estimate.high) for rho in rhos]
    return Estimate(mean, min(*ends, mean), max(*ends, mean), Grade.ASSUMED)


def _play_at(
    play: Callable[[Sequence[float], float], float],
    means: Sequence[float],
    place: int,
    dependence: float,
    p: float,
) -> float:
    """Play with the accuracy of one setting replaced."""
    return play([*means[:place], p, *means[place + 1 :]], dependence)


def _slope(play: Callable[[float], float], p: float) -> float:
    """Give how much a policy's accuracy moves with a setting's, by a small step inside 0 to 1."""
    low, high = max(p - _STEP, 0.0), min(p + _STEP, 1.0)
    return (play(high) - play(low)) / (high - low)


def _rates(check: Check) -> Rates:
    if check.kind == "test":
        return Rates()
    if check.kind != "verifier" or check.measured:
        raise NotMeasured(f"a check by {say_check(check)} needs outcomes question by question")
    return Rates(float(check.false_accept or 0), float(check.false_reject or 0))


def _seconds_of_calls(
    option: Option, ends: Mapping[int, float], at_once: int, check_s: float
) -> Points | None:
    """Give the seconds of calls with log-normal times, independent of each other."""
    if option.mean_latency_s is None:
        return None
    p95 = None if option.p95_latency_s is None else float(option.p95_latency_s)
    one = log_normal(float(option.mean_latency_s), p95)
    first = one if at_once == 1 else one.slowest(at_once)
    return mix(
        (chance, in_a_row(first, one, max(calls - at_once, 0)).after(
            check_s * (max(calls - at_once, 0) + 1)
        ))
        for calls, chance in ends.items()
    )  # fmt: skip


def _write(policy: Policy, made: _Made, options: Mapping[str, Option]) -> PolicyEstimate:
    usd = sum(share * dollars for _, share, dollars, _ in made.paths)
    timed = [(share, points) for _, share, _, points in made.paths if points is not None]
    seconds = mix(timed) if len(timed) == len(made.paths) else None
    members = [options[name] for name in made.calls]
    spent = {
        option.name: made.calls[option.name] * float(option.usd_per_request) for option in members
    }
    error = sum(spent[o.name] * o.usd_relative_sd for o in members) / usd if usd > 0 else 0.0

    def tokens(key: str) -> float | None:
        found = [getattr(option, key) for option in members]
        if any(number is None for number in found):
            return None
        return sum(
            made.calls[option.name] * float(number)
            for option, number in zip(members, found, strict=True)
        )

    return PolicyEstimate(
        kind=policy.kind,
        name=policy.name or name_policy(policy),
        text=write_policy(policy),
        stages=made.stages,
        paths=tuple(
            Path(
                k, share, dollars,
                None if points is None else points.mean,
                None if points is None else points.quantile(0.95),
            )
            for k, share, dollars, points in made.paths
        ),
        accuracy=made.accuracy,
        replayed=made.accuracy.mean,
        sd=(made.accuracy.high - made.accuracy.low) / 3.3,
        leans_on={(o.model, o.setting): made.leans_on[o.name] for o in members},
        usd=usd,
        usd_relative_sd=error,
        mean_latency_s=None if seconds is None else seconds.mean,
        p95_latency_s=None if seconds is None else seconds.quantile(0.95),
        calls=sum(made.calls.values()),
        input_tokens=tokens("input_tokens"),
        output_tokens=tokens("output_tokens"),
        reasoning_tokens=tokens("reasoning_tokens"),
        accepted=made.accepted,
        accepted_right=made.accepted_right,
        n_questions=0,
        notes=(made.said,),
    )  # fmt: skip

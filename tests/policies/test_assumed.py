from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from policy_worlds import evidence_of, random_evidence, shared_outcomes

from costplan.domain.estimate import Estimate, Grade
from costplan.domain.option import Option, Source
from costplan.domain.policy import Auto, Policy
from costplan.policies.assumed import Assumed, assume
from costplan.policies.evaluate import evaluate
from costplan.policies.facts import NotMeasured
from costplan.policies.option import make_option
from costplan.policies.points import log_normal
from costplan.policies.propose import propose_assumed
from costplan.policies.table import lay_out


def option(name, accuracy, usd, *, seconds=(2.0, 5.0), provider="p", spread=0.02):
    """Make an option."""
    model, setting = name.split("/")
    low, high = max(accuracy - spread, 0.0), min(accuracy + spread, 1.0)
    return Option(
        name=name, model=model, provider=provider, setting=setting,
        accuracy=Estimate(accuracy, low, high, Grade.PUBLISHED),
        usd_per_request=Decimal(str(usd)), usd_relative_sd=0.1,
        source=Source("s", "b", 100, accuracy),
        mean_latency_s=Decimal(str(seconds[0])), p95_latency_s=Decimal(str(seconds[1])),
        input_tokens=Decimal(100), output_tokens=Decimal(50),
    )  # fmt: skip


def test_the_votes_of_gsm8k_lie_in_the_interval_assumed_from_single_calls():
    """From one call per question alone, the votes of 4 and 8 that were really held are covered."""
    table = lay_out(shared_outcomes("sampling_budgets.csv"), "gsm8k")
    held = {knob: table.score[:, c].mean() for c, (_, knob) in enumerate(table.settings)}
    single = option("gpt-4.1-mini/n=1", float(held["n=1"]), "0.0003")
    for n in (4, 8):
        policy = Policy.model_validate({"vote": {"option": single.name, "n": n}})
        done = assume(policy, {single.name: single})
        assert done.accuracy.low <= held[f"n={n}"] <= done.accuracy.high
        assert done.accuracy.grade is Grade.ASSUMED
        assert done.usd == pytest.approx(n * 0.0003)


def test_a_cascade_from_aggregates_is_wide_and_covers_the_joint_outcomes():
    """Of agents' cascades assumed from means alone, nearly all that were real lie inside."""
    evidence = evidence_of(lay_out(shared_outcomes("openhands_index.csv"), "swe-bench"))
    names = list(evidence.settings)
    inside = []
    for a, b in zip(names[:-4:2], names[3::2], strict=False):
        policy = Policy.model_validate({"cascade": {"steps": [a, b], "check": {"kind": "test"}}})
        real = evaluate(policy, evidence).replayed
        options = {}
        for name in (a, b):
            score = evidence.table.score[:, evidence.column(name)]
            options[name] = option(name, float(np.nanmean(score)), 1)
        done = assume(policy, options)
        inside.append(done.accuracy.low - 1e-3 <= real <= done.accuracy.high + 1e-3)
    assert np.mean(inside) > 0.9


def test_a_cascade_lies_between_independent_settings_and_one_that_fails_with_the_other():
    """Dependence of 0 gives p + q - pq, of 1 the better of the two."""
    options = {"a/x": option("a/x", 0.6, 1, spread=0), "b/x": option("b/x", 0.7, 5, spread=0)}
    policy = Policy.model_validate(
        {"cascade": {"steps": ["a/x", "b/x"], "check": {"kind": "test", "usd": 0.5}}}
    )
    alone = assume(policy, options, Assumed(dependence=0.0))
    together = assume(policy, options, Assumed(dependence=1.0))
    assert alone.accuracy.mean == pytest.approx(0.88)
    assert together.accuracy.mean == pytest.approx(0.7)
    assert alone.usd == pytest.approx(1.5 + 0.4 * 5)
    assert [stage.reach for stage in alone.stages] == pytest.approx([1.0, 0.4])
    assert alone.input_tokens == pytest.approx(140)


def test_seconds_of_paths_agree_with_a_simulation():
    """Sums of log-normal calls give the mean and p95 of two hundred thousand drawn requests."""
    options = {"a/x": option("a/x", 0.6, 1), "b/x": option("b/x", 0.7, 5, seconds=(8.0, 20.0))}
    policy = Policy.model_validate(
        {"cascade": {"steps": ["a/x", "b/x"], "check": {"kind": "test", "latency_s": 1}}}
    )
    done = assume(policy, options, Assumed(dependence=0.5))
    rng = np.random.default_rng(1)
    drawn = []
    for mean, p95 in ((2.0, 5.0), (8.0, 20.0)):
        z = 1.6448536269514722
        s = z - np.sqrt(z * z - 2 * np.log(p95 / mean))
        drawn.append(mean * np.exp(s * rng.normal(size=200_000) - s * s / 2))
    second = rng.random(200_000) < done.stages[1].reach
    total = drawn[0] + 1 + np.where(second, drawn[1], 0)
    assert done.mean_latency_s == pytest.approx(total.mean(), rel=0.01)
    assert done.p95_latency_s == pytest.approx(np.quantile(total, 0.95), rel=0.03)


def test_log_normal_points_keep_mean_and_p95():
    """The points of a log-normal time have its mean, and its p95 within 2 percent."""
    points = log_normal(3.0, 8.0)
    assert points.mean == pytest.approx(3.0)
    assert points.quantile(0.95) == pytest.approx(8.0, rel=0.02)


def test_a_route_is_the_mix_of_its_buckets():
    """Shares weigh accuracy and dollars; without shares or outcomes there is no route."""
    options = {"a/x": option("a/x", 0.6, 1), "b/x": option("b/x", 0.8, 5)}
    buckets = {"easy": {"option": "a/x", "share": 0.75}, "hard": {"option": "b/x", "share": 0.25}}
    policy = Policy.model_validate({"route": {"by": "tier", "buckets": buckets}})
    done = assume(policy, options)
    assert done.accuracy.mean == pytest.approx(0.65)
    assert done.usd == pytest.approx(2.0)
    assert done.calls == pytest.approx(1.0)


def test_what_needs_outcomes_is_refused_without_them():
    """Agreement, confidence and measured verifiers cannot be assumed."""
    options = {"a/x": option("a/x", 0.6, 1), "b/x": option("b/x", 0.8, 5)}
    for check in (
        {"kind": "agreement", "calls": 3, "agree": 2},
        {"kind": "confidence", "threshold": 0.5},
        {"kind": "verifier"},
    ):
        policy = Policy.model_validate({"cascade": {"steps": ["a/x", "b/x"], "check": check}})
        with pytest.raises(NotMeasured, match="needs outcomes"):
            assume(policy, options)
    with pytest.raises(NotMeasured, match="no option c/x"):
        assume(Policy.model_validate({"vote": {"option": "c/x", "n": 3}}), options)


def test_a_policy_becomes_an_option_that_says_how_to_build_it():
    """The option carries order, check, shares, dollars and the policy's text."""
    evidence = random_evidence(2, settings=2, questions=60)
    options = {"m0/x": option("m0/x", 0.4, 1), "m1/x": option("m1/x", 0.7, 3)}
    policy = Policy.model_validate(
        {"cascade": {"steps": ["m0/x", "m1/x"], "check": {"kind": "test"}}}
    )
    estimate = evaluate(policy, evidence)
    made = make_option(estimate, options)
    assert made.policy == "cascade {steps: [m0/x, m1/x], check: {kind: test}}"
    assert float(made.usd_per_request) == pytest.approx(estimate.usd)
    assert made.source.accuracy == estimate.replayed
    assert (made.model, made.setting, made.provider) == ("m0", "x", "p")
    assert [stage.setting for stage in made.recipe.stages] == [("m0", "x"), ("m1", "x")]
    assert made.recipe.stages[1].reach == pytest.approx(made.recipe.calls - 1)
    assert dict(made.recipe.leans_on) == estimate.leans_on


def test_several_providers_each_have_their_part():
    """A cascade over two vendors names both; dollars, tokens and reach of each add up."""
    evidence = random_evidence(2, settings=2, questions=60)
    options = {
        "m0/x": option("m0/x", 0.4, 1),
        "m1/x": option("m1/x", 0.7, 3, provider="other"),
    }
    policy = {"cascade": {"steps": ["m0/x", "m1/x"], "check": {"kind": "test"}}}
    estimate = evaluate(Policy.model_validate(policy), evidence)
    made = make_option(estimate, options)
    assert made.provider == "p + other"
    assert [(part.provider, part.pool) for part in made.parts] == [("p", None), ("other", None)]
    assert sum(part.usd for part in made.parts) == made.usd_per_request
    assert float(made.usd_per_request) == pytest.approx(estimate.usd)
    assert made.parts[0].reach == 1
    assert float(made.parts[1].reach) == pytest.approx(estimate.stages[1].reach)
    alone = make_option(estimate, options | {"m1/x": option("m1/x", 0.7, 3)})
    assert alone.parts == ()


@pytest.mark.parametrize(
    ("policy", "calls"),
    [
        ({"vote": {"option": "own/x", "n": 5}}, {"own/x": 5}),
        ({"best_of": {"option": "own/x", "n": 3, "check": {"kind": "test", "usd": 0.01}}},
         {"own/x": 3}),
        ({"route": {"by": "tier", "buckets": {"a": {"option": "own/x", "share": 0.7},
                                               "b": {"option": "big/x", "share": 0.3}}}},
         {"own/x": 0.7, "big/x": 0.3}),
    ],
    ids=["vote", "best_of", "route"],
)  # fmt: skip
def test_tokens_of_own_gpus_are_counted_by_expected_calls(policy, calls):
    """A pool serves the tokens of the calls that reach it; only checks and others cost dollars."""
    own = replace(
        option("own/x", 0.5, 0), pool="gpus", tokens_per_request=Decimal(1000),
        input_tokens=None, output_tokens=None,
    )  # fmt: skip
    options = {"own/x": own, "big/x": option("big/x", 0.8, 2, provider="api")}
    made = make_option(assume(Policy.model_validate(policy), options), options)
    (mine,) = [part for part in made.parts if part.pool == "gpus"]
    assert float(mine.tokens) == pytest.approx(1000 * calls["own/x"])
    checked = 0.01 * 3 if "best_of" in policy else 0.0
    assert float(mine.usd) == pytest.approx(checked)
    assert float(made.usd_per_request) == pytest.approx(checked + 2 * calls.get("big/x", 0))
    assert made.pool == ("gpus" if made.usd_per_request == 0 else None)


def test_two_options_of_one_setting_are_told_apart_by_name():
    """Where the same model and setting run at two places, no policy guesses which is meant."""
    twice = {"a/x": option("a/x", 0.5, 1), "b": replace(option("a/x", 0.5, 2), name="b")}
    estimate = assume(Policy.model_validate({"vote": {"option": "a/x", "n": 3}}), twice)
    with pytest.raises(NotMeasured, match="a/x and b share model and setting"):
        make_option(estimate, twice)


def test_dollars_of_few_requests_are_less_certain():
    """The luck of the requests to come adds to that of the questions asked."""
    evidence = random_evidence(2, settings=2, questions=60)
    options = {"m0/x": option("m0/x", 0.4, 1), "m1/x": option("m1/x", 0.7, 3)}
    policy = {"cascade": {"steps": ["m0/x", "m1/x"], "check": {"kind": "test"}}}
    estimate = evaluate(Policy.model_validate(policy), evidence)
    few, many = (make_option(estimate, options, requests=n).usd_relative_sd for n in (60, 1e9))
    assert few == pytest.approx(many * 2**0.5, rel=1e-3)


def test_a_policy_may_state_how_far_answers_go_together():
    """A stated correlation replaces the usual one: settings that fail together gain nothing."""
    options = {"a/x": option("a/x", 0.5, 1), "b/x": option("b/x", 0.6, 3)}
    spec = {"cascade": {"steps": ["a/x", "b/x"], "check": {"kind": "test"}}}
    apart, together = (
        assume(Policy.model_validate(spec | {"correlation": c}), options).accuracy.mean
        for c in (0, 1)
    )
    assert apart == pytest.approx(0.8)
    assert together == pytest.approx(0.6)


def test_proposals_from_aggregates_are_cascades_that_beat_single_settings():
    """Each lies above every mix of settings at its money; without a check nothing is proposed."""
    options = {
        name: option(name, accuracy, usd)
        for name, accuracy, usd in (("a/x", 0.5, 1), ("b/x", 0.7, 10), ("c/x", 0.75, 40))
    }
    auto = Auto.model_validate({"check": {"kind": "test"}})
    found = propose_assumed(auto, options)
    assert found
    for done in found:
        assert done.kind == "cascade"
        assert done.accuracy.grade == "assumed"
        assert done.accuracy.mean > np.interp(done.usd, [1, 10, 40], [0.5, 0.7, 0.75])
    assert propose_assumed(Auto(), options) == ()


def test_a_learned_route_is_never_assumed():
    """Without outcomes nothing is learned: a blind split would be called a difficulty."""
    buckets = {"a": {"option": "s/x", "share": 0.5}, "b": {"option": "b/x", "share": 0.5}}
    policy = Policy.model_validate({"route": {"by": "learned", "buckets": buckets}})
    options = {"s/x": option("s/x", 0.7, 0.001), "b/x": option("b/x", 0.9, 0.02)}
    with pytest.raises(NotMeasured, match="learned from outcomes"):
        assume(policy, options)

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_worlds import evidence_of, make_outcomes
from pydantic import TypeAdapter, ValidationError

from costplan.domain.policy import Policy, read_policies
from costplan.domain.policy_text import split_policy, write_policy
from costplan.policies.evaluate import evaluate
from costplan.policies.facts import NotMeasured
from costplan.policies.routes import split_class
from costplan.policies.table import lay_out

NAMES = st.sampled_from(["gpt-5/low", "o3", "a b/c", "on", "x: {y}", "[z], #", "ü/1,5", "null"])
CHECKS = st.sampled_from(
    [
        {"kind": "test", "usd": "0.0001"},
        {"kind": "verifier"},
        {"kind": "verifier", "false_accept": 0.1, "false_reject": 0.05, "repeats": 0.5},
        {"kind": "confidence", "threshold": 0.8, "latency_s": 2},
        {"kind": "agreement", "calls": 5, "agree": 4},
    ]
)


def numbers(value):
    """Turn text amounts into numbers, as YAML reads them."""
    return {k: float(v) if k == "usd" else v for k, v in value.items()}


@given(st.lists(NAMES, min_size=2, max_size=4, unique=True), CHECKS, st.integers(2, 9))
@settings(max_examples=80)
def test_a_policy_in_one_line_reads_back_the_same(names, check, n):
    """What a plan prints can be put into a workload."""
    first = names[0]
    buckets = {
        "short": {"option": first, "share": 0.25},
        "long": {"option": names[1], "share": 0.75},
    }
    for content in (
        {"cascade": {"steps": names, "check": numbers(check)}},
        {"vote": {"option": first, "n": n, "early_stop": True, "wrong_answers": 3}},
        {"route": {"by": "tier", "buckets": buckets}},
    ):
        policy = Policy.model_validate(content)
        kind, rest = split_policy(write_policy(policy))
        assert "\n" not in rest
        assert Policy.model_validate({kind: yaml.safe_load(rest)}) == policy


def test_other_texts_are_no_policies():
    """A single call is said in a word of its own."""
    assert split_policy("single") is None
    assert split_policy("vote of five") is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, "give one of"),
        ({"vote": {"option": "a", "n": 3}, "auto": {}}, "vote and auto"),
        ({"vote": {"option": "a", "n": 3, "agree": 4}}, "agree is above n"),
        ({"vote": {"option": "a", "n": 3, "start": 2}}, "start goes with"),
        ({"vote": {"option": "a", "n": 1000}}, "128"),
        ({"best_of": {"option": "a", "n": 3,
                      "check": {"kind": "agreement", "calls": 3, "agree": 2}}},
         "test or verifier"),
        ({"cascade": {"steps": ["a"]}}, "at least 2"),
        ({"cascade": {"steps": ["a", "b"]}}, "needs a check"),
        ({"cascade": {"steps": ["a", "a"], "check": {"kind": "test"}}}, "best_of"),
        ({"cascade": {"steps": ["a", "b"], "check": {"kind": "test", "false_accept": 0.1}}},
         "does not go with"),
        ({"cascade": {"steps": ["a", "b"], "check": {"kind": "verifier", "false_accept": 0.1}}},
         "or neither"),
        ({"cascade": {"steps": ["a", "b"], "check": {"kind": "confidence"}}}, "threshold"),
        ({"cascade": {"steps": ["a", "b"], "check": {"kind": "agreement", "calls": 2, "agree": 3}}},
         "between 2 and calls"),
        ({"route": {"by": "tier", "buckets": {"a": {"option": "x", "share": 0.5},
                                              "b": {"option": "y", "share": 0.6}}}}, "add up"),
        ({"route": {"by": "tier", "buckets": {"a": {"option": "x"}, "b": {"option": "y"}}}},
         "share"),
        ({"vote": {"option": "a", "n": 33, "wrong_answers": 3}}, "above 32"),
        ({"route": {"by": "input_tokens", "buckets": {"a": {"option": "x"}, "b": {"option": "y"}}}},
         "up_to"),
    ],
)  # fmt: skip
def test_policies_that_make_no_sense_are_refused(content, said):
    """Every contradiction is said where it stands."""
    with pytest.raises(ValidationError, match=said):
        Policy.model_validate(content)


def test_auto_is_short_for_a_list():
    """`policies: auto` asks for proposals and nothing else."""
    (policy,) = TypeAdapter(tuple[Policy, ...]).validate_python(read_policies("auto"))
    assert policy.kind == "auto"


def test_a_route_by_length_splits_the_class_and_is_its_replay():
    """Short requests go to one setting and long ones to another; shares are counted."""
    scores = {"a/x": [[1.0]] * 6 + [[0.0]] * 6, "b/x": [[0.0]] * 6 + [[1.0]] * 6}
    evidence = evidence_of(lay_out(make_outcomes(scores, {"a/x": 1.0, "b/x": 5.0}), "c"))
    buckets = {"short": {"option": "a/x", "up_to": 105}, "long": {"option": "b/x"}}
    policy = Policy.model_validate({"route": {"by": "input_tokens", "buckets": buckets}})
    parts = split_class(policy.route, evidence)
    assert [(part.name, part.share) for part in parts] == [("short", 0.5), ("long", 0.5)]
    done = evaluate(policy, evidence)
    assert done.replayed == pytest.approx(1.0)
    # A call costs 1, 2 or 3 times its price in turn.
    assert done.usd == pytest.approx(0.5 * 2 * 1.0 + 0.5 * 2 * 5.0)
    assert done.calls == pytest.approx(1.0)
    assert [stage.reach for stage in done.stages] == [0.5, 0.5]


def test_stated_shares_weigh_the_buckets():
    """Where the requests are shorter than the questions, the workload's shares count."""
    scores = {"a/x": [[1.0]] * 6 + [[0.0]] * 6, "b/x": [[0.0]] * 12}
    evidence = evidence_of(lay_out(make_outcomes(scores), "c"))
    buckets = {
        "short": {"option": "a/x", "up_to": 105, "share": 0.9},
        "long": {"option": "b/x", "share": 0.1},
    }
    policy = Policy.model_validate({"route": {"by": "input_tokens", "buckets": buckets}})
    done = evaluate(policy, evidence)
    assert done.replayed == pytest.approx(0.9)
    assert done.accuracy.low < 0.9 < done.accuracy.high
    far = {
        "short": {"option": "a/x", "up_to": 5, "share": 0.5},
        "long": {"option": "b/x", "share": 0.5},
    }
    policy = Policy.model_validate({"route": {"by": "input_tokens", "buckets": far}})
    with pytest.raises(NotMeasured, match="only 0 questions"):
        evaluate(policy, evidence)


def test_samples_are_votes_best_ofs_and_their_costs():
    """Three samples of each question make votes and best-ofs, paid per call."""
    scores = {"a/x": [[1, 1, 0], [0, 0, 1], [1, 1, 1], [0, 0, 0]]}
    evidence = evidence_of(lay_out(make_outcomes(scores), "c"))
    vote = evaluate(Policy.model_validate({"vote": {"option": "a/x", "n": 3}}), evidence)
    assert vote.replayed == pytest.approx(0.5)
    assert vote.p95_latency_s == 3.0
    early = evaluate(
        Policy.model_validate({"vote": {"option": "a/x", "n": 3, "early_stop": True}}), evidence
    )
    assert early.replayed == pytest.approx(0.5)
    assert early.calls == pytest.approx(2 + 0.5 * 2 / 3)
    best = {"option": "a/x", "n": 3, "check": {"kind": "test", "usd": 0.5}}
    done = evaluate(Policy.model_validate({"best_of": best}), evidence)
    assert done.replayed == pytest.approx(0.75)
    assert done.usd == pytest.approx(3 * 1.75 + 3 * 0.5)
    assert done.accepted == pytest.approx(0.75)
    in_turn = evaluate(Policy.model_validate({"best_of": {**best, "parallel": False}}), evidence)
    assert in_turn.replayed == pytest.approx(0.75)
    assert in_turn.calls < done.calls
    assert in_turn.usd_per_accepted_right < done.usd_per_accepted_right
    with pytest.raises(NotMeasured, match="5 calls need"):
        evaluate(Policy.model_validate({"vote": {"option": "a/x", "n": 5}}), evidence)


def test_one_call_is_the_setting_itself():
    """A vote of one and a best of one have the setting's accuracy, dollars and seconds."""
    scores = {"a/x": [[1, 1, 0], [0, 0, 1], [1, 1, 1], [0, 0, 0]]}
    evidence = evidence_of(lay_out(make_outcomes(scores), "c"))
    for content in (
        {"vote": {"option": "a/x", "n": 1}},
        {"best_of": {"option": "a/x", "n": 1, "check": {"kind": "test"}}},
    ):
        done = evaluate(Policy.model_validate(content), evidence)
        assert done.replayed == pytest.approx(0.5)
        assert done.usd == pytest.approx(1.75)
        assert done.mean_latency_s == pytest.approx(2.0)

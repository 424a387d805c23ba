"""Policies as a workload holds them."""

from __future__ import annotations

import pytest

from costplan.domain.errors import InputError
from costplan.domain.policy import Policy
from costplan.domain.policy_text import split_policy, write_policy
from costplan.domain.workload import Workload
from costplan.files.checking import check
from costplan.files.yaml_reader import parse_document

HEAD = "name: w\nclasses:\n  - name: a\n    requests: 1\n    evidence: {benchmark: b}\n"


def read(policies):
    """The policies of the only class of a workload."""
    document = parse_document(HEAD + f"    policies: {policies}\n", "w.yaml")
    return check(document, Workload).classes[0].policies


def test_the_word_auto_asks_for_proposals():
    """`policies: auto` is one wish with every default."""
    (policy,) = read("auto")
    assert policy.kind == "auto"
    assert policy.auto.votes == (3, 5)


def test_a_class_without_policies_has_none():
    """Nothing is proposed unless it is asked for."""
    document = parse_document(HEAD, "w.yaml")
    assert check(document, Workload).classes[0].policies == ()


@pytest.mark.parametrize(
    ("text", "said", "place"),
    [
        ("atuo", "the word auto, or a list", (6, 15)),
        ("{vote: {option: x, n: 3}}", "expected a list", (6, 15)),
        ("[{vote: {option: x, n: three}}]", "expected a number, found 'three'", (6, 38)),
        ("[{vote: {option: x, n: 3}, auto: {}}]", "found vote and auto", (6, 17)),
        ("[{cascade: {steps: [a, a], check: {kind: test}}}]", "named twice", (6, 26)),
        ("[{cascade: {steps: [a, b], check: {kind: tset}}}]", "found 'tset'", (6, 56)),
        ("[{best_of: {option: a, n: 2, chek: {kind: test}}}]", "unknown key 'chek'", (6, 44)),
    ],
)
def test_faults_point_at_what_is_wrong(text, said, place):
    """A faulty policy is refused in plain words, with its line and column."""
    with pytest.raises(InputError) as caught:
        read(text)
    fault = next(f for f in caught.value.faults if said in f.message)
    assert (fault.line, fault.column) == place


def test_a_policy_is_written_as_it_can_be_read():
    """The line that a plan holds is read back as the same policy, steps and check alike."""
    (policy,) = read(
        "[{cascade: {steps: [gpt-5/low, {option: gpt-5/high, check: {kind: verifier, "
        "false_accept: 0.1, false_reject: 0.05}}, o3/high], check: {kind: test, usd: 0.001}}}]"
    )
    kind, rest = split_policy(write_policy(policy))
    (again,) = read(f"[{{{kind}: {rest}}}]")
    assert again == policy
    assert Policy.model_validate(policy.model_dump()) == policy

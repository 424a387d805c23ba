from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_worlds import evidence_of, make_outcomes, random_evidence, shared_outcomes

from costplan.domain.policy import Policy
from costplan.policies.evaluate import evaluate
from costplan.policies.facts import NotMeasured
from costplan.policies.oracle import find_oracle
from costplan.policies.table import lay_out


def cascade(steps, **check):
    """Make a cascade with one check for all steps."""
    return Policy.model_validate({"cascade": {"steps": list(steps), "check": check}})


def replay(table, columns, false_accept, false_reject, check_usd):
    """Replay a cascade question by question, verdict by verdict and sample by sample."""
    right, usd, calls, worlds = 0.0, 0.0, 0.0, 0
    questions = [q for q in range(len(table.questions)) if all(table.count[q, c] for c in columns)]
    for q in questions:
        draws = [range(table.count[q, c]) for c in columns]
        per_question = []
        for chosen in itertools.product(*draws):
            for verdicts in itertools.product((True, False), repeat=len(columns) - 1):
                chance, spent, made = 1.0, 0.0, 0
                for k, (c, s) in enumerate(zip(columns, chosen, strict=True)):
                    score = table.row_score[table.first[q, c] + s]
                    spent += table.usd[q, c]
                    made += 1
                    if k == len(columns) - 1:
                        break
                    spent += check_usd
                    takes = 1 - false_reject if score == 1 else false_accept
                    chance *= takes if verdicts[k] else 1 - takes
                    if verdicts[k]:
                        break
                # A run that ends early is met once for every verdict that was never asked for.
                same = 2 ** max(len(columns) - 1 - made, 0) if made < len(columns) else 1
                per_question.append((chance / same, score, spent, made))
        number = np.prod([len(d) for d in draws])
        weights = np.array([w for w, *_ in per_question]) / number
        right += weights @ [x[1] for x in per_question]
        usd += weights @ [x[2] for x in per_question]
        calls += weights @ [x[3] for x in per_question]
        worlds += 1
    return right / worlds, usd / worlds, calls / worlds


@pytest.mark.parametrize("samples", [1, 2])
@pytest.mark.parametrize(("f", "r"), [(0.0, 0.0), (0.1, 0.1), (0.3, 0.05)])
def test_a_cascade_equals_its_replay_exactly(samples, f, r):
    """Accuracy, dollars and calls are those of a replay question by question."""
    evidence = random_evidence(7, samples=samples, questions=20)
    names = list(evidence.settings)
    for steps in itertools.permutations(names, 2):
        policy = cascade(steps, kind="verifier", false_accept=f, false_reject=r, usd=0.25)
        done = evaluate(policy, evidence)
        columns = [evidence.column(name) for name in steps]
        expected = replay(evidence.table, columns, f, r, 0.25)
        assert (done.replayed, done.usd, done.calls) == pytest.approx(expected, abs=1e-12)
        assert done.accuracy.mean == pytest.approx(expected[0], abs=1e-12)
    done = evaluate(cascade(names, kind="verifier", false_accept=f, false_reject=r), evidence)
    expected = replay(evidence.table, [evidence.column(n) for n in names], f, r, 0.0)
    assert (done.replayed, done.usd, done.calls) == pytest.approx(expected, abs=1e-12)


def test_cascades_of_the_agents_table_equal_their_replay():
    """On real outcomes a cascade with a test is the replay: right where one of them is."""
    outcomes = shared_outcomes("openhands_index.csv")
    evidence = evidence_of(lay_out(outcomes, "gaia"))
    table = evidence.table
    for a, b in [(0, 5), (12, 3), (20, 33)]:
        names = [f"{m}/{s}" for m, s in (table.settings[a], table.settings[b])]
        done = evaluate(cascade(names, kind="test"), evidence)
        both = table.shared([a, b])
        first, second = table.score[both, a], table.score[both, b]
        assert done.replayed == pytest.approx(np.maximum(first, second).mean(), abs=1e-12)
        paid = table.usd[both, a] + (1 - first) * table.usd[both, b]
        assert done.usd == pytest.approx(paid.mean(), abs=1e-12)


def test_hard_questions_are_hard_for_everybody():
    """Independence would promise more of nearly every cascade than the joint outcomes hold."""
    evidence = evidence_of(lay_out(shared_outcomes("openhands_index.csv"), "swe-bench"))
    table = evidence.table
    over = []
    for i, j in list(itertools.combinations(range(len(table.settings)), 2))[::7]:
        names = [f"{m}/{s}" for m, s in (table.settings[i], table.settings[j])]
        if len(table.shared([i, j])) < 400:
            continue
        both = table.shared([i, j])
        p, q = table.score[both, i].mean(), table.score[both, j].mean()
        over.append(p + q - p * q - evaluate(cascade(names, kind="test"), evidence).replayed)
    assert np.mean([o > 0 for o in over]) > 0.97
    assert 0.03 < np.mean(over) < 0.2


@given(st.integers(0, 50), st.integers(0, 20))
@settings(max_examples=30, deadline=None)
def test_a_useless_check_is_a_mix_of_the_settings(seed, twentieths):
    """A check blind to right and wrong gives the mix of both, and costs no less than that."""
    share = twentieths / 20
    evidence = random_evidence(seed, believed={("m0", "x"): 0.4, ("m1", "x"): 0.7})
    rates = {"false_accept": share, "false_reject": round(1 - share, 2)}
    policy = cascade(["m0/x", "m1/x"], kind="verifier", **rates)
    done = evaluate(policy, evidence)
    raw = evaluate(policy, random_evidence(seed))
    table = evidence.table
    p, q = table.score[:, 0].mean(), table.score[:, 1].mean()
    assert raw.accuracy.mean == pytest.approx(share * p + (1 - share) * q, abs=1e-9)
    assert done.accuracy.mean == pytest.approx(share * 0.4 + (1 - share) * 0.7, abs=1e-9)
    mixed = table.usd[:, 0].mean() * share + table.usd[:, 1].mean() * (1 - share)
    assert done.usd >= mixed - 1e-9


@given(st.integers(0, 100), st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_a_perfect_check_never_hurts_accuracy(seed, samples):
    """Every step under a test adds to accuracy, and none passes the oracle."""
    evidence = random_evidence(seed, settings=4, samples=samples)
    names = list(evidence.settings)
    ladder = [evaluate(cascade(names[:k], kind="test"), evidence).replayed for k in (2, 3, 4)]
    first = evidence.table.score[:, 0].mean()
    assert [first, *ladder] == sorted([first, *ladder])
    assert ladder[-1] <= find_oracle(evidence.table).accuracy + 1e-12


@given(st.integers(0, 100), st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_more_settings_never_lower_the_oracle(seed, samples):
    """The ceiling rises with every setting, and no cascade of them passes it."""
    table = random_evidence(seed, settings=4, samples=samples).table
    ceilings = [find_oracle(table, range(k)) for k in (1, 2, 3, 4)]
    assert [c.accuracy for c in ceilings] == sorted(c.accuracy for c in ceilings)
    assert all(c.single_call <= c.accuracy + 1e-12 for c in ceilings)
    if samples == 1:
        assert ceilings[-1].accuracy == pytest.approx(table.score.max(axis=1).mean())


def test_verdicts_that_repeat_take_the_gain_of_a_third_step():
    """A verifier that always repeats itself on a question lets wrong answers through at once."""
    evidence = random_evidence(4, questions=200)
    names = list(evidence.settings)
    rights = [
        evaluate(
            cascade(names, kind="verifier", false_accept=0.3, false_reject=0.3, repeats=repeats),
            evidence,
        ).replayed
        for repeats in (0.0, 0.5, 1.0)
    ]
    table = evidence.table
    a, b, c = (table.score[:, evidence.column(n)] for n in names)
    cases = 0.0
    for wrong, right, weight in ((1, 0, 0.3), (0, 0, 0.4), (0, 1, 0.3)):
        took_a = np.where(a == 1, 1 - right, wrong)
        took_b = np.where(b == 1, 1 - right, wrong)
        out = np.where(took_a == 1, a, np.where(took_b == 1, b, c))
        cases += weight * out.mean()
    assert rights[2] == pytest.approx(cases, abs=1e-12)
    assert rights[1] == pytest.approx((rights[0] + rights[2]) / 2, abs=1e-12)


def test_hardness_moves_mistakes_and_keeps_their_rate():
    """A verifier fooled by hard questions errs as often, but where the next step fails too."""
    evidence = random_evidence(5, questions=400)
    names = list(evidence.settings)[:2]
    plain, tilted = (
        evaluate(
            cascade(names, kind="verifier", false_accept=0.3, false_reject=0.0, hardness=h),
            evidence,
        )
        for h in (0, 2)
    )
    assert tilted.stages[1].reach == pytest.approx(plain.stages[1].reach, abs=1e-9)
    assert tilted.replayed > plain.replayed + 0.005


def test_measured_verdicts_are_read_from_the_outcomes():
    """Verdicts in the outcomes replace stated rates, with their own link to hard questions."""
    scores = {"a/x": [[1], [0], [0], [1]] * 2, "b/x": [[1], [1], [0], [0]] * 2}
    verdicts = {"a/x": [[1], [0], [1], [0]] * 2, "b/x": [[0]] * 8}
    table = lay_out(make_outcomes(scores), "c")
    table = dataclasses.replace(table, row_accepted=_rows(table, verdicts))
    done = evaluate(cascade(["a/x", "b/x"], kind="verifier"), evidence_of(table))
    # Questions in turn: taken right, b right, taken wrong, turned down and b wrong.
    assert done.replayed == pytest.approx(0.5)
    assert done.stages[1].reach == pytest.approx(0.5)


def test_confidence_is_read_from_the_outcomes():
    """Answers below the stated confidence go on; without the column the policy is refused."""
    scores = {"a/x": [[1], [0], [0], [1]], "b/x": [[1], [1], [0], [0]]}
    said = {"a/x": [[0.9], [0.2], [0.95], [0.5]], "b/x": [[0.5]] * 4}
    table = lay_out(make_outcomes(scores), "c")
    policy = cascade(["a/x", "b/x"], kind="confidence", threshold=0.8)
    with pytest.raises(NotMeasured, match="confidence"):
        evaluate(policy, evidence_of(table))
    table = dataclasses.replace(table, row_confidence=_rows(table, said))
    done = evaluate(policy, evidence_of(table))
    assert done.replayed == pytest.approx(0.5)
    assert done.stages[0].threshold == "from 0.8"


def test_agreement_sends_split_votes_on():
    """Three calls that agree are taken; a right majority of a split vote is not."""
    scores = {"a/x": [[1, 1, 1], [1, 1, 0], [0, 0, 0], [0, 0, 1]], "b/x": [[1], [0], [1], [1]]}
    policy = cascade(["a/x", "b/x"], kind="agreement", calls=3, agree=3)
    done = evaluate(policy, evidence_of(lay_out(make_outcomes(scores), "c")))
    assert done.replayed == pytest.approx(0.5)
    assert done.stages[1].reach == pytest.approx(0.5)
    assert done.calls == pytest.approx(3.5)


def _rows(table, values):
    out = np.full(len(table.row_score), np.nan)
    for q in range(len(table.questions)):
        for c, (model, knob) in enumerate(table.settings):
            rows = table.rows(q, c)
            out[rows] = values[f"{model}/{knob}"][q]
    return out


def test_paths_add_up():
    """Shares of the paths add up to 1, their dollars to those of the policy, p95 to the tail."""
    evidence = random_evidence(9, questions=100, samples=2)
    check = {"kind": "verifier", "false_accept": 0.2, "false_reject": 0.1, "usd": 0.5}
    done = evaluate(cascade(list(evidence.settings), **check, latency_s=3), evidence)
    assert sum(path.share for path in done.paths) == pytest.approx(1)
    assert sum(path.share * path.usd for path in done.paths) == pytest.approx(done.usd, rel=1e-6)
    assert sum(p.share * p.mean_latency_s for p in done.paths) == pytest.approx(done.mean_latency_s)
    # One call takes 1 or 2 s and a check 3: a third step starts after 8 to 10 s.
    assert done.paths[0].p95_latency_s == 5.0
    assert done.paths[2].p95_latency_s == 12.0
    assert done.usd_per_accepted_right == pytest.approx(done.usd / done.accuracy.mean)


def test_too_few_shared_questions_are_no_evidence():
    """Settings that answered different questions make no cascade."""
    outcomes = make_outcomes({"a/x": [[1.0]] * 3, "b/x": [[1.0]] * 3})
    with pytest.raises(NotMeasured, match="3 questions"):
        evaluate(cascade(["a/x", "b/x"], kind="test"), evidence_of(lay_out(outcomes, "c")))
    with pytest.raises(NotMeasured, match="hold b/y"):
        evaluate(cascade(["a/x", "b/y"], kind="test"), evidence_of(lay_out(outcomes, "c")))

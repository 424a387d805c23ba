"""Routes by what the outcomes know of a question before the call."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_worlds import evidence_of, known_world
from pydantic import ValidationError

from costplan.domain.policy import Auto, Policy
from costplan.policies.estimate import Trust
from costplan.policies.evaluate import evaluate
from costplan.policies.facts import NotMeasured
from costplan.policies.oracle import find_oracle
from costplan.policies.propose import propose
from costplan.policies.table import lay_out
from costplan.policies.unseen import play_unseen


def route(by, **buckets):
    """Write a route by a column, its buckets named with underscores for spaces."""
    return Policy.model_validate({"route": {"by": by, "buckets": buckets}})


BY_TIER = route("known_tier", plain={"option": "small/x"}, deep={"option": "big/x"})


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_a_route_by_a_known_column_is_its_replay(seed):
    """Right answers and dollars are those of asking, question by question, who its kind names."""
    outcomes = known_world(seed, questions=60)
    done = evaluate(BY_TIER, evidence_of(lay_out(outcomes, "c")))
    frame = outcomes.to_frame()
    asked = np.where(frame.known_tier == "plain", "small", "big")
    mine = frame[frame.model == asked]
    assert len(mine) == 60
    assert done.replayed == pytest.approx(mine.correct.mean(), abs=1e-12)
    assert done.usd == pytest.approx(mine.cost_usd.mean(), abs=1e-12)


@given(st.integers(0, 10_000), st.sampled_from([0.0, 1.0, 2.5]))
@settings(max_examples=20, deadline=None)
def test_no_route_passes_the_oracle_or_beats_itself_blindly(seed, pull):
    """What a route replays lies below the oracle; what it promises lies within its interval."""
    table = lay_out(known_world(seed, questions=60, pull=pull), "c")
    evidence = evidence_of(table, believed={s: 0.6 for s in table.settings})
    done = evaluate(BY_TIER, evidence)
    assert done.replayed <= find_oracle(table, [0, 1]).single_call + 1e-12
    assert done.accuracy.low <= done.accuracy.mean <= done.accuracy.high
    assert done.accuracy.low >= 0
    assert done.accuracy.high <= 1


def test_strange_columns_neither_stop_nor_slow_auto():
    """Ids, blanks, infinities and thousands of kinds make no route and no failure."""
    table = lay_out(known_world(7, questions=300, pull=0.3), "c")
    size = len(table.questions)
    columns = {
        "known_id": tuple(f"id-{q}" for q in range(size)),
        "known_blank": ("",) * size,
        "known_some": tuple("" if q % 2 else "x" for q in range(size)),
        "known_odd": tuple(["nan", "inf", "1e400", "−3", "雪", "0"][q % 6] for q in range(size)),
        "known_one": ("same",) * size,
        "known_huge": tuple(f"{10.0 ** (q % 300)}" for q in range(size)),
    }
    found = propose(Auto(), evidence_of(replace(table, known=columns)))
    assert [done.name for done in found if done.kind == "route"] == []


def test_auto_proposes_the_route_where_a_column_tells_difficulty():
    """The kind that the cheap setting cannot do goes to the dear one, at better than any mix."""
    found = propose(Auto(), evidence_of(lay_out(known_world(1), "c")))
    assert found[0].name == "route known_tier(deep: big/x, plain: small/x)"
    assert {done.kind for done in found} == {"route"}
    assert found[0].replayed > 0.75


def test_where_a_column_tells_nothing_no_route_is_proposed():
    """Kinds that are alike make a route in 1 of 40 tables at most."""
    made = [
        any(done.kind == "route" for done in propose(Auto(), evidence_of(lay_out(world, "c"))))
        for world in (known_world(seed, pull=0.3) for seed in range(40))
    ]
    assert sum(made) <= 1


def test_many_kinds_are_no_better_at_telling_nothing():
    """Six kinds drawn by dice look different in some table or other, and make hardly a route."""
    made = 0
    for seed in range(40):
        table = lay_out(known_world(seed, questions=200, pull=0.3), "c")
        dice = np.random.default_rng(seed).integers(6, size=200)
        kinds = {"known_dice": tuple(f"k{one}" for one in dice.tolist())}
        found = propose(Auto(), evidence_of(replace(table, known=kinds)))
        made += any(done.kind == "route" for done in found)
    assert made <= 1


def test_numbers_are_cut_where_it_pays():
    """A column of many numbers is cut; neighbours that one setting serves are one bucket."""
    outcomes = known_world(2, column="known_files")
    table = lay_out(outcomes, "c")
    rng = np.random.default_rng(5)
    files = tuple(
        f"{rng.uniform(30, 60) if kind == 'deep' else rng.uniform(1, 30):.1f}"
        for kind in table.known["known_files"]
    )
    found = propose(Auto(), evidence_of(replace(table, known={"known_files": files})))
    first = found[0]
    assert first.name.startswith("route known_files(to ")
    assert first.name.endswith("big/x)")
    assert len(first.stages) == 2


def test_a_difficulty_is_learned_from_known_columns_alone():
    """Equal lengths and one dataset leave the known column, which the formula names."""
    pytest.importorskip("sklearn")
    evidence = evidence_of(lay_out(known_world(3, questions=400), "c"))
    learned = route(
        "learned",
        easy={"option": "small/x", "share": 0.6},
        hard={"option": "big/x", "share": 0.4},
    )
    done = evaluate(learned, evidence)
    assert any("[known_tier = deep]" in note for note in done.notes)
    assert done.usd == pytest.approx(0.6 * 1 + 0.4 * 10, rel=0.01)


def test_shares_that_the_formula_cannot_make_are_refused():
    """Two kinds of requests cut in one place: half of them cannot be called easy at 60 to 40."""
    pytest.importorskip("sklearn")
    evidence = evidence_of(lay_out(known_world(3, questions=400), "c"))
    learned = route(
        "learned",
        easy={"option": "small/x", "share": 0.2},
        hard={"option": "big/x", "share": 0.8},
    )
    with pytest.raises(NotMeasured, match="cuts the requests into"):
        evaluate(learned, evidence)


def test_chosen_routes_keep_their_promise_on_new_questions():
    """What auto promises of its routes holds on other questions as often as the interval says."""
    held, gaps = [], []
    for seed in range(60):
        seen = evidence_of(
            lay_out(known_world(seed, questions=150, pull=1.6), "c"),
            trust=Trust(0.9, 1.1),
            future_questions=2000,
        )
        fresh = evidence_of(lay_out(known_world(5000 + seed, questions=2000, pull=1.6), "c"))
        for done in propose(Auto(), seen):
            if done.name != "route known_tier(deep: big/x, plain: small/x)":
                continue
            real, _ = play_unseen(BY_TIER, seen, fresh)
            held.append(done.accuracy.low <= real <= done.accuracy.high)
            gaps.append(done.accuracy.mean - real)
    assert len(held) > 10
    assert np.mean(held) >= 0.8
    assert abs(np.mean(gaps)) < 0.03


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (route("known_mood", a={"option": "small/x"}, b={"option": "big/x"}), "do not know"),
        (route("known_tier", plain={"option": "small/x"}, x={"option": "big/x"}), "no bucket"),
        (
            route("known_tier", low={"option": "small/x", "up_to": 3}, high={"option": "big/x"}),
            "for every question",
        ),
    ],
)
def test_what_the_outcomes_do_not_know_is_said(policy, said):
    """A column that is absent, a kind without a bucket and texts for numbers each have a reason."""
    with pytest.raises(NotMeasured, match=said):
        evaluate(policy, evidence_of(lay_out(known_world(1, questions=60), "c")))


@pytest.mark.parametrize(
    "buckets",
    [
        {"a": {"option": "small/x", "up_to": 5}, "b": {"option": "big/x", "up_to": 9}},
        {"a": {"option": "small/x", "up_to": 9}, "b": {"option": "big/x", "up_to": 5},
         "c": {"option": "big/x"}},
    ],
)  # fmt: skip
def test_ends_of_buckets_rise_and_leave_the_last_open(buckets):
    """A bucket of numbers without an end, or ends that fall, are refused."""
    with pytest.raises(ValidationError, match="up_to"):
        route("known_files", **buckets)

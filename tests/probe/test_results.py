"""Figures from the journal."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from scipy.stats import binom

from costplan.files.outcomes import read_outcomes
from costplan.probe.questions import read_questions
from costplan.probe.records import Kept, Tally
from costplan.probe.results import (
    outcome_rows,
    percentile,
    points,
    same_spend,
    write_outcomes,
)


def kept(question, setting="low", tokens=(10, 50, None, None), **more):
    """Make a reply."""
    values = {
        "call": f"{question}{setting}",
        "key": ("c", question, "m", setting, 0),
        "role": "ask",
        "request": "r",
        "usd": Decimal("0.001"),
        "finish": "stop",
        "tokens": tokens,
        "total_s": 1.0,
        "first_visible_s": None,
        "score": 1.0,
        "marked": "d",
    }
    return Kept(**{**values, **more})


def tally(*replies):
    """Make a tally of replies."""
    return Tally(replies={reply.key: reply for reply in replies})


def test_intervals_of_percentiles_hold():
    """In simulation the interval of a median and of a 95th percentile covers as promised."""
    rng = np.random.default_rng(0)
    for share, n in ((0.5, 20), (0.95, 200)):
        true = float(np.quantile(rng.exponential(size=2_000_000), share))
        covered = 0
        for _ in range(600):
            span = percentile(sorted(rng.exponential(size=n)), share, 0.9)
            covered += span.low <= true <= span.high
        assert covered / 600 >= 0.88


def test_too_few_values_have_no_upper_end():
    """Ten values cannot bound a 95th percentile from above."""
    span = percentile([float(i) for i in range(10)], 0.95)
    assert span.high == float("inf")
    assert span.mean == pytest.approx(np.quantile(range(10), 0.95))
    assert percentile([3.0], 0.5).mean == 3.0


def test_ranks_are_those_of_the_binomial():
    """The ranks are scipy's quantiles, for large numbers too."""
    from costplan.probe.results import _binomial_rank

    for n in (1, 7, 60, 5000):
        for share in (0.05, 0.5, 0.95):
            assert _binomial_rank(n, share, 0.05) == binom.ppf(0.05, n, share)


def test_unknown_is_empty_and_unmarked_is_no_outcome():
    """Unknown counts are empty cells; a reply without a mark is not in the table."""
    rows = outcome_rows("d", [kept("1"), kept("2", score=None), kept("3", finish="length")])
    assert [row["question_id"] for row in rows] == ["1", "3"]
    assert rows[0]["reasoning_tokens"] == ""
    assert rows[0]["cached_input_tokens"] == ""
    assert rows[0]["correct"] == "1"
    assert [row["truncated"] for row in rows] == ["0", "1"]


def test_what_is_known_of_a_question_stands_beside_each_of_its_answers(tmp_path):
    """Columns known_... of the questions are read back from the outcomes; others stay empty."""
    asked = tmp_path / "q.csv"
    asked.write_text(
        "id,class,prompt,target,known_tier,known_pages\n1,c,x,y,gold,3\n2,c,z,y,,\n", "utf-8"
    )
    questions = read_questions(asked)
    rows = outcome_rows("d", [kept("1"), kept("2")], questions)
    assert [(row["known_tier"], row["known_pages"]) for row in rows] == [("gold", "3"), ("", "")]
    write_outcomes(tmp_path / "o.csv", rows)
    known = read_outcomes(tmp_path / "o.csv").known
    assert sorted(known) == ["known_pages", "known_tier"]
    bare = replace(questions[0], known=())
    assert (bare.asked_digest, bare.marked_digest) == (
        questions[0].asked_digest,
        questions[0].marked_digest,
    )


def test_points_say_how_much_was_cut_off():
    """Truncated and refused shares are counted, and reasoning is unknown where any is."""
    replies = [
        kept("1", tokens=(10, 50, 0, 40)),
        kept("2", tokens=(10, 70, 0, None), finish="length", score=0.0),
        kept("3", tokens=(10, 60, 0, 30), finish="refusal", score=0.0),
    ]
    (point,) = points(tally(*replies))
    assert (point.n, point.accuracy.mean) == (3, pytest.approx(1 / 3))
    assert point.truncated == point.refused == pytest.approx(1 / 3)
    assert point.reasoning_tokens is None
    assert point.output_tokens == 60


def spends(**counts):
    """Make replies to five questions at each setting, with these output tokens."""
    return tally(
        *[
            kept(str(q), setting, (1, tokens, 0, 0))
            for setting, row in counts.items()
            for q, tokens in enumerate(row)
        ]
    )


@pytest.mark.parametrize(
    ("low", "medium", "alike"),
    [
        ([100, 110, 120, 130, 140], [100, 110, 120, 130, 140], True),
        ([100, 110, 120, 130, 140], [101, 111, 121, 131, 141], True),
        ([100, 110, 120, 130, 140], [140, 90, 135, 120, 150], True),
        ([100, 110, 120, 130, 140], [300, 310, 320, 330, 340], False),
        ([0, 0, 0, 0, 0], [0, 0, 0, 0, 0], True),
        ([100, 110], [100, 110], False),
    ],
)
def test_a_knob_that_does_not_move_is_noticed(low, medium, alike):
    """Neighbouring settings that spend alike on three questions or more are named."""
    found = same_spend(spends(low=low, medium=medium), {"m": ["low", "medium"]})
    assert [(f.lower, f.higher) for f in found] == ([("low", "medium")] if alike else [])

"""Whose run of a benchmark stands for a class."""

from __future__ import annotations

import datetime as dt

from costplan.plan.build import build_plan

QUESTIONS = {
    "name": "questions",
    "requests": 1_000,
    "input_tokens": 1_000,
    "output_tokens": 100,
    "value_usd": 1,
    "evidence": {"benchmark": "quiz"},
}


def _sources(made):
    return [{option.source.source for option in part.options} for part in made.classes]


def test_models_that_make_no_option_do_not_choose_the_source(case, profile, row):
    """A long list of models whose thinking nobody counted loses to a short one with counts."""
    silent = {"source": "long", "output_tokens": None, "reasoning_tokens": None}
    rows = (
        row("thinker", "low", 0.7, source="short"),
        row("second", "high", 0.3, **silent),
        row("third", "high", 0.4, **silent),
    )
    profiles = {name: profile() for name in ("thinker", "second", "third")}
    made = case([QUESTIONS], profiles=profiles, rows=rows)
    assert _sources(made) == [{"short"}]


def test_a_class_has_one_source_through_all_months(case, profile, row):
    """Models of a longer list that end within the year do not change whose numbers count."""
    rows = (
        row("thinker", "low", 0.7, source="short"),
        row("second", "low", 0.3, source="long"),
        row("third", "low", 0.4, source="long"),
    )
    ending = profile(ends=dt.date(2027, 2, 10))
    profiles = {"thinker": profile(), "second": ending, "third": ending}
    horizon = {"horizon": {"start": "2027-01", "months": 4}, "starts": None}
    made = case([QUESTIONS], profiles=profiles, rows=rows, **horizon)
    assert _sources(made) == [{"short"}] * 4
    assert build_plan(made).totals is not None


def test_months_that_no_model_lasts_through_still_have_a_source(case, profile, row):
    """Where every model ends within the year, the first month's models choose."""
    rows = (row("thinker", "low", 0.7, source="short"), row("second", "low", 0.3, source="long"))
    profiles = {
        "thinker": profile(ends=dt.date(2026, 12, 31)),
        "second": profile(ends=dt.date(2026, 11, 30)),
    }
    made = case([QUESTIONS], profiles=profiles, rows=rows)
    assert _sources(made) == [{"short"}]

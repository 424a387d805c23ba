"""From a curve to the options of a class."""

from __future__ import annotations

from decimal import Decimal

import pytest

from costplan.domain.errors import InputError


def one_class(**changes):
    """A class of the made-up benchmark with token sizes of its own."""
    return {
        "name": "questions",
        "requests": 1000,
        "input_tokens": 1000,
        "cached_input_tokens": 400,
        "output_tokens": 50,
        "evidence": {"benchmark": "quiz"},
    } | changes


def find(case, name):
    """An option of the first class by name."""
    return next(option for option in case.classes[0].options if option.name == name)


def test_dollars_are_tokens_times_the_price_of_the_day(case, profile, row):
    """Cached input has its own price, and reasoning is priced once, as output."""
    made = case([one_class()], profiles={"thinker": profile()}, rows=(row("thinker", "low", 0.7),))
    by_hand = (Decimal(600) * 2 + Decimal(400) * Decimal("0.5") + Decimal(50 + 800) * 8) / 1_000_000
    assert find(made, "thinker/low").usd_per_request == by_hand


def test_reasoning_scale_touches_reasoning_only(case, profile, row):
    """Half the thinking halves the reasoning tokens and leaves the visible answer alone."""
    half = one_class(evidence={"benchmark": "quiz", "reasoning_scale": Decimal("0.5")})
    made = case([half], profiles={"thinker": profile()}, rows=(row("thinker", "low", 0.7),))
    option = find(made, "thinker/low")
    assert (option.reasoning_tokens, option.output_tokens) == (400, 450)


def test_a_class_that_may_wait_pays_the_batch_price(case, profile, row):
    """The batch price is half, and nobody waits."""
    rows = (row("thinker", "low", 0.7),)
    now = case([one_class()], profiles={"thinker": profile()}, rows=rows)
    later = case([one_class(batch=True)], profiles={"thinker": profile()}, rows=rows)
    dear, cheap = find(now, "thinker/low"), find(later, "thinker/low")
    assert cheap.usd_per_request * 2 == dear.usd_per_request
    assert cheap.mean_latency_s == 0


def test_latency_is_first_token_plus_output_over_speed(case, profile, row):
    """One second to the first token and 850 tokens at 100 a second make 9.5 seconds."""
    made = case([one_class()], profiles={"thinker": profile()}, rows=(row("thinker", "low", 0.7),))
    option = find(made, "thinker/low")
    assert option.mean_latency_s == Decimal("9.5")
    assert option.p95_latency_s is not None
    assert option.p95_latency_s > 2 * option.mean_latency_s


def test_a_setting_between_two_measured_ones_is_assumed(case, profile, row):
    """Medium lies between low and high: offered, graded assumed, between them in everything."""
    rows = (
        row("thinker", "low", 0.6, reasoning_tokens=400.0),
        row("thinker", "high", 0.8, reasoning_tokens=1600.0),
    )
    made = case([one_class()], profiles={"thinker": profile()}, rows=rows)
    low, medium, high = (find(made, f"thinker/{label}") for label in ("low", "medium", "high"))
    assert medium.accuracy.grade == "assumed"
    assert low.accuracy.grade == "published"
    assert medium.reasoning_tokens == 800
    assert low.accuracy.mean < medium.accuracy.mean < high.accuracy.mean


def test_a_setting_outside_the_curve_is_no_option(case, profile, row):
    """What lies beyond the measured settings is not extrapolated."""
    rows = (row("thinker", "low", 0.6), row("thinker", "medium", 0.7))
    made = case([one_class()], profiles={"thinker": profile()}, rows=rows)
    assert {option.setting for option in made.classes[0].options} == {"low", "medium"}


def test_a_setting_that_cannot_fit_is_left_out_and_says_why(case, profile, row):
    """More output than the setting's cap, or more in all than the context, is no option."""
    rows = (
        row("thinker", "none", 0.5, reasoning_tokens=0.0, output_tokens=100.0),
        row("thinker", "low", 0.6, reasoning_tokens=40_000.0, output_tokens=40_100.0),
    )
    made = case([one_class()], profiles={"thinker": profile()}, rows=rows)
    left_out = {exclusion.name: exclusion for exclusion in made.classes[0].exclusions}
    assert left_out["thinker/low"].code == "output_limit"
    long = one_class(input_tokens=199_999)
    with pytest.raises(InputError, match="context"):
        case([long], profiles={"thinker": profile()}, rows=rows)


def test_models_are_bought_only_while_they_are_sold(case, profile, row):
    """A model that has ended, is not out yet, or is denied is no option, and the case says so."""
    rows = (row("old", "low", 0.6), row("new", "low", 0.6), row("thinker", "low", 0.6))
    made = case(
        [one_class(models={"deny": ["think*"]}, options=[])],
        profiles={
            "old": profile(ends="2026-11-25"),
            "new": profile(released="2026-11-26"),
            "thinker": profile(),
            "other": profile(),
        },
        rows=(*rows, row("other", "low", 0.6)),
    )
    codes = {exclusion.name: exclusion.code for exclusion in made.classes[0].exclusions}
    assert codes == {"old": "ended", "new": "not_released", "thinker": "denied"}
    assert [option.name for option in made.classes[0].options] == ["other/low"]


def test_an_unknown_price_is_never_zero(case, profile, row):
    """A model without a price is left out by name; alone, it is a fault."""
    free = profile(prices=[])
    with pytest.raises(InputError, match="price"):
        case([one_class()], profiles={"thinker": free}, rows=(row("thinker", "low", 0.6),))


def test_output_without_a_split_is_reasoning_beyond_a_plain_answer(case, profile, row):
    """Models that did not think show how long an answer is; the rest is taken as reasoning."""
    rows = (
        row("thinker", "none", 0.5, reasoning_tokens=None, output_tokens=120.0),
        row("thinker", "low", 0.7, reasoning_tokens=None, output_tokens=1000.0),
    )
    made = case([one_class()], profiles={"thinker": profile()}, rows=rows)
    option = find(made, "thinker/low")
    assert option.reasoning_tokens == 880
    assert any("beyond" in note for note in option.notes)


def test_without_any_count_a_thinking_setting_is_left_out(case, profile, row):
    """Nobody said how much it thinks: no option, unless the user knows."""
    bare = {"reasoning_tokens": None, "output_tokens": None}
    rows = (row("thinker", "none", 0.5, **bare), row("thinker", "low", 0.7, **bare))
    made = case([one_class()], profiles={"thinker": profile()}, rows=rows)
    assert [exclusion.code for exclusion in made.classes[0].exclusions] == ["no_tokens"]
    known = one_class(
        evidence={"benchmark": "quiz", "reasoning_tokens": {"thinker/low": Decimal(70)}}
    )
    made = case([known], profiles={"thinker": profile()}, rows=rows)
    assert find(made, "thinker/low").reasoning_tokens == 70


def test_a_class_without_sizes_takes_the_benchmarks_own_dollars(case, profile, row):
    """One request is one task of the benchmark, at the dollars that were published."""
    task = one_class(input_tokens=None, output_tokens=None, cached_input_tokens=0)
    rows = (row("thinker", "low", 0.7, usd=Decimal("1.25"), seconds=300.0),)
    option = find(case([task], profiles={"thinker": profile()}, rows=rows), "thinker/low")
    assert option.usd_per_request == Decimal("1.25")
    assert option.mean_latency_s == 300


def test_only_one_source_stands_for_a_class(case, profile, row):
    """Two publications of one benchmark are never mixed; the one with more models is taken."""
    rows = (
        row("thinker", "low", 0.7),
        row("thinker", "low", 0.2, source="other"),
        row("second", "low", 0.3, source="other"),
    )
    profiles = {"thinker": profile(), "second": profile()}
    made = case([one_class()], profiles=profiles, rows=rows)
    assert {option.source.source for option in made.classes[0].options} == {"other"}
    assert any(note.code == "source_chosen" for note in made.notes)


def test_votes_are_no_options(case, profile, row):
    """A measurement of several samples per question is not a single call."""
    rows = (row("thinker", "low", 0.7), row("thinker", "high", 0.9, samples=64))
    made = case([one_class()], profiles={"thinker": profile()}, rows=rows)
    assert [option.name for option in made.classes[0].options] == ["thinker/low"]


def test_faults_of_all_classes_come_together(case, profile, row):
    """Two classes with unknown benchmarks make one report with both."""
    with pytest.raises(InputError) as caught:
        case(
            [
                one_class(name="a", evidence={"benchmark": "nope"}),
                one_class(name="b", evidence={"benchmark": "neither"}),
            ],
            profiles={"thinker": profile()},
            rows=(row("thinker", "low", 0.7),),
        )
    assert len(caught.value.faults) == 2

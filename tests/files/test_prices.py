"""Prices: who is asked first, and the traps of the price library."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest
from genai_prices import Usage, calc_price
from hypothesis import given
from hypothesis import strategies as st

from costplan.domain.price import Price, UnknownPriceError
from costplan.domain.profile import Profile
from costplan.domain.workload import StatedPrice
from costplan.files.prices import PRICE_HOUR_UTC, find_price, hosts_of, list_prices

TODAY = dt.date(2026, 11, 24)


def profile(
    provider: str = "openai",
    model: str = "o3",
    resolves_to: str | None = None,
    key: str | None = None,
    **more: Any,
) -> Profile:
    """Build a profile that the library knows under its own id."""
    price_key = {"provider": key or provider, "model": model, "resolves_to": resolves_to or model}
    return Profile.model_validate(
        {
            "title": model,
            "provider": provider,
            "model": model,
            "knob": {"kind": "fixed", "source": "test"},
            "settings": {"fixed": {"max_output_tokens": 1000}},
            "price_key": price_key,
            **more,
        }
    )


def find(
    of: Profile,
    *,
    day: dt.date = TODAY,
    batch: bool = False,
    input_tokens: int = 1000,
    name: str = "m",
    **more: Any,
) -> Price:
    """Find a price today for a short call, unless told otherwise."""
    return find_price(name, of, as_of=day, batch=batch, input_tokens=Decimal(input_tokens), **more)


def rates(price: Price) -> tuple[str, str, str]:
    """Write the three rates plainly."""
    first, cached, out = (f"{rate.normalize():f}" for rate in price.rates())
    return first, cached, out


OWN = [
    {
        "starts": dt.date(2025, 1, 1),
        "input_usd_per_mtok": 7,
        "output_usd_per_mtok": 9,
        "source": "list of January",
        "checked": dt.date(2025, 1, 2),
    },
    {
        "starts": dt.date(2026, 1, 1),
        "input_usd_per_mtok": 6,
        "cached_input_usd_per_mtok": 1,
        "output_usd_per_mtok": 8,
        "batch_multiplier": 0.5,
        "source": "list of 2026",
        "checked": dt.date(2026, 1, 2),
    },
]
STATED = StatedPrice.model_validate(
    {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2, "source": "contract 2026-114"}
)


def test_library_price_carries_its_provenance() -> None:
    """A price of the library names the package, its version and the model it resolved."""
    price = find(profile())
    assert rates(price) == ("2", "0.5", "8")
    assert price.source.startswith("genai-prices 0.2.")
    assert price.source.endswith("(openai/o3)")
    assert (price.provider, price.as_of, price.batch, price.notes) == ("openai", TODAY, False, ())


def test_stated_price_wins_over_profile_and_library() -> None:
    """The workload's price is taken before the profile's and the library's."""
    price = find(profile(prices=OWN), stated=STATED)
    assert rates(price) == ("1", "1", "2")
    assert price.source == "workload: contract 2026-114"


def test_profile_price_wins_over_library_by_its_date() -> None:
    """Of the profile's dated prices the last that has started is taken, and says so."""
    assert rates(find(profile(prices=OWN), day=dt.date(2025, 12, 31))) == ("7", "7", "9")
    price = find(profile(prices=OWN), day=dt.date(2026, 1, 1))
    assert rates(price) == ("6", "1", "8")
    assert price.source == "profile, from 2026-01-01: list of 2026"


def test_no_price_before_the_first_of_a_profile() -> None:
    """A day before the profile's first price has no price: later ones are not carried back."""
    with pytest.raises(UnknownPriceError, match="no price is known before 2025-01-01"):
        find(profile(prices=OWN), day=dt.date(2024, 12, 31))


def test_unknown_price_is_an_error_never_zero() -> None:
    """A model without any price is refused with advice."""
    with pytest.raises(UnknownPriceError) as caught:
        find(profile(price_key=None), name="in-house")
    fault = caught.value.faults[0]
    assert "in-house: no price is known" in fault.message
    assert "state a price under prices:" in fault.advice
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (dt.date(2025, 5, 1), ("10", "0.5", "40")),
        (dt.date(2025, 7, 1), ("2", "0.5", "8")),
    ],
)
def test_price_of_the_day(day: dt.date, expected: tuple[str, str, str]) -> None:
    """A price that changed is taken as of the day of the plan."""
    assert rates(find(profile(), day=day)) == expected


def test_announced_change_is_used_by_a_later_plan() -> None:
    """A plan for next year pays the price that is announced for next year."""
    flash = profile("google", "gemini-3.8-flash")
    assert rates(find(flash)) == ("0.75", "0.075", "3.75")
    assert rates(find(flash, day=dt.date(2027, 3, 1))) == ("1.5", "0.15", "7.5")


@pytest.mark.parametrize(
    ("of", "step", "short", "long"),
    [
        (profile("openai", "gpt-5.5"), 272_000, ("5", "30"), ("10", "45")),
        (profile("anthropic", "claude-sonnet-4-5"), 200_000, ("3", "15"), ("6", "22.5")),
        (profile("google", "gemini-2.5-pro"), 200_000, ("1.25", "10"), ("2.5", "15")),
    ],
)
def test_long_calls_are_dearer_by_the_size_of_one_call(
    of: Profile, step: int, short: tuple[str, str], long: tuple[str, str]
) -> None:
    """The long-context price holds above the step only, and is noted."""
    below, above = find(of, input_tokens=step), find(of, input_tokens=step + 1)
    assert (rates(below)[0], rates(below)[2]) == short
    assert (rates(above)[0], rates(above)[2]) == long
    assert not below.notes
    assert any("dearer" in note for note in above.notes)


def test_a_month_of_short_calls_stays_at_the_short_price() -> None:
    """A million calls cost a million times one call; their sum is never priced as one call."""
    price = find(profile("openai", "gpt-5.5"), input_tokens=1000)
    one = price.usd_per_call(Decimal(1000), Decimal(0), Decimal(100))
    assert one == Decimal("0.008")
    as_one_call = calc_price(
        Usage(input_tokens=10**9, output_tokens=10**8),
        "gpt-5.5",
        provider_id="openai",
        genai_request_timestamp=dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC),
    )
    assert as_one_call.total_price > one * 10**6


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("deepseek-reasoner", ("0.55", "0.14", "2.19")),
        ("deepseek-v4-pro", ("0.66", "0.022", "1.98")),
    ],
)
def test_hourly_prices_are_taken_at_noon_utc(model: str, expected: tuple[str, str, str]) -> None:
    """A price that goes by the hour is that of 12:00 UTC at any time of day, and is noted."""
    price = find(profile("deepseek", model))
    assert PRICE_HOUR_UTC == 12
    assert rates(price) == expected
    assert price.notes == ("the price goes by the hour: that of 12:00 UTC is used",)


def test_batch_price_is_applied_where_known() -> None:
    """A batch price halves the rates of a model that has one."""
    price = find(profile(), batch=True)
    assert (rates(price), price.batch, price.notes) == (("1", "0.5", "4"), True, ())


@pytest.mark.parametrize(
    "of",
    [
        profile("anthropic", "claude-3-7-sonnet-20250219", "claude-3-7-sonnet-latest"),
        profile("google", "gemini-3-pro-preview"),
        profile("deepseek", "deepseek-v4-flash"),
    ],
)
def test_missing_batch_price_is_said(of: Profile) -> None:
    """Where the library silently answers with the standard price, the price says it is no batch."""
    price = find(of, batch=True)
    assert not price.batch
    assert rates(price) == rates(find(of))
    assert "no batch price known: the standard price is used" in price.notes


def test_batch_before_its_first_day_in_the_library_is_said() -> None:
    """The library knows batch prices from 2026-10-14 on; before, the standard price is noted."""
    price = find(profile(), day=dt.date(2026, 10, 13), batch=True)
    assert (rates(price), price.batch) == (("2", "0.5", "8"), False)
    assert find(profile(), day=dt.date(2026, 10, 14), batch=True).batch


def test_batch_of_long_calls_keeps_the_long_price() -> None:
    """Batch and the long-context step act together."""
    price = find(profile("openai", "gpt-5.5"), input_tokens=300_000, batch=True)
    assert price.batch
    assert rates(price) == ("5", "0.5", "22.5")


def test_batch_of_stated_and_profile_prices() -> None:
    """A batch multiplier is applied to every rate; without one the standard price is noted."""
    assert not find(profile(), stated=STATED, batch=True).batch
    price = find(profile(prices=OWN), batch=True)
    assert (rates(price), price.batch) == (("3", "0.5", "4"), True)


@pytest.mark.parametrize(
    ("provider", "asked", "answered"),
    [
        ("openai", "o3-mini-high", "o3-mini"),
        ("deepseek", "deepseek-r1", "deepseek-reasoner"),
        ("google", "gemini-2.0-flash-thinking-exp", "gemini-2.0-flash"),
    ],
)
def test_surprising_answers_are_refused(provider: str, asked: str, answered: str) -> None:
    """A model that the library answers with another one has no price."""
    with pytest.raises(UnknownPriceError, match=f"with {provider}/{answered}"):
        find(profile(provider, asked))


def test_resale_under_a_makers_name_needs_the_host() -> None:
    """Open weights are priced at the host that is named, not at their maker."""
    open_model = profile("openrouter", "openai/gpt-oss-120b", open_weights=True)
    at_groq = find(open_model, name="gpt-oss-120b", host="groq")
    assert (at_groq.provider, rates(at_groq)) == ("groq", ("0.15", "0.075", "0.6"))
    assert at_groq.source.endswith("(groq/openai/gpt-oss-120b)")
    assert find(open_model, name="gpt-oss-120b").provider == "openrouter"


def test_host_matches_the_same_model_only() -> None:
    """At another host another version, size or date of release is not taken for the model."""
    r1 = profile("openrouter", "deepseek/deepseek-r1", open_weights=True)
    assert rates(find(r1, name="deepseek-r1", host="aws")) == ("1.35", "1.35", "5.4")
    with pytest.raises(UnknownPriceError) as caught:
        find(r1, name="deepseek-r1", host="fireworks")  # it has R1-0528 only
    assert "at host 'fireworks'" in caught.value.faults[0].message
    assert "aws" in caught.value.faults[0].advice


def test_host_is_not_asked_for_a_reused_id() -> None:
    """DeepSeek's id deepseek-chat, which came to serve later models, is no price of V3."""
    v3 = profile("openrouter", "deepseek/deepseek-chat", open_weights=True)
    with pytest.raises(UnknownPriceError, match="no price of it at host 'deepseek'"):
        find(v3, name="deepseek-v3", host="deepseek")


def test_closed_model_at_another_host() -> None:
    """A closed model is found at a cloud that resells it, by its id."""
    opus = profile("anthropic", "claude-opus-4-1-20250805", "claude-opus-4-1")
    price = find(opus, name="claude-opus-4-1", host="aws")
    assert price.provider == "aws"
    assert price.source.endswith("(aws/regional.anthropic.claude-opus-4-1-20250805-v1:0)")


def test_hosts_of_an_open_model() -> None:
    """The hosts that the library has a price for are named, whatever they call the model."""
    hosts = hosts_of(
        "deepseek-v3.2", profile("openrouter", "deepseek/deepseek-v3.2", open_weights=True)
    )
    assert {"openrouter", "fireworks", "avian", "deepseek"} <= set(hosts)
    assert "groq" not in hosts


def test_profile_prices_do_not_follow_to_another_host() -> None:
    """The profile's own prices are its provider's; another host is looked up."""
    of = profile("openrouter", "openai/gpt-oss-20b", prices=OWN, open_weights=True)
    assert rates(find(of, name="gpt-oss-20b", host="groq")) == ("0.075", "0.0375", "0.3")
    assert rates(find(of, name="gpt-oss-20b", host="OpenRouter")) == ("6", "1", "8")


def test_free_models_of_the_library_have_no_price() -> None:
    """An entry without token prices is unknown, not free."""
    of = profile("openrouter", "deepseek-r1:free")
    with pytest.raises(UnknownPriceError, match="no token price"):
        find(of)


def test_models_charged_per_request_are_refused() -> None:
    """A fee per request, which a price per token cannot hold, is not left out silently."""
    with pytest.raises(UnknownPriceError, match="charged per request"):
        find(profile("perplexity", "sonar"))


def test_misspelt_key_is_an_error() -> None:
    """A price key that the library does not know is refused."""
    with pytest.raises(UnknownPriceError, match="does not know openai/no-such-model"):
        find(profile("openai", "no-such-model"))
    with pytest.raises(UnknownPriceError, match="does not know nobody/o3"):
        find(profile("nobody", "o3"))


def test_ended_model_keeps_its_last_price_and_says_so() -> None:
    """From its last day on a model still has a price, marked."""
    of = profile(ends=dt.date(2026, 12, 11))
    assert not find(of, day=dt.date(2026, 12, 10)).notes
    price = find(of, day=dt.date(2026, 12, 11))
    assert price.notes == ("m ended on 2026-12-11: this is the last price known",)


def test_listing_shows_changes_batch_and_long_calls() -> None:
    """The list has announced changes on their day, batch prices and long-call steps."""
    listed = list_prices(
        {
            "gemini-3.8-flash": profile("google", "gemini-3.8-flash"),
            "gpt-5.5": profile("openai", "gpt-5.5"),
            "own": profile(prices=OWN),
            "nothing": profile(price_key=None),
        },
        dt.date(2025, 6, 1),
    )
    flash, gpt, own, nothing = listed
    assert [change.as_of for change in flash.changes] == [dt.date(2027, 1, 1)]
    assert [(step, rates(price)[0]) for step, price in gpt.long_calls] == [(272_000, "10")]
    assert [rates(change) for change in own.changes] == [("6", "1", "8")]
    assert own.batch is None
    assert nothing.price is None
    assert "no price is known" in nothing.fault
    later = list_prices({"gpt-5.5": profile("openai", "gpt-5.5")}, TODAY)[0]
    assert later.batch is not None
    assert rates(later.batch) == ("2.5", "0.25", "15")


def test_listing_leaves_out_changes_after_the_end() -> None:
    """A change announced for a day on which the model is gone is no news."""
    flash = profile("google", "gemini-3.8-flash", ends=dt.date(2026, 12, 31))
    assert list_prices({"m": flash}, TODAY)[0].changes == ()


@given(
    model=st.sampled_from(
        ["gpt-5.5", "gpt-5.6-sol", "o3", "gpt-4o", "gpt-4", "gpt-5.4-mini", "gpt-4.1"]
    ),
    day=st.dates(dt.date(2025, 1, 1), dt.date(2027, 6, 1)),
    input_tokens=st.integers(0, 400_000),
    cached_share=st.integers(0, 100),
    output_tokens=st.integers(0, 130_000),
    batch=st.booleans(),
)
def test_calls_cost_what_the_library_calculates(
    model: str,
    day: dt.date,
    input_tokens: int,
    cached_share: int,
    output_tokens: int,
    batch: bool,
) -> None:
    """Rates times tokens is the library's own price of the same call, to the last digit."""
    cached = input_tokens * cached_share // 100
    price = find(profile("openai", model), day=day, batch=batch, input_tokens=input_tokens)
    expected = calc_price(
        Usage(input_tokens=input_tokens, cache_read_tokens=cached, output_tokens=output_tokens),
        model,
        provider_id="openai",
        genai_request_timestamp=dt.datetime.combine(day, dt.time(12), dt.UTC),
        price_context={"processing": "batch"} if batch else None,
    )
    got = price.usd_per_call(Decimal(input_tokens), Decimal(cached), Decimal(output_tokens))
    assert got == expected.total_price


def test_library_is_not_imported_for_stated_and_own_prices() -> None:
    """Plans with own prices never load the price library."""
    code = (
        "import sys, datetime as dt\n"
        "from decimal import Decimal\n"
        "from costplan.domain.profile import Profile\n"
        "from costplan.files.prices import find_price\n"
        f"p = Profile.model_validate({profile(prices=OWN).model_dump(mode='python')!r})\n"
        "find_price('m', p, as_of=dt.date(2026, 5, 1), batch=True, input_tokens=Decimal(1))\n"
        "assert 'genai_prices' not in sys.modules\n"
    ).replace("datetime.date", "dt.date")
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)

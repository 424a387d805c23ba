"""LiteLLM's cost map as an override."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costplan.domain.errors import InputError
from costplan.domain.profile import Profile
from costplan.files.cost_map import match_cost_map, read_litellm_cost_map

MAP = """{
  "sample_spec": {"input_cost_per_token": 0.0, "litellm_provider": "one of the providers"},
  "o3": {
    "input_cost_per_token": 2e-06, "output_cost_per_token": 8e-06,
    "cache_read_input_token_cost": 5e-07, "input_cost_per_token_batches": 1e-06,
    "output_cost_per_token_batches": 4e-06, "max_output_tokens": 100000, "mode": "chat"
  },
  "noise": {"input_cost_per_token": 1.3999999999999998e-07, "output_cost_per_token": 3e-07},
  "gemini/gemini-2.5-pro": {
    "input_cost_per_token": 1.25e-06, "output_cost_per_token": 1e-05,
    "input_cost_per_token_above_200k_tokens": 2.5e-06,
    "output_cost_per_token_above_200k_tokens": 1.5e-05
  },
  "dashscope/qwen-turbo": {
    "input_cost_per_token": 5e-08, "output_cost_per_token": 2e-07,
    "output_cost_per_reasoning_token": 5e-07
  },
  "uneven": {
    "input_cost_per_token": 2e-06, "output_cost_per_token": 8e-06,
    "input_cost_per_token_batches": 1e-06, "output_cost_per_token_batches": 8e-06
  },
  "ollama/llama3": {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0},
  "dall-e-3": {"input_cost_per_pixel": 4e-08},
  "deepseek/deepseek-r1": {"input_cost_per_token": 5.5e-07, "output_cost_per_token": 2.19e-06}
}
"""


def write(folder: Path, text: str | bytes) -> Path:
    """Write a cost map."""
    path = folder / "prices.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_costs_per_token_become_dollars_per_million(tmp_path: Path) -> None:
    """Costs are read exactly, with cache and batch prices and their source."""
    prices = read_litellm_cost_map(write(tmp_path, MAP))
    o3 = prices["o3"]
    assert (o3.input_usd_per_mtok, o3.output_usd_per_mtok) == (2, 8)
    assert o3.cached_input_usd_per_mtok == Decimal("0.5")
    assert o3.batch_multiplier == Decimal("0.5")
    assert o3.source == "LiteLLM cost map prices.json (o3)"


def test_binary_noise_is_rounded_away(tmp_path: Path) -> None:
    """A price that the map holds as a binary fraction is the decimal that was meant."""
    prices = read_litellm_cost_map(write(tmp_path, MAP))
    assert prices["noise"].input_usd_per_mtok == Decimal("0.14")
    assert prices["noise"].batch_multiplier is None


def test_what_a_price_cannot_hold_is_said(tmp_path: Path) -> None:
    """Long-context steps are named as not applied; dear reasoning prices all output."""
    prices = read_litellm_cost_map(write(tmp_path, MAP))
    assert prices["gemini/gemini-2.5-pro"].source.endswith("dearer above 200k tokens, not applied")
    turbo = prices["dashscope/qwen-turbo"]
    assert turbo.output_usd_per_mtok == Decimal("0.5")
    assert "price of reasoning" in turbo.source
    assert prices["uneven"].batch_multiplier is None


def test_zero_and_tokenless_entries_are_left_out(tmp_path: Path) -> None:
    """An unknown price, written as zero or not at all, never becomes a price of zero."""
    prices = read_litellm_cost_map(write(tmp_path, MAP))
    assert not {"sample_spec", "ollama/llama3", "dall-e-3"} & set(prices)


def test_profiles_are_matched_at_their_own_provider(tmp_path: Path) -> None:
    """A profile finds its price at its provider; an open model is not priced at its maker."""
    prices = read_litellm_cost_map(write(tmp_path, MAP))

    def profile(provider: str, model: str) -> Profile:
        return Profile.model_validate(
            {
                "title": model,
                "provider": provider,
                "model": model,
                "knob": {"kind": "fixed", "source": "test"},
                "settings": {"fixed": {"max_output_tokens": 10}},
            }
        )

    found = match_cost_map(
        {
            "o3": profile("openai", "o3"),
            "gemini-2.5-pro": profile("google", "gemini-2.5-pro"),
            "deepseek-r1": profile("openrouter", "deepseek/deepseek-r1"),
            "gpt-9": profile("openai", "gpt-9"),
        },
        prices,
    )
    assert set(found) == {"o3", "gemini-2.5-pro"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON"),
        ("[1]", "expected an object of models"),
        ('{"o3": 3}', "expected a mapping of costs"),
        ('{"o3": {}, "o3": {}}', "'o3' stands twice"),
        ('{"o3": {"input_cost_per_token": "2e-6", "output_cost_per_token": 1}}', "a number"),
        ('{"o3": {"input_cost_per_token": -1, "output_cost_per_token": 1}}', "greater than"),
        ('{"o3": {"input_cost_per_token": NaN, "output_cost_per_token": 1}}', "NaN"),
        ('{"o3": {"input_cost_per_token": true, "output_cost_per_token": 1}}', "a number"),
        ('{"o3": {"input_cost_per_token": 1e999999, "output_cost_per_token": 1}}', "dollar"),
        (b"\xff\xfe\x00", "not UTF-8"),
        ("[" * 100_000, ""),
        ("", "is not JSON"),
    ],
)
def test_bad_maps_are_faults(tmp_path: Path, text: str | bytes, said: str) -> None:
    """Whatever is in the file, the answer is a fault that names it."""
    path = write(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read_litellm_cost_map(path)
    assert said in caught.value.faults[0].message
    assert caught.value.faults[0].file == str(path)


def test_missing_files_and_folders_are_faults(tmp_path: Path) -> None:
    """A path that cannot be read is a fault."""
    for path in (tmp_path, tmp_path / "none.json"):
        with pytest.raises(InputError, match="cannot be read"):
            read_litellm_cost_map(path)


COSTS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5))


@given(
    st.dictionaries(
        st.text(max_size=8),
        st.one_of(
            COSTS,
            st.dictionaries(
                st.sampled_from(
                    ["input_cost_per_token", "output_cost_per_token", "cache_read_input_token_cost"]
                ),
                COSTS,
            ),
        ),
        max_size=4,
    )
)
def test_garbage_gives_prices_or_faults(
    tmp_path_factory: pytest.TempPathFactory, garbage: dict[str, object]
) -> None:
    """Any JSON gives positive prices or faults, never another exception."""
    path = write(tmp_path_factory.mktemp("map"), json.dumps(garbage))
    try:
        prices = read_litellm_cost_map(path)
    except InputError:
        return
    for price in prices.values():
        assert price.input_usd_per_mtok + price.output_usd_per_mtok > 0

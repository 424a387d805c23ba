"""The shipped model profiles: complete, sourced, priced, and sayable over the wire."""

from __future__ import annotations

import csv
import datetime as dt
import fnmatch
import re
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from costplan.domain.price import UnknownPriceError
from costplan.domain.profile import Profile
from costplan.files.prices import find_price, list_prices
from costplan.files.profiles import load_profile
from costplan.providers.request import Message, Request, Role, Switch
from costplan.providers.request import Setting as WireSetting
from costplan.providers.table import PROVIDERS, adapter

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "profiles" / "models").glob("*.yaml"))
PROFILES = {path.stem: load_profile(path) for path in FILES}
TODAY = dt.date(2026, 11, 24)
UNPRICED = {"gemini-2.0-flash-thinking", "s1-32b"}
"""Models that nobody sells or sold: no price was ever published."""
FOUNDING = {
    "gpt-4", "gpt-4-turbo", "gpt-4o", "o1", "o3", "o3-mini", "o4-mini", "claude-3-7-sonnet",
    "deepseek-r1", "gemini-2.0-flash-thinking",
}  # fmt: skip
"""Systems that the project was founded on, GPT-4 in its two prices."""
EFFORTS = ["none", "minimal", "low", "medium", "high", "xhigh", "max"]
ENDS = {
    "gpt-4": "2026-10-23", "gpt-4o": "2027-01-14", "o1": "2026-10-23", "o3-mini": "2026-10-23",
    "o4-mini": "2026-10-23", "o3": "2026-12-11", "gpt-5": "2026-12-11",
    "gpt-5-mini": "2026-12-11", "gpt-5-nano": "2026-12-11", "gpt-5.1": "2027-04-01",
    "claude-opus-4-5": "2027-01-22", "claude-sonnet-4-5": "2026-11-30",
    "claude-3-7-sonnet": "2026-02-19", "gemini-2.5-pro": "2026-12-01",
    "gemini-2.5-flash": "2026-12-01", "gemini-2.0-flash-thinking": "2026-06-01",
}  # fmt: skip

each = pytest.mark.parametrize("name", sorted(PROFILES))


def curve_rows() -> list[tuple[str, str, str]]:
    """Read table, model and setting of each shipped measurement."""
    rows = []
    for path in sorted((ROOT / "profiles" / "curves").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows += [(path.stem, row["model"], row["setting"]) for row in csv.DictReader(file)]
    return rows


def test_founding_systems_and_todays_field_have_a_profile() -> None:
    """Every system the project was founded on and the families of today are there."""
    assert set(PROFILES) >= FOUNDING
    families = ["gpt-5.6-*", "claude-opus-5*", "deepseek-v4-*", "gemini-3*", "qwen3-*", "gpt-oss-*"]
    for family in families:
        assert fnmatch.filter(PROFILES, family), family


@each
def test_keys_and_labels_are_read_the_same_by_any_yaml(name: str) -> None:
    """Labels such as off and 16000 are quoted: a reader of YAML 1.1 sees text as well."""
    raw = yaml.safe_load((ROOT / "profiles" / "models" / f"{name}.yaml").read_text("utf-8"))
    assert all(isinstance(label, str) for label in raw["settings"])
    assert [*raw["settings"]] == [*PROFILES[name].settings]
    assert Profile.model_validate(raw).settings == PROFILES[name].settings


@each
def test_figures_have_sources(name: str) -> None:
    """No limit, end or speed stands without the place it was read at."""
    profile = PROFILES[name]
    assert profile.limits_source or not (profile.context_tokens or profile.output_limit)
    assert profile.ends is None or profile.ends_note
    assert (profile.price_key is None and not profile.prices) == (name in UNPRICED)


@each
def test_labels_say_what_is_sent(name: str) -> None:
    """An effort, budget or switch label is the value on the wire; the rest explain themselves."""
    profile = PROFILES[name]
    notes = " ".join((*profile.notes, profile.knob.note or ""))
    for label, setting in profile.settings.items():
        if label in EFFORTS:
            assert setting.effort == label
        elif re.fullmatch(r"\d+(-\w+)?", label):
            number = label.partition("-")[0]
            assert str(setting.budget) == number or f"setting {label} carries" in notes
        elif label in {"off", "on", "off-low", "off-medium"}:
            assert setting.switch == label.partition("-")[0]
        elif label == "dynamic":
            assert setting.budget == -1
        elif label == "between_tools":
            assert setting.switch == label
        else:
            assert label in {"fixed", "unstated"}
            assert setting.effort is setting.budget is setting.switch is None


@each
def test_settings_rise(name: str) -> None:
    """Settings stand with the least thinking first."""
    settings = PROFILES[name].settings
    efforts = [EFFORTS.index(label) for label in settings if label in EFFORTS]
    budgets = [int(label) for label in settings if label.isdigit()]
    assert efforts == sorted(efforts)
    assert budgets == sorted(budgets)
    if "off" in settings:
        first_thinking = next(i for i, (k, s) in enumerate(settings.items()) if s.switch != "off")
        assert [*settings].index("off") < first_thinking


@each
def test_every_setting_can_be_said(name: str) -> None:
    """The provider's adapter can write each position of the knob."""
    profile = PROFILES[name]
    protocol, endpoint = PROVIDERS[profile.provider]
    writer = adapter(protocol, endpoint)
    for label, setting in profile.settings.items():
        wire = writer.encode(
            Request(
                question_id="q",
                model=profile.model,
                messages=(Message(Role.USER, "2+2?"),),
                setting=WireSetting(
                    label,
                    setting.effort,
                    setting.budget,
                    None if setting.switch is None else Switch(setting.switch),
                    setting.body or {},
                ),
                max_output_tokens=setting.max_output_tokens,
            )
        )
        assert wire is not None


@each
def test_reply_is_recognised(name: str) -> None:
    """The id that is asked for is among the names that a reply may carry."""
    profile = PROFILES[name]
    assert any(fnmatch.fnmatch(profile.model, pattern) for pattern in profile.serves_as)


@each
def test_price_is_known_today_and_in_its_time(name: str) -> None:
    """Each model that was ever sold has a positive price, ended ones included."""
    profile = PROFILES[name]
    days = [TODAY, *([profile.ends - dt.timedelta(1)] if profile.ends else [])]
    for day in days:
        if name in UNPRICED:
            with pytest.raises(UnknownPriceError):
                find_price(name, profile, as_of=day, batch=False, input_tokens=Decimal(1000))
            continue
        price = find_price(name, profile, as_of=day, batch=False, input_tokens=Decimal(1000))
        assert 0 < price.cached_input_usd_per_mtok <= price.input_usd_per_mtok
        assert price.input_usd_per_mtok <= price.output_usd_per_mtok


@pytest.mark.parametrize(("name", "ends"), sorted(ENDS.items()))
def test_announced_ends(name: str, ends: str) -> None:
    """The day on which the vendor stops answering is the announced one."""
    assert str(PROFILES[name].ends) == ends


def test_price_of_o1_mini_at_launch() -> None:
    """o1-mini cost three times as much at launch as later, which the library does not know."""
    o1_mini = PROFILES["o1-mini"]

    def on(day: dt.date) -> Decimal:
        return find_price(
            "o1-mini", o1_mini, as_of=day, batch=False, input_tokens=Decimal(0)
        ).output_usd_per_mtok

    assert (on(dt.date(2024, 10, 1)), on(dt.date(2025, 6, 1))) == (12, Decimal("4.4"))


def test_whole_list_of_prices_is_quick_and_complete() -> None:
    """The list names each profile once, with a price or the reason why there is none."""
    listed = list_prices(PROFILES, TODAY)
    assert [row.name for row in listed] == [*PROFILES]
    assert {row.name for row in listed if row.price is None} == UNPRICED
    assert {row.name for row in listed if row.changes} == {
        "gemini-3.6-flash", "gemini-3.7-flash", "gemini-3.8-flash",
    }  # fmt: skip


def test_every_measurement_finds_its_setting() -> None:
    """Each row of the shipped curves belongs to a setting of a shipped profile."""
    rows = curve_rows()
    assert rows
    lost = {
        row for row in rows if row[1] not in PROFILES or row[2] not in PROFILES[row[1]].settings
    }
    assert not lost


def test_artificial_analysis_figures_stay_few() -> None:
    """Of Artificial Analysis only the founding systems and at most ten others ship, attributed."""
    speeds = {
        name
        for name, profile in PROFILES.items()
        if profile.speed is not None and "Artificial Analysis" in profile.speed.source
    }
    curves = {model for table, model, _ in curve_rows() if table == "artificial-analysis"}
    assert len((speeds | curves) - FOUNDING) <= 10
    for name in speeds:
        speed = PROFILES[name].speed
        assert speed is not None
        assert "artificialanalysis.ai" in speed.source


def test_models_without_reasoning_say_so() -> None:
    """A model that never reasons is marked, so that no reasoning tokens are looked for."""
    silent = {name for name, profile in PROFILES.items() if not profile.knob.thinks}
    assert silent == {
        "gpt-4", "gpt-4-turbo", "gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini",
        "gpt-4.1-nano", "gpt-4.5", "claude-3-5-sonnet", "deepseek-v3", "gemini-2.0-flash",
    }  # fmt: skip
    assert all([*PROFILES[name].settings] == ["fixed"] for name in silent)

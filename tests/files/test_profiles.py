"""Profiles of a folder: one file per model, every fault of every file at once."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import pytest

from costplan.domain.errors import InputError
from costplan.files.profiles import ProfileFolder, find_profiles, load_profile, load_profiles
from costplan.files.shipped import shipped_profiles

O3 = """\
title: OpenAI o3
provider: openai
model: o3
released: 2025-04-16
knob: {kind: effort, vendor_default: medium, source: docs}
settings:
  low: {effort: low, max_output_tokens: 100_000}
  high: {effort: high, max_output_tokens: 100_000, body: {top_p: 0.95, n: 1, deep: [{x: 1e-3}]}}
prices:
  - starts: 2025-06-10
    input_usd_per_mtok: 2
    output_usd_per_mtok: 8
    source: price list
    checked: 2025-07-01
"""
BUDGETS = """\
title: b
provider: anthropic
model: b
knob: {kind: budget, source: docs}
settings:
  off: {switch: off, max_output_tokens: 100}
  4000: {budget: 4_000, max_output_tokens: 8_000}
  16000: {budget: 16_000, max_output_tokens: 20_000}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two profiles and files that are none."""
    (tmp_path / "o3.yaml").write_text(O3)
    (tmp_path / "b.yml").write_text(BUDGETS)
    (tmp_path / "README.md").write_text("not a profile")
    (tmp_path / "folder.yaml").mkdir()
    return tmp_path


def test_profiles_by_name_in_order(folder: Path):
    """The profiles of a folder come by file name, in order, with exact prices and days."""
    profiles = load_profiles(folder)
    assert list(profiles) == ["b", "o3"]
    assert profiles["o3"].prices[0].output_usd_per_mtok == Decimal(8)
    assert profiles["o3"].released == dt.date(2025, 4, 16)


def test_settings_keep_their_labels(folder: Path):
    """Settings named by a budget or by off are labelled as written, in file order."""
    profile = load_profile(folder / "b.yml")
    assert list(profile.settings) == ["off", "4000", "16000"]
    assert profile.settings["off"].switch == "off"
    assert profile.settings["4000"].budget == 4000


def test_raw_fields_can_be_sent_as_json(folder: Path):
    """Numbers in raw request fields are such that JSON writes them as they stand."""
    body = load_profile(folder / "o3.yaml").settings["high"].body
    assert json.dumps(body) == '{"top_p": 0.95, "n": 1, "deep": [{"x": 0.001}]}'


def test_only_named_profiles_are_read(folder: Path):
    """Profiles that are not asked for are not read, faulty or not."""
    (folder / "bad.yaml").write_text("title: [")
    assert list(load_profiles(folder, ["o3"])) == ["o3"]


def test_unknown_names_are_suggested(folder: Path):
    """A name without a file brings the nearest that has one."""
    with pytest.raises(InputError) as caught:
        load_profiles(folder, ["o3", "o33"])
    (fault,) = caught.value.faults
    assert fault.advice == "did you mean 'o3'?"


def test_faults_of_all_files_at_once(folder: Path):
    """Every file's faults come in one report, each with its place."""
    (folder / "o3.yaml").write_text(O3.replace("effort: low", "efort: low"))
    (folder / "b.yml").write_text(BUDGETS.replace("8_000", "3_000"))
    with pytest.raises(InputError) as caught:
        load_profiles(folder)
    found = [(Path(f.file).name, f.line, f.message) for f in caught.value.faults]
    assert found == [
        ("b.yml", 1, "setting '4000': the budget must be below max_output_tokens"),
        ("o3.yaml", 7, "unknown key 'efort'"),
    ]


def test_a_folder_loads_what_is_asked_for(folder: Path):
    """The profiles of a folder are those loaded at once, and a broken one is a fault when asked."""
    assert dict(ProfileFolder(folder)) == load_profiles(folder)
    (folder / "broken.yaml").write_text("provider: 3\n", "utf-8")
    lazy = ProfileFolder(folder)
    assert "broken" in lazy
    assert list(lazy) == sorted([*load_profiles(folder, lazy.keys() - {"broken"}), "broken"])
    with pytest.raises(InputError):
        lazy["broken"]


def test_one_model_has_one_file(folder: Path):
    """Two files of one name, by suffix or by case, are refused."""
    (folder / "O3.yml").write_text(O3)
    with pytest.raises(InputError) as caught:
        find_profiles(folder)
    (fault,) = caught.value.faults
    assert "the same model" in fault.message


def test_folder_that_is_none(tmp_path: Path):
    """A folder that is missing or is a file is a fault."""
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "none", tmp_path / "file"):
        with pytest.raises(InputError) as caught:
            load_profiles(path)
        assert caught.value.faults[0].file == str(path)


def test_shipped_profiles_load():
    """Every profile that ships is sound."""
    assert len(load_profiles(shipped_profiles() / "models")) > 50

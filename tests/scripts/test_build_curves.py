from __future__ import annotations

import csv
from pathlib import Path

import pytest
from script_loader import load_script

COLUMNS = (
    *("source", "benchmark", "task_kind", "model", "curve", "setting", "setting_kind"),
    *("n_questions", "accuracy", "accuracy_se", "in_tokens", "out_tokens", "reasoning_tokens"),
    *("cost_usd", "cost_basis", "seconds", "seconds_basis", "date", "confidence", "note"),
)


build_curves = load_script("build_curves")


def row(**cells) -> dict[str, str]:
    return dict.fromkeys(COLUMNS, "") | {
        "source": "s",
        "benchmark": "b",
        "model": "M (low)",
        "setting": "low",
        "setting_kind": "effort",
        "accuracy": "0.5",
        "date": "2026-01-01",
        "confidence": "read",
        **cells,
    }


def name(**cells):
    blank = dict.fromkeys(build_curves.Name.__dataclass_fields__, "")
    wide = {"source": "s", "published_as": "*", "published_setting": "*", "model": "m"}
    return build_curves.Name(**blank | wide | {"setting": "="} | cells)


def measured(published, **decision):
    kept, _ = build_curves.decide([row(**published)], [name(**decision)])
    return kept[0].measurement


@pytest.mark.parametrize(
    ("published", "setting"),
    [
        ({"setting": "High"}, "high"),
        ({"setting": "0", "setting_kind": "thinking_budget"}, "off"),
        ({"setting": "16000", "setting_kind": "thinking_budget"}, "16000"),
        ({"setting": "none"}, "none"),
    ],
)
def test_settings_are_named_as_profiles_name_them(published, setting):
    """Efforts are lower case, budgets plain digits, and a budget of 0 is off."""
    assert measured(published).setting == setting


def test_votes_keep_their_samples_beside_the_setting():
    """A vote of 64 is 64 samples at the setting of the decision, not a setting of its own."""
    vote = measured({"setting": "64", "setting_kind": "samples"}, setting="unstated")
    assert (vote.setting, vote.samples) == ("unstated", 64)


def test_mean_thinking_tokens_are_reasoning_and_not_the_whole_output():
    """A source that counts only the thinking leaves the output unknown."""
    m = measured({"setting": "500", "setting_kind": "avg_thinking_tokens", "out_tokens": "500"})
    assert (m.output_tokens, m.reasoning_tokens) == (None, 500)


def test_a_standard_error_rounded_to_zero_is_unknown():
    """0.00 as a standard error is a rounding, not certainty."""
    assert measured({"accuracy_se": "0.00"}).accuracy_se is None
    assert measured({"accuracy_se": "0.01"}).accuracy_se == 0.01


def test_a_column_known_to_be_wrong_is_left_blank_and_said():
    """Wrong dollars of a source do not ship; the note says why."""
    m = measured({"cost_usd": "3", "cost_basis": "published"}, blank="usd", note="wrong price")
    assert (m.usd, m.usd_basis, m.note) == (None, "", "wrong price")


def test_a_row_that_nothing_decides_stops_the_build():
    """A model that the decisions do not mention is neither shipped nor dropped in silence."""
    with pytest.raises(build_curves.UndecidedError, match=r"s,M \(low\),low"):
        build_curves.decide([row()], [name(published_as="other")])


def test_a_decision_about_nothing_stops_the_build():
    """A line that decides no row is a misspelling or a leftover."""
    with pytest.raises(build_curves.UndecidedError, match="decide nothing"):
        build_curves.decide([row()], [name(), name(published_as="other")])


def test_only_the_latest_snapshot_of_a_model_ships():
    """Settings of one curve never come from two snapshots, even at different settings."""
    rows = [
        row(model="M-old", setting="low"),
        row(model="M-new", setting="high"),
        row(model="M-old", setting="low", benchmark="only the old one was here"),
    ]
    names = [
        name(published_as="M-old", snapshot="2025-01-01"),
        name(published_as="M-new", snapshot="2025-06-01"),
    ]
    kept, _ = build_curves.decide(rows, names)
    shipped, dropped = build_curves.keep_latest(kept)
    assert [(m.published_as, m.benchmark) for m in shipped] == [
        ("M-new", "b"),
        ("M-old", "only the old one was here"),
    ]
    assert [(d.reason, d.published_as) for d in dropped] == [("older-snapshot", "M-old")]


def test_of_two_runs_the_later_ships_and_two_of_one_day_stop_the_build():
    """Runs of the same thing are told apart by their dates; without one a person decides."""
    first, second = row(date="2026-01-02", accuracy="0.7"), row(date="2026-01-01")
    kept, _ = build_curves.decide([first, second], [name()])
    shipped, dropped = build_curves.keep_latest(kept)
    assert [m.accuracy for m in shipped] == [0.7]
    assert [d.reason for d in dropped] == ["older-run"]
    kept, _ = build_curves.decide([first, first], [name()])
    with pytest.raises(build_curves.UndecidedError, match="two runs of one day"):
        build_curves.keep_latest(kept)


def test_every_decision_in_the_file_ships_or_gives_a_known_reason():
    """The decisions are well formed, and every reason has words."""
    names = build_curves.read_names(build_curves.NAMES)
    assert all(n.drop in build_curves.REASONS for n in names if n.drop)
    assert all(n.setting for n in names if n.model)


@pytest.fixture(scope="module")
def published() -> Path:
    if not build_curves.PUBLISHED.exists():
        pytest.skip("shared reference data is not beside the repository")
    return build_curves.PUBLISHED


@pytest.fixture(scope="module")
def built(published):
    return build_curves.build(published, build_curves.NAMES)


def test_the_shipped_tables_are_what_the_script_builds(built):
    """The committed tables are fresh."""
    assert not build_curves.find_stale(built[0], build_curves.CURVES)


def test_every_published_row_is_shipped_or_listed(built, capsys, published):
    """Shipped and listed rows together are the published rows, each one once."""
    tables, dropped = built
    with published.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    shipped = [m for table in tables.values() for m in table]
    assert len(shipped) + len(dropped) == len(rows) == 4350
    want = sorted((r["source"], r["benchmark"], r["model"]) for r in rows)
    have = [(m.source, m.benchmark, m.published_as) for m in shipped]
    have += [(d.source, d.benchmark, d.published_as) for d in dropped]
    assert sorted(have) == want
    assert build_curves.main(["--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(dropped)


def test_nothing_digitised_by_a_third_party_ships(built):
    """All rows read off Anthropic's charts are left out for their licence."""
    digitised = [d for d in built[1] if d.source == "anthropic-syscard-digitised"]
    assert {d.reason for d in digitised} == {"licence"}
    assert len(digitised) == 257


def test_figures_are_copied_unchanged(built, published):
    """Accuracy, tokens, dollars and seconds of each shipped row are those of one published row."""
    import pandas as pd

    frame = pd.read_csv(published)
    key = ["source", "benchmark", "model", "accuracy", "in_tokens", "out_tokens"]
    key += ["reasoning_tokens", "cost_usd", "seconds"]
    known = set(frame[key].fillna(-1).itertuples(index=False, name=None))
    for m in (m for table in built[0].values() for m in table):
        usd = None if m.usd is None else float(m.usd)
        figures = (m.input_tokens, m.output_tokens, m.reasoning_tokens, usd, m.seconds)
        if m.source == "s1-paper":  # the published column counts the thinking only
            figures = (None, m.reasoning_tokens, None, None, None)
        found = (m.source, m.benchmark, m.published_as, m.accuracy)
        if "left out" not in m.note:
            assert (*found, *(-1 if x is None else x for x in figures)) in known
    assert sum("left out" in m.note for table in built[0].values() for m in table) == 5


def test_stale_tables_fail_the_check(built, tmp_path, capsys):
    """--check changes nothing and names each table that differs, is missing or is left over."""
    out = ["--output", str(tmp_path)]
    assert build_curves.main(out) == 0
    assert build_curves.main([*out, "--check"]) == 0
    (tmp_path / "aider.csv").write_text("changed")
    (tmp_path / "gone.csv").write_text("left over")
    (tmp_path / "deepswe.csv").unlink()
    capsys.readouterr()
    assert build_curves.main([*out, "--check"]) == 1
    assert capsys.readouterr().out.split() == [
        *("stale:", "aider.csv", "stale:", "deepswe.csv", "stale:", "gone.csv")
    ]


def test_dollars_far_from_the_list_price_are_named():
    """o3 cost 2 and 8 USD per million in July 2025: a row at ten times that is named."""
    cells = {"in_tokens": "1000", "out_tokens": "1000", "date": "2025-07-01"}
    fair = measured({**cells, "cost_usd": "0.010"}, model="o3")
    dear = measured({**cells, "cost_usd": "0.100"}, model="o3")
    unpriced = measured({**cells, "cost_usd": "0.100"}, model="s1-32b")
    *named, counts = build_curves.compare_prices([fair, dear, unpriced])
    assert len(named) == 1
    assert "0.10000 USD published, 0.01000 by tokens, ratio 10.00" in named[0]
    assert counts == "2 compared, 1 no price"

"""The figures of docs/policies.md are measured and fresh."""

from __future__ import annotations

from pathlib import Path

import pytest
from script_loader import load_script

ROOT = Path(__file__).resolve().parents[2]


page = load_script("build_policies_page")


def test_the_figures_are_what_the_script_measures():
    """docs/policies.md is fresh."""
    pytest.importorskip("sklearn")
    if not page.OUTCOMES.is_dir():
        pytest.skip("shared reference data is not beside the repository")
    assert page.main(["--check"]) == 0


def test_cascades_bring_what_was_expected_within_a_point():
    """No row of expected gains is marked as not held."""
    text = page.PAGE.read_text("utf-8")
    gains = text[text.index("| check | at 10 %") : text.index("*Expected*")]
    assert gains.count("✓") == 3
    assert "✗" not in gains


def test_stale_figures_fail_the_check_and_the_rest_of_the_page_stays(tmp_path, monkeypatch, capsys):
    """--check changes nothing; without it only what stands between the marks is rewritten."""
    monkeypatch.setattr(page, "build_figures", lambda: "New figures.")
    monkeypatch.setattr(page, "OUTCOMES", tmp_path)
    monkeypatch.setattr(page, "ROOT", tmp_path)
    written = tmp_path / "policies.md"
    written.write_text(f"# Before\n{page.START}old\n{page.END}after\n")
    monkeypatch.setattr(page, "PAGE", written)
    assert page.main(["--check"]) == 1
    assert "stale" in capsys.readouterr().out
    assert "old" in written.read_text()
    assert page.main([]) == 0
    assert page.main(["--check"]) == 0
    text = written.read_text()
    assert text.startswith("# Before\n")
    assert text.endswith("after\n")
    assert "New figures." in text

"""The page of backtest figures is measured, fresh, and honest about what failed."""

from __future__ import annotations

from pathlib import Path

import pytest
from script_loader import load_script

ROOT = Path(__file__).resolve().parents[2]


page = load_script("build_backtest_page")


@pytest.fixture
def tables() -> Path:
    if not page.OUTCOMES.is_dir():
        pytest.skip("shared reference data is not beside the repository")
    return page.OUTCOMES


def test_the_page_is_what_the_script_measures(tables):
    """docs/backtest.md is fresh."""
    assert page.main(["--check"]) == 0


def test_a_stale_page_fails_the_check(tables, tmp_path, monkeypatch, capsys):
    """--check changes nothing and says what is stale; without it the page is rewritten."""
    monkeypatch.setattr(page, "build_page", lambda: "# Figures\n")
    monkeypatch.setattr(page, "PAGE", tmp_path / "backtest.md")
    assert page.main(["--check"]) == 1
    assert "stale" in capsys.readouterr().out
    assert not page.PAGE.exists()
    assert page.main([]) == 0
    assert page.main(["--check"]) == 0


def test_without_the_tables_nothing_is_written(tmp_path, monkeypatch, capsys):
    """Where the shared tables are absent the script says so and leaves the page alone."""
    monkeypatch.setattr(page, "OUTCOMES", page.ROOT.parent / "nowhere")
    monkeypatch.setattr(page, "PAGE", tmp_path / "backtest.md")
    assert page.main([]) == 2
    assert "are not at" in capsys.readouterr().out
    assert not page.PAGE.exists()


def test_every_promise_that_failed_is_listed():
    """Each ✗ of the table of promises stands again under what does not hold."""
    text = (ROOT / "docs" / "backtest.md").read_text("utf-8")
    promises = text[text.index("## Promise by promise") : text.index("Intervals over all plans")]
    failures = text[text.index("## What does not hold") : text.index("What else to know")]
    rows = [line.split("|") for line in promises.splitlines() if "✗" in line]
    assert rows
    for row in rows:
        for cell in row[2:]:
            if "✗" in cell:
                assert f"{row[1].strip()} ({cell.strip().removesuffix(' ✗')})" in failures

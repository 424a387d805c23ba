"""What `check` understood, and what a plan says of money it leaves."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

import costplan
from costplan.report.checked import render_check, summarize
from costplan.report.terminal import render

YEAR = """
name: A year
horizon: {start: 2027-01, months: 3, budget: total}
seasonality: {3: 2}
ceilings: {usd: %d}
pools: {h200: {usd_per_gpu: 100, tokens_per_gpu: 1_000_000, max_gpus: 2}}
classes:
  - name: questions
    requests: 1_000
    input_tokens: 500
    output_tokens: 100
    value_usd: 1
    evidence: {benchmark: gpqa-diamond}
    models: {allow: [gpt-5.6-luna, gpt-4o]}
    options:
      - {name: house, pool: h200, accuracy: 0.4, tokens_per_request: 100}
"""


@pytest.fixture
def year(tmp_path):
    """Loads the year at a ceiling of dollars."""

    def load(usd):
        path = tmp_path / "year.yaml"
        path.write_text(YEAR % usd)
        return costplan.load(path)

    return load


def _print(renderer, shown):
    console = Console(file=io.StringIO(), width=100, color_system=None)
    renderer(shown, console)
    return console.file.getvalue()


def test_a_class_is_shown_once_for_all_months(year):
    """Months are a range of requests and a line where models come or go, not a repetition."""
    text = _print(render_check, year(10_000))
    assert "A year · 3 months from 2027-01 · ceiling of dollars for all of them" in text
    assert text.count("questions") == 2
    assert "1,000 to 2,000" in text
    assert text.count("evidence: gpqa-diamond") == 1


def test_months_are_told_apart_in_json(year):
    """A class of a horizon is there once per month, and says which."""
    months = [part["month"] for part in summarize(year(10_000))["classes"]]
    assert months == [f"2027-0{month}" for month in range(1, 4)]


def test_own_gpus_are_not_shown_as_free(year):
    """What a request on own GPUs costs is their rent, so no dollars per request mean no gift."""
    assert "house, $0 per request and its GPUs" in _print(render_check, year(10_000))


@pytest.mark.parametrize(("usd", "kept"), [(1_000_000, False), (20, True)])
def test_money_that_nothing_can_use_is_not_called_a_margin(year, usd, kept):
    """What is left below a ceiling is kept for safety only where more dollars would buy more."""
    text = " ".join(_print(render, costplan.optimize(year(usd))).split())
    assert ("left below the dollar ceiling is kept" in text) is kept

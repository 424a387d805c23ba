"""What a probe shows, recomputed from the example's journal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

EXAMPLE = Path("examples/probe")
REPLAY = (
    "probe",
    EXAMPLE / "workload.yaml",
    "-q",
    EXAMPLE / "questions.jsonl",
    "--replay",
    EXAMPLE / "journal.jsonl",
)


@pytest.mark.parametrize("width", ["80", "140"])
def test_results_fit_narrow_and_wide(width, costplan, tmp_path):
    """No line is wider than the terminal, and every option's accuracy and share is shown."""
    out = costplan(*REPLAY, "-o", tmp_path / "o.csv", COLUMNS=width).stdout
    lines = [line for line in out.splitlines() if str(tmp_path) not in line]
    assert max(len(line) for line in lines) <= int(width)
    assert "39→100 %" in out
    for setting, right in (("off", "12 %"), ("8", "29 %"), ("16", "42 %"), ("40", "46 %")):
        row = next(line for line in lines if line.startswith(f"smollm2-135m/{setting} "))
        assert right in row


def test_results_say_what_the_plan_gains_and_what_to_know(costplan, tmp_path):
    """The gain, how sure it is, the comparison with the curve, and a knob that may not move."""
    out = " ".join(costplan(*REPLAY, "-o", tmp_path / "o.csv").stdout.split())
    assert "Without the probe, by what is known now: $42.01 a month" in out
    assert "−20.7 points on average over 4 options" in out
    assert "'40' spends what '16' does" in out
    assert "knowing everything would still bring" in out


def test_json_holds_what_is_shown_and_only_json(costplan, tmp_path):
    """Amounts are decimal strings, what is unknown is null, and intervals hold their means."""
    done = costplan(*REPLAY, "-o", tmp_path / "o.csv", "--json")
    assert done.stderr == ""
    facts = json.loads(done.stdout, parse_constant=pytest.fail)
    assert isinstance(facts["spent_usd"], str)
    assert facts["why"] == "replayed"
    options = facts["classes"][0]["options"]
    assert [option["setting"] for option in options] == ["off", "8", "16", "40"]
    for option in options:
        accuracy = option["accuracy"]
        assert accuracy["low"] <= accuracy["mean"] <= accuracy["high"]
        assert option["p50_latency_s"]["low"] <= option["p50_latency_s"]["mean"]
        assert option["p95_latency_s"]["high"] is None  # 24 answers cannot bound it
        assert isinstance(option["usd_per_call"], str)
    assert sum(option["share"] for option in options) == pytest.approx(1)


def test_a_dry_run_names_money_calls_and_certainty(costplan):
    """Expected and worst cost, calls, and how sure the plan would be, with and without a limit."""
    arguments = REPLAY[:4]
    free = " ".join(costplan(*arguments, "--dry-run").stdout.split())
    assert "First round: 16 calls" in free
    assert "set --max-usd" in free
    assert free.endswith("Nothing was sent.")
    capped = " ".join(costplan(*arguments, "--dry-run", "--max-usd", "0.001").stdout.split())
    assert "Never more than $0.00100" in capped

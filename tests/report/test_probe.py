"""What a probe shows, recomputed from the example's journal."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import numpy as np
import pytest

from costplan.files.curves import load_curves
from costplan.files.outcomes import read_outcomes

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
        assert 0 < option["p50_first_visible_s"]["mean"] <= option["p95_latency_s"]["mean"]
        assert option["mean_waited_s"] > 1  # four at once: the others stood in line
    assert sum(option["share"] for option in options) == pytest.approx(1)


def test_seconds_have_intervals_on_the_terminal_and_in_the_measurements(costplan, tmp_path):
    """p50 and p95 stand with their intervals; an end that nothing bounds is open, not zero."""
    out = costplan(*REPLAY, "-o", tmp_path / "o.csv", COLUMNS="80").stdout
    lines = out.splitlines()
    at = next(i for i, line in enumerate(lines) if "First token" in line)
    assert [line.split()[0] for line in lines[at + 2 : at + 6]] == [
        f"smollm2-135m/{setting}" for setting in ("off", "8", "16", "40")
    ]
    assert "0.6 s  0.5–0.8" in lines[at + 2]
    assert "2.8 s  from 1.6" in lines[at + 2]
    assert "of seconds by order statistics" in " ".join(out.split())
    with (EXAMPLE / "journal.jsonl").open() as file:
        records = [json.loads(line) for line in file]
    off = {r["call"] for r in records if r["k"] == "send" and r["setting"] == "off"}
    times = [r["total_s"] for r in records if r["k"] == "reply" and r["call"] in off]
    row = next(r for r in load_curves([tmp_path / "o.measurements.csv"]) if r.setting == "off")
    assert row.p50_s == pytest.approx(statistics.median(times), abs=1e-4)
    assert row.p95_high_s is None
    assert row.p50_low_s < row.p50_s < row.p50_high_s < row.p95_low_s < row.p95_s


def test_the_comparison_is_with_what_was_published(costplan, tmp_path):
    """Published accuracies are the publication's own; the mean difference has an interval."""
    facts = json.loads(costplan(*REPLAY, "-o", tmp_path / "o.csv", "--json").stdout)
    (group,) = facts["classes"]
    assert [o["published"] for o in group["options"]] == [0.50, 0.52, 0.54, 0.56]
    table = read_outcomes(tmp_path / "o.csv")
    settings = table.setting.decode()
    marks = {}
    for question, setting, correct in zip(
        table.question.decode(), settings, table.correct, strict=True
    ):
        marks.setdefault(question, {})[setting] = float(correct)
    matrix = np.array([[row[s] for s in ("off", "8", "16", "40")] for row in marks.values()])
    found = group["comparison"]
    assert found["level"] == pytest.approx(matrix.mean() - 0.53)
    # an independent road: questions drawn again and again
    rng = np.random.default_rng(1)
    drawn = matrix[rng.integers(0, len(matrix), (4000, len(matrix)))].mean((1, 2)) - 0.53
    low, high = np.quantile(drawn, [0.05, 0.95])
    assert found["level_low"] == pytest.approx(low, abs=0.015)
    assert found["level_high"] == pytest.approx(high, abs=0.015)


def test_a_dry_run_names_money_calls_and_certainty(costplan):
    """Expected and worst cost, calls, and how sure the plan would be, with and without a limit."""
    arguments = REPLAY[:4]
    free = " ".join(costplan(*arguments, "--dry-run").stdout.split())
    assert "First round: 16 calls" in free
    assert "set --max-usd" in free
    assert free.endswith("Nothing was sent.")
    capped = " ".join(costplan(*arguments, "--dry-run", "--max-usd", "0.001").stdout.split())
    assert "Never more than $0.00100" in capped

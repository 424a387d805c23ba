"""A judge as a user sets it up: paid within the limit, and compared with the user's own marks."""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from pathlib import Path

import pytest

if str(Path(__file__).parent) not in sys.path:  # tests have no package to import it from
    sys.path.insert(0, str(Path(__file__).parent))

from probe_world import PROFILE, lay_out, run, serve, served

from costplan.files.outcomes import read_outcomes

JUDGE = PROFILE.replace('model: "m"', 'model: "judge"').replace("bench", "court")
JUDGE = JUDGE.replace(
    "input_usd_per_mtok: 2, output_usd_per_mtok: 10",
    "input_usd_per_mtok: 20, output_usd_per_mtok: 100",
)
LABELS = [
    {"answer": "7", "score": 1},
    {"answer": "seven", "score": 1},
    {"answer": "8", "score": 0},
    {"answer": "eight", "score": 0},
    {"answer": "8!", "score": 0},
    {"answer": " ", "score": 0},
]
"""The server's judge is wrong on "seven" and on "8!"; nobody pays for marking nothing."""


@pytest.fixture
def judged(tmp_path):
    """Give a world in which class alpha is judged, and the server's log."""
    log = tmp_path / "served.log"
    with serve(log) as url:
        workload, questions = lay_out(tmp_path, url)
        (tmp_path / "j.yaml").write_text(JUDGE)
        text = workload.read_text().replace("[m.yaml]", "[m.yaml, j.yaml]")
        own = text[text.index("{base_url") : text.index("}", text.index("{base_url")) + 1]
        workload.write_text(text.replace(f"{{m: {own}}}", f"{{m: {own}, j: {own}}}"))
        rows = [json.loads(line) for line in questions.read_text().splitlines()]
        for row in rows:
            if row["class"] == "alpha":
                row["grader"] = {"kind": "judge", "model": "j", "setting": "low"}
            if row["id"] == "q007":
                row["labels"] = LABELS
        questions.write_text("".join(json.dumps(row) + "\n" for row in rows))
        yield tmp_path, workload, questions, log


def paid(lines):
    """Price the server's log: the judge is ten times as dear."""
    return sum(
        (2 * line["input"] + 10 * line["output"]) * Decimal(10 if line["model"] == "judge" else 1)
        for line in lines
    ) / Decimal(10**6)


def test_verdicts_are_marks_and_the_judges_own_price_counts(judged):
    """Each judged answer and label is one call at the judge's price; marks are its verdicts."""
    folder, workload, questions, log = judged
    out, error = run(folder, workload, questions, "--max-usd", "5", "--grid", "--json")
    facts, lines = json.loads(out), served(log)
    verdicts = [line for line in lines if line["model"] == "judge"]
    assert len(lines) - len(verdicts) == 48
    assert len(verdicts) == 24 + 5
    assert "the 6 answers that you marked" in error
    assert Decimal(facts["spent_usd"]) == paid(lines)
    assert Decimal(facts["spent_by_role"]["judge"]) == paid(verdicts)
    table = read_outcomes(folder / "w.outcomes.csv")
    # what an answer cost is its own price: nobody judges in production
    assert abs(float(paid(lines) - paid(verdicts)) - table.usd.sum()) < 1e-9
    told = {line["prompt"].split("=" * 20)[1].strip() for line in verdicts}
    assert "wrong" in told
    out, _ = run(folder, workload, questions, "--max-usd", "5", "--grid", "--json")
    assert served(log) == lines
    assert json.loads(out)["classes"] == facts["classes"]


def test_the_judge_is_compared_with_the_users_marks(judged):
    """Agreement, wrong called right and right called wrong are told, by a replay too."""
    folder, workload, questions, log = judged
    out, _ = run(folder, workload, questions, "--max-usd", "5", "--json")
    judge = json.loads(out)["judges"]["j/low"]
    check = judge.pop("check")
    assert judge == {"labels": 6, "unasked": 0, "marks_itself": False, "reason": ""}
    assert check["n"] == 6
    assert check["agreement"] == pytest.approx(4 / 6)
    assert check["false_accept"] == pytest.approx(1 / 4)
    assert check["false_reject"] == pytest.approx(1 / 2)
    assert check["low"] < check["agreement"] < check["high"]
    lines = len(served(log))
    out, _ = run(folder, workload, questions, "--replay", "w.probe.jsonl", "--json")
    assert json.loads(out)["judges"]["j/low"]["check"] == check
    out, _ = run(folder, workload, questions, "--replay", "w.probe.jsonl")
    shown = " ".join(out.split())
    assert "agrees with your marks on 67 % of 6" in shown
    assert "calls 25 % of the wrong ones right, 50 % of the right ones wrong" in shown
    assert "a model that is right on 50 % would be measured at 38 %" in shown
    assert len(served(log)) == lines


def test_a_dry_run_prices_the_judge(judged):
    """Expected and worst dollars hold the verdicts and the check of the labels."""
    folder, workload, questions, log = judged
    out, _ = run(folder, workload, questions, "--dry-run", "--grid", "--json")
    told = json.loads(out)
    assert told["labels"]["calls"] == 5
    plain = questions.read_text().replace('{"kind": "judge", "model": "j", "setting": "low"}',
                                          '"exact"')  # fmt: skip
    questions.write_text(plain)
    out, _ = run(folder, workload, questions, "--dry-run", "--grid", "--json")
    bare = json.loads(out)
    assert bare["labels"]["calls"] == 0
    assert told["forecast"]["usd"][0] > 2 * bare["forecast"]["usd"][0]
    assert Decimal(told["forecast"]["worst_usd"]) > 2 * Decimal(bare["forecast"]["worst_usd"])
    assert served(log) == []


def test_the_limit_covers_answers_and_verdicts_together(judged):
    """A small limit is kept for both; few answers are paid for that nobody could mark."""
    folder, workload, questions, log = judged
    out, _ = run(folder, workload, questions, "--max-usd", "0.15", "--grid", "--json")
    facts, lines = json.loads(out), served(log)
    assert facts["why"] == "money"
    assert paid(lines) == Decimal(facts["spent_usd"]) <= Decimal("0.15")
    assert 0 < len(lines) < 77
    unmarked = sum(line["model"] == "m" for line in lines) - facts["replies"]
    assert unmarked <= 3


def test_a_judge_that_cannot_be_asked_stops_the_spending_on_its_class(judged):
    """With the judge given up, its class's questions are not paid for; the other class goes on."""
    folder, workload, questions, log = judged
    text = workload.read_text()
    at = text.index("j: {base_url")
    gone = text[:at] + text[at:].replace("key_env", "model: bankrupt, key_env", 1)
    workload.write_text(gone)
    out, _ = run(folder, workload, questions, "--max-usd", "5", "--grid", "--json", code=6)
    facts, lines = json.loads(out), served(log)
    asked = [line for line in lines if line["model"] == "m"]
    assert any("court" in said and "given up" in said for said in facts["warnings"])
    assert [each["name"] for each in facts["classes"] if each["options"]] == ["beta"]
    assert len(asked) == 24

"""The probe as a user runs it, against a server on the loopback."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest

if str(Path(__file__).parent) not in sys.path:  # tests have no package to import it from
    sys.path.insert(0, str(Path(__file__).parent))

from probe_world import KEY, KEY_ENV, lay_out, run, serve, served, start

from costplan.files.curves import load_curves
from costplan.files.outcomes import read_outcomes
from costplan.probe.records import read_tally

KILLS = int(os.environ.get("COSTPLAN_KILLS", "3"))
"""How often a run is killed; 50 for the whole test."""
FAULTS = {"limited_hint": 0.05, "error": 0.1, "reset": 0.05, "wrong_json": 0.05, "empty": 0.05}


@pytest.fixture
def world(tmp_path):
    """Give a workload, its questions, a quick server and the server's log."""
    log = tmp_path / "served.log"
    with serve(log) as url:
        workload, questions = lay_out(tmp_path, url)
        yield tmp_path, workload, questions, log


def test_nothing_is_sent_without_a_limit(world):
    """Without --max-usd, in a dry run and in a replay of nothing, the server hears nothing."""
    folder, workload, questions, log = world
    _, error = run(folder, workload, questions, code=3)
    assert "--max-usd" in error
    out, _ = run(folder, workload, questions, "--dry-run", "--json")
    told = json.loads(out)
    assert told["max_usd"] is None
    assert [each["name"] for each in told["classes"]] == ["alpha", "beta"]
    assert told["classes"][0]["first"] == ["m/low", "m/high"]
    assert told["forecast"]["usd"][1] <= told["forecast"]["usd"][0] <= told["forecast"]["usd"][2]
    out, _ = run(folder, workload, questions, "--dry-run", "--max-usd", "0.5")
    assert "Nothing was sent" in out
    run(folder, workload, questions, "--check", code=3)
    run(folder, workload, questions, "--replay", "nowhere.jsonl", code=3)
    assert served(log) == []


def test_the_limit_may_stand_in_the_workload(world):
    """probe: {max_usd} of the workload is a limit like --max-usd."""
    folder, workload, questions, log = world
    workload.write_text(workload.read_text() + "probe: {max_usd: 0.4}\n")
    out, _ = run(folder, workload, questions, "--json")
    assert json.loads(out)["max_usd"] == "0.4"
    assert served(log)


def test_a_run_agrees_with_the_servers_log_and_is_never_paid_twice(world):
    """Counts, tokens and dollars are the server's; a second run and a replay send nothing more."""
    folder, workload, questions, log = world
    out, error = run(folder, workload, questions, "--max-usd", "0.5", "--json")
    facts = json.loads(out)
    lines = served(log)
    outcomes = read_outcomes(folder / "w.outcomes.csv")
    assert len(outcomes.correct) == facts["replies"] == facts["calls"] == len(lines)
    assert outcomes.output_tokens.sum() == sum(line["output"] for line in lines)
    paid = sum(Decimal(2 * line["input"] + 10 * line["output"]) for line in lines) / 10**6
    assert Decimal(facts["spent_usd"]) == paid <= Decimal("0.5")
    assert sum(option["n"] for each in facts["classes"] for option in each["options"]) == len(lines)
    assert "round 1" in error
    table = (folder / "w.outcomes.csv").read_bytes()
    rows = load_curves([folder / "w.measurements.csv"])
    assert {(row.benchmark, row.model, row.setting) for row in rows} == {
        (name, "m", effort) for name in ("alpha", "beta") for effort in ("low", "high")
    }
    again, error = run(folder, workload, questions, "--max-usd", "0.5", "--json")
    assert served(log) == lines
    assert "replies already" in error
    assert (folder / "w.outcomes.csv").read_bytes() == table
    replayed, _ = run(folder, workload, questions, "--replay", "w.probe.jsonl", "--json")
    assert served(log) == lines
    assert (folder / "w.outcomes.csv").read_bytes() == table
    for key in ("classes", "plan", "spent_usd"):
        assert json.loads(replayed)[key] == json.loads(again)[key] == facts[key]


def test_the_outcomes_are_evidence_for_the_next_plan(world, costplan):
    """A workload that names the table plans from it, and a further probe counts its answers."""
    folder, workload, questions, log = world
    run(folder, workload, questions, "--max-usd", "0.5")
    lines = len(served(log))
    named = workload.read_text().replace("benchmark: quiz", "outcomes: w.outcomes.csv")
    measured = folder / "measured.yaml"
    measured.write_text(named)
    plan = json.loads(costplan("optimize", measured, "--json").stdout)
    assert {line["accuracy"]["grade"] for line in plan["lines"]} == {"measured"}
    out, _ = run(
        folder, measured, questions, "--max-usd", "0.5", "--journal", "w.probe.jsonl", "--json"
    )
    assert len(served(log)) >= lines
    assert json.loads(out)["replies"] == len(served(log))


def test_a_grid_asks_everything_evenly(world):
    """--grid asks every question of every setting, in one order, question by question."""
    folder, workload, questions, log = world
    one = ("--max-usd", "0.5", "--grid", "--workers", "1", "--json")
    out, _ = run(folder, workload, questions, *one)
    asked = [(line["prompt"], line["effort"]) for line in served(log)]
    low, high = ([prompt for prompt, at in asked if at == effort] for effort in ("low", "high"))
    assert low == high
    assert [prompt for prompt, _ in asked] == [prompt for prompt in low for _ in range(2)]
    facts = json.loads(out)
    assert len(served(log)) == 48
    assert {option["n"] for each in facts["classes"] for option in each["options"]} == {12}
    assert facts["why"] == "questions"


def test_a_limit_below_the_first_call_sends_nothing(world):
    """A limit that no call fits under ends with exit code 6 and says so."""
    folder, workload, questions, log = world
    _, error = run(folder, workload, questions, "--max-usd", "0.0001", code=6)
    assert "less than the first call may cost" in error
    assert served(log) == []


def test_a_small_limit_is_kept_and_told(world):
    """A limit for a few calls is never passed, and the end says that money ended it."""
    folder, workload, questions, log = world
    out, _ = run(folder, workload, questions, "--max-usd", "0.012", "--json")
    facts = json.loads(out)
    assert facts["why"] == "money"
    assert 0 < len(served(log)) < 48
    assert Decimal(facts["spent_usd"]) <= Decimal("0.012")


def test_a_missing_key_stops_before_anything_is_sent(world):
    """Exit code 6 names the variable; a dry run names it too and goes on."""
    folder, workload, questions, log = world
    _, error = run(folder, workload, questions, "--max-usd", "1", code=6, **{KEY_ENV: ""})
    assert KEY_ENV in error
    out, _ = run(folder, workload, questions, "--dry-run", "--json", **{KEY_ENV: ""})
    assert json.loads(out)["missing_keys"] == {KEY_ENV: "m"}
    assert served(log) == []


def test_a_check_makes_one_tiny_call_for_each_setting(world):
    """--check says what works, counts its money in the journal, and leaves no outcome."""
    folder, workload, questions, log = world
    out, _ = run(folder, workload, questions, "--check", "--max-usd", "0.5", "--json")
    facts = json.loads(out)
    assert len(served(log)) == 2
    assert [(each["setting"], each["ok"]) for each in facts["options"]] == [
        ("low", True),
        ("high", True),
    ]
    tally = read_tally(folder / "w.probe.jsonl")
    assert tally.spent_usd == Decimal(facts["spent_usd"]) > 0
    assert not tally.replies
    assert not (folder / "w.outcomes.csv").exists()


def test_another_model_than_the_asked_one_stops_that_setting(tmp_path):
    """Where another model answers one effort, that one is given up and told; the other goes on."""
    log = tmp_path / "served.log"
    with serve(log, reroute="high") as url:
        workload, questions = lay_out(tmp_path, url)
        out, _ = run(tmp_path, workload, questions, "--max-usd", "0.9", "--grid", "--json")
    facts, lines = json.loads(out), served(log)
    assert {o["setting"] for group in facts["classes"] for o in group["options"]} == {"low"}
    assert "'m-mini' answered" in facts["stopped"]["m/high"]
    assert "in a row" not in facts["stopped"]["m/high"]  # at the first, not after some
    high = [line for line in lines if line["effort"] == "high"]
    assert len(high) <= 8  # those under way when the first was read
    assert len(lines) - len(high) == 24
    paid = sum(Decimal(2 * line["input"] + 10 * line["output"]) for line in lines) / 10**6
    assert paid <= Decimal(facts["spent_usd"]) <= Decimal("0.9")


def test_a_spent_credit_is_never_asked_again_and_a_later_run_goes_on(tmp_path):
    """After 402 nothing more is sent; what was answered stands, and is not paid for again."""
    log = tmp_path / "served.log"
    with serve(log, credit=20) as url:
        workload, questions = lay_out(tmp_path, url, 100)
        # 6: nothing was answered of the class that comes second
        out, _ = run(tmp_path, workload, questions, "--max-usd", "2", "--grid", "--json", code=6)
    facts = json.loads(out)
    assert facts["replies"] == len(served(log)) == 20
    assert facts["calls"] - 20 == facts["faults"]["quota"] <= 16
    assert any("quota" in said for said in facts["warnings"])
    with serve(log) as url:
        workload.write_text(workload.read_text().replace("Test", "Test 2"))
        lay_out(tmp_path, url, 100)
        out, _ = run(tmp_path, workload, questions, "--max-usd", "2", "--grid", "--json")
    assert json.loads(out)["replies"] == len(served(log)) == 200


def test_bad_input_is_a_fault_with_its_place(world):
    """A class that the workload does not have and a missing file end with exit code 3."""
    folder, workload, questions, log = world
    with questions.open("a") as file:
        file.write('{"class": "gamma", "id": "x", "prompt": "p", "target": "t"}\n')
    out, _ = run(folder, workload, questions, "--max-usd", "1", "--json", code=3)
    fault = json.loads(out)["faults"][0]
    assert (fault["line"], fault["path"]) == (25, "class")
    run(folder, workload, folder / "none.jsonl", "--max-usd", "1", code=3)
    run(folder, workload, questions, "--max-usd", "1", "--check", "--dry-run", code=2)
    assert served(log) == []


def test_changed_questions_are_told_and_old_replies_still_used(world):
    """After one question changed only that one is asked again."""
    folder, workload, questions, log = world
    run(folder, workload, questions, "--max-usd", "0.5", "--grid")
    before = len(served(log))
    questions.write_text(questions.read_text().replace("say number 7", "please say number 7"))
    out, _ = run(folder, workload, questions, "--max-usd", "0.5", "--grid", "--json")
    asked = served(log)[before:]
    assert {line["prompt"] for line in asked} == {"please say number 7"}
    assert len(asked) == 2
    assert any("paid for again" in said for said in json.loads(out)["warnings"])


def wait_for(log, count, process):
    """Wait until the server has answered so many."""
    for _ in range(12_000):  # two minutes: a loaded machine begins slowly
        if len(served(log)) >= count or process.poll() is not None:
            return
        time.sleep(0.01)
    raise AssertionError("the server was not asked")


def test_an_interrupt_stops_cleanly_and_the_same_command_goes_on(tmp_path):
    """SIGINT waits for the calls under way and exits with 130; nothing is paid for twice."""
    log = tmp_path / "served.log"
    with serve(log, delay_s=0.2) as url:
        workload, questions = lay_out(tmp_path, url, 60)
        process = start(tmp_path, workload, questions, "--max-usd", "0.5", "--grid")
        wait_for(log, 10, process)
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=60)
        assert process.returncode == 130
        assert "under way" in error
        assert "the same command goes on" in out
        tally = read_tally(tmp_path / "w.probe.jsonl")
        assert not tally.open
        assert len(tally.replies) == len(served(log)) < 120
        run(tmp_path, workload, questions, "--max-usd", "0.5", "--grid")
        assert len(served(log)) == 120


def test_two_probes_cannot_share_a_journal(tmp_path):
    """The second refuses with exit code 3 while the first runs."""
    log = tmp_path / "served.log"
    with serve(log, delay_s=0.3) as url:
        workload, questions = lay_out(tmp_path, url, 60)
        first = start(tmp_path, workload, questions, "--max-usd", "0.5", "--grid")
        wait_for(log, 1, first)
        _, error = run(tmp_path, workload, questions, "--max-usd", "0.5", code=3)
        assert "another probe" in error
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=60)


def test_killed_again_and_again_it_ends_where_an_undisturbed_run_does(tmp_path):
    """Kill -9 at random moments: the same outcomes, and no reply paid twice but those in flight."""
    draw = random.Random(5)
    calm, wild = tmp_path / "calm", tmp_path / "wild"
    tables = []
    for folder, kills in ((calm, 0), (wild, KILLS)):
        folder.mkdir()
        log = folder / "served.log"
        with serve(log, delay_s=0.05) as url:
            workload, questions = lay_out(folder, url, 40)
            lost = 0
            for _ in range(kills):
                process = start(folder, workload, questions, "--max-usd", "0.9")
                wait_for(log, len(served(log)) + 1, process)
                time.sleep(draw.uniform(0, 0.4))
                process.kill()
                process.communicate()
                lost = len(read_tally(folder / "w.probe.jsonl").open)
            out, _ = run(folder, workload, questions, "--max-usd", "0.9", "--json")
        facts = json.loads(out)
        with (folder / "w.outcomes.csv").open() as file:
            tables.append([{**row, "latency_s": ""} for row in csv.DictReader(file)])
        assert facts["calls_without_end"] >= lost
        assert len(served(log)) <= facts["replies"] + facts["calls_without_end"]
        assert Decimal(facts["spent_usd"]) <= Decimal("0.9")
        keys = [(line["prompt"], line["effort"]) for line in served(log)]
        assert len(keys) - len(set(keys)) <= facts["calls_without_end"]
    assert tables[0] == tables[1]


def test_through_faults_every_question_is_accounted_for_and_no_file_holds_the_key(tmp_path):
    """A faulty line changes nothing but the bill's certainty; nothing left behind has the key."""
    log = tmp_path / "served.log"
    with serve(log, FAULTS) as url:
        workload, questions = lay_out(tmp_path, url, 16)
        out, error = run(
            tmp_path, workload, questions, "--max-usd", "0.9", "--grid", "--json", "--keep-texts"
        )
    facts = json.loads(out)
    asked = sum(option["n"] for each in facts["classes"] for option in each["options"])
    assert asked == 32
    assert facts["faults"]
    paid = sum(Decimal(2 * line["input"] + 10 * line["output"]) for line in served(log)) / 10**6
    assert paid <= Decimal(facts["spent_usd"]) <= Decimal("0.9")
    assert KEY not in out + error
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in left if KEY.encode() in path.read_bytes()] == []
    assert len(left) >= 7

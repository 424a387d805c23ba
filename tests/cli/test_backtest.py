"""`costplan backtest` as a user has it: reproducible, and calm about odd tables."""

from __future__ import annotations

import csv
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from costplan.cli.app import app, main

COLUMNS = (
    "dataset", "task_class", "question_id", "model", "budget_or_effort", "sample", "correct",
    "input_tokens", "output_tokens", "cost_usd", "latency_s",
)  # fmt: skip
Row = dict[str, object]
FEW = ("--splits", "4")


def draw_rows(seed: int = 0, classes: int = 3, questions: int = 24) -> list[Row]:
    """Draw answers of three models at rising cost."""
    rng = random.Random(seed)
    return [
        dict(zip(COLUMNS, (
            "mine", f"class {c}", f"q{q}", f"m{m}", "fixed", 0,
            int(rng.random() < 0.4 + 0.15 * ((m + c) % 3)), 100, 200 * (m + 1),
            round(0.01 * 4**m * rng.lognormvariate(0, 0.4), 6), 1.5,
        ), strict=True))
        for c in range(classes) for q in range(questions) for m in range(3)
    ]  # fmt: skip


def write(path: Path, rows: list[Row]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run `costplan backtest` in this process: exit code, standard output, standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["costplan", "backtest", *map(str, arguments)])
        monkeypatch.setattr(app, "registered_commands", [])
        monkeypatch.setattr(app, "registered_groups", [])
        monkeypatch.setenv("COLUMNS", "80")
        with pytest.raises(SystemExit) as left:
            main()
        return (left.value.code or 0, *capsys.readouterr())

    return call


@pytest.fixture
def judge(run: Callable[..., tuple[int, str, str]], tmp_path: Path):
    """Write rows and backtest them as JSON: the document and the raw bytes."""

    def call(rows: list[Row], *arguments: str):
        path = write(tmp_path / "outcomes.csv", rows)
        code, out, err = run(path, "--json", *FEW, *arguments)
        assert (code, err) == (0, "")
        return json.loads(out, parse_constant=pytest.fail), out

    return call


def said(document) -> dict[str, str]:
    return {warning["code"]: warning["message"] for warning in document["warnings"]}


def test_same_seed_same_bytes_and_rows_in_any_order(judge):
    """Shuffled rows give the same bytes; another seed gives others."""
    rows = draw_rows()
    _, first = judge(rows)
    random.Random(1).shuffle(rows)
    assert judge(rows)[1] == first
    assert judge(rows, "--seed", "1")[1] != first


def test_the_document_keeps_the_contract(judge):
    """Keys that others rely on stand in the JSON; dollars are text, shares lie in 0 to 1."""
    document, _ = judge(draw_rows(), "--ceiling", "0.5", "--ceiling", "1", "--ceiling", "0.5")
    assert [row["fraction"] for row in document["ceilings"]] == [0.5, 1.0]
    assert (document["splits"], document["seed"], document["questions"]) == (4, 0, 72)
    for row in document["ceilings"]:
        assert isinstance(row["usd"], str)
        for key in ("forecast", "realised", "best_single", "class_blind_mix", "hindsight"):
            assert row[key] is None or 0 <= row[key] <= 1
        assert set(row["cost_over_ceiling"]) == {"mean", "share_over_1pct", "share_over_5pct"}
        assert set(row["coverage"]) == {"p80", "p95"}
    assert set(document["summary"]) >= {
        "mean_abs_gap", "worst_gap", "mean_gain_over_mix", "worst_gain_over_mix", "ceilings_held",
        "coverage",
    }  # fmt: skip


def test_a_class_with_one_question_is_left_out_and_named(judge):
    """It cannot be split, so the others are judged without it."""
    rows = [
        row for row in draw_rows() if (row["task_class"], row["question_id"]) < ("class 2", "q1")
    ]
    document, _ = judge(rows)
    assert document["classes"] == 2
    assert "has one question, which cannot be split" in said(document)["class-left-out"]


@pytest.mark.parametrize("score", [0, 1])
def test_all_wrong_and_all_right_are_forecast_near_it(judge, score):
    """No spread between answers is no reason for certainty, nor for a NaN."""
    document, _ = judge([row | {"correct": score} for row in draw_rows()])
    for row in document["ceilings"]:
        assert row["realised"] in {score, None}
        assert row["forecast"] is None or abs(row["forecast"] - score) < 0.1


def test_fractions_are_scores(judge):
    """Partial credit counts in part."""
    rows = [row | {"correct": 0.5 * int(row["correct"])} for row in draw_rows()]
    document, _ = judge(rows)
    assert all(row["realised"] is None or row["realised"] <= 0.5 for row in document["ceilings"])


def test_blank_costs_are_unknown_not_free(judge):
    """Means are of the known costs; an option without any is not planned, and is named."""
    rows = draw_rows()
    some = [row | {"cost_usd": "" if i % 5 == 0 else row["cost_usd"]} for i, row in enumerate(rows)]
    full, _ = judge(rows)
    document, _ = judge(some)
    ratio = float(document["ceilings"][-1]["usd"]) / float(full["ceilings"][-1]["usd"])
    assert 0.8 < ratio < 1.25
    none = [row | {"cost_usd": "" if row["model"] == "m2" else row["cost_usd"]} for row in rows]
    document, _ = judge(none)
    assert "m2 fixed has no known cost" in said(document)["unpriced"]
    assert document["best_single_option"]["model"] != "m2"


def test_rows_twice_count_once(judge):
    """Doubled rows change no figure and are counted in a warning."""
    rows = draw_rows()
    single, _ = judge(rows)
    doubled, _ = judge(rows + rows[:30])
    assert doubled["ceilings"] == single["ceilings"]
    assert any("30" in warning["message"] for warning in doubled["warnings"])


def test_other_spellings_of_a_class_are_joined(judge):
    """`Class  0` is `class 0`: the figures are the same, and the warning names both."""
    rows = draw_rows()
    single, _ = judge(rows)
    spelled = [
        row | {"task_class": "Class  0" if row["task_class"] == "class 0" and i % 4 == 0
               else row["task_class"]}
        for i, row in enumerate(rows)
    ]  # fmt: skip
    document, _ = judge(spelled)
    assert document["ceilings"] == single["ceilings"]
    assert "'Class  0'" in said(document)["spelling"]


def test_an_option_missing_in_a_class_is_no_single_option(judge):
    """What a class does not have cannot be everybody's option, but serves the other classes."""
    rows = [r for r in draw_rows() if (r["model"], r["task_class"]) != ("m2", "class 1")]
    document, _ = judge(rows)
    assert document["best_single_option"]["model"] in {"m0", "m1"}
    assert document["options"] == 3


@pytest.mark.parametrize("keep", [{"m1"}, {"m0", "m1", "m2"}])
def test_one_option_or_one_class_is_enough(judge, keep):
    """A table with one option or one class still has a forecast to judge."""
    rows = [row for row in draw_rows(classes=1) if row["model"] in keep]
    document, _ = judge(rows, "--ceiling", "1.5")
    assert document["ceilings"][0]["planned"] == 4


FAULTY = {
    "no costs at all": (lambda row: row | {"cost_usd": ""}, "no option with known costs"),
    "all free": (lambda row: row | {"cost_usd": 0}, "costs nothing"),
    "a score of two": (lambda row: row | {"correct": 2}, "from 0 to 1"),
    "no number": (lambda row: row | {"correct": "nan"}, "correct"),
    "negative dollars": (lambda row: row | {"cost_usd": -1}, "cost_usd"),
    "one question a class": (lambda row: row | {"question_id": "q"}, "one question"),
}


@pytest.mark.parametrize(("change", "message"), FAULTY.values(), ids=FAULTY)
def test_what_cannot_be_judged_is_a_fault(run, tmp_path, change, message):
    """Exit code 3, and the reason in words, as JSON too."""
    path = write(tmp_path / "outcomes.csv", [change(row) for row in draw_rows()])
    code, out, err = run(path)
    assert (code, out) == (3, "")
    assert message in " ".join(err.split())
    code, out, err = run(path, "--json")
    assert (code, err) == (3, "")
    assert message in " ".join(str(fault) for fault in json.loads(out)["faults"])


@pytest.mark.parametrize(
    "arguments",
    [
        ("--ceiling", "0"), ("--ceiling", "-1"), ("--ceiling", "nan"), ("--ceiling", "40000"),
        ("--splits", "0"), ("--folds", "1"), ("--seed", "-1"), ("--questions-per-class", "0"),
        ("--confidence", "0.4"), ("--confidence", "1"), ("--confidence", "nan"), (),
    ],
)  # fmt: skip
def test_arguments_out_of_range_are_usage_errors(run, tmp_path, arguments):
    """Exit code 2 before anything is planned; without a table, too."""
    path = write(tmp_path / "outcomes.csv", draw_rows())
    files = (path,) if arguments else ()
    assert run(*files, *arguments)[:2] == (2, "")


def test_several_tables_are_one_workload_or_one_backtest_each(run, tmp_path):
    """Tables are judged together, or with --by-dataset apart; the CSV has a row per ceiling."""
    one = write(tmp_path / "one.csv", draw_rows())
    other = [row | {"dataset": "other", "task_class": "new"} for row in draw_rows(1, classes=1)]
    two = write(tmp_path / "two.csv", other)
    together = json.loads(run(one, two, "--json", *FEW)[1])
    assert (together["dataset"], together["classes"]) == ("mine + other", 4)
    table = tmp_path / "rows.csv"
    apart = json.loads(run(two, one, "--json", "--by-dataset", "--csv", table, *FEW)[1])
    assert [backtest["dataset"] for backtest in apart["backtests"]] == ["mine", "other"]
    assert apart["backtests"][0] == json.loads(run(one, "--json", *FEW)[1])
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    assert [row["dataset"] for row in rows] == ["mine"] * 5 + ["other"] * 5


def test_folds_and_few_questions(judge):
    """Five folds plan on four fifths; a cap plans on few and judges on the rest."""
    document, _ = judge(draw_rows(), "--folds", "5")
    assert document["folds"] == 5
    few, _ = judge(draw_rows(), "--questions-per-class", "5")
    assert few["ceilings"] != document["ceilings"]


def test_people_get_words_and_no_progress_in_a_pipe(run, tmp_path):
    """Tables, chart and meaning on standard output, nothing on standard error."""
    code, out, err = run(write(tmp_path / "outcomes.csv", draw_rows()), *FEW)
    assert (code, err) == (0, "")
    for words in ("What plans forecast", "naive", "Oracle", "What this means for your plan"):
        assert words in out
    assert all(len(line) <= 80 for line in out.splitlines())


def test_a_reader_in_another_process_sees_the_same(costplan, tmp_path, run):
    """A process of its own prints the same bytes as this one."""
    path = write(tmp_path / "outcomes.csv", draw_rows())
    assert costplan("backtest", path, "--json", *FEW).stdout == run(path, "--json", *FEW)[1]


def test_policies_are_judged_on_questions_not_seen(run, tmp_path):
    """`--policies` prints a table or JSON; what does not go with it is a usage error."""
    path = write(tmp_path / "outcomes.csv", draw_rows(questions=60))
    code, out, _ = run(path, "--policies", *FEW)
    assert code == 0
    assert "perfect," in out
    code, out, _ = run(path, "--policies", *FEW, "--json")
    assert {row["check"]["error"] for row in json.loads(out)["results"]} == {0.0, 0.1, 0.2}
    for wrong in (
        ("--policies", "--check-error", "1.5"),
        ("--policies", "--check-price", "-1"),
        ("--policies", "--csv", "x.csv"),
        ("--check-error", "0.1"),
    ):
        assert run(path, *wrong)[0] == 2

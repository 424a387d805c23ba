"""Evaluation logs as real tools write them beside the plain case: parts of scores, no verdicts."""

from __future__ import annotations

import csv
import io
import json
import zipfile

import pytest

from costplan.domain.errors import InputError
from costplan.ingest.evals.answers import EvalChoice, known_of
from costplan.ingest.evals.command import outcomes_csv
from costplan.ingest.evals.run import read_evals

ANY = EvalChoice()
MODEL = "openai/o3"


def archive(path, scores, samples, results=(), **more):
    """Write an Inspect archive; `scores` are the values of one scorer, sample by sample."""
    summaries = [
        {"id": n, "epoch": 1, "scores": {"s": {"value": value}}, "metadata": {}, **part}
        for n, (value, part) in enumerate(zip(scores, samples, strict=True))
    ]
    head = {
        "version": 2,
        "status": "success",
        "eval": {"task": "arith", "model": MODEL, "created": "2026-10-01T00:00:00+00:00",
                 "model_generate_config": {"reasoning_effort": "low"}},
        "results": {"scores": [*results], **more.pop("results_more", {})},
        **more,
    }  # fmt: skip
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("header.json", json.dumps(head))
        out.writestr("summaries.json", json.dumps(summaries))
        for sample in summaries:
            name = f"samples/{sample['id']}_epoch_1.json"
            out.writestr(name, json.dumps(sample))
    return path


def test_a_score_of_several_parts(tmp_path):
    """Results name the parts of a score: the headline is read, any part can be told."""
    values = [{"a": 1, "b": 0.5}, {"a": 0, "b": 0.5}]
    listed = [{"name": "a", "scorer": "s"}, {"name": "b", "scorer": "s"}]
    headline = {"headline": {"score": "b", "scorer": "s"}}
    path = archive(tmp_path / "x.eval", values, [{}, {}], listed)
    result = read_evals([path], ANY)
    assert [a.correct for a in result.answers] == [1.0, 0.0]
    assert any("'s.a' is read; --scorer takes s.b" in remark for remark in result.remarks)
    for told in ("b", "s.b"):
        result = read_evals([path], EvalChoice(scorer=told))
        assert [a.correct for a in result.answers] == [0.5, 0.5]
    with pytest.raises(InputError) as error:
        read_evals([path], EvalChoice(scorer="zz"))
    assert error.value.faults[0].advice == "known: s.a, s.b"
    path = archive(tmp_path / "y.eval", values, [{}, {}], listed, results_more=headline)
    assert [a.correct for a in read_evals([path], ANY).answers] == [0.5, 0.5]


def test_no_verdict_is_no_wrong_answer(tmp_path):
    """A scorer's NaN leaves its answer ungraded, as Inspect's own mean does."""
    path = archive(tmp_path / "x.eval", [1.0, float("nan"), 0.0], [{}] * 3)
    result = read_evals([path], ANY)
    assert [a.correct for a in result.answers] == [1.0, 0.0]
    assert [a.question for a in result.errors] == ["1"]
    assert any("no verdict on 1 answers" in remark for remark in result.remarks)


def test_a_model_that_grades_itself(tmp_path):
    """What the evaluated model used as the grader is not in the tokens of its answers."""
    call = {"event": "model", "model": MODEL}
    events = [
        call | {"output": {"usage": {"input_tokens": 10, "output_tokens": 20}}},
        {"event": "span_begin", "type": "scorers"},
        call | {"output": {"usage": {"input_tokens": 90, "output_tokens": 7}}},
        call | {"model": "openai/other", "output": {"usage": {"input_tokens": 5}}},
    ]
    usage = {
        MODEL: {"input_tokens": 100, "output_tokens": 27},
        "openai/other": {"input_tokens": 5},
    }
    path = archive(tmp_path / "x.eval", ["C"], [{"model_usage": usage, "events": events}])
    answer = read_evals([path], ANY).answers[0]
    assert (answer.input_tokens, answer.output_tokens) == (10, 20)


def test_a_run_without_samples_is_a_row_of_a_curve(tmp_path):
    """Where samples were not logged, results and usage of the whole run are read."""
    metrics = {"accuracy": {"value": 0.75}, "stderr": {"value": 0.25}}
    listed = [{"name": "s", "scorer": "s", "scored_samples": 4, "metrics": metrics}]
    usage = {MODEL: {"input_tokens": 300, "input_tokens_cache_read": 100, "output_tokens": 80,
                     "reasoning_tokens": 40}}  # fmt: skip
    path = archive(
        tmp_path / "x.eval", [], [], listed,
        results_more={"completed_samples": 8, "total_samples": 8}, stats={"model_usage": usage},
    )  # fmt: skip
    run = read_evals([path], ANY).sums[0]
    assert (run.accuracy, run.accuracy_se, run.n_questions, run.setting) == (0.75, 0.25, 4, "low")
    assert (run.input_tokens, run.output_tokens, run.reasoning_tokens) == (50, 10, 5)


def test_why_nothing_was_graded(tmp_path):
    """Where no answer can be used, the first record of each reason is shown."""
    path = archive(tmp_path / "x.eval", [7, 7], [{}, {}])
    with pytest.raises(InputError) as error:
        read_evals([path], ANY)
    assert {fault.message for fault in error.value.faults} == {
        "score 's' is no share of 1",
        "nothing was graded: 0 errors, 2 malformed",
    }


def test_a_run_that_was_stopped_before_its_first_answer(tmp_path):
    """What a log says of itself is said where nothing of it can be used."""
    path = tmp_path / "x.eval"
    with zipfile.ZipFile(path, "w") as out:
        spec = {"task": "t", "model": MODEL, "model_generate_config": {"reasoning_effort": "low"}}
        out.writestr("_journal/start.json", json.dumps({"version": 2, "eval": spec}))
    with pytest.raises(InputError, match="never finished; no sample was journalled"):
        read_evals([path], ANY)


def test_known_columns(tmp_path):
    """What metadata say under `known_...` is a column of the outcomes; texts are not copied."""
    parts = [{"metadata": {"known_tier": 2, "other": 1, "known_text": "x" * 500}}, {"metadata": {}}]
    path = archive(tmp_path / "x.eval", ["C", "I"], parts)
    rows = list(csv.DictReader(io.StringIO(outcomes_csv(read_evals([path], ANY).answers))))
    assert [row["known_tier"] for row in rows] == ["2", ""]
    assert not {"other", "known_text"} & rows[0].keys()
    assert known_of({"known_a": True}, {"known_a": 5, "known_b": " x "}) == (
        ("known_a", "1"),
        ("known_b", "x"),
    )


def test_lm_eval_reads_a_share_before_a_loss(tmp_path):
    """A score that is better when lower is no share of right answers: the next one is read."""
    stamp = "2026-11-25T16-28-31.596617"
    rows = [
        {"doc_id": n, "doc": {"known_tier": n}, "filter": "none", "metrics": ["loss", "acc"],
         "loss": 2.5, "acc": float(n == 0)} for n in range(4)
    ]  # fmt: skip
    path = tmp_path / f"samples_t_{stamp}.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    results = {"results": {"t": {"loss,none": 2.5, "acc,none": 0.25}}, "model_name": "m",
               "higher_is_better": {"t": {"loss": False, "acc": True}}}  # fmt: skip
    (tmp_path / f"results_{stamp}.json").write_text(json.dumps(results))
    result = read_evals([path], EvalChoice(setting="fixed"))
    assert result.options[0].accuracy == 0.25
    assert result.answers[2].known == (("known_tier", "2"),)
    with pytest.raises(InputError, match="better when lower"):
        read_evals([path], EvalChoice(setting="fixed", scorer="loss"))


def line(test, label, score):
    return {
        "testIdx": test,
        "promptIdx": 0,
        "failureReason": 0,
        "score": score,
        "provider": {"id": "openai:chat:o3", "label": label},
        "vars": {"q": test},
    }


def test_labels_of_promptfoo_lines(tmp_path):
    """Two configurations of one model stay apart by their labels, or are refused."""
    path = tmp_path / "r.jsonl"
    rows = [line(0, "o3-low", 0), line(0, "o3-high", 1)]
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    result = read_evals([path], EvalChoice(setting="medium"))
    assert [(a.setting, a.correct) for a in result.answers] == [("low", 0.0), ("high", 1.0)]
    rows = [line(0, "first", 0), line(0, "second", 1)]
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    with pytest.raises(InputError, match="several configurations"):
        read_evals([path], EvalChoice(setting="medium"))

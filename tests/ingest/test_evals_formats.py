"""Evaluation logs: samples counted by hand, and small logs of the formats without a sample."""

from __future__ import annotations

import io
import json
import struct
import zlib

import duckdb
import pytest
import zstandard

from costplan.domain.errors import InputError
from costplan.files.outcomes import read_outcomes
from costplan.ingest.evals.answers import EvalChoice, setting_in_name
from costplan.ingest.evals.command import outcomes_csv
from costplan.ingest.evals.run import read_evals

ANY = EvalChoice()


def zstd_zip(members):
    """Write a ZIP whose members use Zstandard (93) in two frames, as zipfile of 3.11 cannot."""
    out, central = io.BytesIO(), io.BytesIO()
    for name, value in members.items():
        data = json.dumps(value).encode()
        half = len(data) // 2
        packed = zstandard.compress(data[:half]) + zstandard.compress(data[half:])
        fixed = struct.pack(
            "<HHHHHIIIHH", 63, 0, 93, 0, 0, zlib.crc32(data), len(packed), len(data), len(name), 0
        )
        offset = out.tell()
        out.write(b"PK\x03\x04" + fixed + name.encode() + packed)
        central.write(b"PK\x01\x02" + struct.pack("<H", 63) + fixed)
        central.write(struct.pack("<HHHII", 0, 0, 0, 0, offset) + name.encode())
    directory = central.getvalue()
    end = struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(directory), out.tell(), 0)
    return out.getvalue() + directory + b"PK\x05\x06" + end


def summary(number, epoch, value, **changes):
    return {
        "id": number,
        "epoch": epoch,
        "scores": {} if value is None else {"match": {"value": value}},
        "model_usage": {
            "openai/o3": {"input_tokens": 10, "input_tokens_cache_read": 5, "output_tokens": 30,
                          "reasoning_tokens": 20, "total_cost": 0.01},
            "openai/grader": {"input_tokens": 999, "output_tokens": 999},
        },
        "total_time": 9.0,
        "working_time": 1.5,
    } | changes  # fmt: skip


def header(**config):
    return {
        "version": 2,
        "status": "success",
        "eval": {"task": "arith", "model": "openai/o3", "model_generate_config": config},
        "plan": {"config": {"reasoning_effort": "high"}},
        "results": {"scores": [{"name": "match"}]},
    }


def test_inspect_archives(tmp_path):
    """Plan overrides model config, graders' tokens stay out, errors are no wrong answers."""
    samples = [
        summary(1, 1, "C"),
        summary(1, 2, "I"),
        summary(2, 1, "P"),
        summary(3, 1, None, error={"message": "boom SECRET"}),
    ]
    path = tmp_path / "log.eval"
    path.write_bytes(
        zstd_zip({"header.json": header(reasoning_effort="low"), "summaries.json": samples})
    )
    result = read_evals([path], ANY)
    assert [a.correct for a in result.answers] == [1.0, 0.0, 0.5]
    first = result.answers[0]
    assert (first.model, first.setting, first.sample, first.latency_s) == ("o3", "high", 0, 1.5)
    assert (first.input_tokens, first.cached_input_tokens, first.output_tokens) == (15, 5, 30)
    assert (first.reasoning_tokens, first.usd) == (20, 0.01)
    option = result.options[0]
    assert (option.questions, option.answers, option.errors) == (2, 3, 1)
    assert option.accuracy == pytest.approx(0.5)
    assert option.accuracy_with_errors_wrong == pytest.approx(1 / 3)
    assert option.accuracy_with_errors_right == pytest.approx(2 / 3)
    assert any("survivors" in remark for remark in result.remarks)
    assert "SECRET" not in outcomes_csv(result.answers)


def test_further_runs_of_inspect_are_further_answers(tmp_path):
    """A second run gives further samples of its questions; a copied or retried log gives none."""
    runs = {
        "first": [summary(1, 1, "C", uuid="a"), summary(2, 1, None, uuid="b", error={"m": 1})],
        "copy": [summary(1, 1, "C", uuid="a")],
        "retry": [summary(1, 1, "C", uuid="a"), summary(2, 1, "I", uuid="c")],
        "second": [summary(1, 1, "I", uuid="d"), summary(2, 1, "C", uuid="e")],
    }
    paths = []
    for name, samples in runs.items():
        paths.append(tmp_path / f"{name}.eval")
        members = {"header.json": header(reasoning_effort="low"), "summaries.json": samples}
        paths[-1].write_bytes(zstd_zip(members))
    result = read_evals(paths, ANY)
    assert [(a.question, a.sample, a.correct) for a in result.answers] == [
        ("1", 0, 1.0),
        ("2", 0, 0.0),
        ("1", 1, 0.0),
        ("2", 1, 1.0),
    ]
    assert (result.errors, result.duplicates) == ((), 3)


@pytest.mark.parametrize("form", ["eval", "json"])
def test_invalidated_samples_of_inspect_are_left_out(tmp_path, form):
    """A sample that was invalidated after its run is no answer, whatever summaries say."""
    summaries = [summary(1, 1, "C"), summary(2, 1, "C"), summary(3, 1, "I")]
    whole = [dict(sample) for sample in summaries]
    whole[1]["invalidation"] = {"timestamp": "2026-10-01T00:00:00Z", "author": "x", "reason": "y"}
    head = header() | {"invalidated": True}
    head["eval"]["task_id"] = "t"
    path = tmp_path / f"log.{form}"
    if form == "json":
        path.write_text(json.dumps(head | {"samples": whole}))
    else:
        members = {f"samples/{s['id']}_epoch_1.json": s for s in whole}
        path.write_bytes(zstd_zip({"header.json": head, "summaries.json": summaries} | members))
    result = read_evals([path], ANY)
    assert [(a.question, a.correct) for a in result.answers] == [("1", 1.0), ("3", 0.0)]
    assert any("1 samples were invalidated" in remark for remark in result.remarks)


def test_an_inspect_run_that_crashed(tmp_path):
    """What a crashed run had journalled is used, and said."""
    path = tmp_path / "crash.eval"
    start = {k: v for k, v in header().items() if k in {"version", "eval", "plan"}}
    path.write_bytes(
        zstd_zip(
            {
                "_journal/start.json": start,
                "_journal/summaries/1.json": [summary(1, 1, "C")],
                "_journal/summaries/10.json": [summary(3, 1, 1)],
                "_journal/summaries/2.json": [summary(2, 1, True)],
            }
        )
    )
    result = read_evals([path], ANY)
    assert [a.question for a in result.answers] == ["1", "2", "3"]
    assert any("never finished" in remark for remark in result.remarks)


def test_what_is_of_another_kind_is_a_fault_per_file(tmp_path):
    """Values of a kind that no version writes are faults of their files, all at once."""
    good = {"header.json": header(), "summaries.json": [summary(1, 1, "C")]}
    odd = [
        good | {"summaries.json": [summary(1, 1, "C") | {"scores": 5}]},
        good | {"header.json": header() | {"plan": "x"}},
        good | {"summaries.json": 7},
    ]
    paths = [tmp_path / f"{number}.eval" for number in range(3)]
    for path, members in zip(paths, odd, strict=True):
        path.write_bytes(zstd_zip(members))
    with pytest.raises(InputError) as error:
        read_evals(paths, ANY)
    assert {fault.file for fault in error.value.faults} == set(map(str, paths))
    whole = bytearray(zstd_zip(good))
    whole[whole.index(b"\x28\xb5\x2f\xfd") + 9] ^= 255
    paths[0].write_bytes(bytes(whole))
    with pytest.raises(InputError, match="broken or cut off"):
        read_evals(paths[:1], ANY)


def test_a_cut_archive_is_a_fault(tmp_path):
    """A truncated archive is refused."""
    path = tmp_path / "cut.eval"
    whole = zstd_zip({"header.json": header(), "summaries.json": [summary(1, 1, "C")]})
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="broken or cut off"):
        read_evals([path], ANY)


@pytest.mark.parametrize(
    ("name", "setting", "rows", "right", "output", "reasoning"),
    [
        ("arithmetic_effort-low_epochs2.eval", "low", 20, 16, None, None),
        ("arithmetic_effort-high_epochs2.eval", "high", 20, 14, None, None),
        ("arithmetic_effort-low_epochs1.json", "low", 10, 8, 3220, 3006),
        ("arithmetic_effort-low_inspect0.3.120_deflate.eval", "low", 10, 4, None, None),
    ],
)
def test_inspect_samples(formats, name, setting, rows, right, output, reasoning):
    """Every sample of Inspect gives its counts and setting."""
    answers = read_evals([formats / "inspect" / name], ANY).answers
    assert len(answers) == rows
    assert sum(a.correct for a in answers) == right
    assert {a.setting for a in answers} == {setting}
    if output:
        assert sum(a.output_tokens for a in answers) == output
        assert sum(a.reasoning_tokens for a in answers) == reasoning


def test_promptfoo_sample(formats):
    """Only failure reason 2 is an outage; a wrong answer stays wrong although it has an error."""
    result = read_evals([formats / "promptfoo/promptfoo_0.123.1_eval.json"], ANY)
    document = json.loads((formats / "promptfoo/promptfoo_0.123.1_eval.json").read_text())
    rows = document["results"]["results"]
    good = [r for r in rows if r["failureReason"] != 2]
    assert len(result.answers) == len(good) == 19
    assert len(result.errors) == 1
    assert sum(a.correct for a in result.answers) == sum(r["score"] for r in good)
    assert sum(a.output_tokens for a in result.answers) == sum(
        r["tokenUsage"]["completion"] for r in good
    )
    assert {(a.model, a.setting) for a in result.answers} == {
        ("reasoner-1", "low"),
        ("reasoner-1", "high"),
    }
    with pytest.raises(InputError, match="CSV"):
        read_evals([formats / "promptfoo/promptfoo_0.123.1_eval.csv"], ANY)


def test_promptfoo_repeats_are_samples_of_one_question(tmp_path):
    """With `repeat` a test has a number per repetition; they cluster as the one question it is."""
    rows = [
        {"id": f"r{test}", "testIdx": test, "promptIdx": 0, "promptId": "p", "failureReason": 0,
         "score": float(test == 1), "success": test == 1, "provider": {"id": "x:o3", "label": "o3"},
         "vars": {"q": f"SECRET {test // 2}"}, "testCase": {"assert": [{"value": test // 2}]},
         "tokenUsage": {"prompt": 5, "completion": 7}} for test in (3, 1, 0, 2)
    ]  # fmt: skip
    path = tmp_path / "r.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    copy = tmp_path / "copy.jsonl"
    copy.write_text(path.read_text())
    result = read_evals([path, copy], EvalChoice(setting="low"))
    assert [(a.question, a.sample, a.correct) for a in result.answers] == [
        ("2", 0, 0.0),
        ("0", 0, 1.0),
        ("0", 1, 0.0),
        ("2", 1, 0.0),
    ]
    assert (result.options[0].questions, result.duplicates) == (2, 4)
    assert result.options[0].accuracy_se == pytest.approx(0.25)


def test_promptfoo_lines_ask_for_the_setting(tmp_path):
    """JSON lines have no configuration, so the setting is asked for; cached answers lose tokens."""
    row = {"testIdx": 0, "promptIdx": 0, "promptId": "p", "failureReason": 0, "score": 1,
           "success": True, "provider": {"id": "openai:chat:o3"}, "latencyMs": 50, "cost": 0.1,
           "tokenUsage": {"prompt": 5, "completion": 7}, "response": {"output": "x"}}  # fmt: skip
    cached = row | {"testIdx": 1, "response": {"cached": True}}
    path = tmp_path / "r.jsonl"
    path.write_text("\n".join(map(json.dumps, [row, cached, row])) + "\nbroken\n")
    with pytest.raises(InputError) as error:
        read_evals([path], ANY)
    assert "--setting" in error.value.faults[0].advice
    result = read_evals([path], EvalChoice(setting="low"))
    assert [(a.model, a.sample, a.output_tokens) for a in result.answers] == [
        ("o3", 0, 7),
        ("o3", 0, None),
        ("o3", 1, 7),
    ]
    assert result.bad[0].line == 4


def test_lm_eval_samples(formats):
    """The samples file finds its model and setting in the results beside it."""
    folder = formats / "lm_eval/effort-high"
    (samples,) = folder.glob("samples_*.jsonl")
    (results,) = folder.glob("results_*.json")
    for path in (samples, results):
        answers = read_evals([path], ANY).answers
        assert (len(answers), sum(a.correct for a in answers)) == (10, 8)
        assert {(a.model, a.setting, a.output_tokens) for a in answers} == {
            ("reasoner-1", "high", None)
        }
    assert read_evals([folder], ANY).duplicates == 0


def test_lm_eval_takes_one_filter(tmp_path):
    """A document has one line per filter; one filter is read and the others are named."""
    lines = [
        {"doc_id": d, "filter": f, "metrics": ["exact_match"], "exact_match": float(f == "flex")}
        for d in range(3)
        for f in ("strict", "flex")
    ]
    path = tmp_path / "samples_gsm8k_2026-11-24T10-25-10.2.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    choice = EvalChoice(setting="low", model="m")
    result = read_evals([path], choice)
    assert [a.correct for a in result.answers] == [0, 0, 0]
    assert any("exact_match,flex" in remark for remark in result.remarks)
    flex = EvalChoice(setting="low", model="m", scorer="exact_match,flex")
    assert [a.correct for a in read_evals([path], flex).answers] == [1, 1, 1]


def test_the_aider_leaderboard(formats, tmp_path):
    """Percent become shares, whole runs become means per case, and settings come from the row."""
    result = read_evals([formats / "aider/polyglot_subset.yml"], ANY)
    rows = {(m.model, m.setting): m for m in result.sums}
    high = rows["gpt-5", "high"]
    assert high.accuracy == pytest.approx(0.88, abs=0.001)
    assert high.output_tokens == pytest.approx(11660, abs=1)
    assert float(high.usd) == pytest.approx(0.129, abs=0.001)
    assert (high.n_questions, round(high.seconds)) == (225, 194)
    assert rows["claude-opus-4-20250514", "32000"].n_questions == 225
    assert rows["claude-opus-4-20250514", "off"].n_questions == 225


def test_aider_exercises(tmp_path):
    """An exercise is right when any try passed."""
    rows = [
        {"testcase": "a", "model": "o3 (high)", "tests_outcomes": [False, True], "cost": 0.2,
         "duration": 3, "prompt_tokens": 5, "completion_tokens": 6},
        {"testcase": "b", "model": "o3 (high)", "tests_outcomes": [False, False], "cost": 0.0},
    ]  # fmt: skip
    path = tmp_path / "r.json"
    path.write_text(json.dumps(rows))
    answers = read_evals([path], ANY).answers
    assert [(a.correct, a.model, a.setting, a.usd) for a in answers] == [
        (1.0, "o3", "high", 0.2),
        (0.0, "o3", "high", None),
    ]


def test_openai_evals_api(tmp_path):
    """Output items find the effort in their run, and errors are kept apart."""
    run = {
        "id": "run_1",
        "object": "eval.run",
        "eval_id": "ev",
        "per_model_usage": [],
        "result_counts": {},
        "name": "math",
        "data_source": {"type": "completions", "sampling_params": {"reasoning_effort": "low"}},
    }
    item = {
        "run_id": "run_1",
        "eval_id": "ev",
        "datasource_item_id": 1,
        "status": "pass",
        "sample": {
            "model": "o3",
            "usage": {"prompt_tokens": 3, "completion_tokens": 4, "cached_tokens": 1},
        },
        "results": [{"name": "g", "passed": True, "score": 1}],
    }
    bad = item | {"datasource_item_id": 2, "status": "error", "results": []}
    (tmp_path / "run.json").write_text(json.dumps(run))
    path = tmp_path / "items.json"
    path.write_text(json.dumps({"object": "list", "data": [item, bad]}))
    result = read_evals([path], ANY)
    (answer,) = result.answers
    assert (answer.setting, answer.correct, answer.output_tokens) == ("low", 1.0, 4)
    assert len(result.errors) == 1


def test_openai_evals_events(tmp_path):
    """Match events become answers; the setting is asked for."""
    lines = [
        {"spec": {"base_eval": "arith", "completion_fns": ["o3"]}},
        {
            "run_id": "r",
            "event_id": 0,
            "sample_id": "a.1",
            "type": "match",
            "data": {"correct": True},
        },
        {
            "run_id": "r",
            "event_id": 1,
            "sample_id": "a.2",
            "type": "match",
            "data": {"correct": False},
        },
        {"final_report": {"accuracy": 0.5}},
    ]
    path = tmp_path / "e.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(InputError):
        read_evals([path], ANY)
    answers = read_evals([path], EvalChoice(setting="low")).answers
    assert [(a.model, a.question, a.correct) for a in answers] == [
        ("o3", "a.1", 1.0),
        ("o3", "a.2", 0.0),
    ]


def test_helm(tmp_path):
    """The unperturbed test statistics count; the model comes from the run's specification."""

    def stat(name, value, split="test", **named):
        return {"name": {"name": name, "split": split, **named}, "count": 1, "sum": value}

    (tmp_path / "run_spec.json").write_text(
        json.dumps(
            {"name": "mmlu:subject=x", "adapter_spec": {"model_deployment": "openai/o3-high"}}
        )
    )
    rows = [
        {"instance_id": "id1", "train_trial_index": 0,
         "stats": [stat("exact_match", 1), stat("num_completion_tokens", 40),
                   stat("exact_match", 0, perturbation={"name": "typo"}),
                   stat("inference_runtime", 2.5)]},
        {"instance_id": "id2", "train_trial_index": 0, "stats": [stat("exact_match", 0, "valid")]},
    ]  # fmt: skip
    path = tmp_path / "per_instance_stats.json"
    path.write_text(json.dumps(rows))
    (answer,) = read_evals([path], ANY).answers
    assert (answer.model, answer.setting, answer.correct) == ("o3", "high", 1.0)
    assert (answer.output_tokens, answer.latency_s, answer.dataset) == (40, 2.5, "mmlu")


def test_matharena(tmp_path):
    """Four runs of a problem are four samples of one question, and cluster as such."""
    path = tmp_path / "aime.parquet"
    duckdb.execute(
        "COPY (SELECT i // 4 AS problem_idx, 'text' AS problem, 'o3 (high)' AS model_name,"
        " 'openai/o3--high' AS model_config, i % 4 AS idx_answer, 100 AS input_tokens,"
        f" 200 AS output_tokens, 0.5 AS cost, i < 4 AS correct FROM range(8) t(i)) TO '{path}'"
        " (FORMAT parquet)"
    )
    result = read_evals([path], ANY)
    (option,) = result.options
    assert (option.questions, option.answers, option.accuracy) == (2, 8, 0.5)
    assert option.accuracy_se == pytest.approx(0.5)
    assert (option.model, option.setting) == ("o3", "high")


@pytest.mark.parametrize("pack", [zstandard.compress, bytes], ids=["zstd", "plain"])
def test_matharena_problems(tmp_path, pack):
    """A local run has a file per problem; an ungraded run is no wrong answer."""
    folder = tmp_path / "outputs" / "aime" / "aime_2025" / "openai" / "o3--high"
    folder.mkdir(parents=True)
    for problem, graded in ((1, [True, False]), (2, [1, "TODO Grading"])):
        record = {
            "idx": problem,
            "problem": "SECRET",
            "messages": [[{"role": "user", "content": "SECRET"}]] * 2,
            "correct": graded,
            "detailed_costs": [
                {"cost": 0.5, "time": 20, "input_tokens": 100, "output_tokens": 1000 * n}
                for n in (1, 2)
            ],
        }
        packed = pack(json.dumps(record, indent=1).encode())
        (folder / f"{problem}.json.zst").write_bytes(packed)
    result = read_evals([tmp_path / "outputs"], ANY)
    assert [(a.question, a.sample, a.correct, a.output_tokens) for a in result.answers] == [
        ("1", 0, 1.0, 1000),
        ("1", 1, 0.0, 2000),
        ("2", 0, 1.0, 1000),
    ]
    one = result.answers[0]
    assert (one.model, one.setting, one.task_class) == ("o3", "high", "aime/aime_2025")
    assert (one.usd, one.latency_s, len(result.bad)) == (0.5, 20.0, 1)


def test_simple_evals(tmp_path):
    """Only the file's name says model and benchmark."""
    path = tmp_path / "gpqa_o3_high_20250401_101112.json"
    path.write_text(json.dumps({"chars": 5.0, "score": 0.75, "score:std": 0.4}))
    (run,) = read_evals([path], ANY).sums
    assert (run.benchmark, run.model, run.setting, run.accuracy) == ("gpqa", "o3", "high", 0.75)
    assert run.date == "2025-04-01"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gpt-5 (high)", ("gpt-5", "high")),
        ("opus (32k thinking)", ("opus", "32000")),
        ("flash (24k think)", ("flash", "24000")),
        ("sonnet (no thinking)", ("sonnet", "off")),
        ("pro (default think)", ("pro", None)),
        ("o3_high", ("o3", "high")),
        ("gpt-4.1", ("gpt-4.1", None)),
    ],
)
def test_settings_in_names(name, expected):
    """Levels that boards write into names are taken out of them."""
    assert setting_in_name(name) == expected


def test_the_table_is_an_outcomes_table(formats, tmp_path):
    """What is written is read by the reader of outcomes, value for value."""
    names = ["low", "medium", "high"]
    paths = [formats / f"inspect/arithmetic_effort-{n}_epochs2.eval" for n in names]
    result = read_evals(paths, ANY)
    path = tmp_path / "outcomes.csv"
    path.write_text(outcomes_csv(result.answers))
    outcomes = read_outcomes(path)
    assert len(outcomes) == 60
    assert outcomes.setting.decode() == [a.setting for a in result.answers]
    assert outcomes.output_tokens.sum() == sum(a.output_tokens for a in result.answers)
    assert outcomes.extra["reasoning_tokens"].sum() == sum(
        a.reasoning_tokens for a in result.answers
    )

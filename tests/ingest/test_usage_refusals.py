"""What would give a wrong number without a word: other currencies, missing pages, cut prompts."""

from __future__ import annotations

import json

import pytest

from costplan.domain.errors import InputError
from costplan.ingest.evals.answers import EvalChoice
from costplan.ingest.evals.run import read_evals
from costplan.ingest.usage.run import read_usage


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_table_in_another_currency(tmp_path, form):
    """Amounts in euros are refused, dollars under any of their names are not."""
    rows = [("USD", 1), ("EUR", 2)]
    path = tmp_path / f"t.{form}"

    def write(rows):
        if form == "csv":
            lines = [f"{10},{5},{usd},{word}" for word, usd in rows]
            path.write_text("input_tokens,output_tokens,cost,currency\n" + "\n".join(lines) + "\n")
        else:
            keys = ("currency", "cost", "input_tokens", "output_tokens")
            dicts = [dict(zip(keys, (*row, 10, 5), strict=True)) for row in rows]
            path.write_text("\n".join(map(json.dumps, dicts)) + "\n")

    write(rows)
    with pytest.raises(InputError, match="amounts in EUR, not in USD"):
        read_usage([path])
    write([("usd", 1), ("US$", 2)])
    assert read_usage([path]).totals.usd == 3


def page(day, more):
    bucket = {"object": "bucket", "start_time": 1790812800 + 86400 * day,
              "end_time": 1790899200 + 86400 * day, "results": [
                  {"object": "organization.usage.completions.result", "num_model_requests": 1,
                   "input_tokens": 2, "output_tokens": 3}]}  # fmt: skip
    return {
        "object": "page",
        "data": [bucket],
        "has_more": more,
        "next_page": "x" if more else None,
    }


def test_a_report_without_its_last_page(tmp_path):
    """Where every page says that more follow, that is a note; with the last page it is none."""
    first, last = tmp_path / "1.json", tmp_path / "2.json"
    first.write_text(json.dumps(page(0, True)))
    last.write_text(json.dumps(page(1, False)))
    assert any("more pages follow" in note for note in read_usage([first]).warnings)
    both = read_usage([first, last])
    assert both.totals.requests == 2
    assert not any("more pages" in note for note in both.warnings)
    first.write_text(json.dumps([page(0, True), page(1, False)]))
    assert not any("more pages" in note for note in read_usage([first]).warnings)


def test_cached_tokens_of_helicone(tmp_path):
    """Helicone's prompt tokens leave cached ones out: they are put back, as its API answers."""
    record = {"response_id": "a", "response_status": 200, "request_id": "r", "prompt_tokens": 80,
              "request_created_at": "2026-10-01T00:00:00Z", "request_properties": {"Task": "t"},
              "response_created_at": "2026-10-01T00:00:01Z", "completion_tokens": 50, "cost": 0.5,
              "prompt_cache_read_tokens": 20, "prompt_cache_write_tokens": 7,
              "model": "m"}  # fmt: skip
    path = tmp_path / "h.json"
    path.write_text(json.dumps({"data": [record], "error": None}))
    totals = read_usage([path]).totals
    assert (totals.tokens["input_tokens"], totals.tokens["cached_input_tokens"]) == (107, 20)
    assert totals.sizes["latency_s"].mean == pytest.approx(1)


def test_the_folder_of_aiders_benchmark(tmp_path):
    """Its results are hidden files, one an exercise; other hidden files stay out."""
    for name, outcomes in (("one", [False, True]), ("two", [False, False])):
        folder = tmp_path / "python" / name
        folder.mkdir(parents=True)
        row = {"testcase": name, "model": "o3", "tests_outcomes": outcomes, "cost": 0.5,
               "reasoning_effort": "high", "prompt_tokens": 10, "completion_tokens": 5,
               "duration": 2.0}  # fmt: skip
        (folder / ".aider.results.json").write_text(json.dumps(row))
        (folder / ".other.json").write_text(json.dumps(row | {"testcase": "hidden"}))
    result = read_evals([tmp_path], EvalChoice())
    assert [(a.question, a.correct) for a in result.answers] == [("one", 1.0), ("two", 0.0)]

"""The lines that a person reads, and the draft that a person finishes."""

from __future__ import annotations

import json

from costplan.ingest.usage.run import UsageOptions, read_usage
from costplan.ingest.wording import usage_lines
from costplan.ingest.workload_yaml import Draft, write_workload


def test_small_amounts_and_single_days(write_lines, spend):
    """Spend of a few cents shows its digits, one day is a day, classes that are models are told."""
    path = write_lines("a.jsonl", [spend(n) for n in range(3)])
    lines = list(usage_lines(read_usage([path])))
    assert any(line.endswith("UTC, 1 day") for line in lines)
    assert any(line.startswith("triage: 3 requests") and "$0.000375" in line for line in lines)
    assert not any("not kinds of work" in line for line in lines)
    lines = list(usage_lines(read_usage([path], UsageOptions(class_by="model"))))
    assert any("classes by model are models, not kinds of work" in line for line in lines)


def test_a_draft_without_reasoning_says_what_is_missing(tmp_path):
    """Where reasoning is not split off, the draft's output is a TODO that `check` points at."""
    bucket = {"object": "bucket", "start_time": 1790812800, "end_time": 1790899200, "results": [
        {"object": "organization.usage.completions.result", "num_model_requests": 2,
         "input_tokens": 20, "output_tokens": 600, "model": "gpt-5-mini"}]}  # fmt: skip
    path = tmp_path / "u.json"
    path.write_text(json.dumps({"object": "page", "data": [bucket]}))
    text = write_workload(read_usage([path]), Draft())
    assert "output_tokens: TODO    # without reasoning" in text
    assert "with it, 300 per request" in text

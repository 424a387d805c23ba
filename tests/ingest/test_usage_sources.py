"""Totals of every sample, computed by hand with nothing but json and csv."""

from __future__ import annotations

import csv
import json
from decimal import Decimal

import pytest

from costplan.ingest.usage.contract import usage_json
from costplan.ingest.usage.run import UsageOptions, read_usage


def totals(result):
    tokens = result.totals.tokens
    return (
        result.totals.requests,
        tokens["input_tokens"],
        tokens["cached_input_tokens"],
        tokens["output_tokens"],
        tokens["reasoning_tokens"],
    )


def litellm_by_hand(rows):
    good = [r for r in rows if r["status"] == "success"]
    usages = [r["metadata"]["usage_object"] for r in good]
    return good, (
        len(good),
        sum(int(r["prompt_tokens"]) for r in good),
        sum(u["prompt_tokens_details"]["cached_tokens"] for u in usages),
        sum(int(r["completion_tokens"]) for r in good),
        sum(u["completion_tokens_details"]["reasoning_tokens"] for u in usages),
    )


@pytest.mark.parametrize("name", ["spend_logs.json", "LiteLLM_SpendLogs_pgcopy.csv"])
def test_litellm(formats, name):
    """Spend rows of LiteLLM add up alike from JSON and from Postgres, without the failures."""
    rows = json.loads((formats / "litellm/spend_logs.json").read_text())
    good, expected = litellm_by_hand(rows)
    result = read_usage([formats / "litellm" / name])
    assert totals(result) == expected == (29, 34065, 4480, 39803, 36690)
    assert result.totals.failed == 11
    assert float(result.totals.usd) == pytest.approx(sum(r["spend"] for r in good), rel=1e-9)
    assert {c.name: c.requests for c in result.classes} == {
        "triage": 17,
        "contracts": 12,
        "nano": 0,
    }
    assert result.class_by == {"litellm": "tag:task"}


@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("tag:task", {"triage", "contracts", "nano"}),
        ("task_class", {"triage", "contracts", "nano"}),
        ("key_alias", {"triage-key", "contracts-key", "nano-key"}),
        ("team", {"team-support", "team-legal"}),
        ("model_group", {"triage", "contracts", "nano"}),
    ],
)
def test_class_keys_of_litellm(formats, key, names):
    """Tags, metadata keys, key aliases, teams and model groups can each make the classes."""
    result = read_usage([formats / "litellm/spend_logs.json"], UsageOptions(class_by=key))
    assert {c.name for c in result.classes} == names


def test_openai_usage_and_costs(formats):
    """Usage has volumes and means, costs have the dollars; together they meet in one class."""
    usage = json.loads((formats / "openai/usage_completions_by_project_model.json").read_text())
    costs = json.loads((formats / "openai/costs_by_line_item.json").read_text())
    rows = [r for bucket in usage["data"] for r in bucket["results"]]
    usd = sum(
        Decimal(str(r["amount"]["value"])) for bucket in costs["data"] for r in bucket["results"]
    )
    result = read_usage(
        [
            formats / "openai/usage_completions_by_project_model.json",
            formats / "openai/costs_by_line_item.json",
        ]
    )
    assert totals(result) == (
        sum(r["num_model_requests"] for r in rows),
        sum(r["input_tokens"] for r in rows),
        sum(r["input_cached_tokens"] for r in rows),
        sum(r["output_tokens"] for r in rows),
        None,
    )
    assert result.totals.usd == usd
    assert {c.name for c in result.classes} == {"proj_support", "proj_legal"}
    assert result.span.elapsed_days == 5
    assert {"reasoning_tokens", "latency", "failed"} <= set(result.cannot_say)
    assert "requests" not in result.cannot_say


def test_anthropic_usage_and_costs(formats):
    """Anthropic's input leaves the cached out and its costs are in cents; requests are unknown."""
    usage = json.loads((formats / "anthropic/usage_report_messages.json").read_text())
    rows = [r for bucket in usage["data"] for r in bucket["results"]]
    result = read_usage(
        [formats / "anthropic/usage_report_messages.json", formats / "anthropic/cost_report.json"]
    )
    expected = sum(
        r["uncached_input_tokens"]
        + r["cache_read_input_tokens"]
        + sum(r["cache_creation"].values())
        for r in rows
    )
    cached = sum(r["cache_read_input_tokens"] for r in rows)
    output = sum(r["output_tokens"] for r in rows)
    assert totals(result) == (None, expected, cached, output, None)
    assert result.totals.usd == Decimal("182.8033101")
    assert "requests" in result.cannot_say


def test_otel_traces_of_openllmetry(formats):
    """OpenLLMetry's spans carry reasoning and effort; the spans around them are not counted."""
    result = read_usage([formats / "otel/openllmetry_0.62.4_traces.otlp.json"])
    assert totals(result) == (6, 6586, 2193, 7202, 6688)
    assert {(c.name, c.today) for c in result.classes} == {
        ("contract-review", ("gpt-5-mini-2025-08-07", "high")),
        ("ticket-triage", ("gpt-5-mini-2025-08-07", "low")),
    }


def test_otel_traces_and_metrics_agree(formats):
    """Traces and metrics of one run give the same totals; reasoning is unknown, not zero."""
    traces = read_usage([formats / "otel/otel_openai_v2_2.4b0_latest_traces.otlp.json"])
    metrics = read_usage([formats / "otel/otel_openai_v2_2.4b0_latest_metrics.otlp.json"])
    assert totals(traces) == totals(metrics) == (10, 9204, None, 14523, None)
    assert "reasoning_tokens" in traces.cannot_say


def test_langfuse(formats):
    """Langfuse's disjoint buckets are put together, and only generations count."""
    lines = (formats / "langfuse/observations_v2.jsonl").read_text().splitlines()
    rows = [r for r in map(json.loads, lines) if r["type"] == "GENERATION"]
    good = [r for r in rows if r["level"] != "ERROR"]
    used = [r["usage_details"] for r in good]
    result = read_usage([formats / "langfuse/observations_v2.jsonl"])
    assert totals(result) == (
        len(good),
        sum(u["input"] + u.get("input_cached_tokens", 0) for u in used),
        sum(u.get("input_cached_tokens", 0) for u in used),
        sum(u["output"] + u.get("output_reasoning_tokens", 0) for u in used),
        sum(u.get("output_reasoning_tokens", 0) for u in used),
    )
    assert float(result.totals.usd) == pytest.approx(sum(r["total_cost"] for r in good))


def test_helicone(formats):
    """Helicone's doubled properties make the classes; only 2xx responses count."""
    with (formats / "helicone/export.csv").open(newline="") as file:
        good = [r for r in csv.DictReader(file) if r["response_status"].startswith("2")]
    result = read_usage([formats / "helicone/export.csv"])
    assert totals(result) == (
        len(good),
        sum(int(r["prompt_tokens"]) for r in good),
        None,
        sum(int(r["completion_tokens"]) for r in good),
        None,
    )
    assert result.totals.failed == 10
    assert {c.name for c in result.classes} == {"contract-review", "ticket-triage"}


def test_openrouter_activity(formats):
    """OpenRouter's activity has requests, reasoning and dollars per day."""
    rows = json.loads((formats / "openrouter/activity_api.json").read_text())["data"]
    result = read_usage([formats / "openrouter/activity_api.json"])
    keys = ("requests", "prompt_tokens", "cached_tokens", "completion_tokens", "reasoning_tokens")
    assert totals(result) == tuple(sum(r[k] for r in rows) for k in keys)
    assert result.totals.usd == sum(Decimal(str(r["usage"])) for r in rows)


def test_openrouter_export(formats):
    """An empty cell of OpenRouter's CSV is zero."""
    with (formats / "openrouter/activity_export.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    result = read_usage([formats / "openrouter/activity_export.csv"])
    keys = ("tokens_prompt", "tokens_cached", "tokens_completion", "tokens_reasoning")
    assert totals(result) == (len(rows), *(sum(int(r[k] or 0) for r in rows) for k in keys))


def test_bedrock(formats):
    """Bedrock's failures are kept apart and its thinking budget is the setting."""
    lines = (formats / "bedrock/model_invocation_log.jsonl").read_text().splitlines()
    good = [r for r in map(json.loads, lines) if "errorCode" not in r]
    counts = [r["input"] for r in good]
    result = read_usage([formats / "bedrock/model_invocation_log.jsonl"])
    cached = sum(c["cacheReadInputTokenCount"] for c in counts)
    written = sum(c["cacheWriteInputTokenCount"] for c in counts)
    assert totals(result) == (
        len(good),
        sum(c["inputTokenCount"] for c in counts) + cached + written,
        cached,
        sum(r["output"]["outputTokenCount"] for r in good),
        None,
    )
    assert result.classes[0].today[1] == "4096"


def test_the_contract_has_its_keys(formats):
    """The JSON holds the keys that scripts rely on, and says unknown as null."""
    said = usage_json(read_usage([formats / "helicone/export.csv"]))
    assert {"format", "files", "rows", "span", "classes", "totals", "cannot_say"} <= said.keys()
    assert {"read", "used", "failed", "cache_hits", "duplicates", "bad"} <= said["rows"].keys()
    assert {"start", "end", "days", "missing_days"} <= said["span"].keys()
    one = said["classes"][0]
    assert one["reasoning_tokens"] is None
    assert set(one["tokens"]["input"]) == {"mean", "p50", "p95"}
    assert json.loads(json.dumps(said)) == said

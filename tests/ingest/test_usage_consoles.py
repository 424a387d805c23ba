"""What consoles and other sinks export of the same counts, beside the pages of vendors' APIs."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal

import pytest

from costplan.ingest.usage.run import UsageOptions, read_usage

OPENAI = (
    "start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,user_id,"
    "api_key_id,model,batch,service_tier,input_tokens,output_tokens,input_cached_tokens\n"
    "1790812800,1790899200,2026-10-01T00:00:00+00:00,2026-10-02T00:00:00+00:00,proj_a,4,,key_1,"
    "gpt-5,False,default,100,50,10\n"
    "1790812800,1790899200,2026-10-01T00:00:00+00:00,2026-10-02T00:00:00+00:00,proj_a,6,,key_1,"
    "gpt-5,True,default,200,70,0\n"
    "1790899200,1790985600,2026-10-02T00:00:00+00:00,2026-10-03T00:00:00+00:00,,,,,,,,,,\n"
)


@pytest.mark.parametrize("packed", [False, True])
def test_openai_usage_as_csv(tmp_path, packed):
    """The console's CSV counts as the API's pages do; an export with later sums replaces it."""
    path = tmp_path / "usage.csv"
    path.write_bytes(gzip.compress(OPENAI.encode()) if packed else OPENAI.encode())
    later = tmp_path / "later.csv"
    later.write_text(OPENAI.replace("proj_a,4", "proj_a,9").replace("100,50,10", "300,80,20"))
    result = read_usage([path], UsageOptions(class_by="batch"))
    assert {c.name: c.requests for c in result.classes} == {"batch": 6, "not batch": 4}
    tokens = result.totals.tokens
    assert (tokens["input_tokens"], tokens["output_tokens"]) == (300, 120)
    assert tokens["cached_input_tokens"] == 10
    assert result.span.days == 2
    both = read_usage([path, later])
    assert (both.totals.requests, both.totals.tokens["input_tokens"]) == (15, 500)


def test_openai_costs_as_csv(tmp_path):
    """The console's CSV of costs has the amount in a column of its own."""
    path = tmp_path / "cost.csv"
    day = "1790812800,1790899200,2026-10-01T00:00:00+00:00,2026-10-02T00:00:00+00:00"
    path.write_text(
        "start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,quantity,"
        f'line_item,project_id\n{day},1.25,usd,10,"gpt-5, input",p\n'
        f'{day},0.5,usd,4,"gpt-5, output",p\n'
    )
    assert read_usage([path]).totals.usd == Decimal("1.75")


def test_anthropic_usage_as_csv(tmp_path):
    """Input is what was not cached, written for either time, and read."""
    path = tmp_path / "usage.csv"
    path.write_text(
        "usage_date_utc,model_version,api_key,workspace,usage_type,context_window,"
        "usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,"
        "usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens,"
        "web_search_count\n"
        "2026-10-01,claude-sonnet-4-5-20250929,k,Default,standard,≤ 200k,100,5,2,50,20,0\n"
        "2026-10-02,claude-sonnet-4-5-20250929,k,Default,batch,≤ 200k,10,0,0,0,3,0\n",
        "utf-8",
    )
    result = read_usage([path])
    assert result.totals.tokens == {
        "input_tokens": 167,
        "cached_input_tokens": 50,
        "output_tokens": 23,
        "reasoning_tokens": None,
    }
    assert result.totals.requests is None
    assert result.span.days == 2


def test_bedrock_as_events(tmp_path):
    """Records that are the text of events are read as those on S3; prompts in them are not."""
    record = {
        "schemaType": "ModelInvocationLog",
        "timestamp": "2026-10-01T00:00:00Z",
        "requestId": "r1",
        "operation": "Converse",
        "modelId": "amazon.nova-lite-v1:0",
        "requestMetadata": {"task": "a"},
        "input": {"inputTokenCount": 7, "cacheReadInputTokenCount": 3, "inputBodyJson": {"x": 1}},
        "output": {"outputTokenCount": 4, "outputBodyJson": {"metrics": {"latencyMs": 900}}},
    }
    events = [{"timestamp": 1, "message": json.dumps(record)}, {"timestamp": 2, "message": "none"}]
    path = tmp_path / "events.json"
    path.write_text(json.dumps({"events": events, "searchedLogStreams": []}))
    result = read_usage([path], UsageOptions(class_by="task"))
    assert [(c.name, c.requests) for c in result.classes] == [("a", 1)]
    tokens = result.totals.tokens
    assert (tokens["input_tokens"], tokens["cached_input_tokens"]) == (10, 3)
    assert result.totals.sizes["latency_s"].mean == pytest.approx(0.9)
    assert result.rows["bad"] == 1


def metric(name, total):
    point = {"timeStamp": "2026-10-01T00:00:00Z", "total": total}
    labels = [{"name": {"value": "modeldeploymentname"}, "value": "chat"}]
    return {"name": {"value": name}, "timeseries": [{"data": [point], "metadatavalues": labels}]}


def test_newer_metrics_of_azure(tmp_path):
    """Newer names count where the older are not, and never twice."""
    newer = [metric("ModelRequests", 5.0), metric("InputTokens", 50.0), metric("OutputTokens", 9.0)]
    older = [metric("AzureOpenAIRequests", 4.0), metric("ProcessedPromptTokens", 40.0)]
    path = tmp_path / "m.json"
    for metrics, requests, input_tokens in ((newer, 5, 50), ([*newer, *older], 4, 40)):
        path.write_text(json.dumps({"interval": "P1D", "value": metrics}))
        totals = read_usage([path]).totals
        assert (totals.requests, totals.tokens["input_tokens"]) == (requests, input_tokens)
        assert totals.tokens["output_tokens"] == 9


def test_generations_with_a_key_of_ones_own(tmp_path):
    """OpenRouter's fee and what the vendor bills are both spend, the latter only with a key."""
    one = {"id": "g1", "created_at": "2026-10-01T00:00:00Z", "model": "m", "total_cost": 0.01,
           "is_byok": False, "upstream_inference_cost": 0.5, "native_tokens_prompt": 1,
           "native_tokens_completion": 1}  # fmt: skip
    two = one | {"id": "g2", "is_byok": True, "total_cost": 0.001}
    path = tmp_path / "g.jsonl"
    path.write_text("\n".join(json.dumps({"data": record}) for record in (one, two)) + "\n")
    assert read_usage([path]).totals.usd == Decimal("0.511")

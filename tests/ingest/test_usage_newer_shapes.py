"""Shapes that vendors document beside those of the samples: newer names, objects of their APIs."""

from __future__ import annotations

import gzip
import json

import pytest

from costplan.domain.errors import InputError
from costplan.ingest.usage.run import UsageOptions, read_usage


def api_observation(number, **changes):
    return {
        "id": f"o{number}",
        "traceId": "t",
        "type": "GENERATION",
        "name": "triage",
        "startTime": f"2026-10-01T10:00:0{number}.000Z",
        "endTime": f"2026-10-01T10:00:0{number + 2}.000Z",
        "model": "gpt-5-mini",
        "modelParameters": {"reasoning_effort": "high", "temperature": 1},
        "input": "SECRET",
        "usage": {"input": 100, "output": 50, "total": 150, "unit": "TOKENS"},
        "usageDetails": {
            "input": 70,
            "input_cached_tokens": 30,
            "output": 10,
            "output_reasoning_tokens": 40,
            "total": 150,
        },
        "costDetails": {"input": 0.01, "output": 0.02, "total": 0.03},
        "latency": 2.0,
        "level": "DEFAULT",
        "environment": "production",
        "metadata": {"task": "triage"},
    } | changes


@pytest.mark.parametrize("page", [True, False], ids=["page", "lines"])
def test_langfuse_objects_of_the_api(tmp_path, write_lines, page):
    """Observations as the API gives them count like exported ones, in pages or line by line."""
    rows = [
        api_observation(1),
        api_observation(2, usageDetails={}, costDetails={}, calculatedTotalCost=0.05),
        api_observation(3, model=None, providedModelName="gpt-5", totalCost=0.02, costDetails=None),
        api_observation(4, type="SPAN"),
        api_observation(5, usageDetails={}, usage={"input": 9, "output": 9, "unit": "CHARACTERS"}),
    ]
    path = tmp_path / "page.json"
    if page:
        path.write_text(json.dumps({"data": rows, "meta": {"page": 1}}))
    else:
        path = write_lines("observations.jsonl", rows)
    result = read_usage([path])
    assert set(result.models) == {"gpt-5-mini", "gpt-5"}
    assert result.totals.requests == 4
    assert result.totals.tokens == {
        "input_tokens": 300,
        "cached_input_tokens": 60,
        "output_tokens": 150,
        "reasoning_tokens": 80,
    }
    assert float(result.totals.usd) == pytest.approx(0.03 + 0.05 + 0.02 + 0.03)
    assert result.totals.sizes["latency_s"].mean == pytest.approx(2)


def span(number, **attributes):
    def value(v):
        return {"intValue": str(v)} if isinstance(v, int) else {"stringValue": v}

    return {
        "traceId": "t1",
        "spanId": f"s{number}",
        "startTimeUnixNano": "1795516546000000000",
        "endTimeUnixNano": "1795516548000000000",
        "attributes": [{"key": k, "value": value(v)} for k, v in attributes.items()],
    }


OPENINFERENCE = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "gpt-5",
    "llm.token_count.prompt": 100,
    "llm.token_count.completion": 50,
    "llm.token_count.prompt_details.cache_read": 20,
    "llm.token_count.completion_details.reasoning": 40,
}
DOTTED = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-5",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 50,
    "gen_ai.usage.input_tokens.cached": 20,
    "gen_ai.usage.output_tokens.reasoning": 40,
}


@pytest.mark.parametrize("names", [OPENINFERENCE, DOTTED], ids=["openinference", "dotted"])
def test_names_of_other_instrumentations(write_lines, names):
    """Spans of OpenInference and of SDKs with names of their own count like the conventions'."""
    chain = {"openinference.span.kind": "CHAIN", "input.value": "SECRET"}
    spans = [span(1, **names), span(2, **names), span(3, **chain)]
    path = write_lines(
        "spans.jsonl",
        [{"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": spans}]}]}],
    )
    result = read_usage([path])
    assert (result.totals.requests, set(result.models)) == (2, {"gpt-5"})
    assert result.totals.tokens == {
        "input_tokens": 200,
        "cached_input_tokens": 40,
        "output_tokens": 100,
        "reasoning_tokens": 80,
    }


def test_groups_a_vendor_adds_make_no_copies(tmp_path):
    """Lines of a report that differ only in a group added later are all counted; copies are not."""
    usage = {"uncached_input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 0}
    results = [usage | {"model": "claude", "speed": speed} for speed in ("fast", "standard")]
    results.append(usage | {"model": "claude", "speed": "fast", "some_new_group": "x"})
    bucket = {"starting_at": "2026-10-01T00:00:00Z", "ending_at": "2026-10-02T00:00:00Z"}
    first = tmp_path / "usage.json"
    first.write_text(json.dumps({"data": [bucket | {"results": results}]}))
    again = tmp_path / "again.json"
    again.write_text(json.dumps({"data": [bucket | {"results": results[:2]}]}))
    assert read_usage([first, again]).totals.tokens["output_tokens"] == 15

    line = {"object": "organization.usage.completions.result", "input_tokens": 10,
            "output_tokens": 5, "num_model_requests": 2, "model": "gpt-5"}  # fmt: skip
    bucket = {"object": "bucket", "start_time": 1790812800, "end_time": 1790899200}
    results = [line | {"api_source": source} for source in ("responses", "chat")]
    path = tmp_path / "openai.json"
    path.write_text(json.dumps({"data": [bucket | {"results": results}]}))
    assert read_usage([path]).totals.requests == 4


def test_helicone_lines(write_lines):
    """Helicone's lines carry the names of its API; what its cache answered is counted apart."""
    row = {
        "response_id": "a",
        "request_id": "ra",
        "response_status": 200,
        "request_created_at": "2026-10-01T10:00:00Z",
        "response_created_at": "2026-10-01T10:00:03Z",
        "request_properties": {"Task-Class": "triage"},
        "request_user_id": "u",
        "request_model": "gpt-5",
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "delay_ms": 2500,
        "costUSD": 0.01,
        "cache_reference_id": "00000000-0000-0000-0000-000000000000",
    }
    rows = [
        row,
        row | {"response_id": None, "request_id": "rb"},
        row | {"response_id": None, "request_id": "rc"},
        row | {"response_id": "d", "cache_reference_id": "5f0c"},
    ]
    result = read_usage([write_lines("helicone.jsonl", rows)])
    assert (result.totals.requests, result.totals.cache_hits) == (3, 1)
    assert set(result.models) == {"gpt-5"}
    assert [c.name for c in result.classes] == ["triage"]
    assert result.totals.sizes["latency_s"].mean == pytest.approx(2.5)
    assert float(result.totals.usd) == pytest.approx(0.03)


@pytest.mark.parametrize("state", [False, True])
@pytest.mark.parametrize("rows", [50, 4000])
@pytest.mark.parametrize("broken", ["checksum", "length", "cut"])
def test_gzip_is_checked_to_its_end(tmp_path, spend, state, broken, rows):
    """A checksum or a length that does not hold, or is missing, is a fault and leaves no trace."""
    path = tmp_path / "log.jsonl.gz"
    whole = gzip.compress("".join(json.dumps(spend(n)) + "\n" for n in range(rows)).encode())
    damaged = {
        "checksum": whole[:-8] + bytes(b ^ 255 for b in whole[-8:-4]) + whole[-4:],
        "length": whole[:-4] + b"\1\2\3\4",
        "cut": whole[:-4],
    }
    path.write_bytes(damaged[broken])
    options = UsageOptions(state=tmp_path / "state" if state else None)
    with pytest.raises(InputError, match=r"broken|cut off"):
        read_usage([path], options)
    path.write_bytes(whole)
    assert read_usage([path], options).totals.requests == rows

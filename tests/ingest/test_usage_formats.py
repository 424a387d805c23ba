"""Shapes of the formats that no sample shows: old names, other containers, further sources."""

from __future__ import annotations

import json

import duckdb
import pytest

from costplan.domain.errors import InputError
from costplan.ingest.usage.run import UsageOptions, preview, read_usage


def attribute(key, value):
    kind = "intValue" if isinstance(value, int) else "stringValue"
    return {"key": key, "value": {kind: str(value) if kind == "intValue" else value}}


def span(number, parent="", status=0, **attributes):
    return {
        "traceId": "t1",
        "spanId": f"s{number}",
        "parentSpanId": parent,
        "name": "x",
        "startTimeUnixNano": "1795516546000000000",
        "endTimeUnixNano": "1795516548000000000",
        "attributes": [attribute(k.replace("__", "."), v) for k, v in attributes.items()],
        "status": {"code": status},
    }


def trace(*spans):
    resource = {"attributes": [attribute("service.name", "bot")]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(spans)}]}]}


def test_old_and_new_otel_names(write_lines):
    """Every generation of attribute names gives the same counts, one trace document a line."""
    lines = [
        trace(
            span(1, gen_ai__system="openai", gen_ai__usage__prompt_tokens=10,
                 gen_ai__usage__completion_tokens=5, gen_ai__request__model="gpt-4")
        ),
        trace(
            span(2, gen_ai__operation__name="chat", gen_ai__usage__input_tokens=10,
                 gen_ai__usage__output_tokens=5, gen_ai__usage__reasoning__output_tokens=3,
                 gen_ai__usage__cache_read__input_tokens=4, gen_ai__response__model="o3",
                 gen_ai__request__reasoning__level="low")
        ),
    ]  # fmt: skip
    result = read_usage([write_lines("t.jsonl", lines)])
    assert result.totals.requests == 2
    assert result.totals.tokens == {
        "input_tokens": 20,
        "cached_input_tokens": 4,
        "output_tokens": 10,
        "reasoning_tokens": 3,
    }
    assert result.totals.sizes["latency_s"].mean == pytest.approx(2)
    assert any("only 1 of 2" in w for w in result.warnings)


def test_agents_and_wrapping_spans_do_not_count_twice(write_lines):
    """Agent and tool spans are skipped, and so is a chat span around a chat span."""
    chat = {"gen_ai__operation__name": "chat", "gen_ai__usage__input_tokens": 10,
            "gen_ai__usage__output_tokens": 5}  # fmt: skip
    spans = [
        span(1, gen_ai__operation__name="invoke_agent", gen_ai__usage__input_tokens=10,
             gen_ai__usage__output_tokens=5, task__class="triage"),
        span(2, parent="s1", **chat),
        span(3, parent="s2", **chat),
        span(4, parent="s1", gen_ai__operation__name="execute_tool"),
        span(5, parent="s1", status=2, **chat),
    ]  # fmt: skip
    path = write_lines("t.jsonl", [trace(*spans)])
    result = read_usage([path], UsageOptions(class_by="task.class"))
    assert result.totals.requests == 1
    assert result.totals.failed == 1
    assert result.rows["skipped"] == 3
    assert {c.name: c.requests for c in result.classes} == {"unlabelled": 0, "triage": 1} or {
        c.name for c in result.classes
    } == {"triage"}


def metric(temporality, *points):
    return {
        "resourceMetrics": [
            {
                "resource": {"attributes": [attribute("service.name", "bot")]},
                "scopeMetrics": [
                    {
                        "metrics": [
                            {
                                "name": "gen_ai.client.token.usage",
                                "histogram": {
                                    "aggregationTemporality": temporality,
                                    "dataPoints": list(points),
                                },
                            }
                        ]
                    }
                ],
            }
        ]
    }


def point(kind, count, total, time, start="1000000000"):
    return {
        "startTimeUnixNano": start,
        "timeUnixNano": str(time),
        "count": str(count),
        "sum": total,
        "attributes": [
            attribute("gen_ai.token.type", kind),
            attribute("gen_ai.request.model", "m"),
        ],
    }


@pytest.mark.parametrize(("temporality", "expected"), [(1, (30, 300, 90)), (2, (20, 200, 60))])
def test_cumulative_metrics_count_their_last_point(write_lines, temporality, expected):
    """Delta points add up; of a cumulative series only the last point counts."""
    lines = [
        metric(temporality, point("input", 10, 100, 2e9), point("output", 10, 30, 2e9)),
        metric(temporality, point("input", 20, 200, 3e9), point("output", 20, 60, 3e9)),
    ]
    text = [json.loads(json.dumps(line).replace("2000000000.0", "2000000000")) for line in lines]
    result = read_usage([write_lines("m.jsonl", text)])
    tokens = result.totals.tokens
    assert (result.totals.requests, tokens["input_tokens"], tokens["output_tokens"]) == expected


def observation(number, usage, **changes):
    return {
        "id": f"o{number}",
        "type": "GENERATION",
        "name": "triage",
        "start_time": "2026-10-03 08:00:00.000000",
        "end_time": "2026-10-03 08:00:02.000000",
        "provided_model_name": "gpt-5-mini",
        "model_parameters": '{"reasoning_effort": "high"}',
        "usage_details": usage,
        "level": "DEFAULT",
        "tags": [],
        "metadata": {},
        "total_cost": 0.1,
    } | changes


LANGFUSE = [
    observation(1, {"input": 70, "input_cached_tokens": 30, "output": 10,
                    "output_reasoning_tokens": 40, "total": 150}),
    observation(2, {"input": 100, "output": 50, "input_cached_tokens": 30,
                    "output_reasoning_tokens": 40, "total": 150}),
]  # fmt: skip


@pytest.mark.parametrize("container", ["jsonl", "csv", "parquet"])
def test_langfuse_containers_and_conventions(write_lines, tmp_path, container):
    """JSON lines, CSV and Parquet agree; the total tells disjoint buckets from nested ones."""
    path = write_lines("o.jsonl", LANGFUSE)
    if container != "jsonl":
        other = tmp_path / f"o.{container}"
        duckdb.execute(
            f"COPY (SELECT * REPLACE (CAST(to_json(usage_details) AS VARCHAR) AS usage_details)"
            f" FROM read_json('{path}')) TO '{other}' (FORMAT {container})"
        )
        path = other
    result = read_usage([path])
    assert result.totals.tokens == {
        "input_tokens": 200,
        "cached_input_tokens": 60,
        "output_tokens": 100,
        "reasoning_tokens": 80,
    }
    assert result.classes[0].today == ("gpt-5-mini", "high")
    assert result.totals.sizes["latency_s"].mean == pytest.approx(2)


def test_azure_counts_a_split_message_once(tmp_path):
    """Rows of one correlation id are one request, however many they are."""
    path = tmp_path / "azure.csv"
    path.write_text(
        "TimeGenerated,CorrelationId,ModelName,DeploymentName,PromptTokens,CompletionTokens,"
        "TotalTokens,IsStreamCompletion,SequenceNumber\n"
        "2026-10-01T00:00:00Z,a,gpt-5,chat,10,5,15,true,0\n"
        "2026-10-01T00:00:00Z,a,gpt-5,chat,10,5,15,true,1\n"
        "2026-10-02T00:00:00Z,b,gpt-5,chat,20,7,27,true,0\n"
    )
    result = read_usage([path])
    tokens = result.totals.tokens
    assert (result.totals.requests, tokens["input_tokens"], tokens["output_tokens"]) == (2, 30, 12)
    assert {"reasoning_tokens", "cached_input_tokens"} <= set(result.cannot_say)


def test_azure_as_the_portal_exports_it(tmp_path):
    """The portal writes its own name and form of the time."""
    path = tmp_path / "azure.csv"
    path.write_text(
        '"TimeGenerated [UTC]",CorrelationId,DeploymentName,PromptTokens,CompletionTokens\n'
        '"10/1/2026, 12:00:00.000 AM",a,chat,10,5\n"10/2/2026, 1:30:00.500 PM",b,chat,10,5\n'
    )
    span_found = read_usage([path]).span
    assert (str(span_found.start), str(span_found.end)[:16]) == (
        "2026-10-01 00:00:00",
        "2026-10-02 13:30",
    )


def test_embeddings_are_no_requests_of_a_model(tmp_path):
    """OpenAI's reports of embeddings have the same shape; an empty day is no duplicate."""
    bucket = {"object": "bucket", "start_time": 1790812800, "end_time": 1790899200}
    chat = {"object": "organization.usage.completions.result", "input_tokens": 5,
            "output_tokens": 6, "num_model_requests": 2, "model": "gpt-5"}  # fmt: skip
    other = {"object": "organization.usage.embeddings.result", "input_tokens": 900,
             "num_model_requests": 7, "model": "text-embedding-3-large"}  # fmt: skip
    days = [bucket | {"results": [chat, other]}]
    days += [{"start_time": 1790899200 + d, "end_time": 1790899201 + d, "results": []}
             for d in range(3)]  # fmt: skip
    path = tmp_path / "usage.json"
    path.write_text(json.dumps({"object": "page", "data": days}))
    result = read_usage([path])
    assert (result.totals.requests, result.totals.tokens["input_tokens"]) == (2, 5)
    assert (result.rows["skipped"], result.rows["duplicates"]) == (1, 0)


def test_azure_query_results_and_metrics(tmp_path):
    """The query API's columns beside rows, and Azure Monitor's series, are both read."""
    names = ["TimeGenerated", "CorrelationId", "DeploymentName", "PromptTokens", "CompletionTokens"]
    rows = [
        ["2026-10-01T00:00:00Z", "a", "chat", 10, 5],
        ["2026-10-01T00:00:00Z", "a", "chat", 10, 5],
    ]
    query = tmp_path / "q.json"
    columns = [{"name": n, "type": "string"} for n in names]
    query.write_text(json.dumps({"tables": [{"name": "T", "columns": columns, "rows": rows}]}))
    assert read_usage([query]).totals.tokens["input_tokens"] == 10

    def series(name, total):
        dimension = {"name": {"value": "modeldeploymentname"}, "value": "chat"}
        data = [
            {"timeStamp": "2026-10-01T00:00:00Z", "total": total},
            {"timeStamp": "2026-10-02T00:00:00Z"},
        ]
        return {
            "name": {"value": name},
            "timeseries": [{"metadatavalues": [dimension], "data": data}],
        }

    metrics = tmp_path / "m.json"
    value = [
        series("AzureOpenAIRequests", 3),
        series("ProcessedPromptTokens", 30),
        series("GeneratedTokens", 12),
    ]
    metrics.write_text(json.dumps({"interval": "P1D", "value": value}))
    result = read_usage([metrics])
    assert (result.totals.requests, result.totals.tokens["output_tokens"]) == (3, 12)
    assert result.classes[0].name == "chat"


@pytest.mark.parametrize("container", ["lines", "records", "text"])
def test_azure_diagnostics_put_a_request_together(tmp_path, container):
    """Tokens come from one record, seconds and failures from another of the same correlation id."""

    def record(category, identity, ms, **properties):
        return {
            "time": "2026-10-01T00:00:00.0000000Z",
            "category": category,
            "correlationId": identity,
            "durationMs": ms,
            "operationName": "Microsoft.ApiManagement/GatewayLogs",
            "properties": json.dumps(properties) if container == "text" else properties,
        }

    def tokens(identity, model, prompt, cached, completion):
        return record("GatewayLlmLogs", identity, None, modelName=model, promptTokens=prompt,
                      promptCachedTokens=cached, completionTokens=completion)  # fmt: skip

    records = [
        tokens("a", "gpt-5", 100, 40, 10),
        tokens("a", "gpt-5", 100, 40, 10),
        record("GatewayLogs", "a", 1500, responseCode=200),
        tokens("b", "claude-sonnet-4-5", 26, 48854, 7),
        record("GatewayLogs", "b", 2500, responseCode=200),
        tokens("c", "gpt-5", 1, 0, 1),
        record("GatewayLogs", "c", 10, responseCode=429),
        record("GatewayLogs", "other", 5, responseCode=200),
    ]
    path = tmp_path / "azure.json"
    lines = [{"records": records}] if container == "records" else records
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    result = read_usage([path])
    assert result.formats == ("azure-diagnostics",)
    assert (result.totals.requests, result.totals.failed, result.rows["skipped"]) == (2, 1, 1)
    assert result.totals.tokens == {
        "input_tokens": 100 + 26 + 48854,
        "cached_input_tokens": 40 + 48854,
        "output_tokens": 17,
        "reasoning_tokens": None,
    }
    assert result.totals.sizes["latency_s"].mean == pytest.approx(2)


def test_openrouter_generations_use_native_counts(write_lines):
    """Native counts are what is paid for; the normalised ones are left alone."""
    record = {"data": {"id": "g1", "created_at": "2026-10-01T00:00:00Z", "model": "openai/gpt-5",
                       "total_cost": 0.5, "tokens_prompt": 1, "tokens_completion": 1,
                       "native_tokens_prompt": 10, "native_tokens_completion": 8,
                       "native_tokens_reasoning": 6, "native_tokens_cached": 2,
                       "generation_time": 1500}}  # fmt: skip
    result = read_usage([write_lines("g.jsonl", [record, {"data": record["data"] | {"id": "g2"}}])])
    assert result.totals.requests == 2
    assert list(result.totals.tokens.values()) == [20, 4, 16, 12]
    assert result.totals.sizes["latency_s"].mean == pytest.approx(1.5)


def test_pages_of_the_litellm_api(tmp_path, spend):
    """A page of /spend/logs/v2 is read like the bare rows."""
    path = tmp_path / "page.json"
    page = {"data": [spend(1), spend(2)], "total": 2, "page": 1, "page_size": 50, "total_pages": 1}
    path.write_text(json.dumps(page, indent=1))
    assert read_usage([path]).totals.requests == 2


def test_a_plain_table_with_its_own_names(tmp_path):
    """Columns of any name are mapped; parts that exclude each other are put together."""
    path = tmp_path / "t.csv"
    path.write_text("wann,tin,cached,vis,think,ms,task\n2026-10-01,80,20,10,40,1500,a\n")
    columns = {
        "start": "wann",
        "uncached_input_tokens": "tin",
        "cached_input_tokens": "cached",
        "visible_output_tokens": "vis",
        "reasoning_tokens": "think",
        "latency_ms": "ms",
    }
    result = read_usage([path], UsageOptions(columns=columns))
    assert list(result.totals.tokens.values()) == [100, 20, 50, 40]
    assert result.classes[0].name == "a"
    with pytest.raises(InputError, match="no column 'nope'"):
        read_usage([path], UsageOptions(columns={"input_tokens": "nope"}))


@pytest.mark.parametrize("bad", [False, True])
def test_parquet_agrees_with_csv(tmp_path, bad):
    """A Parquet file counts as the same CSV does, with or without rows that need checking."""
    csv_path, parquet = tmp_path / "t.csv", tmp_path / "t.parquet"
    extra = (
        ", CASE WHEN i % 100 = 7 THEN -5 ELSE 10 + i % 7 END AS input_tokens"
        if bad
        else (", 10 + i % 7 AS input_tokens")
    )
    duckdb.execute(
        f"COPY (SELECT 'r' || (i % 950) AS request_id, TIMESTAMP '2026-10-01' + to_minutes(i * 3)"
        f" AS ts, 'c' || (i % 3) AS task_class, 'o3' AS model, 40 + i % 11 AS output_tokens{extra},"
        f" i % 13 AS reasoning_tokens, i % 15 AS cached_input_tokens, 0.25 AS cost_usd,"
        f" CASE WHEN i % 10 = 0 THEN 'error' ELSE 'success' END AS status, i / 7.0 AS latency_s"
        f" FROM range(1000) t(i)) TO '{csv_path}' (HEADER)"
    )
    duckdb.execute(f"COPY (FROM read_csv('{csv_path}')) TO '{parquet}' (FORMAT parquet)")
    from_csv, from_parquet = read_usage([csv_path]), read_usage([parquet])
    assert from_csv.rows == from_parquet.rows
    assert from_csv.totals == from_parquet.totals
    assert from_csv.classes == from_parquet.classes
    parts = read_usage([parquet], UsageOptions(part_records=170))
    assert parts.totals.requests == from_csv.totals.requests
    assert parts.rows["duplicates"] == from_csv.rows["duplicates"]


def test_a_bucket_exported_twice_counts_once(tmp_path):
    """Of a day that two exports hold, the fuller one counts."""

    def page(requests):
        result = {
            "object": "organization.usage.completions.result",
            "num_model_requests": requests,
            "input_tokens": requests * 10,
            "output_tokens": requests,
            "project_id": "p",
            "model": "gpt-5",
        }
        bucket = {"start_time": 1790812800, "end_time": 1790899200, "results": [result]}
        return json.dumps({"object": "page", "data": [{"object": "bucket", **bucket}]})

    first, second = tmp_path / "1.json", tmp_path / "2.json"
    first.write_text(page(5))
    second.write_text(page(9))
    result = read_usage([first, second])
    assert (result.totals.requests, result.rows["duplicates"]) == (9, 1)


def test_days_missing_and_cut_off_are_named(write_lines, spend):
    """A day without records is missing; first and last day are cut off where they are ragged."""
    rows = [
        spend(i, startTime=f"2026-10-0{day}T12:00:00Z", endTime=f"2026-10-0{day}T12:00:01Z")
        for i, day in enumerate([1, 2, 4])
    ]
    span_found = read_usage([write_lines("a.jsonl", rows)]).span
    assert [d.day for d in span_found.missing_days] == [3]
    assert [d.day for d in span_found.cut_off] == [1, 4]
    assert span_found.elapsed_days == pytest.approx(2.0, abs=0.01)


def test_preview_shows_how_candidates_split(write_lines, spend):
    """The preview says how many values a key has and how evenly they share the volume."""
    rows = [spend(i, request_tags=[f"task:{'ab'[i % 2]}", "env:prod"]) for i in range(10)]
    found = preview([write_lines("a.jsonl", rows)], UsageOptions())["litellm"]
    assert (found[0].key, found[0].values, found[0].largest) == ("tag:task", 2, 0.5)
    with pytest.raises(InputError, match="nothing called 'zzz'"):
        read_usage([write_lines("a.jsonl", rows)], UsageOptions(class_by="zzz"))

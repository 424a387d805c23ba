"""Metrics whose histograms have exponential buckets, as OpenTelemetry may write them."""

from __future__ import annotations

import json

import pytest

from costplan.ingest.usage.run import read_usage


def attributes(**values):
    return [{"key": k.replace("__", "."), "value": {"stringValue": v}} for k, v in values.items()]


def metric(name, *points):
    data = {"aggregationTemporality": 1, "dataPoints": [*points]}
    return {"name": name, "exponentialHistogram": data}


def point(count, total, buckets, **labels):
    return {
        "startTimeUnixNano": "1795516546000000000",
        "timeUnixNano": "1795516606000000000",
        "count": str(count),
        "sum": total,
        "scale": 0,
        "zeroCount": "0",
        "positive": buckets,
        "attributes": attributes(gen_ai__request__model="m", **labels),
    }


def test_exponential_histograms(tmp_path):
    """Sums and counts are read as of other histograms; a bucket stands for its middle."""
    seconds = {"offset": 1, "bucketCounts": ["3", "1"]}  # (2, 4] s three times, (4, 8] s once
    metrics = [
        metric("gen_ai.client.token.usage",
               point(4, 400, {}, gen_ai__token__type="input"),
               point(4, 80, {}, gen_ai__token__type="output")),
        metric("gen_ai.client.operation.duration",
               point(4, 15.0, seconds), point(2, 1.0, {}, error__type="timeout")),
    ]  # fmt: skip
    scopes = [{"metrics": metrics}]
    path = tmp_path / "m.json"
    path.write_text(json.dumps({"resourceMetrics": [{"scopeMetrics": scopes}]}))
    totals = read_usage([path]).totals
    assert (totals.requests, totals.failed) == (4, 2)
    assert (totals.tokens["input_tokens"], totals.tokens["output_tokens"]) == (400, 80)
    assert totals.sizes["latency_s"].p50 == pytest.approx(8**0.5, rel=0.02)
    assert totals.sizes["latency_s"].mean == pytest.approx((3 * 8**0.5 + 32**0.5) / 4, rel=0.01)

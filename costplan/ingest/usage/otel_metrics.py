"""OpenTelemetry GenAI metrics in OTLP/JSON: token histograms, and the counters that follow them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from costplan.ingest.head import Head
from costplan.ingest.usage.format import ReportFormat, ReportRow
from costplan.ingest.usage.report_json import load_items, whole

_COUNTERS = {
    "gen_ai.client.inference.usage.input_tokens": "input",
    "gen_ai.client.inference.usage.output_tokens": "output",
    "gen_ai.client.inference.usage.cache_read.input_tokens": "cached",
    "gen_ai.client.inference.usage.reasoning.output_tokens": "reasoning",
}
_DURATIONS = {"gen_ai.client.operation.duration", "gen_ai.client.inference.operation.duration"}
_TOKENS = "gen_ai.client.token.usage"
_INFERENCE = {"chat", "text_completion", "generate_content", "completion", "inference"}
_KINDS = ("histogram", "exponentialHistogram", "sum")
_DELTA = (1, "AGGREGATION_TEMPORALITY_DELTA")


@dataclass(slots=True)
class _Series:
    """One model of one service: what its data points add up to."""

    resource: Mapping[str, str]
    attributes: Mapping[str, str]
    start: int = 0
    end: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    buckets: dict[float, int] = field(default_factory=dict)


def _attributes(items: list[dict[str, Any]] | None) -> dict[str, str]:
    found = {}
    for item in items or []:
        for value in (item.get("value") or {}).values():
            found[str(item.get("key"))] = str(value)
    return found


def _points(path: Path) -> Iterator[tuple[str, dict[str, str], bool, dict[str, Any]]]:
    for group in load_items(path, "resourceMetrics"):
        resource = _attributes((group.get("resource") or {}).get("attributes"))
        for scope in group.get("scopeMetrics") or []:
            for metric in scope.get("metrics") or []:
                data: dict[str, Any] = next((metric[k] for k in _KINDS if metric.get(k)), {})
                delta = data.get("aggregationTemporality") in _DELTA
                for point in data.get("dataPoints") or []:
                    yield str(metric.get("name")), resource, delta, point


def _last_points(
    path: Path,
) -> Iterator[tuple[str, dict[str, str], dict[str, str], dict[str, Any]]]:
    """Yield the points that count: every delta, and the last of each cumulative series."""
    last: dict[tuple[Any, ...], tuple[str, dict[str, str], dict[str, str], dict[str, Any]]] = {}
    for position, (name, resource, delta, point) in enumerate(_points(path)):
        attributes = _attributes(point.get("attributes"))
        series: tuple[Any, ...] = (
            name,
            frozenset(resource.items()),
            frozenset(attributes.items()),
            str(point.get("startTimeUnixNano")),
        )
        if delta:
            series = (*series, str(point.get("timeUnixNano")), position)
        before = last.get(series)
        if before is None or _time(before[3]) <= _time(point):
            last[series] = (name, resource, attributes, point)
    yield from last.values()


def _time(point: Mapping[str, Any], key: str = "timeUnixNano") -> int:
    return whole(point.get(key)) or 0


def _add_tokens(series: _Series, meter: str, point: Mapping[str, Any]) -> None:
    value = point.get("sum", point.get("asInt", point.get("asDouble", 0)))
    series.sums[meter] = series.sums.get(meter, 0) + float(value or 0)
    if meter in {"input", "output"} and "count" in point:
        key = f"{meter} count"
        series.sums[key] = series.sums.get(key, 0) + (whole(point.get("count")) or 0)


def _add_duration(series: _Series, failed: bool, point: Mapping[str, Any]) -> None:
    meter = "failed" if failed else "requests"
    series.sums[meter] = series.sums.get(meter, 0) + (whole(point.get("count")) or 0)
    if failed:
        return
    for middle, count in (*_explicit_buckets(point), *_exponential_buckets(point)):
        series.buckets[middle] = series.buckets.get(middle, 0) + count


def _explicit_buckets(point: Mapping[str, Any]) -> Iterator[tuple[float, int]]:
    """Yield the middle of each bucket that holds something, and how much."""
    bounds = [float(bound) for bound in point.get("explicitBounds") or []]
    for index, count in enumerate(point.get("bucketCounts") or []):
        if bounds and (n := whole(count)):
            low = bounds[index - 1] if index else bounds[0] / 2
            high = bounds[index] if index < len(bounds) else bounds[-1] * 2
            yield (max(low, 1e-9) * high) ** 0.5, n


def _exponential_buckets(point: Mapping[str, Any]) -> Iterator[tuple[float, int]]:
    """Yield the same of a histogram whose bounds are powers of 2 ** 2 ** -scale."""
    held = point.get("positive") or {}
    growth = 2.0 ** -(whole(point.get("scale")) or 0)
    for index, count in enumerate(held.get("bucketCounts") or [], whole(held.get("offset")) or 0):
        if n := whole(count):
            yield 2.0 ** (growth * (index + 0.5)), n


def _collect(path: Path) -> dict[tuple[Any, ...], _Series]:
    found: dict[tuple[Any, ...], _Series] = {}
    for name, resource, attributes, point in _last_points(path):
        base = {k: v for k, v in attributes.items() if k not in {"gen_ai.token.type", "error.type"}}
        if base.get("gen_ai.operation.name", "chat") not in _INFERENCE:
            continue
        if name != _TOKENS and name not in _COUNTERS and name not in _DURATIONS:
            continue
        key = (frozenset(resource.items()), frozenset(base.items()))
        series = found.setdefault(key, _Series(resource, base))
        began, ended = _time(point, "startTimeUnixNano") or _time(point), _time(point)
        series.start = min(series.start or began, began)
        series.end = max(series.end, ended)
        if name in _DURATIONS:
            _add_duration(series, "error.type" in attributes, point)
        elif name in _COUNTERS:
            _add_tokens(series, _COUNTERS[name], point)
        elif (meter := attributes.get("gen_ai.token.type", "")) in {"input", "output"}:
            _add_tokens(series, meter, point)
        elif meter == "completion":
            _add_tokens(series, "output", point)
    return found


def _instant(nanoseconds: int) -> dt.datetime | None:
    if not nanoseconds:
        return None
    return dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=nanoseconds // 1000)


def _read(path: Path) -> Iterator[ReportRow]:
    for series in _collect(path).values():
        sums = {key: round(value) for key, value in series.sums.items()}
        model = series.attributes.get("gen_ai.response.model") or series.attributes.get(
            "gen_ai.request.model"
        )
        requests = sums.get("requests", sums.get("input count", sums.get("output count")))
        identity = sorted({**series.resource, **series.attributes}.items())
        yield ReportRow(
            request_id=f"{series.start}|{series.end}|{identity}",
            start=_instant(series.start),
            until=_instant(series.end),
            keys={**series.resource, **series.attributes, "model": model},
            model=model,
            team=series.resource.get("service.namespace"),
            n=requests,
            failed=sums.get("failed", 0),
            input=sums.get("input"),
            cached=sums.get("cached"),
            output=sums.get("output"),
            reasoning=sums.get("reasoning"),
            latency_buckets=tuple(sorted(series.buckets.items())),
        )


def _recognise(head: Head) -> bool:
    return head.has("resourceMetrics")


OTEL_METRICS = ReportFormat(
    name="otel-metrics",
    recognise=_recognise,
    read=_read,
    keys=("service.name", "model", "gen_ai.provider.name"),
    cannot_say=("usd", "setting", "token percentiles"),
)

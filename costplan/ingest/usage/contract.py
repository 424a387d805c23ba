"""The result as the JSON that scripts rely on: `ingest usage --json`."""

from __future__ import annotations

from typing import Any

from costplan.ingest.usage.result import TOKENS, ClassUsage, Size, UsageResult

SCHEMA_VERSION = 1


def usage_json(result: UsageResult) -> dict[str, Any]:
    """Write a result as plain JSON values. Dollars are decimal text, unknown is null."""
    span = result.span
    return {
        "schema_version": SCHEMA_VERSION,
        "format": "+".join(result.formats),
        "files": list(result.files),
        "rows": dict(result.rows),
        "span": {
            "start": None if span.start is None else span.start.isoformat() + "Z",
            "end": None if span.end is None else span.end.isoformat() + "Z",
            "days": span.days,
            "missing_days": [day.isoformat() for day in span.missing_days],
            "cut_off_days": [day.isoformat() for day in span.cut_off],
            "elapsed_days": span.elapsed_days,
        },
        "class_by": dict(result.class_by),
        "candidates": {
            log: [
                {
                    "key": c.key,
                    "values": c.values,
                    "labelled": c.labelled,
                    "largest": c.largest,
                    "examples": list(c.examples),
                }
                for c in candidates
            ]
            for log, candidates in result.candidates.items()
        },
        "classes": [_class_json(one) for one in result.classes],
        "totals": _class_json(result.totals),
        "cannot_say": list(result.cannot_say),
        "prices": [
            {
                "model": gap.model,
                "stated_usd": f"{gap.stated_usd.normalize():f}",
                "priced_usd": None if gap.priced_usd is None else f"{gap.priced_usd.normalize():f}",
                "difference": gap.difference,
                "source": gap.source,
            }
            for gap in result.prices
        ],
        "bad": [{"file": b.file, "line": b.line, "reason": b.reason} for b in result.bad],
        "warnings": list(result.warnings),
    }


def _class_json(usage: ClassUsage) -> dict[str, Any]:
    latency = usage.sizes["latency_s"]
    return {
        "name": usage.name,
        "team": usage.team,
        "requests": usage.requests,
        "failed": usage.failed,
        "cache_hits": usage.cache_hits,
        "retries": usage.retries,
        **{key: usage.tokens[key] for key in TOKENS},
        "visible_output_tokens_mean": usage.visible_output_mean,
        "usd": None if usage.usd is None else f"{usage.usd.normalize():f}",
        "failed_usd": f"{usage.failed_usd.normalize():f}",
        "models": dict(usage.models),
        "today": {"model": usage.today[0], "setting": usage.today[1]},
        "latency_s": _size_json(latency),
        "tokens": {
            short: _size_json(usage.sizes[short])
            for short in ("input", "cached", "output", "reasoning")
        },
    }


def _size_json(size: Size) -> dict[str, float | None]:
    return {"mean": size.mean, "p50": size.p50, "p95": size.p95}

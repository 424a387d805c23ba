"""What people read on the terminal: the result of reading logs, in plain lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from costplan.domain.figures import SMALL_USD, write_percent
from costplan.ingest.usage.classes import Candidate
from costplan.ingest.usage.result import ClassUsage, UsageResult

_MODELS = {"model", "model_id", "model_group", "model_permaslug", "modelname", "deployment"}
"""Keys whose values name models."""


def usage_lines(result: UsageResult) -> Iterator[str]:
    """Describe a result: what was read, the classes, and what to know about them."""
    rows = ", ".join(f"{count:,} {key}" for key, count in result.rows.items() if count)
    yield f"{', '.join(result.formats)}: {rows}"
    span = result.span
    if span.start is not None and span.end is not None:
        yield f"{span.start:%Y-%m-%d %H:%M} to {span.end:%Y-%m-%d %H:%M} UTC, {_days(span.days)}"
    for label, days in (("missing", span.missing_days), ("cut off", span.cut_off)):
        if days:
            yield f"days {label}: " + ", ".join(day.isoformat() for day in days[:20])
    by = ", ".join(f"{key or 'nothing'} ({log})" for log, key in result.class_by.items())
    yield f"classes by {by}; --preview shows the alternatives"
    if models := [key for key in result.class_by.values() if key in _MODELS]:
        yield (
            f"note: classes by {models[0]} are models, not kinds of work, which is what a plan"
            " allocates to; where the log has a tag, a service or a team, give it with --class-by"
        )
    for usage in (*result.classes, result.totals):
        yield _class_line(usage)
    if result.cannot_say:
        yield "the source cannot say: " + ", ".join(result.cannot_say)
    for bad in result.bad:
        place = bad.file if bad.line is None else f"{bad.file}:{bad.line}"
        yield f"malformed: {place}: {bad.reason}"
    for warning in result.warnings:
        yield f"note: {warning}"


def _days(count: int) -> str:
    return f"{count:,} day" if count == 1 else f"{count:,} days"


def _spend(usd: Decimal | None) -> str:
    if usd is None:
        return "spend ?"
    return (
        f"spend ${usd:,.2f}" if not 0 < abs(usd) < SMALL_USD else f"spend ${usd:,.6f}".rstrip("0")
    )


def _class_line(usage: ClassUsage) -> str:
    def said(value: int | None) -> str:
        return "?" if value is None else f"{value:,}"

    tokens = usage.tokens
    parts = [
        f"{usage.name}: {said(usage.requests)} request{'' if usage.requests == 1 else 's'}",
        f"input {said(tokens['input_tokens'])} (cached {said(tokens['cached_input_tokens'])})",
        f"output {said(tokens['output_tokens'])} (reasoning {said(tokens['reasoning_tokens'])})",
        _spend(usage.usd),
    ]
    if usage.failed:
        parts.append(f"{usage.failed:,} failed")
    return ", ".join(parts)


def candidate_lines(found: Mapping[str, tuple[Candidate, ...]]) -> Iterator[str]:
    """Describe what could make classes and how well each splits the requests."""
    for log, candidates in found.items():
        yield f"{log}: --class-by takes"
        for c in candidates:
            yield (
                f"  {c.key}: {c.values} values, {write_percent(c.labelled, 0)} labelled, largest"
                f" {write_percent(c.largest, 0)}: {', '.join(c.examples)}"
            )
        if not candidates:
            yield "  nothing: everything is one class"

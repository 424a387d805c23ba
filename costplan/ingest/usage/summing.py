"""A tally summed up: classes, totals, what is missing and what is odd."""

from __future__ import annotations

from collections.abc import Mapping

from costplan.domain.errors import Fault, InputError
from costplan.domain.figures import SMALL_USD, write_unit_usd, write_usd
from costplan.ingest.histogram import Histogram
from costplan.ingest.usage.classes import Candidate
from costplan.ingest.usage.format import ReportFormat, UsageFormat
from costplan.ingest.usage.result import ClassUsage, UsageResult, class_usage, model_usage, span_of
from costplan.ingest.usage.staging import BadLine
from costplan.ingest.usage.tally import Tally

_ROWS = {
    "used": "used",
    "failed": "failed",
    "cache_hits": "cache_hit",
    "credits": "credit",
    "duplicates": "duplicate",
    "skipped": "skipped",
    "bad": "bad",
}


def sum_up(
    tally: Tally,
    *,
    formats: tuple[UsageFormat, ...],
    files: tuple[str, ...],
    class_by: Mapping[str, str],
    candidates: Mapping[str, tuple[Candidate, ...]],
    bad: tuple[BadLine, ...],
    told_requests: Mapping[str, int],
) -> UsageResult:
    """Sum a tally up into classes and totals.

    Raises InputError when no record can be used.
    """
    if not tally.groups:
        shown = [Fault(b.reason, b.file, line=b.line) for b in bad]
        raise InputError([*shown, _nothing(tally, files)])
    failed_known = any("failed" not in log.cannot_say for log in formats)
    names = sorted({group[0] for group in tally.groups})
    if unknown := sorted(told_requests.keys() - set(names)):
        raise InputError(
            [Fault(f"--requests names no class {n!r}", advice=", ".join(names)) for n in unknown]
        )
    classes = [
        class_usage(name, tally, failed_known, told_requests=told_requests.get(name))
        for name in names
    ]
    classes.sort(key=lambda c: (-(c.requests or 0), -(c.tokens["output_tokens"] or 0), c.name))
    told = sum(told_requests.values()) if told_requests.keys() >= set(names) else None
    totals = class_usage("total", tally, failed_known, own=False, told_requests=told)
    rows = {key: tally.kinds.get(kind, 0) for key, kind in _ROWS.items()}
    buckets = all(isinstance(log, ReportFormat) and not log.one_request_rows for log in formats)
    cells: dict[tuple[str, str], dict[int, tuple[int, int]]] = {}
    for (group, measure, bucket), cell in tally.cells.items():
        cells.setdefault((group, measure), {})[bucket] = cell
    return UsageResult(
        formats=tuple(log.name for log in formats),
        files=files,
        rows={"read": sum(rows.values()), **rows},
        span=span_of(tally, buckets=buckets),
        classes=tuple(classes),
        totals=totals,
        cannot_say=_cannot_say(totals, formats),
        class_by=dict(class_by),
        candidates=dict(candidates),
        bad=bad,
        warnings=_warnings(tally, totals, classes),
        models=model_usage(tally),
        histograms={key: Histogram(value) for key, value in cells.items()},
        groups=tally.groups,
    )


def _nothing(tally: Tally, files: tuple[str, ...]) -> Fault:
    skipped, bad = tally.kinds.get("skipped", 0), tally.kinds.get("bad", 0)
    message = f"no request to count: {skipped} records of other kinds, {bad} malformed"
    return Fault(message, files[0] if len(files) == 1 else "")


def _cannot_say(totals: ClassUsage, formats: tuple[UsageFormat, ...]) -> tuple[str, ...]:
    """List what no record says; data decide, the formats only add what data cannot show."""
    missing = [key for key, value in totals.tokens.items() if value is None]
    if totals.requests is None:
        missing.append("requests")
    if totals.sizes["latency_s"].mean is None:
        missing.append("latency")
    if totals.usd is None:
        missing.append("usd")
    if totals.failed is None:
        missing.append("failed")
    if not totals.models:
        missing.append("model")
    if totals.today[1] is None:
        missing.append("setting")
    if any("percentiles" in log.cannot_say for log in formats) and not totals.sizes["input"].p50:
        missing.append("percentiles")
    return tuple(missing)


def _warnings(tally: Tally, totals: ClassUsage, classes: list[ClassUsage]) -> tuple[str, ...]:
    found = [f"{count} records: {text}" for text, count in sorted(tally.odd.items())]
    for key, count in totals.known.items():
        found.append(
            f"{key}: only {count} of {totals.requests} requests say it; the sum and the mean"
            " are over those"
        )
    if totals.failed_usd:
        small = abs(totals.failed_usd) < SMALL_USD
        said = write_unit_usd(totals.failed_usd) if small else write_usd(totals.failed_usd)
        found.append(f"failed requests cost {said}, not in the spend above")
    spend_only = [c.name for c in classes if c.usd is not None and c.tokens["input_tokens"] is None]
    if spend_only and totals.tokens["input_tokens"] is not None:
        found.append("spend without usage in: " + ", ".join(spend_only[:10]))
    lacking = [c.name for c in classes if c.usd is None and c.requests != 0]
    if totals.usd is not None and lacking:
        found.append("no spend is stated for: " + ", ".join(lacking[:10]))
    return tuple(found)

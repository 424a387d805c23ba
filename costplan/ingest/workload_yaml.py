"""Task classes written as a workload a person can finish; what is not known is marked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from costplan.ingest.model_names import find_profile
from costplan.ingest.usage.result import ClassUsage, UsageResult

if TYPE_CHECKING:
    from costplan.domain.profile import Profile

PERIOD_DAYS = {"day": 1.0, "week": 7.0, "month": 365.25 / 12, "quarter": 365.25 / 4, "year": 365.25}
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Draft:
    """How a workload is written from logs."""

    name: str = "Workload from usage logs"
    """Title."""
    period: str = "month"
    """What volumes are per."""
    evidence: str = ""
    """Benchmark that stands for every class; a placeholder when empty."""
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    """Profiles by name, to name today's models as the plan does."""


def write_workload(result: UsageResult, draft: Draft) -> str:
    """Write the text of a workload file."""
    factor = _factor(result, draft.period)
    lines = [
        "# Drafted by `costplan ingest usage`. Lines with TODO need a person.",
        *(f"# {line}" for line in _provenance(result, draft, factor)),
        f"name: {_quoted(draft.name)}",
        f"period: {draft.period}",
        "# ceilings:",
        f"#   usd: {_spend(result.totals, factor)}",
        "classes:",
    ]
    for usage in result.classes:
        lines += _class_lines(usage, result, draft, factor)
    return "\n".join(lines) + "\n"


def _factor(result: UsageResult, period: str) -> float | None:
    """Periods per time covered; None when less than a day is covered."""
    elapsed = result.span.elapsed_days
    return PERIOD_DAYS[period] / elapsed if elapsed >= 0.999 else None


def _provenance(result: UsageResult, draft: Draft, factor: float | None) -> list[str]:
    span = result.span
    start = span.start.isoformat(sep=" ", timespec="minutes") if span.start else "unknown"
    end = span.end.isoformat(sep=" ", timespec="minutes") if span.end else "unknown"
    lines = [
        f"Source: {', '.join(result.formats)}, {start} to {end} UTC; classes by "
        + (", ".join(sorted(set(result.class_by.values()) - {""})) or "nothing: one class"),
    ]
    if factor is None:
        lines.append(f"TODO requests are as counted: too short a time to scale to a {draft.period}")
    else:
        lines.append(
            f"requests are scaled by {factor:.4g}, from {span.elapsed_days:.2f} days covered"
            f" to a {draft.period}"
        )
    if span.missing_days:
        days = ", ".join(day.isoformat() for day in span.missing_days[:20])
        lines.append(f"days without a record, left out of the time covered: {days}")
    if span.cut_off:
        lines.append("days covered in part: " + ", ".join(day.isoformat() for day in span.cut_off))
    if result.cannot_say:
        lines.append("the source cannot say: " + ", ".join(result.cannot_say))
    lines += [f"note: {warning}" for warning in result.warnings]
    return [_comment(line) for line in lines]


def _class_lines(
    usage: ClassUsage, result: UsageResult, draft: Draft, factor: float | None
) -> list[str]:
    if usage.requests == 0:
        return [f"  # {_comment(usage.name)}: no request succeeded; {usage.failed} failed"]
    lines = [f"  - name: {_quoted(usage.name)}"]
    if usage.team:
        lines.append(f"    team: {_quoted(usage.team)}")
    lines += _volume_lines(usage, draft, factor)
    lines += _output_lines(usage)
    lines.append("    weight: 1    # TODO placeholder: what a right answer is worth, or value_usd")
    lines += _today_lines(usage, draft)
    if draft.evidence:
        lines.append(f"    evidence: {{benchmark: {_quoted(draft.evidence)}}}")
    else:
        lines.append(
            "    evidence: {benchmark: TODO}    # TODO a benchmark of `costplan curves` or outcomes"
        )
    latency = usage.sizes["latency_s"].p95
    if latency is not None:
        lines.append(f"    # max_p95_latency_s: {latency:.3g}    # p95 today")
    return lines


def _volume_lines(usage: ClassUsage, draft: Draft, factor: float | None) -> list[str]:
    spend = _spend(usage, factor)
    if usage.requests is None:
        tokens = ", ".join(f"{k} {v}" for k, v in usage.tokens.items() if v is not None)
        return [
            "    # TODO requests: the source does not count requests; sizes per request follow"
            " from it",
            f"    # sums over the time covered: {tokens or 'none'};"
            f" spend per {draft.period} {spend}",
        ]
    requests = usage.requests * (factor or 1.0)
    lines = [f"    requests: {max(round(requests), 1)}"]
    if usage.usd is not None:
        per = f"per {draft.period}" if factor else "in all"
        lines[0] += f"    # stated spend {per}: ${spend}"
    for key, short in (("input_tokens", "input"), ("cached_input_tokens", "cached")):
        mean = usage.sizes[short].mean
        if mean is None:
            lines.append(f"    # {key}: the source cannot say")
        else:
            lines.append(f"    {key}: {_number(mean)}{_percentiles(usage, short)}")
    return lines


def _output_lines(usage: ClassUsage) -> list[str]:
    if usage.requests is None:
        return []
    mean = usage.sizes["output"].mean
    if mean is None:
        return ["    output_tokens: TODO    # the source cannot say"]
    if usage.visible_output_mean is None:
        return [
            "    output_tokens: TODO    # without reasoning, which the source does not split off:"
            f" with it, {_number(mean)} per request",
            "    # or take input_tokens, cached_input_tokens and output_tokens out, and the sizes"
            " of the evidence count",
        ]
    reasoning = usage.sizes["reasoning"].mean
    said = f"    # without reasoning, which is {_number(reasoning or 0)} per request today"
    if "reasoning_tokens" in usage.known:
        said += f" (over the {usage.known['reasoning_tokens']} requests that say it)"
    return [f"    output_tokens: {_number(usage.visible_output_mean)}{said}"]


def _percentiles(usage: ClassUsage, short: str) -> str:
    size = usage.sizes[short]
    if size.p50 is None or size.p95 is None:
        return ""
    return f"    # p50 {_number(size.p50)}, p95 {_number(size.p95)}"


def _today_lines(usage: ClassUsage, draft: Draft) -> list[str]:
    logged, setting = usage.today
    if logged is None:
        return ["    # today: the source does not name models"]
    lines = []
    if len(usage.models) > 1:
        parts = ", ".join(f"{model} {count}" for model, count in usage.models.items())
        lines.append(_comment(f"    # models today: {parts}; the most used stands for all"))
    name = find_profile(logged, draft.profiles)
    if name is None:
        return [*lines, _comment(f"    # TODO today: no profile is known for {logged}")]
    knob = draft.profiles[name].knob
    settings = draft.profiles[name].settings
    if setting in settings or len(settings) == 1:
        chosen = setting if setting in settings else next(iter(settings))
        return [*lines, f"    today: {{model: {_quoted(name)}, setting: {_quoted(str(chosen))}}}"]
    said = "the source does not say the setting" if setting is None else f"the log says {setting}"
    if setting is None and knob.vendor_default in settings:
        return [
            *lines,
            f"    # TODO {said}; {knob.vendor_default} is what the vendor does by default",
            f"    today: {{model: {_quoted(name)}, setting: {_quoted(str(knob.vendor_default))}}}",
        ]
    lines.append(_comment(f"    # TODO {said}; settings: {', '.join(settings)}"))
    return [*lines, f"    # today: {{model: {_quoted(name)}, setting: }}"]


def _spend(usage: ClassUsage, factor: float | None) -> str:
    if usage.usd is None:
        return "unknown"
    return f"{float(usage.usd) * (factor or 1.0):.2f}"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}".removesuffix(".0")


def _quoted(text: str) -> str:
    """Write text so that YAML reads it back as the same text."""
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_./-]*", text) and text.lower() not in _WORDS:
        return text
    return json.dumps(text, ensure_ascii=False)


_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"}


def _comment(line: str) -> str:
    return _CONTROL.sub(" ", line)

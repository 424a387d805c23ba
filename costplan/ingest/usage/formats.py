"""The table of usage formats, and how a file's format is found."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from costplan.domain.errors import Fault, InputError
from costplan.ingest.head import Container, Head, NotALogError
from costplan.ingest.usage.format import LogFormat, ReportFormat, UsageFormat
from costplan.ingest.usage.table import is_table, table_format

_ROOM = "costplan.ingest.usage"
FORMATS: dict[str, str] = {
    "litellm": f"{_ROOM}.litellm:LITELLM",
    "openai-usage": f"{_ROOM}.openai:OPENAI_USAGE",
    "openai-costs": f"{_ROOM}.openai:OPENAI_COSTS",
    "anthropic-usage": f"{_ROOM}.anthropic:ANTHROPIC_USAGE",
    "anthropic-costs": f"{_ROOM}.anthropic:ANTHROPIC_COSTS",
    "otel-traces": f"{_ROOM}.otel_traces:OTEL_TRACES",
    "otel-metrics": f"{_ROOM}.otel_metrics:OTEL_METRICS",
    "langfuse": f"{_ROOM}.langfuse:LANGFUSE",
    "langfuse-api": f"{_ROOM}.langfuse:LANGFUSE_API",
    "helicone": f"{_ROOM}.helicone:HELICONE",
    "openrouter-activity": f"{_ROOM}.openrouter:OPENROUTER_ACTIVITY",
    "openrouter-export": f"{_ROOM}.openrouter:OPENROUTER_EXPORT",
    "openrouter-generation": f"{_ROOM}.openrouter:OPENROUTER_GENERATION",
    "bedrock": f"{_ROOM}.bedrock:BEDROCK",
    "bedrock-events": f"{_ROOM}.bedrock:BEDROCK_EVENTS",
    "azure-llm-log": f"{_ROOM}.azure:AZURE_LLM_LOG",
    "azure-llm-query": f"{_ROOM}.azure:AZURE_QUERY_RESULT",
    "azure-diagnostics": f"{_ROOM}.azure_diagnostics:AZURE_DIAGNOSTICS",
    "azure-metrics": f"{_ROOM}.azure:AZURE_METRICS",
    "focus": f"{_ROOM}.focus:FOCUS",
}
"""Name of a format and where it is read; a plain table comes after all of them."""
TABLE = "table"


def load_format(key: str) -> UsageFormat:
    """Import a format by its name."""
    module, _, attribute = FORMATS[key].partition(":")
    found: object = getattr(import_module(module), attribute)
    if not isinstance(found, LogFormat | ReportFormat):
        raise TypeError(key)
    return found


def find_format(head: Head, columns: Mapping[str, str], told: str = "") -> UsageFormat:
    """Find the format of a file from its content, or take the one that is told.

    Raises InputError where the name is unknown or nothing fits, with what was seen.
    """
    if told == TABLE or columns:
        return table_format(head, columns) if _is_table(head, columns) else _refuse(head)
    if told:
        if told not in FORMATS:
            known = ", ".join([*FORMATS, TABLE])
            raise InputError([Fault(f"unknown format {told!r}", advice=f"known: {known}")])
        return load_format(told)
    for key in FORMATS:
        candidate = load_format(key)
        if candidate.recognise(head):
            return candidate
    if is_table(head, columns):
        return table_format(head, columns)
    return _refuse(head)


def _is_table(head: Head, columns: Mapping[str, str]) -> bool:
    try:
        return is_table(head, columns or {"input_tokens": "input_tokens"})
    except InputError:
        return is_table(head, columns)


def _refuse(head: Head) -> UsageFormat:
    raise NotALogError([Fault(*_reason(head))])


def _reason(head: Head) -> tuple[str, str, str, None, None, str, int, str]:
    hint = "name the columns: --columns input_tokens=COLUMN,output_tokens=COLUMN"
    message = "no usage format fits this file"
    if head.container is Container.ZIP:
        message, hint = "a ZIP archive holds no usage log", "evaluation logs: ingest evals"
    elif head.has("total_spend") or head.has("spend", "startTime") or _is_summary(head):
        message = "daily totals, not requests: tokens cannot be told apart"
        hint = "ask the gateway for /spend/logs/v2, or /spend/logs with summarize=false"
    elif head.columns:
        message += "; its columns are " + ", ".join(head.columns[:30])
    return (message, str(head.path), "", None, None, "", 1, hint)


def _is_summary(head: Head) -> bool:
    return head.has("startTime", "models", "users")

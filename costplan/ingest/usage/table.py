"""A plain table, one request a row: CSV, Parquet or flat JSON, with a column mapping."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from costplan.domain.errors import Fault, InputError
from costplan.ingest.engine import ask, decimal, moment, name, number, quote, text, timestamp
from costplan.ingest.head import Container, Head
from costplan.ingest.usage.format import LogFormat

ALIASES: dict[str, tuple[str, ...]] = {
    "request_id": ("request_id", "requestid", "call_id", "generation_id", "id"),
    "start": ("start", "start_time", "starttime", "ts", "timestamp", "created_at", "time", "date"),
    "end": ("end", "end_time", "endtime", "finished_at", "completed_at"),
    "class": ("task_class", "class", "task", "use_case", "feature"),
    "team": ("team", "department", "cost_center"),
    "model": ("model", "model_name", "model_id"),
    "setting": ("setting", "budget_or_effort", "reasoning_effort", "effort", "thinking_budget"),
    "status": ("status", "outcome"),
    "cache_hit": ("cache_hit",),
    "requests": ("requests", "n_requests", "request_count"),
    "input_tokens": ("input_tokens", "prompt_tokens", "tokens_in", "tokens_input"),
    "uncached_input_tokens": ("uncached_input_tokens",),
    "cached_input_tokens": (
        "cached_input_tokens",
        "cached_tokens",
        "cache_read_input_tokens",
        "cache_read_tokens",
    ),
    "output_tokens": ("output_tokens", "completion_tokens", "tokens_out", "tokens_output"),
    "visible_output_tokens": ("visible_output_tokens",),
    "reasoning_tokens": ("reasoning_tokens", "thinking_tokens"),
    "usd": ("usd", "cost_usd", "spend_usd", "total_cost_usd", "cost", "spend", "total_cost"),
    "latency_s": ("latency_s", "duration_s", "seconds", "latency_seconds"),
    "latency_ms": ("latency_ms", "duration_ms", "request_duration_ms"),
    "retries": ("retries", "attempted_retries"),
}
"""Meanings of columns, and the names under which they are found without being told."""

_NUMBERS = (
    "requests",
    "input_tokens",
    "uncached_input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "visible_output_tokens",
    "reasoning_tokens",
    "usd",
    "latency_s",
    "latency_ms",
    "retries",
)
_FINE = "'success', 'ok', 'succeeded', 'completed', 'stop', '1', 'true', ''"


def map_columns(head: Head, told: Mapping[str, str]) -> dict[str, str]:
    """Find the column of each meaning: as told, else by its usual names.

    Raises InputError for a meaning that does not exist or a column that is not there.
    """
    names = head.columns or tuple(sorted(head.keys))
    faults = [
        Fault(
            f"unknown meaning {meaning!r} in --columns",
            str(head.path),
            advice="known: " + ", ".join(ALIASES),
        )
        for meaning in told
        if meaning not in ALIASES
    ]
    faults += [
        Fault(f"no column {column!r}", str(head.path), advice="has: " + ", ".join(names[:40]))
        for column in told.values()
        if column not in names
    ]
    if faults:
        raise InputError(faults)
    by_lower = {column.lower(): column for column in reversed(names)}
    found = dict(told)
    for meaning, aliases in ALIASES.items():
        free = (by_lower[alias] for alias in aliases if alias in by_lower)
        if meaning not in found and (column := next(free, None)) is not None:
            found[meaning] = column
    return found


def is_table(head: Head, told: Mapping[str, str]) -> bool:
    """Tell whether a file has the least a plain table needs: input and output tokens."""
    if head.container not in {Container.CSV, Container.PARQUET, Container.JSON_LINES} and not told:
        return False
    found = map_columns(head, told)
    has_input = found.keys() & {"input_tokens", "uncached_input_tokens"}
    return bool(has_input and found.keys() & {"output_tokens", "visible_output_tokens"})


def table_format(head: Head, told: Mapping[str, str]) -> LogFormat:
    """Make the format of one plain table."""
    columns = {meaning: name(column) for meaning, column in map_columns(head, told).items()}
    typed = dict(zip(head.columns, head.types, strict=False))
    checked = tuple(
        columns[meaning]
        for meaning in _NUMBERS
        if meaning in columns and typed.get(columns[meaning].strip('"'), "VARCHAR") == "VARCHAR"
    )
    named = [c for c in map_columns(head, told).values()]
    labels = {
        column: text(name(column))
        for column, kind in zip(head.columns, head.types or ["VARCHAR"] * 999, strict=False)
        if kind == "VARCHAR" and column not in named
    }
    first: dict[str, str] = {
        k: text(columns[k]) for k in ("class", "team", "model") if k in columns
    }
    failed = _failed_values(head, columns)
    # A Parquet column of text is grouped as it is: the engine then works on its dictionary.
    plain = {
        key: columns[key]
        for key in ("request_id", "team", "model", "setting")
        if typed.get(columns.get(key, "").strip('"')) == "VARCHAR"
    }
    kind = typed.get(columns.get("usd", "").strip('"'), "")
    if kind.startswith("DECIMAL") and "requests" not in columns:
        plain["usd"] = columns["usd"]
    for row, meaning in (("start", "start"), ("finish", "end")):
        if typed.get(columns.get(meaning, "").strip('"'), "").startswith(("TIMESTAMP", "DATE")):
            plain[row] = timestamp(columns[meaning])
    first |= {key: columns[key] for key in first if typed.get(columns[key].strip('"')) == "VARCHAR"}
    return LogFormat(
        name="table",
        recognise=lambda seen: is_table(seen, told),
        shape={c: "VARCHAR" for c in {*named, *labels}},
        required=_required(columns, failed),
        rows={**_rows(columns, failed), **plain},
        used=_used(columns, failed),
        otherwise="" if "cache_hit" in columns else "failed",
        keys={**first, **labels},
        numeric=checked,
        cannot_say=_missing(columns),
    )


def _required(columns: Mapping[str, str], failed: str) -> str:
    anything = (columns[m] for m in ("input_tokens", "uncached_input_tokens") if m in columns)
    required = f"{next(anything)} IS NOT NULL OR {failed}"
    # A credit gives dollars back and has no tokens.
    return (
        f"{required} OR TRY_CAST({columns['usd']} AS DOUBLE) < 0" if "usd" in columns else required
    )


def _failed_values(head: Head, columns: Mapping[str, str]) -> str:
    """Write the failure condition over the values a Parquet file has, which is quick to test."""
    condition = _failed(columns, head)
    if head.container is not Container.PARQUET or "status" not in columns:
        return condition
    status = columns["status"]
    sql = f"SELECT DISTINCT CAST({status} AS VARCHAR) FROM read_parquet(?) WHERE {condition}"
    values = ask(f"{sql} LIMIT 100", [str(head.path)])
    if len(values) == 100:
        return condition
    listed = ", ".join(quote(value) for (value,) in values)
    # A function of one column is called once per entry of its dictionary, a comparison per row.
    found = f"list_position([{listed}], CAST({status} AS VARCHAR)) IS NOT NULL"
    return found if values else "FALSE"


def _failed(columns: Mapping[str, str], head: Head) -> str:
    if "status" not in columns:
        return "FALSE"
    said = f"CAST({columns['status']} AS VARCHAR)"
    status = f"lower({said})"
    failed = f"COALESCE({status} NOT IN ({_FINE}) AND NOT starts_with({status}, '2'), FALSE)"
    # Most rows say the same: one comparison answers for them.
    words = (fine.strip("'") for fine in _FINE.split(", ")[:-1])
    usual = quote(max(words, key=lambda word: head.text.count(f'"{word}"')))
    return f"CASE WHEN {said} = {usual} THEN FALSE ELSE {failed} END"


def _rows(columns: Mapping[str, str], failed: str) -> dict[str, str]:
    rows = {"n": "1", "failed": "0", "kind": "'used'"}
    cases = [f"WHEN {failed} THEN 'failed'"] if failed != "FALSE" else []
    if "cache_hit" in columns:
        hit = f"lower(CAST({columns['cache_hit']} AS VARCHAR)) IN ('true', '1')"
        cases.append(f"WHEN {hit} THEN 'cache_hit'")
    if cases:
        rows["kind"] = f"CASE {' '.join(cases)} ELSE 'used' END"
    for row, meaning, read in _READ:
        if meaning in columns:
            rows[row] = read(columns[meaning])
    if {"usd", "requests"} <= columns.keys():
        # A sum over many requests may need more digits than the dollars of one.
        rows["usd"] = f"TRY_CAST(TRY_CAST({columns['usd']} AS DOUBLE) AS DECIMAL(38, 12))"
    if "uncached_input_tokens" in columns and "input_tokens" not in columns:
        uncached = number(columns["uncached_input_tokens"])
        rows["input"] = f"{uncached} + COALESCE({rows.get('cached', '0')}, 0)"
    if "visible_output_tokens" in columns and "output_tokens" not in columns:
        visible = number(columns["visible_output_tokens"])
        rows["output"] = f"{visible} + {rows.get('reasoning', 'NULL')}"
    return rows


def _used(columns: Mapping[str, str], failed: str) -> str:
    """Write the condition of success without a CASE, where only the status decides."""
    if "cache_hit" in columns:
        return "kind = 'used'"
    return f"NOT {failed}" if failed != "FALSE" else "TRUE"


def _seconds(column: str) -> str:
    return f"TRY_CAST({column} AS DOUBLE)"


def _milliseconds(column: str) -> str:
    return f"TRY_CAST({column} AS DOUBLE) / 1000"


_READ: tuple[tuple[str, str, Callable[[str], str]], ...] = (
    ("n", "requests", number),
    ("request_id", "request_id", text),
    ("team", "team", text),
    ("model", "model", text),
    ("setting", "setting", text),
    ("start", "start", moment),
    ("finish", "end", moment),
    ("input", "input_tokens", number),
    ("cached", "cached_input_tokens", number),
    ("output", "output_tokens", number),
    ("reasoning", "reasoning_tokens", number),
    ("retries", "retries", number),
    ("usd", "usd", decimal),
    ("latency_s", "latency_ms", _milliseconds),
    ("latency_s", "latency_s", _seconds),
)


def _missing(columns: Mapping[str, str]) -> tuple[str, ...]:
    missing = []
    for said, meanings in (
        ("reasoning_tokens", ("reasoning_tokens",)),
        ("cached_input_tokens", ("cached_input_tokens",)),
        ("latency", ("latency_s", "latency_ms", "end")),
        ("usd", ("usd",)),
        ("failed", ("status",)),
        ("setting", ("setting",)),
        ("model", ("model",)),
    ):
        if not any(meaning in columns for meaning in meanings):
            missing.append(said)
    return tuple(missing)

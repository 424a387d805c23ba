"""The counting query as text, for people who would rather run it themselves."""

from __future__ import annotations

import re

from costplan.domain.errors import Fault, InputError
from costplan.ingest.histogram import BASE

MEASURES = {
    "input": "input_tokens",
    "cached": "cached_input_tokens",
    "output": "output_tokens",
    "reasoning": "reasoning_tokens",
    "latency_ms": "latency_ms",
}
"""Columns of the flat view that have a histogram."""
GROUPS = ("class", "model", "setting")

DIALECTS: dict[str, tuple[str, str, str, str]] = {
    "ansi": ('"', "LN({x})", "CASE WHEN {x} > 1 THEN {x} ELSE 1 END", "INTEGER"),
    "athena": ('"', "LN({x})", "GREATEST({x}, 1)", "BIGINT"),
    "bigquery": ("`", "LN({x})", "GREATEST({x}, 1)", "INT64"),
    "clickhouse": ("`", "log({x})", "greatest({x}, 1)", "Int64"),
    "databricks": ("`", "LN({x})", "GREATEST({x}, 1)", "BIGINT"),
    "duckdb": ('"', "LN({x})", "GREATEST({x}, 1)", "BIGINT"),
    "mssql": ('"', "LOG({x})", "CASE WHEN {x} > 1 THEN {x} ELSE 1 END", "BIGINT"),
    "mysql": ("`", "LN({x})", "GREATEST({x}, 1)", "SIGNED"),
    "oracle": ('"', "LN({x})", "GREATEST({x}, 1)", "NUMBER(19)"),
    "postgres": ('"', "LN(CAST({x} AS DOUBLE PRECISION))", "GREATEST({x}, 1)", "BIGINT"),
    "redshift": ('"', "LN(CAST({x} AS DOUBLE PRECISION))", "GREATEST({x}, 1)", "BIGINT"),
    "snowflake": ('"', "LN({x})", "GREATEST({x}, 1)", "BIGINT"),
    "spark": ("`", "LN({x})", "GREATEST({x}, 1)", "BIGINT"),
    "trino": ('"', "LN({x})", "GREATEST({x}, 1)", "BIGINT"),
}
"""Quote, logarithm, at least 1, and the type of a bucket, per dialect."""

_TABLE = re.compile(r"[A-Za-z0-9_.$`\"\-]+")


def histogram_sql(dialect: str, table: str = "llm_requests") -> str:
    """Write the query of a dialect over a view with one row per successful request.

    Raises InputError for an unknown dialect or a table that is no plain name.
    """
    known = dialect.lower()
    if known not in DIALECTS:
        advice = "known: " + ", ".join(DIALECTS)
        raise InputError([Fault(f"unknown dialect {dialect!r}", advice=advice)])
    if not _TABLE.fullmatch(table):
        raise InputError([Fault(f"--table {table!r} is not a plain name")])
    parts = [_measure(known, measure, column, table) for measure, column in MEASURES.items()]
    return _comment(table) + "\nUNION ALL\n".join([*parts, _totals(known, table)])


def _comment(table: str) -> str:
    return (
        f"-- {table}: one row per successful request that a model answered, with the columns\n"
        "--   class, model, setting, started_at (timestamp, UTC), input_tokens (cached ones\n"
        "--   included), cached_input_tokens, output_tokens (reasoning included),\n"
        "--   reasoning_tokens, latency_ms, cost_usd; unknown is NULL.\n"
        "-- Save the result as CSV and give it to: costplan ingest usage result.csv\n"
    )


def _groups(dialect: str) -> str:
    """Quote the groups: `class` is reserved in places, and Snowflake and Oracle fold case."""
    mark = DIALECTS[dialect][0]
    fold = dialect in {"snowflake", "oracle"}
    return ", ".join(f"{mark}{name.upper() if fold else name}{mark}" for name in GROUPS)


def _measure(dialect: str, measure: str, column: str, table: str) -> str:
    _, logarithm, floor_one, kind = DIALECTS[dialect]
    bucket = f"FLOOR({logarithm.format(x=floor_one.format(x=column))}"
    bucket += f" / {logarithm.format(x=BASE)})"
    groups = _groups(dialect)
    return (
        f"SELECT {groups}, '{measure}' AS measure, CAST({bucket} AS {kind}) AS bucket,\n"
        f"  COUNT(*) AS requests, SUM({column}) AS total, MIN(started_at) AS first_at,"
        f" MAX(started_at) AS last_at\n"
        f"FROM {table} WHERE {column} IS NOT NULL\n"
        f"GROUP BY {groups}, CAST({bucket} AS {kind})"
    )


def _totals(dialect: str, table: str) -> str:
    kind = DIALECTS[dialect][3]
    groups = _groups(dialect)
    return (
        f"SELECT {groups}, 'usd' AS measure, CAST(0 AS {kind}) AS bucket,\n"
        "  COUNT(*) AS requests, SUM(cost_usd) AS total, MIN(started_at) AS first_at,"
        " MAX(started_at) AS last_at\n"
        f"FROM {table}\n"
        f"GROUP BY {groups}"
    )

"""How long reading logs takes beside bare DuckDB queries over the same file.

    python -m benchmarks.ingest [--rows 10000000] [--json-rows 3000000]

Whole processes in turn, median of five: seconds, peak memory, and the ratio of `costplan ingest
usage` to each query. The log is made by DuckDB in a temporary folder and removed afterwards.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 5
_GROUPS = "task_class, model, status"
_SIZES = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens")
_MEANS = ", ".join(f"avg({c})" for c in (*_SIZES, "latency_s")) + ", sum(cost_usd)"
_BUCKET = "CAST(FLOOR(LN(GREATEST({x}, 1)) / LN(1.02)) AS INTEGER)"
QUERIES = {
    "counts and means": "SELECT {groups}, count(*), {means} FROM {log} GROUP BY ALL",
    "each id counted once": "SELECT count(DISTINCT hash(request_id)) FROM {log}",
    "histograms": ";".join(
        f"SELECT task_class, {_BUCKET.format(x=x)}, count(*), sum({x}) FROM {{log}}"
        " WHERE status = 'success' GROUP BY 1, 2"
        for x in (*_SIZES, "latency_s * 1000")
    ),
    "every column into a table": "CREATE TABLE log AS SELECT * FROM {log}",
}
REFERENCES = {
    "counts and means": ("counts and means",),
    "counts and means, histograms": ("counts and means", "histograms"),
    "counts and means, each id once": ("counts and means", "each id counted once"),
    "counts and means, histograms, each id once": (
        "counts and means",
        "histograms",
        "each id counted once",
    ),
}
JSON_REFERENCES = {
    "counts and means": ("counts and means",),
    "counts and means, each id once": ("counts and means", "each id counted once"),
    "the file into a table, counts and means": ("every column into a table",),
}
LOG = """
COPY (
  SELECT 'req-' || i AS request_id,
    TIMESTAMP '2026-10-01' + to_microseconds(i * (2592000000000 // {rows})) AS ts,
    'class-' || (i * 7919 % 8) AS task_class, ['o3', 'gpt-5', 'gpt-5-mini'][1 + i % 3] AS model,
    CASE WHEN i % 50 = 0 THEN 'error' ELSE 'success' END AS status,
    5 + CAST(exp(6 + 1.2 * sqrt(-2 * ln(1 - random())) * cos(6.283 * random())) AS BIGINT)
      AS input_tokens, CAST(random() * 5 AS BIGINT) AS cached_input_tokens,
    600 + CAST(exp(6.5 + 1.1 * sqrt(-2 * ln(1 - random())) * cos(6.283 * random())) AS BIGINT)
      AS output_tokens, CAST(random() * 500 AS BIGINT) AS reasoning_tokens,
    round(exp(1 + 0.7 * sqrt(-2 * ln(1 - random())) * cos(6.283 * random())), 3) AS latency_s,
    CAST(random() * 0.01 AS DECIMAL(18, 6)) AS cost_usd
  FROM range({rows}) t(i)
) TO '{path}' (FORMAT {form})
"""
_MEASURED = (
    "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True,"
    " stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL);"
    " print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)


def make(path: Path, rows: int, form: str) -> None:
    """Write a log of one request a row."""
    sql = "SET memory_limit='2GB'; SET preserve_insertion_order=false;"
    sql += LOG.format(rows=rows, path=path, form=form)
    subprocess.run(
        [sys.executable, "-c", "import duckdb, sys; duckdb.execute(sys.argv[1])", sql], check=True
    )


def run(command: list[str]) -> tuple[float, int]:
    """Run a command; seconds and peak memory in kB."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, *command], check=True, capture_output=True, text=True
    )
    return time.perf_counter() - start, int(done.stdout)


def bare(names: tuple[str, ...], source: str) -> list[str]:
    """Write the command of bare queries over a file."""
    sql = ";".join(QUERIES[n].format(groups=_GROUPS, means=_MEANS, log=source) for n in names)
    code = "import duckdb, sys; [duckdb.execute(q).fetchall() for q in sys.argv[1].split(';')]"
    return [sys.executable, "-c", code, sql]


def compare(path: Path, source: str, references: dict[str, tuple[str, ...]]) -> None:
    """Print one table."""
    costplan = [sys.executable, "-c", "from costplan.cli.app import main; main()"]
    commands = {"costplan ingest usage": [*costplan, "ingest", "usage", str(path), "--json"]}
    commands |= {f"bare: {label}": bare(names, source) for label, names in references.items()}
    taken: dict[str, list[tuple[float, int]]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            taken[name].append(run(command))
    mine = statistics.median(s for s, _ in taken["costplan ingest usage"])
    print(f"\n{path.name}, {path.stat().st_size / 1e6:,.0f} MB")
    print(f"{'':52} {'median':>8} {'memory':>8} {'ratio':>6}")
    for name, rounds in taken.items():
        seconds = statistics.median(s for s, _ in rounds)
        memory = max(kb for _, kb in rounds) / 1e3
        print(f"{name:52} {seconds:7.2f}s {memory:5,.0f} MB {mine / seconds:6.2f}")


def main() -> None:
    """Make the logs, compare, remove them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the Parquet log")
    parser.add_argument("--json-rows", type=int, default=3_000_000, help="lines of the JSON log")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="costplan-benchmark-") as folder:
        parquet, lines = Path(folder) / "log.parquet", Path(folder) / "log.jsonl"
        if options.rows:
            make(parquet, options.rows, "parquet")
            compare(parquet, f"read_parquet('{parquet}')", REFERENCES)
        if options.json_rows:
            make(lines, options.json_rows, "json")
            compare(lines, f"read_json_auto('{lines}')", JSON_REFERENCES)


if __name__ == "__main__":
    main()

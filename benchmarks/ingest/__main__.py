"""How long reading logs takes beside bare DuckDB queries over the same file.

    python -m benchmarks.ingest [--rows 10000000] [--json-rows 3000000]

Whole processes in turn, medians of five rounds: seconds on the clock and of the processor, peak
memory, and the ratios of `costplan ingest usage` to each query, which are taken round by round.
Beside counts and means the command counts each request once, fills histograms and compares prices;
the queries are put together from the same parts, and the last ones show what a part costs alone.
The log is made by DuckDB in a temporary folder and removed afterwards.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROUNDS = 5
_GROUPS = "task_class, model, status"
_SIZES = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens")
_MEANS = ", ".join(f"avg({c})" for c in (*_SIZES, "latency_s")) + ", sum(cost_usd)"
_BUCKET = "CAST(FLOOR(LN(GREATEST({x}, 1)) / LN(1.02)) AS INTEGER)"
QUERIES = {
    "counts and means": "SELECT {groups}, count(*), {means} FROM {log} GROUP BY ALL",
    "each id counted once": "SELECT count(DISTINCT hash(request_id)) FROM {log}",
    "each id hashed": "SELECT bit_xor(hash(request_id)) FROM {log}",
    "nothing": "SELECT 1",
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
    "part: ids read and hashed": ("each id hashed",),
    "part: Python and the engine start": ("nothing",),
}
WITHOUT_IDS = {
    label: names for label, names in REFERENCES.items() if not any("each id" in n for n in names)
}
JSON_REFERENCES = {
    "counts and means": ("counts and means",),
    "counts and means, each id once": ("counts and means", "each id counted once"),
    "the file into a table": ("every column into a table",),
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
    " used = resource.getrusage(resource.RUSAGE_CHILDREN);"
    " print(used.ru_utime + used.ru_stime, used.ru_maxrss)"
)


class Taken(NamedTuple):
    """What one process took."""

    seconds: float
    """On the clock."""
    processor_s: float
    """Of all threads, in the process and in the system."""
    memory_kb: int
    """At most."""


def make(path: Path, rows: int, form: str) -> None:
    """Write a log of one request a row."""
    _execute(LOG.format(rows=rows, path=path, form=form))


def leave_out_ids(path: Path, out: Path) -> None:
    """Copy a log without the ids of its requests."""
    _execute(f"COPY (SELECT * EXCLUDE request_id FROM '{path}') TO '{out}' (FORMAT parquet)")


def _execute(sql: str) -> None:
    """Run SQL in a process of its own, so that its memory is not ours."""
    sql = f"SET memory_limit='2GB'; SET preserve_insertion_order=false; {sql}"
    subprocess.run(
        [sys.executable, "-c", "import duckdb, sys; duckdb.execute(sys.argv[1])", sql], check=True
    )


def run(command: list[str]) -> Taken:
    """Run a command and measure it."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, *command], check=True, capture_output=True, text=True
    )
    seconds = time.perf_counter() - start
    processor, memory = done.stdout.split()
    return Taken(seconds, float(processor), int(memory))


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
    taken: dict[str, list[Taken]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            taken[name].append(run(command))
    mine = taken["costplan ingest usage"]
    print(f"\n{path.name}, {path.stat().st_size / 1e6:,.0f} MB")
    print(f"{'':52} {'clock':>8} {'ratio':>6} {'processor':>10} {'ratio':>6} {'memory':>9}")
    for name, rounds in taken.items():
        seconds = statistics.median(t.seconds for t in rounds)
        processor = statistics.median(t.processor_s for t in rounds)
        clocks = [m.seconds / t.seconds for m, t in zip(mine, rounds, strict=True)]
        works = [m.processor_s / t.processor_s for m, t in zip(mine, rounds, strict=True)]
        print(
            f"{name:52} {seconds:7.2f}s {statistics.median(clocks):6.2f} {processor:9.2f}s"
            f" {statistics.median(works):6.2f} {max(t.memory_kb for t in rounds) / 1e3:6,.0f} MB"
        )


def main() -> None:
    """Make the logs, compare, remove them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the Parquet log")
    parser.add_argument("--json-rows", type=int, default=3_000_000, help="lines of the JSON log")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="costplan-benchmark-") as folder:
        parquet, lines = Path(folder) / "log.parquet", Path(folder) / "log.jsonl"
        without = Path(folder) / "without-ids.parquet"
        if options.rows:
            make(parquet, options.rows, "parquet")
            compare(parquet, f"read_parquet('{parquet}')", REFERENCES)
            leave_out_ids(parquet, without)
            compare(without, f"read_parquet('{without}')", WITHOUT_IDS)
        if options.json_rows:
            make(lines, options.json_rows, "json")
            compare(lines, f"read_json_auto('{lines}')", JSON_REFERENCES)


if __name__ == "__main__":
    main()

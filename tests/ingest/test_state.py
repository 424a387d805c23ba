"""What a state keeps: only new files are read, and a stopped run goes on where it was."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from costplan.domain.errors import InputError
from costplan.ingest.usage.run import UsageOptions, read_usage


def recalled(paths, options):
    seen = []
    result = read_usage(paths, options, lambda p: seen.append((p.file, p.recalled)))
    return result, [Path(file).name for file, known in seen if not known]


def test_only_new_files_are_read(write_lines, spend, tmp_path):
    """A second run reads the new file alone and counts what a run over everything counts."""
    options = UsageOptions(state=tmp_path / "state")
    first = write_lines("a.jsonl", [spend(i) for i in range(100)])
    recalled([first], options)
    second = write_lines("b.jsonl", [spend(i) for i in range(90, 200)])
    result, read = recalled([first, second], options)
    assert read == ["b.jsonl"]
    fresh = read_usage([first, second])
    assert result.totals == fresh.totals
    assert result.rows == fresh.rows
    assert (result.rows["duplicates"], result.rows["read"]) == (10, 210)
    assert result.histograms == fresh.histograms


def test_a_moved_file_is_known_and_a_grown_one_is_read_again(write_lines, spend, tmp_path):
    """Content decides: moving changes nothing, growing makes a file new."""
    options = UsageOptions(state=tmp_path / "state")
    path = write_lines("a.jsonl", [spend(i) for i in range(10)])
    recalled([path], options)
    moved = path.rename(tmp_path / "moved.jsonl")
    assert recalled([moved], options)[1] == []
    grown = write_lines("moved.jsonl", [spend(i) for i in range(12)])
    result, read = recalled([grown], UsageOptions(state=tmp_path / "state2"))
    assert (read, result.totals.requests) == (["moved.jsonl"], 12)


def test_a_damaged_state_is_a_fault(write_lines, spend, tmp_path):
    """A record that is no JSON is named, not trusted."""
    options = UsageOptions(state=tmp_path / "state")
    path = write_lines("a.jsonl", [spend(1)])
    read_usage([path], options)
    for record in (tmp_path / "state").glob("part-*.json"):
        record.write_text("{")
    with pytest.raises(InputError, match="damaged"):
        read_usage([path], options)


SCRIPT = """
import sys
from pathlib import Path
from costplan.ingest.usage.run import UsageOptions, read_usage
read_usage(
    [Path(sys.argv[1])],
    UsageOptions(state=Path(sys.argv[2]), part_records=20_000),
    lambda p: print(p.records, flush=True),
)
"""


def test_a_killed_run_goes_on_where_it_was(tmp_path):
    """A run that is killed between parts loses none of the parts it had counted."""
    path, state = tmp_path / "t.parquet", tmp_path / "state"
    duckdb.execute(
        "COPY (SELECT 'r' || i AS request_id, TIMESTAMP '2026-10-01' + to_seconds(i) AS ts,"
        " 'c' AS task_class, 'o3' AS model, i % 100 AS input_tokens, i % 50 AS output_tokens"
        f" FROM range(1000000) t(i)) TO '{path}' (FORMAT parquet)"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(path), str(state)], stdout=subprocess.PIPE, text=True
    )
    assert run.stdout is not None
    run.stdout.readline()
    run.send_signal(signal.SIGKILL)
    run.wait(timeout=30)
    run.stdout.close()
    kept = len(list(state.glob("part-*.json")))
    assert 1 <= kept < 50
    options = UsageOptions(state=state, part_records=20_000)
    known = []
    result = read_usage([path], options, lambda p: known.append(p.recalled))
    assert sum(known) == kept
    assert result.totals.requests == 1_000_000
    assert result.rows["duplicates"] == 0

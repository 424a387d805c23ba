"""What a state keeps: only new files are read, and a stopped run goes on where it was."""

from __future__ import annotations

import gzip
import hashlib
import json
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest
import zstandard

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


CUT = {"chunk_bytes": 6_000}


def noise(i):
    """Text that does not pack."""
    return hashlib.sha512(b"%d" % i).hexdigest() * 4


def lines_of(kind, ids, spend):
    if kind == "jsonl":
        return "".join(json.dumps(spend(i, user=noise(i))) + "\n" for i in ids)
    rows = [
        f"r{i},2026-10-01T{i // 60 % 24:02}:{i % 60:02}:00,t{i % 3},o3,{i},{i % 7},"
        f'"a ""b"", {i}\n{noise(i)}"'
        for i in ids
    ]
    return "\n".join(["request_id,ts,kind,model,input_tokens,output_tokens,note", *rows])


@pytest.mark.parametrize("pack", ["none", "gzip", "zstd"])
@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_a_file_counted_in_chunks_is_the_file_counted_whole(tmp_path, spend, kind, pack):
    """Chunks end where records end, line breaks inside quotes or not, and share no duplicates."""
    text = lines_of(kind, [*range(150), *range(20)], spend).encode()
    packed = {"none": text, "gzip": gzip.compress(text), "zstd": zstandard.compress(text)}[pack]
    path = tmp_path / f"log.{kind}"
    path.write_bytes(packed)
    key = "task" if kind == "jsonl" else "kind"
    whole = read_usage([path], UsageOptions(class_by=key))
    steps = []
    options = UsageOptions(class_by=key, chunk_bytes=8_000)
    cut = read_usage([path], options, lambda p: steps.append(p.records))
    assert len(steps) > 3
    assert cut.totals == whole.totals
    assert cut.rows == whole.rows
    assert cut.rows["duplicates"] == 20
    assert cut.histograms == whole.histograms


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_malformed_lines_of_chunks_keep_their_place(tmp_path, spend, kind):
    """A malformed line is placed in the file, not in its chunk."""
    if kind == "jsonl":
        lines = [json.dumps(spend(i)) for i in range(300)]
        lines[250] = '{"request_id": "half'
    else:
        lines = ["request_id,model,input_tokens,output_tokens"]
        lines += [f"r{i},o3,{i},5" for i in range(3000)]
        lines[2500] = "r,o3,x,5"
    path = tmp_path / f"a.{kind}"
    path.write_text("\n".join(lines) + "\n")
    result = read_usage([path], UsageOptions(**CUT))
    expected = 251 if kind == "jsonl" else 2501
    assert [(b.file, b.line) for b in result.bad] == [(str(path), expected)]


def test_what_was_appended_is_all_that_is_read_again(tmp_path, spend):
    """Of a file that grew only its last chunk and what follows are read; nothing counts twice."""
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(spend(i)) + "\n" for i in range(500)))
    options = UsageOptions(state=tmp_path / "state", **CUT)
    read_usage([path], options)
    kept = len(list((tmp_path / "state").glob("part-*.json")))
    with path.open("a") as file:
        file.write("".join(json.dumps(spend(i)) + "\n" for i in range(450, 560)))
    known = []
    result = read_usage([path], options, lambda p: known.append(p.recalled))
    assert known == sorted(known, reverse=True)
    assert sum(known) == kept - 1
    assert (result.totals.requests, result.rows["duplicates"]) == (560, 50)


def test_a_state_does_not_depend_on_what_else_is_given(write_lines, spend, tmp_path):
    """Duplicates are found anew where other files, or files in another order, are given."""
    options = UsageOptions(state=tmp_path / "state")
    first = write_lines("a.jsonl", [spend(i) for i in range(100)])
    second = write_lines("b.jsonl", [spend(i) for i in range(90, 150)])
    read_usage([first, second], options)
    assert read_usage([second], options).totals.requests == 60
    assert read_usage([first, second], options).totals.requests == 150
    assert read_usage([second, first], options).totals.requests == 150
    third = write_lines("c.jsonl", [spend(i) for i in range(80, 95)])
    assert read_usage([third, second, first], options).totals.requests == 150
    assert read_usage([third], options).totals.requests == 15


def test_the_same_content_twice_counts_once(write_lines, spend, tmp_path):
    """A copy of a file under another name adds nothing, with and without a state."""
    first = write_lines("a.jsonl", [spend(i) for i in range(20)])
    copy = write_lines("b.jsonl", [spend(i) for i in range(20)])
    for options in (UsageOptions(), *[UsageOptions(state=tmp_path / "state")] * 2):
        result = read_usage([first, copy], options)
        assert (result.totals.requests, result.rows["duplicates"]) == (20, 20)


def test_nothing_of_a_log_is_left_on_disk(tmp_path, write_lines, spend, monkeypatch):
    """Chunks of a log have no name while they are counted, so that no killed run leaves prompts."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    path = write_lines("a.jsonl", [spend(i) for i in range(2000)])
    found = []

    def look(_):
        with suppress(OSError):  # what is temporary may go while it is listed
            files = (file for file in scratch.rglob("*") if file.is_file())
            found.extend(b"SECRET" in file.read_bytes() for file in files)

    result = read_usage([path], UsageOptions(chunk_bytes=50_000), look)
    assert result.totals.requests == 2000
    if Path("/proc/self/fd").is_dir():
        assert not any(found)

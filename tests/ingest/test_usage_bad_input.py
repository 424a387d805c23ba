"""What goes wrong in real logs, and what is made of it."""

from __future__ import annotations

import gzip
import json

import pytest
import zstandard

from costplan.domain.errors import InputError
from costplan.ingest.usage.contract import usage_json
from costplan.ingest.usage.run import UsageOptions, read_usage
from costplan.ingest.workload_yaml import Draft, write_workload


def faults_of(error):
    return " ".join(f"{f.file} {f.message} {f.advice}" for f in error.value.faults)


def test_malformed_lines_are_counted_and_placed(write_lines, spend):
    """Malformed lines are counted and shown with their line; the others count."""
    rows = [spend(1), '{"request_id": "half', "", spend(2), "[1, 2]", spend(3, prompt_tokens="x")]
    result = read_usage([write_lines("a.jsonl", rows)])
    assert result.rows["bad"] == 3
    assert [b.line for b in result.bad] == [2, 5, 6]
    assert result.totals.requests == 2
    assert result.bad[2].reason == "prompt_tokens is not a number"


def test_a_broken_first_line_does_not_hide_the_format(write_lines, spend):
    """The format is recognised although the first line is cut."""
    result = read_usage([write_lines("a.jsonl", ['{"request_id": "x', spend(1), spend(2)])])
    assert result.totals.requests == 2


def test_max_bad_stops_the_run(write_lines, spend):
    """Past --max-bad the run stops and shows where."""
    path = write_lines("a.jsonl", [spend(1), "{", "{", spend(2)])
    with pytest.raises(InputError) as error:
        read_usage([path], UsageOptions(max_bad=1))
    assert [f.line for f in error.value.faults if f.line] == [2, 3]
    assert "--max-bad" in faults_of(error)
    assert read_usage([path], UsageOptions(max_bad=2)).rows["bad"] == 2


def test_wrong_encoding_makes_a_line_malformed(tmp_path, spend):
    """A line that is not UTF-8 is malformed, the rest counts; UTF-16 is refused with advice."""
    path = tmp_path / "a.jsonl"
    latin = json.dumps(spend(2, user="x")).replace('"x"', '"\xe9"').encode("latin-1")
    path.write_bytes(json.dumps(spend(1)).encode() + b"\n" + latin + b"\n")
    result = read_usage([path])
    assert (result.totals.requests, result.rows["bad"], result.bad[0].line) == (1, 1, 2)
    assert result.bad[0].reason == "not UTF-8"
    path.write_bytes(json.dumps(spend(1)).encode("utf-16-le"))
    with pytest.raises(InputError, match="UTF-16"):
        read_usage([path])
    path.write_bytes(json.dumps(spend(1)).encode("utf-16"))
    with pytest.raises(InputError, match="UTF-16"):
        read_usage([path])


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_packed_files(tmp_path, spend, pack):
    """Gzip and zstd are read whatever the file is called; a truncated one is refused whole."""
    data = pack("".join(json.dumps(spend(i)) + "\n" for i in range(20_000)).encode())
    path = tmp_path / "a.log"
    path.write_bytes(data)
    assert read_usage([path]).totals.requests == 20_000
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError) as error:
        read_usage([path])
    assert "cut off" in faults_of(error)


def test_impossible_and_contradictory_tokens(write_lines, spend):
    """Negative tokens are malformed, negative dollars a credit; contradictions are mended."""
    odd = {"usage_object": {"completion_tokens_details": {"reasoning_tokens": 51}}}
    much = {"usage_object": {"prompt_tokens_details": {"cached_tokens": 101}}}
    rows = [
        spend(1),
        spend(2, prompt_tokens=-1),
        spend(3, metadata=odd),
        spend(4, metadata=much),
        spend(5, spend=-1),
    ]
    result = read_usage([write_lines("a.jsonl", rows)])
    assert result.rows["bad"] == 1
    assert result.rows["credits"] == 1
    assert result.totals.tokens["reasoning_tokens"] == 30
    assert result.totals.tokens["cached_input_tokens"] == 20 + 100
    said = " ".join(result.warnings)
    assert "reasoning above output" in said
    assert "cached tokens above input" in said


def test_a_clock_that_goes_backwards(write_lines, spend):
    """An end before its start leaves the latency unknown and is said."""
    rows = [spend(1), spend(2, endTime="2026-09-30T00:00:00Z")]
    result = read_usage([write_lines("a.jsonl", rows)])
    assert result.totals.sizes["latency_s"].mean == pytest.approx(0.5)
    assert any("end before start" in w for w in result.warnings)


def test_duplicates_count_once(write_lines, spend):
    """A request id counts once inside a file and across files, and the successful copy stays."""
    first = write_lines("a.jsonl", [spend(1, status="failure"), spend(1), spend(2), spend(2)])
    second = write_lines("b.jsonl", [spend(2), spend(3)])
    result = read_usage([first, second])
    assert result.totals.requests == 3
    assert result.rows["duplicates"] == 3
    assert result.rows["failed"] == 0
    assert result.rows["read"] == 6


def test_cache_hits_failures_and_other_calls_are_apart(write_lines, spend):
    """Cache hits, failures, retries and embeddings are not requests of a model."""
    rows = [
        spend(1, metadata={"attempted_retries": 2}),
        spend(2, cache_hit="True"),
        spend(3, status="failure", spend=0.5),
        spend(4, call_type="aembedding"),
    ]
    result = read_usage([write_lines("a.jsonl", rows)])
    assert (result.totals.requests, result.totals.cache_hits, result.totals.failed) == (1, 1, 1)
    assert (result.totals.retries, result.rows["skipped"]) == (2, 1)
    assert any("failed requests cost $0.50," in w for w in result.warnings)


@pytest.mark.parametrize(
    ("spends", "said"),
    [((0.01, 0.02), "$0.0300"), ((0.0000125,), "$0.0000125"), ((1.005, 2.34), "$3.34")],
)
def test_dollars_of_failures_are_written_as_dollars(write_lines, spend, spends, said):
    """What failed requests cost has as many digits as say something, however small it is."""
    rows = [spend(0), *(spend(i, status="failure", spend=s) for i, s in enumerate(spends, 1))]
    result = read_usage([write_lines("a.jsonl", rows)])
    assert f"failed requests cost {said}, not in the spend above" in result.warnings


def test_prompts_are_never_copied(write_lines, spend, tmp_path):
    """No prompt reaches the result, the state or the workload, nor a malformed line's text."""
    state = tmp_path / "state"
    path = write_lines("a.jsonl", [spend(1), '{"SECRET PROMPT'])
    result = read_usage([path], UsageOptions(state=state))
    kept = json.dumps(usage_json(result)) + write_workload(result, Draft())
    kept += "".join(p.read_bytes().decode("latin-1") for p in state.iterdir())
    assert "SECRET" not in kept


def test_mixed_formats_in_one_file_and_in_one_run(write_lines, spend, tmp_path):
    """Lines of another format are malformed; files of other formats are simply added."""
    table = tmp_path / "t.csv"
    table.write_text("request_id,model,input_tokens,output_tokens\nz,o3,5,7\n")
    path = write_lines("a.jsonl", [spend(1), {"resourceSpans": []}])
    result = read_usage([path, table])
    assert result.rows["bad"] == 1
    assert result.totals.requests == 2
    assert result.formats == ("litellm", "table")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("hello world\n", "no usage format"),
        ("a,b\n1,2\n", "its columns are a, b"),
        ('[{"startTime": "2026-10-01", "spend": 3, "users": {}, "models": {}}]', "daily totals"),
        (
            '[{"request_id": "a", "startTime": "x", "spend": 1, "prompt_tokens": 3}, {"re',
            "readable",
        ),
    ],
)
def test_files_that_are_no_logs(tmp_path, text, said):
    """What cannot be read is refused with what was seen and what to do."""
    path = tmp_path / "x"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_usage([path])
    assert said in faults_of(error)


def test_missing_and_broken_files(tmp_path):
    """A missing file and a broken Parquet file are faults, not traces."""
    with pytest.raises(InputError):
        read_usage([tmp_path / "none.json"])
    path = tmp_path / "x.parquet"
    path.write_bytes(b"PAR1" + b"\0" * 100)
    with pytest.raises(InputError, match="Parquet"):
        read_usage([path])


def test_csv_rows_of_the_wrong_width(tmp_path):
    """A CSV row with too many cells is malformed and placed."""
    path = tmp_path / "t.csv"
    path.write_text(
        "request_id,model,input_tokens,output_tokens\na,o3,5,7\nb,o3,5,7,9,9\nc,o3,x,7\nd,o3,5,7\n"
    )
    result = read_usage([path])
    assert result.totals.requests == 2
    assert [b.line for b in result.bad] == [3, 4]


def test_faults_of_all_files_come_at_once(tmp_path, write_lines, spend):
    """What is wrong with each of several files is said in one go."""
    paths = [tmp_path / name for name in ("none.json", "empty.json", "wide.csv")]
    paths[1].write_text("")
    paths[2].write_bytes("a,b\n1,2\n".encode("utf-16"))
    with pytest.raises(InputError) as error:
        read_usage([write_lines("a.jsonl", [spend(1)]), *paths])
    assert {fault.file for fault in error.value.faults} == set(map(str, paths))
    cut = [tmp_path / "1.gz", tmp_path / "2.gz"]
    for path in cut:
        path.write_bytes(gzip.compress(json.dumps(spend(1)).encode() * 1000)[:-20])
    with pytest.raises(InputError) as error:
        read_usage(cut)
    assert [fault.file for fault in error.value.faults] == [str(path) for path in cut]


def test_a_folder_may_hold_other_things(tmp_path, spend):
    """Of a folder, what is no log is left out and named; a log that is broken is a fault."""
    (tmp_path / "a.jsonl").write_text(json.dumps(spend(1)) + "\n")
    (tmp_path / "README.md").write_text("hello\n")
    (tmp_path / "_SUCCESS").write_text("")
    result = read_usage([tmp_path])
    assert result.totals.requests == 1
    assert [w.split(" is left out")[0] for w in result.warnings] == [
        str(tmp_path / "README.md"),
        str(tmp_path / "_SUCCESS"),
    ]
    (tmp_path / "b.parquet").write_bytes(b"PAR1" + bytes(100))
    with pytest.raises(InputError, match="Parquet"):
        read_usage([tmp_path])


def test_times_with_an_offset_and_unix_times(tmp_path):
    """Times are brought to UTC whatever they are written in."""
    path = tmp_path / "t.csv"
    for text in (
        "2026-10-01T00:30:00+02:00",
        "2026-09-30 20:00:00-0230",
        "2026-09-30T22:30:00Z",
        "2026-09-30 22:30",
        "1790807400",
        "1790807400000",
        "1790807400000000",
    ):
        path.write_text(f"ts,input_tokens,output_tokens\n{text},5,6\n")
        assert str(read_usage([path]).span.start) == "2026-09-30 22:30:00", text


def test_numbers_that_cannot_be(tmp_path):
    """Endless latencies are unknown and said; more tokens than can be make a row malformed."""
    path = tmp_path / "t.csv"
    path.write_text(
        "input_tokens,output_tokens,latency_s\n5,6,inf\n5,6,nan\n5,6,2\n9999999999999999,6,1\n"
    )
    result = read_usage([path])
    assert result.totals.sizes["latency_s"].mean == pytest.approx(2)
    assert any("2 records: " in w and "no possible duration" in w for w in result.warnings)
    assert [(bad.line, bad.reason) for bad in result.bad] == [(5, "more tokens than there can be")]


def test_deep_nesting_is_no_crash(write_lines, spend, tmp_path):
    """Nesting beyond every parser makes a line malformed, or a file no log, and nothing worse."""
    deep = '{"a":' * 100_000 + "1" + "}" * 100_000
    result = read_usage([write_lines("a.jsonl", [deep, spend(1)])])
    assert result.totals.requests == 1
    path = tmp_path / "deep.json"
    path.write_text('{"data": ' + "[" * 100_000 + "]" * 100_000 + ', "num_model_requests": 1}')
    with pytest.raises(InputError):
        read_usage([path])

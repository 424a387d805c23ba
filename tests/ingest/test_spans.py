"""Parts of a file that are read where they lie."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costplan.domain.errors import InputError
from costplan.ingest.engine import quote
from costplan.ingest.spans import Span, address, read_spans
from costplan.ingest.usage.run import UsageOptions, read_usage

CONTENT = bytes(range(256)) * 2
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(-1, 300)),
        st.tuples(st.just("seek"), st.integers(0, 600)),
        st.tuples(st.just("end"), st.just(0)),
    ),
    max_size=8,
)


@given(start=st.integers(0, 512), size=st.integers(0, 300), steps=STEPS)
def test_a_span_is_a_file_of_its_own(tmp_path_factory, start, size, steps):
    """Whatever is read of a span in whatever order is what a file of those bytes alone gives."""
    path = tmp_path_factory.getbasetemp() / "span.bin"
    if not path.exists():
        path.write_bytes(CONTENT)
    end = min(start + size, len(CONTENT))
    alone = io.BytesIO(CONTENT[start:end])
    with Span(path, start, end) as span:
        for step, amount in steps:
            if step == "read":
                assert span.read(amount) == alone.read(amount)
            else:
                whence = os.SEEK_SET if step == "seek" else os.SEEK_END
                assert span.seek(amount, whence) == alone.seek(amount, whence)


@pytest.mark.parametrize("name", ["a.jsonl", "it's [1]*?.jsonl", "1-2:b.jsonl"])
def test_the_engine_reads_a_span(tmp_path, name):
    """The engine sees the records between two places of a file of any name, and no others."""
    lines = [json.dumps({"i": i}) + "\n" for i in range(100)]
    path = tmp_path / name
    path.write_text("".join(lines))
    start, end = len("".join(lines[:20])), len("".join(lines[:70]))
    with duckdb.connect() as connection:
        read_spans(connection)
        read_spans(connection)
        source = f"read_json({quote(address(path, start, end))}, columns={{i: 'INTEGER'}})"
        found = connection.execute(f"SELECT i FROM {source} ORDER BY i").fetchall()
    assert [i for (i,) in found] == list(range(20, 70))


def test_without_fsspec_large_logs_are_a_fault(monkeypatch):
    """Where the library is missing, the fault says how it is installed."""
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with duckdb.connect() as connection, pytest.raises(InputError, match="fsspec") as caught:
        read_spans(connection)
    assert "costplan[ingest]" in caught.value.faults[0].advice


INTERRUPTED = """
import signal, sys
from pathlib import Path
from costplan.ingest import spans
from costplan.ingest.engine import hear_interrupts
from costplan.ingest.usage.run import UsageOptions, read_usage
signal.signal(signal.SIGINT, signal.default_int_handler)
read = spans.Span.read
def ring(self, size=-1):
    signal.raise_signal(signal.SIGINT)
    return read(self, size)
def readinto(self, buffer):  # what Python asks for, not the engine
    found = read(self, len(buffer))
    buffer[: len(found)] = found
    return len(found)
spans.Span.read, spans.Span.readinto = ring, readinto
try:
    with hear_interrupts():
        read_usage([Path(sys.argv[1])], UsageOptions(chunk_bytes=20_000))
except KeyboardInterrupt:
    print("interrupted", signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""


def test_ctrl_c_inside_the_engine_is_an_interrupt(write_lines, spend):
    """The engine makes an error of its own of Ctrl-C, which must not look like a broken log."""
    path = write_lines("a.jsonl", [spend(i) for i in range(500)])
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(path)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "interrupted True\n", done.stderr


@pytest.mark.parametrize("held", [0, 10**6])
@pytest.mark.parametrize("most", [300, 10**6])
def test_requests_are_found_again_in_any_earlier_part(
    tmp_path, write_lines, spend, monkeypatch, held, most
):
    """Whether ids stay in memory, are put together or saved, each request counts once."""
    monkeypatch.setattr("costplan.ingest.usage.state._HELD_IDS", held)
    monkeypatch.setattr("costplan.ingest.usage.state._MOST_IDS", most)
    ids = [(i * i) % 701 for i in range(1000)]
    path = write_lines("a.jsonl", [spend(i) for i in ids])
    more = write_lines("b.jsonl", [spend(i) for i in range(650, 720)])
    expected = len({*ids, *range(650, 720)})
    for state in (None, tmp_path / "state", tmp_path / "state"):
        result = read_usage([path, more], UsageOptions(chunk_bytes=40_000, state=state))
        assert result.totals.requests == expected
        assert result.rows["duplicates"] == 1070 - expected

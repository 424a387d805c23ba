"""The journal's file: what is cut short, broken, shared."""

from __future__ import annotations

import asyncio
import json
import os
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costplan.domain.errors import InputError
from costplan.probe.journal import Journal
from costplan.probe.records import read_records, read_tally


def send(call, worst="0.5", question="q1", role="ask"):
    """Make the line of a call that is sent."""
    return {
        "k": "send",
        "call": call,
        "role": role,
        "class": "c",
        "question": question,
        "model": "m",
        "setting": "low",
        "sample": 0,
        "attempt": 1,
        "request": "r",
        "worst_usd": worst,
    }


def reply(call, usd="0.1", **more):
    """Make the line of a reply."""
    return {
        "k": "reply",
        "call": call,
        "usd": usd,
        "finish": "stop",
        "input_tokens": 1,
        "output_tokens": 2,
        "cached_input_tokens": None,
        "reasoning_tokens": None,
        "total_s": 0.5,
        "score": 1.0,
        "marked": "d",
        **more,
    }


def fault(call, usd="0"):
    """Make the line of a call that failed."""
    return {"k": "fault", "call": call, "usd": usd, "kind": "timeout"}


def test_a_line_is_synced_before_append_returns(tmp_path, monkeypatch):
    """What append has taken survives a loss of power: the file is synced after the last write."""
    done = []
    real_write, real_sync = os.write, os.fsync

    def note_write(file, data):
        done.append("write")
        return real_write(file, data)

    def note_sync(file):
        done.append("sync")
        return real_sync(file)

    with Journal(tmp_path / "j", ballast=0) as journal:
        monkeypatch.setattr(os, "write", note_write)
        monkeypatch.setattr(os, "fsync", note_sync)
        asyncio.run(journal.append(send("a-1")))
        assert done == ["write", "sync"]
        asyncio.run(journal.append(reply("a-1")))
        assert done == ["write", "sync"] * 2


def written(path, *records):
    """Write records through a journal."""

    async def go(journal):
        for record in records:
            await journal.append(record)

    with Journal(path, ballast=0) as journal:
        asyncio.run(go(journal))


LINES = [
    send("a"),
    reply("a"),
    send("b", question="q2"),
    fault("b", "0.5"),
    send("c", question="q2"),
    reply("c", "0.2"),
    send("d", question="q3"),
]


def test_money_is_added_up_exactly(tmp_path):
    """Replies, uncertain failures and calls without an end make up what is committed."""
    written(tmp_path / "j", *LINES)
    tally = read_tally(tmp_path / "j")
    assert tally.spent_usd == Decimal("0.8")
    assert tally.uncertain_usd == Decimal("0.5")
    assert tally.open_usd == Decimal("0.5")
    assert tally.committed_usd == Decimal("1.3")
    assert (tally.calls, len(tally.replies), tally.faults) == (4, 2, {"timeout": 1})


@given(data=st.data())
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
def test_a_journal_cut_at_any_byte_goes_on(tmp_path, data):
    """Cut anywhere, it opens again; no whole line is lost, and money is never undercounted."""
    path = tmp_path / "j"
    path.unlink(missing_ok=True)
    written(path, *LINES)
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    cut = data.draw(st.integers(first, len(whole)))
    path.write_bytes(whole[:cut])
    complete = whole[:cut].count(b"\n") - 1 + (whole[cut : cut + 1] == b"\n")
    written(path, send("e", question="q9"))
    tally = read_tally(path)
    expected = Decimal(0)
    for record in LINES[:complete]:
        if record["k"] == "send":
            expected += Decimal(record["worst_usd"])
        else:
            expected += Decimal(record["usd"]) - Decimal("0.5")
    assert tally.committed_usd == expected + Decimal("0.5")
    assert tally.opened == 2
    written(path)
    assert read_tally(path).committed_usd == tally.committed_usd


def test_a_line_that_was_changed_is_a_fault_with_its_number(tmp_path):
    """Broken lines in the middle, ends without a beginning and other schemas are refused."""
    path = tmp_path / "j"
    written(path, *LINES)
    lines = path.read_text().splitlines(keepends=True)
    for number, line in ((3, "garbage\n"), (3, json.dumps(reply("zz")) + "\n"), (1, '{"k":"x"}\n')):
        changed = [*lines[: number - 1], line, *lines[number:]]
        path.write_text("".join(changed))
        with pytest.raises(InputError) as caught:
            read_tally(path)
        assert caught.value.faults[0].line in {number, number + 1}
        with pytest.raises(InputError):
            Journal(path, ballast=0)
    path.write_text("".join([lines[0].replace('"schema":1', '"schema":9'), *lines[1:]]))
    with pytest.raises(InputError, match="schema 9"):
        read_tally(path)


def test_many_callers_share_a_sync_and_every_line_is_whole(tmp_path, monkeypatch):
    """Five hundred lines at once are written in a few syncs, none lost, none mixed."""
    import os

    syncs = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (syncs.append(file), real(file))[1])

    async def go(journal):
        lines = [send(f"x{i}", question=f"q{i}") for i in range(500)]
        await asyncio.gather(*[journal.append(line) for line in lines])

    with Journal(tmp_path / "j", ballast=0) as journal:
        asyncio.run(go(journal))
    assert len(syncs) < 50
    assert read_tally(tmp_path / "j").calls == 500


def test_a_line_is_on_disk_when_append_returns(tmp_path):
    """A reader sees the line as soon as the writer goes on."""

    async def go(journal):
        for i in range(5):
            await journal.append(send(f"x{i}"))
            assert sum(r["k"] == "send" for _, r in read_records(tmp_path / "j")) == i + 1

    with Journal(tmp_path / "j", ballast=0) as journal:
        asyncio.run(go(journal))


def test_a_cancelled_caller_still_has_its_line_written(tmp_path):
    """Cancelling who waits does not lose what it gave."""

    async def go(journal):
        task = asyncio.create_task(journal.append(send("x")))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await journal.drain()

    with Journal(tmp_path / "j", ballast=0) as journal:
        asyncio.run(go(journal))
        assert journal.tally.calls == 1
    assert read_tally(tmp_path / "j").calls == 1


def test_later_replies_and_marks_replace_earlier_ones(tmp_path):
    """The last reply to a question counts, with its own mark; the money of both counts."""
    mark = {"k": "mark", "call": "a", "score": 0.0, "marked": "other", "note": ""}
    again = {**mark, "call": "b", "score": 0.25}
    written(tmp_path / "j", send("a"), reply("a"), send("b"), reply("b"), mark, again)
    tally = read_tally(tmp_path / "j")
    (kept,) = tally.replies.values()
    assert (kept.call, kept.score, kept.marked) == ("b", 0.25, "other")
    assert tally.spent_usd == Decimal("0.2")


def test_the_file_is_for_its_owner_only(tmp_path):
    """Nobody else may read a journal or an answer that waits for its mark."""
    with Journal(tmp_path / "j", ballast=0) as journal:
        journal.keep_unmarked("x", "t\ud800xt")
        assert journal.unmarked("x") == "t\ud800xt"
        assert (tmp_path / "j").stat().st_mode & 0o077 == 0
        assert (tmp_path / "j.unmarked" / "x").stat().st_mode & 0o077 == 0
        journal.drop_unmarked("x")
        assert not (tmp_path / "j.unmarked").exists()


def test_a_folder_that_is_not_there_is_a_fault(tmp_path):
    """A journal in a missing folder says so."""
    with pytest.raises(InputError, match="cannot be opened"):
        Journal(tmp_path / "no" / "j")

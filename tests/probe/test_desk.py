"""Asking for money: the cap, the journal, faults, kills."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest
from bench_desk import EFFORTS, KEY, PRICE, contender, questions, run
from fault_server import FATES, FaultServer, answer_to

from costplan.domain.errors import InputError
from costplan.files.outcomes import read_outcomes
from costplan.probe.budget import Budget
from costplan.probe.desk import Ask, Desk, Ended, ask_all
from costplan.probe.graders import Command, Numeric
from costplan.probe.journal import Journal
from costplan.probe.records import Tally, read_tally
from costplan.probe.replay import replay
from costplan.probe.results import outcome_rows, points, write_outcomes
from costplan.providers.limits import Gate
from costplan.providers.retry import Patience
from costplan.providers.transport import Client

HERE = Path(__file__).parent
GROWTH = 400
"""Bytes that the journal grows by before a kill."""
KILLS = int(os.environ.get("COSTPLAN_KILLS", "6"))
"""Kills of the test that kills; each starts a process."""


def cost(line):
    """Price a line of the server's log."""
    return (
        line["input"] * PRICE.input_usd_per_mtok + line["output"] * PRICE.output_usd_per_mtok
    ) / 10**6


def marks(replies):
    """Give the marks by key."""
    return {kept.key: kept.score for kept in replies}


def expected(asked):
    """Mark the server's answers independently."""
    found = {}
    for question in asked:
        for effort in EFFORTS:
            text, _ = answer_to(question.messages[0].text, effort)
            key = (*question.key, "m", effort, 0)
            found[key] = float(text == question.target)
    return found


def test_counts_money_and_marks_are_the_servers_own(tmp_path):
    """Every question is asked once of every option; dollars, tokens and marks are the server's."""
    asked = questions(40)

    async def go():
        async with FaultServer() as server:
            tally, budget, _ = await run(server.url, tmp_path / "j", asked, "1")
            return tally, budget, server

    tally, budget, server = asyncio.run(go())
    assert tally.calls == len(server.served) == 80
    assert budget.spent_usd == tally.spent_usd == sum(map(cost, server.served))
    assert budget.reserved_usd == 0
    assert marks(tally.replies.values()) == expected(asked)
    tokens = sorted((kept.tokens[0], kept.tokens[1]) for kept in tally.replies.values())
    assert tokens == sorted((line["input"], line["output"]) for line in server.served)
    assert server.most_at_once <= 16 * 2


def test_a_second_run_pays_for_nothing(tmp_path):
    """The same command again takes every reply from the journal."""
    asked = questions(10)

    async def go():
        outcomes = []
        async with FaultServer() as server:
            await run(server.url, tmp_path / "j", asked, "1")
            before = server.seen
            tally, budget, _ = await run(
                server.url, tmp_path / "j", asked, "1", told=outcomes.append
            )
            return before, server.seen, outcomes, tally, budget

    before, after, outcomes, tally, budget = asyncio.run(go())
    assert before == after == 20
    assert {outcome.ended for outcome in outcomes} == {Ended.KEPT}
    assert budget.spent_usd == tally.spent_usd
    assert tally.opened == 2


@pytest.mark.parametrize("fate", [*FATES, "all"])
def test_every_fault_ends_with_every_question_answered_within_the_cap(tmp_path, fate):
    """With a tenth of each fault everything is answered, and the cap holds for the bill."""
    rates = dict.fromkeys(FATES, 0.1) if fate == "all" else {fate: 0.3}
    asked = questions(20)
    timeout_s = 0.6 if "hang" in rates else 10.0  # a busy machine is slow to answer too

    async def go():
        async with FaultServer(rates, seed=7, hang_s=5) as server:
            outcomes = []
            tally, budget, _ = await run(
                server.url, tmp_path / "j", asked, "2", told=outcomes.append, timeout_s=timeout_s
            )
            return tally, budget, server, outcomes

    tally, budget, server, outcomes = asyncio.run(go())
    assert sum(server.fates[f] for f in FATES) > 0
    assert [outcome.ended for outcome in outcomes] == [Ended.ANSWERED] * 40
    assert marks(tally.replies.values()) == expected(asked)
    billed = sum(map(cost, server.served))
    assert billed <= budget.spent_usd <= Decimal(2)
    assert budget.reserved_usd == 0
    assert tally.calls == server.seen
    assert sum(tally.faults.values()) == tally.calls - 40
    assert KEY not in (tmp_path / "j").read_text()


def test_the_cap_is_never_exceeded_and_says_so(tmp_path):
    """When the worst case of the next call does not fit, nothing is sent and the ask says why."""
    asked = questions(40)
    limit = Decimal("0.012")

    async def go():
        async with FaultServer() as server:
            outcomes = []
            _, budget, _ = await run(server.url, tmp_path / "j", asked, limit, told=outcomes.append)
            return budget, server, outcomes

    budget, server, outcomes = asyncio.run(go())
    ended = [outcome.ended for outcome in outcomes]
    assert ended.count(Ended.ANSWERED) == len(server.served) > 3
    assert ended.count(Ended.NO_MONEY) == 80 - len(server.served)
    assert sum(map(cost, server.served)) == budget.spent_usd <= limit
    # it also spends what it may: less than one worst case is left
    assert budget.left_usd < Decimal("0.0045")
    assert "are left" in next(o.reason for o in outcomes if o.ended is Ended.NO_MONEY)


def test_no_money_sends_nothing(tmp_path):
    """A limit of nothing sends nothing."""

    async def go():
        async with FaultServer() as server:
            await run(server.url, tmp_path / "j", questions(3), "0")
            return server.seen

    assert asyncio.run(go()) == 0


def start_server(tmp_path, **options):
    """Start the fault server as a process; gives it with its address."""
    command = [sys.executable, str(HERE / "fault_server.py"), "--log", str(tmp_path / "served")]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", value]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


def test_kill_9_at_any_moment_loses_and_repeats_nothing(tmp_path):
    """Killed again and again, the run ends with the same outcomes; only calls in flight repeat."""
    asked = questions(30)
    journal, chance = tmp_path / "j", random.Random(3)
    server, url = start_server(tmp_path, delay_s="0.02")
    kills = 0
    try:
        for _ in range(KILLS + 20):
            command = [sys.executable, str(HERE / "bench_desk.py"), url, str(journal), "30", "5"]
            process = subprocess.Popen(command, stderr=subprocess.PIPE)
            if kills < KILLS:
                seen = journal.stat().st_size if journal.exists() else 0
                deadline = time.monotonic() + 120
                while process.poll() is None and time.monotonic() < deadline:
                    size = journal.stat().st_size if journal.exists() else 0
                    if size > seen + GROWTH:
                        break
                    time.sleep(0.001)
                time.sleep(chance.random() * 0.03)
                if process.poll() is None:
                    os.kill(process.pid, signal.SIGKILL)
                    kills += 1
            _, error = process.communicate()
            if process.returncode == 0:
                break
            assert process.returncode == -signal.SIGKILL, error.decode()
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
    tally = read_tally(journal)
    assert kills >= 2
    assert marks(tally.replies.values()) == expected(asked)
    served = [json.loads(line) for line in (tmp_path / "served").read_text().splitlines()]
    repeated = len(served) - 60
    # what was paid more than once was in flight at a kill, and its worst case is still counted
    assert 0 <= repeated <= len(tally.open)
    assert sum(map(cost, served)) <= tally.committed_usd <= Decimal(5)
    assert KEY not in journal.read_text()


def test_calls_in_flight_at_a_kill_stay_reserved(tmp_path):
    """A call without an end keeps its worst case when the run goes on, and the cap counts it."""
    path = tmp_path / "j"
    with Journal(path, ballast=0) as journal:
        line = {
            "k": "send",
            "call": "x-1",
            "role": "ask",
            "class": "alpha",
            "question": "q001",
            "model": "m",
            "setting": "low",
            "sample": 0,
            "attempt": 1,
            "request": "r",
            "worst_usd": "0.9",
        }
        asyncio.run(journal.append(line))

    async def go():
        async with FaultServer() as server:
            return await run(server.url, path, questions(10), "1")

    tally, budget, _ = asyncio.run(go())
    assert tally.open_usd == Decimal("0.9")
    assert budget.spent_usd == tally.committed_usd <= 1
    assert len(tally.replies) == 20


def test_two_probes_on_one_journal_the_second_refuses(tmp_path):
    """The lock is held by one run; the other says so and changes nothing."""
    path = tmp_path / "j"
    with Journal(path, ballast=0):
        before = path.read_bytes()
        with pytest.raises(InputError, match="another probe"):
            Journal(path)
        assert path.read_bytes() == before
    Journal(path, ballast=0).close()


def test_a_changed_question_is_asked_again_and_said(tmp_path):
    """A reply to another wording does not stand for the new one; the others do."""
    asked = questions(5)

    async def go():
        from dataclasses import replace

        from costplan.providers.request import Message, Role

        async with FaultServer() as server:
            await run(server.url, tmp_path / "j", asked, "1")
            changed = replace(asked[2], messages=(Message(Role.USER, "please say number 2"),))
            outcomes = []
            again = [*asked[:2], changed, *asked[3:]]
            await run(server.url, tmp_path / "j", again, "1", told=outcomes.append)
            return server.seen, outcomes

    seen, outcomes = asyncio.run(go())
    assert seen == 12
    repeated = [outcome for outcome in outcomes if outcome.again]
    assert [outcome.ask.question.id for outcome in repeated] == ["q002", "q002"]
    assert all(outcome.ended is Ended.ANSWERED for outcome in repeated)


def test_a_changed_grader_marks_kept_texts_without_paying(tmp_path):
    """With kept texts a new grader marks again for nothing; without, it is asked again."""
    for keep in (True, False):
        path = tmp_path / f"j{keep}"

        async def go(path=path, keep=keep):
            async with FaultServer() as server:
                await run(server.url, path, questions(6), "1", keep_texts=keep)
                before = server.seen
                tally, _, _ = await run(
                    server.url, path, questions(6, Numeric()), "1", keep_texts=keep
                )
                return before, server.seen, tally

        before, after, tally = asyncio.run(go())
        assert after == (before if keep else 2 * before)
        assert all(kept.score is not None for kept in tally.replies.values())
        assert ("say number" in path.read_text()) is False
        again = replay(path, questions(6, Numeric()))
        assert (again.stale, again.unknown) == (0, 0)


def test_a_slow_grader_keeps_texts_only_until_the_mark(tmp_path):
    """A command marks; a kill before the mark loses no reply, and no text stays behind."""
    grader = Command(run=("sh", "-c", 'test "$(cat)" = "$COSTPLAN_TARGET"'))
    asked = questions(4, grader)
    path = tmp_path / "j"

    async def go():
        async with FaultServer() as server:
            tally, _, _ = await run(server.url, path, asked, "1")
            return tally, server.seen

    tally, _ = asyncio.run(go())
    assert marks(tally.replies.values()) == expected(asked)
    assert not (tmp_path / "j.unmarked").exists()
    lines = path.read_bytes().splitlines(keepends=True)
    first_mark = next(i for i, line in enumerate(lines) if b'"k":"mark"' in line)
    call = json.loads(lines[first_mark])["call"]
    path.write_bytes(b"".join(lines[:first_mark] + lines[first_mark + 1 :]))
    with Journal(path, ballast=0) as journal:
        key = next(kept.key for kept in journal.tally.replies.values() if kept.call == call)
        prompt = next(q.messages[0].text for q in asked if q.key == key[:2])
        journal.keep_unmarked(call, answer_to(prompt, key[3])[0])
    tally, seen = asyncio.run(go())
    assert seen == 0
    assert marks(tally.replies.values()) == expected(asked)


def test_what_cannot_succeed_is_stopped(tmp_path):
    """A wrong key stops the provider after the calls under way; a bad setting after three."""

    class Refusing(FaultServer):
        async def _answer(self, first, body, writer):
            from fault_server import reply

            self.seen += 1
            writer.write(reply(self.status, b'{"error": {"message": "no"}}'))
            return True

    for status, most in ((401, 32), (400, 40), (404, 40)):

        async def go(status=status):
            async with Refusing() as server:
                server.status = status
                outcomes = []
                path = tmp_path / f"j{status}"
                _, budget, desk = await run(
                    server.url, path, questions(60), "1", told=outcomes.append, timeout_s=20
                )
                return server.seen, budget, outcomes, desk

        seen, budget, outcomes, desk = asyncio.run(go())
        assert seen <= most
        assert budget.spent_usd == budget.reserved_usd == 0
        ended = {outcome.ended for outcome in outcomes}
        assert ended == {Ended.FAILED, Ended.STOPPED}
        assert len(outcomes) == 120
        assert desk.stopped


def test_outcomes_are_read_by_the_next_plan(tmp_path):
    """The table has the eleven columns and more, and the project's own reader takes it."""

    async def go():
        async with FaultServer({"error": 0.2}) as server:
            outcomes = []
            tally, _, _ = await run(
                server.url, tmp_path / "j", questions(12), "1", told=outcomes.append
            )
            return tally, outcomes

    tally, _ = asyncio.run(go())
    rows = outcome_rows("mine", tally.replies.values())
    write_outcomes(tmp_path / "outcomes.csv", rows)
    table = read_outcomes(tmp_path / "outcomes.csv")
    assert len(table.correct) == 24
    assert table.usd.sum() == pytest.approx(float(tally.spent_usd))
    curve = points(tally)
    assert [(p.task_class, p.option) for p in curve] == [
        (name, ("m", effort)) for name in ("alpha", "beta") for effort in ("high", "low")
    ]
    for point in curve:
        assert point.accuracy.low <= point.accuracy.mean <= point.accuracy.high
        assert point.p50_s.low <= point.p50_s.mean <= point.p50_s.high
        assert point.p95_s.high == float("inf")
        assert point.reasoning_tokens == pytest.approx(point.output_tokens - 1)
    again = replay(tmp_path / "j")
    assert outcome_rows("mine", again.replies) == rows


def test_an_interrupted_run_keeps_every_reply_that_came(tmp_path):
    """Cancelling mid-run leaves a journal from which the next run goes on."""
    asked = questions(30)

    async def go():
        async with FaultServer(delay_s=0.01) as server:
            task = asyncio.create_task(run(server.url, tmp_path / "j", asked, "1"))
            while len(server.served) < 20:
                await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            cut = read_tally(tmp_path / "j")
            tally, _, _ = await run(server.url, tmp_path / "j", asked, "1")
            return cut, tally, server

    cut, tally, server = asyncio.run(go())
    assert 0 < len(cut.replies) < 60
    assert marks(tally.replies.values()) == expected(asked)
    assert len(server.served) - 60 <= len(cut.open)


def test_a_full_disk_loses_no_paid_reply_and_sends_nothing_more(tmp_path):
    """On a small disk that fills up, replies under way are written in the space kept back."""
    if os.geteuid() != 0:
        pytest.skip("needs the right to mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("cannot mount a small disk here")
    try:
        asked = questions(200)

        async def go():
            async with FaultServer(delay_s=0.05) as server:
                with pytest.raises(InputError, match="full"):
                    await run(server.url, disk / "j", asked, "9", ballast=16_384)
                return server

        server = asyncio.run(go())
        tally = read_tally(disk / "j")
        assert 20 < len(server.served) < 400
        assert len(tally.replies) == len(server.served)
        assert sum(map(cost, server.served)) == tally.spent_usd
        assert not tally.open
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize(("fate", "most"), [("error", 20), ("reset", 20), ("refused", 6)])
def test_a_setting_that_never_answers_is_given_up(tmp_path, fate, most):
    """After a few questions in a row without an answer the rest is not asked, and says why."""
    asked = questions(80)
    told = []
    patience = Patience(attempts=3, first_s=0.001, most_s=0.002)

    async def go():
        async with FaultServer({fate: 1.0}) as server:
            with Journal(tmp_path / "j", ballast=0) as journal:
                async with Client(environ={"BENCH_KEY": KEY}) as client:
                    option = contender(client, server.url, "low", gate=Gate(start=4, most=4))
                    desk = Desk(journal, Budget(Decimal(9)), folder=tmp_path, patience=patience)
                    asks = [Ask(question, option) for question in asked]
                    await ask_all(desk, asks, workers=4, told=told.append)
            return server.seen, desk.stopped

    seen, stopped = asyncio.run(go())
    ended = [outcome.ended for outcome in told]
    assert set(ended) == {Ended.FAILED, Ended.STOPPED}
    assert ended.count(Ended.FAILED) <= most
    assert seen <= 3 * most
    assert "questions in a row" in stopped["m", "low"]
    assert len(ended) == 80


def test_seconds_are_those_of_the_attempt_and_waiting_stands_apart(tmp_path):
    """One at a time, the calls' seconds add up to less than the run took; the line is waiting."""

    async def go():
        async with FaultServer(delay_s=0.05) as server:
            with Journal(tmp_path / "j", ballast=0) as journal:
                async with Client(environ={"BENCH_KEY": KEY}) as client:
                    option = contender(client, server.url, "low", gate=Gate(start=1, most=1))
                    desk = Desk(journal, Budget(Decimal(9)), folder=tmp_path)
                    began = time.monotonic()
                    asks = [Ask(question, option) for question in questions(8)]
                    await ask_all(desk, asks, workers=8)
                    return list(journal.tally.replies.values()), time.monotonic() - began

    replies, took_s = asyncio.run(go())
    assert sum(kept.total_s for kept in replies) <= took_s
    # the last in line waits for all the others, however slow the machine is
    seconds = [kept.total_s for kept in replies]
    waited = [kept.waited_s for kept in replies]
    assert max(waited) > 0.5 * (sum(seconds) - max(seconds))
    assert min(waited) < max(waited)
    found = points(Tally(replies={kept.key: kept for kept in replies}))
    told = sum(point.waited_s * point.n for point in found)
    assert told == pytest.approx(sum(kept.waited_s for kept in replies if kept.score is not None))

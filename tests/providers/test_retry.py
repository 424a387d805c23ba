"""Asking again, and the gate that slows calls down."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costplan.providers.fault import (
    CallError,
    Charge,
    FaultKind,
    duration_s,
    wait_hint,
)
from costplan.providers.limits import Bucket, Gate
from costplan.providers.reply import Answer, Finish, Reply
from costplan.providers.request import Message, Request, Role, Setting
from costplan.providers.retry import Patience, ask
from costplan.providers.usage import Usage

REQUEST = Request("q", "m", (Message(Role.USER, "?"),), Setting("fixed"), 10)
REPLY = Reply(
    Answer("115", Finish.STOP, "stop", Usage(1, 1)), datetime(2026, 11, 24, tzinfo=UTC), 0.1
)


class Books:
    """A ledger that only remembers."""

    def __init__(self):
        self.lines = []

    async def begin(self, request, attempt):
        self.lines.append(("begin", attempt))

    async def end(self, request, attempt, outcome):
        self.lines.append(("end", attempt, type(outcome).__name__))


def play(*outcomes, patience=None, gate=None):
    """Ask a provider that gives these outcomes; gives result, waits and books."""
    waits, books, left = [], Books(), list(outcomes)

    async def send(request):
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def sleep(seconds):
        waits.append(seconds)

    async def run():
        return await ask(
            send,
            REQUEST,
            gate=gate or Gate(),
            ledger=books,
            patience=patience,
            chance=lambda: 1.0,
            sleep=sleep,
        )

    try:
        result = asyncio.run(run())
    except CallError as fault:
        result = fault
    return result, waits, books.lines


def test_every_attempt_is_written_down_before_and_after():
    """Two failures and a reply are three attempts in the ledger, each begun and ended."""
    overloaded = CallError(FaultKind.OVERLOADED, "busy")
    limited = CallError(FaultKind.RATE_LIMITED, "slow", wait_s=0.0)
    reply, waits, lines = play(overloaded, limited, REPLY)
    assert reply.attempts == 3
    assert reply.waited_s == pytest.approx(sum(waits), abs=0.01)
    assert lines == [
        ("begin", 1),
        ("end", 1, "CallError"),
        ("begin", 2),
        ("end", 2, "CallError"),
        ("begin", 3),
        ("end", 3, "Reply"),
    ]


@pytest.mark.parametrize(
    "kind",
    [
        FaultKind.QUOTA,
        FaultKind.BAD_REQUEST,
        FaultKind.AUTH,
        FaultKind.NOT_FOUND,
        FaultKind.UNFINISHED,
        FaultKind.USAGE_MISMATCH,
        FaultKind.WRONG_MODEL,
        FaultKind.WRONG_TIER,
    ],
)
def test_what_cannot_succeed_is_never_asked_again(kind):
    """A fault that asking again cannot mend ends the call after one attempt."""
    fault, waits, lines = play(CallError(kind, "no"))
    assert fault.kind is kind
    assert waits == []
    assert len(lines) == 2


def test_patience_ends():
    """After the last attempt the last fault is raised."""
    faults = [CallError(FaultKind.TIMEOUT, "slow", charge=Charge.POSSIBLE) for _ in range(3)]
    fault, waits, lines = play(*faults, patience=Patience(attempts=3))
    assert fault.kind is FaultKind.TIMEOUT
    assert waits == [0.5, 1.0]
    assert len(lines) == 6


def test_the_providers_hint_is_kept_and_never_undercut():
    """A wait is at least the hint; one that is too long gives the model up as a quota would."""
    hinted = CallError(FaultKind.OVERLOADED, "slow", wait_s=12)
    _, waits, _ = play(hinted, REPLY)
    assert 12 <= waits[0] <= 13.3
    far = CallError(FaultKind.RATE_LIMITED, "tomorrow", wait_s=40000)
    fault, waits, _ = play(far)
    assert fault.kind is FaultKind.QUOTA
    assert not fault.retry
    assert "40000 s" in str(fault)
    assert waits == []


@given(attempt=st.integers(1, 200), chance=st.floats(0, 1))
def test_own_waits_grow_and_stay_bounded(attempt, chance):
    """Without a hint the wait is positive and never above the bound."""
    patience = Patience(attempts=1000)
    wait = patience.wait_s(CallError(FaultKind.OVERLOADED, "x"), attempt, chance)
    assert 0 < wait <= patience.most_s


NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7", "retry-after-ms": "6800"}, 6.8),
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": "Tue, 24 Nov 2026 12:00:30 GMT"}, 30),
        ({"retry-after": "Tue, 24 Nov 2026 11:00:30 GMT"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after-ms": "x", "retry-after": "2"}, 2),
        ({}, None),
    ],
)
def test_wait_hints_are_read_in_every_form(headers, seconds):
    """Milliseconds go before seconds; dates, fractions and nonsense are read for what they are."""
    assert wait_hint(headers, NOW) == (pytest.approx(seconds) if seconds is not None else None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6ms", 0.006),
        ("1m2s", 62),
        ("38.209315s", 38.209315),
        ("1h", 3600),
        ("", None),
        ("5", None),
    ],
)
def test_durations_are_read(text, seconds):
    """Durations as OpenAI and Google write them become seconds."""
    assert duration_s(text) == (pytest.approx(seconds) if seconds is not None else None)


class Clock:
    """A clock that is moved by hand."""

    now = 0.0

    def __call__(self):
        return self.now


@given(
    per_minute=st.integers(1, 5000),
    amounts=st.lists(st.integers(1, 200), min_size=1, max_size=300),
)
def test_no_minute_lets_more_through_than_the_limit(per_minute, amounts):
    """Taken as soon as allowed, 60 seconds exceed the limit by one call's size at most."""
    clock = Clock()
    bucket, passed = Bucket(per_minute, clock), []
    for amount in amounts:
        clock.now += bucket.delay_s(amount) + 1e-9
        bucket.take(amount)
        passed.append((clock.now, amount))
    for begin, _ in passed:
        window = sum(a for at, a in passed if begin <= at < begin + 59.99)
        assert window <= per_minute + max(amounts) + 1


def test_the_gate_grows_while_calls_succeed_and_halves_when_told():
    """Concurrency climbs to its most with successes, and halves once for a burst of failures."""
    clock = Clock()
    gate = Gate(start=4, most=16, clock=clock)
    for _ in range(400):
        gate.learn({})
    assert gate.limit == 16
    for _ in range(5):
        gate.slow_down(CallError(FaultKind.OVERLOADED, "busy"))
    assert gate.limit == 8
    clock.now += 2
    gate.slow_down(CallError(FaultKind.RATE_LIMITED, "slow"))
    assert gate.limit == 4
    gate.slow_down(CallError(FaultKind.BAD_REQUEST, "no"))
    assert gate.limit == 4


def test_the_gate_keeps_to_what_the_headers_leave():
    """Remaining requests bound what is under way; a remaining of zero waits for the reset."""
    clock = Clock()
    gate = Gate(start=8, most=64, clock=clock)
    gate.learn({"x-ratelimit-remaining-requests": "3"})
    assert gate.limit == 3
    gate.learn({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6.8s"})
    assert gate._delay_s(0) == pytest.approx(6.8)
    gate = Gate(clock=clock)
    reset = (NOW + timedelta(seconds=20)).isoformat().replace("+00:00", "Z")
    name = "anthropic-ratelimit-output-tokens"
    gate.learn({f"{name}-remaining": "0", f"{name}-reset": reset}, NOW)
    assert gate._delay_s(0) == pytest.approx(20)


def test_no_more_calls_are_inside_than_allowed_and_all_get_in():
    """Fifty callers through a gate of four all pass, never more than four at once."""
    most = 0

    async def run():
        nonlocal most
        gate = Gate(start=4, most=4)
        order = []

        async def call(number):
            nonlocal most
            await gate.enter()
            order.append(number)
            most = max(most, gate.inside)
            await asyncio.sleep(0.001)
            gate.leave()

        await asyncio.gather(*[call(n) for n in range(50)])
        return order

    order = asyncio.run(run())
    assert order == list(range(50))
    assert most == 4


def test_a_caller_that_gives_up_blocks_nobody():
    """A cancelled waiter leaves the gate usable."""

    async def run():
        gate = Gate(start=1, most=1)
        await gate.enter()
        waiting = [asyncio.create_task(gate.enter()) for _ in range(3)]
        await asyncio.sleep(0.01)
        waiting[0].cancel()
        await asyncio.sleep(0.01)
        gate.leave()
        async with asyncio.timeout(1):
            await waiting[1]
        gate.leave()
        async with asyncio.timeout(1):
            await waiting[2]

    asyncio.run(run())


def test_a_limit_per_minute_spaces_calls():
    """Six hundred a minute lets sixty through at once and then nine in a second."""

    async def run():
        gate = Gate(start=64, most=64, requests_per_minute=600)
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(63):
            await gate.enter()
            gate.leave()
        return loop.time() - began

    assert 0.25 < asyncio.run(run()) < 1.5

"""What the probe itself costs in time and memory."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import statistics
import subprocess
import sys
import time
import tracemalloc
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from bench_desk import EFFORTS, KEY, PATIENCE, contender, questions

from costplan.probe.budget import Budget
from costplan.probe.desk import Ask, Desk, ask_all
from costplan.probe.journal import Journal
from costplan.providers.limits import Gate
from costplan.providers.transport import Client

SERVER = Path(__file__).parent / "fault_server.py"
AT_ONCE = 64
QUIET = 3.0
"""Load of the machine above which waiting for a core would be measured as overhead."""


@contextmanager
def server(delay_s=0.0, rates=None):
    """Run the server in a process of its own."""
    process = subprocess.Popen(
        [
            sys.executable,
            str(SERVER),
            "--delay-s",
            str(delay_s),
            "--rates",
            json.dumps(rates or {}),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def ask(url, path, calls):
    """Ask so many questions, 64 at once; gives the seconds of the processor."""
    with Journal(path, ballast=0) as journal:
        async with Client(environ={"BENCH_KEY": KEY}) as client:
            gate = Gate(start=AT_ONCE, most=AT_ONCE)
            options = [contender(client, url, e, gate=gate, timeout_s=20) for e in EFFORTS]
            desk = Desk(journal, Budget(Decimal(100)), folder=path.parent, patience=PATIENCE)
            asked = [Ask(q, option) for q in questions(calls // 2) for option in options]
            began = time.process_time()
            await ask_all(desk, asked, workers=AT_ONCE)
            return time.process_time() - began


def test_a_core_makes_three_hundred_calls_a_second(tmp_path):
    """With a server that answers at once, books, streams and marks take 3 ms of a core a call."""
    with server() as url:
        seconds = asyncio.run(ask(url, tmp_path / "j", 600))
    assert 600 / seconds >= 300


def test_calls_that_fail_leave_no_memory_behind(tmp_path):
    """Four times the calls for the same answers take no more memory."""
    held = {}
    for name, rate in (("warm", 0.75), ("calm", 0.0), ("wild", 0.75)):
        with server(rates={"error": rate}) as url:
            gc.collect()
            tracemalloc.start()
            asyncio.run(ask(url, tmp_path / name, 200))
            gc.collect()
            held[name] = tracemalloc.get_traced_memory()[0]
            tracemalloc.stop()
    assert held["wild"] - held["calm"] < 400_000


def test_little_latency_is_added_with_many_calls_in_flight(tmp_path):
    """At 64 in flight a call takes at most 10 ms more than the server needed, at the median."""
    if os.getloadavg()[0] > QUIET:
        pytest.skip("the machine is busy: waiting for a core would count as overhead")
    with server(delay_s=0.4) as url:
        asyncio.run(ask(url, tmp_path / "j", 640))
    records = [json.loads(line) for line in (tmp_path / "j").read_text().splitlines()]
    added = [r["total_s"] - r["server_s"] for r in records if r["k"] == "reply"]
    assert len(added) == 640
    assert statistics.median(added) < 0.010

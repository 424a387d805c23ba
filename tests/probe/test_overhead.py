"""What the probe itself costs in memory; `python -m benchmarks.probe` times it."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import tracemalloc
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from bench_desk import EFFORTS, KEY, PATIENCE, contender, questions

from costplan.probe.budget import Budget
from costplan.probe.desk import Ask, Desk, ask_all
from costplan.probe.journal import Journal
from costplan.providers.limits import Gate
from costplan.providers.transport import Client

SERVER = Path(__file__).parent / "fault_server.py"
AT_ONCE = 64


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
    """Ask so many questions, 64 at once."""
    with Journal(path, ballast=0) as journal:
        async with Client(environ={"BENCH_KEY": KEY}) as client:
            gate = Gate(start=AT_ONCE, most=AT_ONCE)
            options = [contender(client, url, e, gate=gate, timeout_s=20) for e in EFFORTS]
            desk = Desk(journal, Budget(Decimal(100)), folder=path.parent, patience=PATIENCE)
            asked = [Ask(q, option) for q in questions(calls // 2) for option in options]
            await ask_all(desk, asked, workers=AT_ONCE)


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

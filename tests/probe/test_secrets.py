"""A key is found in nothing that a run leaves behind."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from bench_desk import KEY, questions, run
from fault_server import FATES, FaultServer, reply

from costplan.probe.graders import Command


class Echoing(FaultServer):
    """A server that repeats the key in every header and body that it can."""

    async def _serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                fields = dict(
                    line.lower().split(": ", 1) for line in head.strip().split("\r\n")[1:]
                )
                await reader.readexactly(int(fields.get("content-length", 0)))
                self.seen += 1
                bad = f'{{"error": {{"message": "key {KEY} is odd", "param": "{KEY}"}}}}'.encode()
                status = (200, 401, 400, 500)[self.seen % 4] if self.seen > 8 else 500
                headers = [("x-request-id", KEY), ("x-ratelimit-note", KEY)]
                writer.write(reply(status, bad, headers))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


def holders(folder):
    """Find the files that hold the key."""
    files = [path for path in Path(folder).rglob("*") if path.is_file()]
    assert files
    return [path for path in files if KEY.encode() in path.read_bytes()]


def test_no_file_log_or_reason_holds_the_key(tmp_path, capfd, caplog):
    """Through every fault and an echoing server, files, output, logs and reasons hold no key."""
    caplog.set_level(0)
    outcomes = []
    grader = Command(run=("sh", "-c", "env > seen-$COSTPLAN_QUESTION_ID; exit 0"))

    async def go():
        async with FaultServer(dict.fromkeys(FATES, 0.08), seed=2, hang_s=1) as server:
            await run(
                server.url, tmp_path / "a", questions(6), "2", told=outcomes.append, timeout_s=0.4
            )
            await run(
                server.url,
                tmp_path / "b",
                questions(4, grader),
                "2",
                keep_texts=True,
                timeout_s=0.4,
            )
        async with Echoing() as server:
            await run(server.url, tmp_path / "c", questions(6), "2", told=outcomes.append)

    before = os.environ.get("BENCH_KEY")
    os.environ["BENCH_KEY"] = KEY
    try:
        asyncio.run(go())
    finally:
        os.environ.pop("BENCH_KEY")
        if before is not None:
            os.environ["BENCH_KEY"] = before
    assert (tmp_path / "seen-q000").exists()
    assert holders(tmp_path) == []
    assert all(KEY not in outcome.reason + repr(outcome) for outcome in outcomes)
    assert any(outcome.reason for outcome in outcomes)
    out, error = capfd.readouterr()
    assert KEY not in out + error + caplog.text

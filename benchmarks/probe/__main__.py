"""What the probe itself costs: calls per second of a core, and latency added at 64 in flight.

    python -m benchmarks.probe
    python -m benchmarks.probe.allocation   # what its schedule saves

Asked of a server of its own on the loopback; the same calls by httpx alone are the alternative.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "probe"))

from test_overhead import ask, server

CALLS = 640
BODY = {
    "model": "m",
    "messages": [{"role": "user", "content": "What is 1 + 1?"}],
    "reasoning_effort": "low",
    "stream": False,
}


def count_seconds(delay_s: float) -> tuple[float, list[float]]:
    """Seconds of the processor for the calls, and the latency added to each."""
    with server(delay_s=delay_s) as url, tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "journal"
        began = time.process_time()
        asyncio.run(ask(url, journal, CALLS))
        spent = time.process_time() - began
        records = [json.loads(line) for line in journal.read_text("utf-8").splitlines()]
    return spent, [r["total_s"] - r["server_s"] for r in records if r["k"] == "reply"]


async def post_plainly(url: str) -> None:
    """Send as many plain requests, 64 at once, and keep nothing."""
    import httpx

    async with httpx.AsyncClient() as client:
        gate = asyncio.Semaphore(64)

        async def one() -> None:
            async with gate:
                await client.post(f"{url}/chat/completions", json=BODY)

        await asyncio.gather(*(one() for _ in range(CALLS)))


def main() -> None:
    """Print the table."""
    with server() as url:
        began = time.process_time()
        asyncio.run(post_plainly(url))
        plain = time.process_time() - began
    spent, _ = count_seconds(0.0)
    _, added = count_seconds(0.4)
    print(f"calls per second of a core       {CALLS / spent:8.0f}   goal 300")
    print(f"processor time against httpx     {spent / plain:8.2f}   ratio")
    print(
        f"latency added, median, 64 at once {1000 * statistics.median(added):7.1f} ms   goal 10 ms"
    )


if __name__ == "__main__":
    main()

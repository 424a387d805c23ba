"""A desk with two options at a server on the loopback, for tests and for the killed process.

python bench_desk.py URL JOURNAL QUESTIONS MAX_USD     # asks everything, then exits
"""

from __future__ import annotations

import asyncio
import datetime as dt
import sys
from decimal import Decimal
from pathlib import Path

from costplan.domain.price import Price
from costplan.probe.budget import Budget, Tariff
from costplan.probe.desk import Ask, Contender, Desk, ask_all
from costplan.probe.graders import Exact
from costplan.probe.journal import Journal
from costplan.probe.questions import Question
from costplan.providers.limits import Gate
from costplan.providers.request import Message, Request, Role, Setting
from costplan.providers.retry import Patience
from costplan.providers.table import adapter
from costplan.providers.transport import Client
from costplan.providers.wire import Endpoint

PRICE = Price(
    "m",
    "local",
    dt.date(2026, 11, 24),
    Decimal("2"),
    Decimal("0.2"),
    Decimal("10"),
    batch=False,
    source="test",
)
KEY = "sk-bench-secret-42"
EFFORTS = ("low", "high")


def questions(count, grader=None):
    """Make questions that the fault server can answer."""
    return [
        Question(
            f"q{i:03}",
            "alpha" if i % 2 else "beta",
            (Message(Role.USER, f"say number {i}"),),
            grader or Exact(),
            str(i),
        )
        for i in range(count)
    ]


def contender(client, url, effort, *, gate=None, timeout_s=1.0, cap=100, dialect="openai"):
    """Make an option of the server."""
    speaks = adapter("openai_chat", Endpoint(f"{url}/v1", "BENCH_KEY", dialect))
    template = Request(
        "-",
        "m",
        (Message(Role.USER, "-"),),
        Setting(effort, effort=effort),
        cap,
        timeout_s=timeout_s,
    )

    async def send(request):
        return await client.send(speaks, request, "BENCH_KEY")

    return Contender(
        "m", effort, "local", template, send, Tariff(PRICE), gate or Gate(start=16, most=16), cap
    )


PATIENCE = Patience(attempts=30, first_s=0.01, most_s=0.05)


async def run(url, path, asked, max_usd, *, efforts=EFFORTS, told=None, timeout_s=1.0, **more):
    """Ask every question of every option; gives tally and budget."""
    keep = more.pop("keep_texts", False)
    with Journal(path, keep_texts=keep, ballast=more.pop("ballast", 0)) as journal:
        budget = Budget(Decimal(max_usd), journal.tally.committed_usd)
        async with Client(environ={"BENCH_KEY": KEY}) as client:
            options = [contender(client, url, e, timeout_s=timeout_s) for e in efforts]
            desk = Desk(journal, budget, folder=path.parent, patience=PATIENCE, **more)
            asks = [Ask(question, option) for question in asked for option in options]
            await ask_all(desk, asks, workers=16, told=told or (lambda outcome: None))
        return journal.tally, budget, desk


if __name__ == "__main__":
    address, journal_path, how_many, limit = sys.argv[1:]
    asyncio.run(run(address, Path(journal_path), questions(int(how_many)), limit))

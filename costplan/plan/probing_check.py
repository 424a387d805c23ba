"""Whether keys, models and settings work: free questions first, then one tiny call for each."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

from costplan.plan.probing_costs import request_for
from costplan.plan.probing_lineup import Connected, Lineup, Seat
from costplan.plan.probing_stage import Name, Stage
from costplan.probe.books import GivenUpError
from costplan.probe.budget import OutOfMoneyError
from costplan.probe.desk import Desk
from costplan.probe.graders import Numeric
from costplan.probe.questions import Question
from costplan.providers.capabilities import (
    Capabilities,
    ask_capabilities,
    is_listed,
    read_capabilities,
)
from costplan.providers.fault import CallError
from costplan.providers.request import Message, Role
from costplan.providers.table import adapter

if TYPE_CHECKING:
    from costplan.providers.transport import Client

TINY = Question(
    id="check",
    task_class="(check)",
    messages=(Message(Role.USER, "What is 17 + 26? Answer with the number only."),),
    grader=Numeric(),
    target=43,
)
ALIKE = 1.1
"""Output tokens within this factor are alike."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What the check of one option found."""

    model: str
    setting: str
    ok: bool
    """Whether the tiny call was answered and nothing free speaks against the option."""
    findings: tuple[str, ...]
    """What speaks against it, or what to know."""
    usd: Decimal | None = None
    """What the tiny call cost; None where there was none."""
    output_tokens: int | None = None
    """Output tokens of the tiny call."""
    total_s: float | None = None
    """Seconds of the tiny call."""


async def check_all(
    stage: Stage, names: Sequence[Name], desk: Desk, connected: Connected, client: Client
) -> list[Checked]:
    """Check options; the answers are in the order of the names."""
    lineup = connected.lineup
    seats = [lineup.seats[name] for name in names if name in lineup.seats]
    told = await asyncio.gather(*(_ask_free(seat, client) for seat in _one_each(seats)))
    free = dict(told)
    found = await asyncio.gather(
        *(_check(name, lineup, desk, connected, free, client_day()) for name in names)
    )
    return _compare(stage, found)


def client_day() -> dt.date:
    """Give the day it is."""
    return dt.datetime.now(dt.UTC).date()


Place = tuple[str, str]


def _place(seat: Seat) -> Place:
    return seat.address.endpoint.base_url, seat.template.model


def _one_each(seats: Iterable[Seat]) -> list[Seat]:
    return list({_place(seat): seat for seat in seats}.values())


async def _ask_free(seat: Seat, client: Client) -> tuple[Place, Capabilities | str]:
    """Ask what a model takes, for nothing; a text says that it does not exist or why not."""
    address = seat.address
    wire = ask_capabilities(address.protocol, address.endpoint, seat.template.model)
    if wire is None:
        return _place(seat), Capabilities()
    try:
        speaks = adapter(address.protocol, address.endpoint)
        body = await client.fetch(speaks, wire, address.endpoint.key_env)
    except CallError as fault:
        return _place(seat), f"the free question about the model failed: {fault}"
    if address.protocol.startswith("openai") and is_listed(body, seat.template.model) is False:
        return _place(seat), f"'{seat.template.model}' is not among the models listed there"
    return _place(seat), read_capabilities(address.protocol, seat.template.model, body)


async def _check(
    name: Name,
    lineup: Lineup,
    desk: Desk,
    connected: Connected,
    free: dict[Place, Capabilities | str],
    today: dt.date,
) -> Checked:
    if name not in lineup.seats:
        return Checked(*name, ok=False, findings=(lineup.barred.get(name, "not an option"),))
    seat = lineup.seats[name]
    request = request_for(seat, TINY)
    said = free.get(_place(seat), Capabilities())
    findings = [said] if isinstance(said, str) else said.complaints(request, today)
    ok = not findings or isinstance(said, str)  # a list may be short; the call has the last word
    try:
        reply, _ = await desk.pay(
            connected.contender(name), request, (TINY.task_class, TINY.id, *name, 0), "check", None
        )
    except (CallError, OutOfMoneyError, GivenUpError) as fault:
        return Checked(*name, ok=False, findings=(*findings, str(fault)))
    usage = reply.answer.usage
    if reply.answer.finish == "length":
        findings.append("the answer to a tiny question was cut off at the cap")
    return Checked(
        *name,
        ok=ok,
        findings=tuple(findings),
        usd=seat.tariff.usd(usage, reply.sent_at.hour),
        output_tokens=usage.output_tokens,
        total_s=reply.total_s,
    )


def _compare(stage: Stage, found: Sequence[Checked]) -> list[Checked]:
    """Warn where neighbouring settings of a model spent the same: the knob may not move."""
    by_name = {(checked.model, checked.setting): checked for checked in found}
    for model in dict.fromkeys(checked.model for checked in found):
        labels = [
            label for label in stage.sources.profiles[model].settings if (model, label) in by_name
        ]
        for lower, higher in pairwise(labels):
            one, two = by_name[model, lower], by_name[model, higher]
            if one.output_tokens is None or two.output_tokens is None:
                continue
            few, many = sorted([one.output_tokens, two.output_tokens])
            if many <= ALIKE * max(few, 1):
                said = (
                    f"spent about what '{lower}' did ({two.output_tokens} and"
                    f" {one.output_tokens} tokens): on a tiny question that may be, but look"
                    " whether the knob moves"
                )
                by_name[model, higher] = _with_finding(two, said)
    return [by_name[checked.model, checked.setting] for checked in found]


def _with_finding(checked: Checked, said: str) -> Checked:
    return replace(checked, findings=(*checked.findings, said))

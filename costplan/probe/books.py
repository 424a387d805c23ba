"""The books of one call: money set aside and a line on disk before it, the bill after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from costplan.domain.errors import CostplanError, InputError
from costplan.probe.budget import ZERO, Budget, Tariff
from costplan.probe.journal import Journal
from costplan.probe.records import Key
from costplan.providers.fault import CallError, Charge
from costplan.providers.reply import Reply
from costplan.providers.request import Request


class GivenUpError(CostplanError):
    """The provider or the setting was given up while the call waited; nothing was sent."""

    exit_code = 6


@dataclass(slots=True)
class CallBooks:
    """Ledger of the attempts of one ask."""

    journal: Journal
    budget: Budget
    tariff: Tariff
    key: Key
    role: str
    request: str
    """Digest of what goes over the wire."""
    worst_usd: Decimal
    facts: Callable[[Reply, str], Mapping[str, Any]]
    """Says of a reply what the journal keeps."""
    why_stopped: Callable[[], str] = lambda: ""
    """Says why the option is not asked any more; empty while it is."""
    beside_usd: Decimal = ZERO
    """What must be left for the call that marks the reply."""
    call: str = ""
    """Identifier of the last attempt."""
    overrun: bool = False
    """Whether an attempt cost more than was set aside."""

    async def begin(self, request: Request, attempt: int) -> None:
        """Set the worst case aside, then write it down, then let the call go.

        Raises OutOfMoneyError, GivenUpError, or InputError where the journal cannot be written.
        """
        await self.budget.reserve(self.worst_usd, self.beside_usd)
        reason = self.why_stopped()  # now, for the call may have waited long
        if reason:
            self.budget.settle(self.worst_usd, ZERO)
            raise GivenUpError(reason)
        self.call = self.journal.new_call()
        task_class, question, model, setting, sample = self.key
        record: dict[str, Any] = {
            "k": "send",
            "call": self.call,
            "role": self.role,
            "class": task_class,
            "question": question,
            "model": model,
            "setting": setting,
            "sample": sample,
            "attempt": attempt,
            "request": self.request,
            "worst_usd": str(self.worst_usd),
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
        try:
            await self.journal.append(record)
        except InputError:
            self.budget.settle(self.worst_usd, ZERO)
            raise

    async def end(self, request: Request, attempt: int, outcome: Reply | CallError) -> None:
        """Write the bill down, then free what was set aside beyond it."""
        if isinstance(outcome, Reply):
            usd = self.tariff.usd(outcome.answer.usage, outcome.sent_at.hour)
            facts = self.facts(outcome, self.call)
            record: dict[str, Any] = {"k": "reply", "call": self.call, "usd": str(usd), **facts}
        else:
            # what may be on the bill stays counted at its worst
            usd = ZERO if outcome.charge is Charge.NONE else self.worst_usd
            record = {
                "k": "fault",
                "call": self.call,
                "usd": str(usd),
                "kind": str(outcome.kind),
                "charge": str(outcome.charge),
                "status": outcome.status,
                "message": outcome.message[:300],
            }
        await self.journal.append(record)
        if not self.budget.settle(self.worst_usd, usd):
            self.overrun = True


def reply_facts(reply: Reply) -> dict[str, Any]:
    """Say of a reply everything but its texts."""
    answer, usage = reply.answer, reply.answer.usage
    return {
        "finish": str(answer.finish),
        "finish_raw": answer.finish_raw,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_input_tokens": usage.cached_input_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "reasoning_share_estimate": answer.reasoning_share_estimate,
        "visible_chars": len(answer.text),
        "served_model": answer.served_model,
        "served_tier": answer.served_tier,
        "upstream": answer.upstream,
        "request_id": answer.request_id,
        "sent_at": reply.sent_at.isoformat(timespec="milliseconds"),
        "total_s": reply.total_s,
        "first_reasoning_s": reply.first_reasoning_s,
        "first_visible_s": reply.first_visible_s,
        "server_s": answer.server_s,
        "waited_s": reply.waited_s,
        "attempts": reply.attempts,
    }

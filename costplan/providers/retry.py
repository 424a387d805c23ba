"""Asking again: how long to wait, and when to stop."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Protocol

from costplan.providers.fault import CallError, FaultKind
from costplan.providers.limits import Gate
from costplan.providers.reply import Reply
from costplan.providers.request import Request


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a call is tried and how long it may wait in between."""

    attempts: int = 6
    """Calls in all, at least 1."""
    first_s: float = 0.5
    """Longest wait after the first failure where the provider gives no hint; doubles."""
    most_s: float = 60.0
    """Longest wait that is chosen here."""
    longest_hint_s: float = 120.0
    """Longest wait that a provider may ask for; above it the model is given up."""

    def wait_s(self, fault: CallError, attempt: int, chance: float) -> float | None:
        """Seconds to wait after this attempt (from 1), or None to give up.

        chance is a random number from 0 to 1: a hint is exceeded by up to a tenth, a wait of
        our own lies between half and all of its bound, so that callers do not return at once.
        """
        if not fault.retry or attempt >= self.attempts:
            return None
        if fault.wait_s is not None:
            if fault.wait_s > self.longest_hint_s:
                return None
            return fault.wait_s * (1 + 0.1 * chance) + 0.01 * chance
        bound = min(self.most_s, self.first_s * 2.0 ** (attempt - 1))
        return bound * (0.5 + 0.5 * chance)


class Ledger(Protocol):
    """Keeps the books of paid calls."""

    async def begin(self, request: Request, attempt: int) -> None:
        """Reserve and write down, durably, before anything is sent. Raises to refuse."""

    async def end(self, request: Request, attempt: int, outcome: Reply | CallError) -> None:
        """Write down, durably, what came back."""


Send = Callable[[Request], Awaitable[Reply]]
"""One attempt. Raises CallError."""


async def ask(
    send: Send,
    request: Request,
    *,
    gate: Gate,
    ledger: Ledger,
    patience: Patience | None = None,
    tokens: int = 0,
    chance: Callable[[], float] = random.random,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Reply:
    """Send until there is a reply or no sense in going on.

    tokens is what the call may take from a limit of tokens per minute. Raises the last
    CallError. A call that is cancelled stays begun in the ledger: it may be on the bill.
    """
    patience = patience or Patience()
    waited_s, attempt = 0.0, 0
    while True:
        attempt += 1
        waited_s += await gate.enter(tokens)
        try:
            await ledger.begin(request, attempt)
            outcome = await _attempt(send, request)
            if isinstance(outcome, Reply):
                gate.learn(outcome.headers)
                outcome = replace(outcome, attempts=attempt, waited_s=waited_s)
            else:
                gate.slow_down(outcome)
            await ledger.end(request, attempt, outcome)
        finally:
            gate.leave()
        if isinstance(outcome, Reply):
            return outcome
        wait_s = patience.wait_s(outcome, attempt, chance())
        if wait_s is None:
            raise _last(outcome, patience)
        waited_s += wait_s
        await sleep(wait_s)


async def _attempt(send: Send, request: Request) -> Reply | CallError:
    """Send once; a failure is a value here."""
    try:
        return await send(request)
    except CallError as fault:
        return fault


def _last(fault: CallError, patience: Patience) -> CallError:
    """Say why the call is given up."""
    hint = fault.wait_s
    if fault.retry and hint is not None and hint > patience.longest_hint_s:
        return CallError(
            FaultKind.QUOTA,
            f"the provider asks to wait {hint:.0f} s, more than the"
            f" {patience.longest_hint_s:.0f} s that a run may wait: {fault.message}",
            status=fault.status,
            wait_s=hint,
        )
    return fault

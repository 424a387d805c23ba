"""How many calls may be under way, and how fast new ones may start."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from costplan.providers.fault import CallError, FaultKind, duration_s

COOLING_S = 1.0
"""Failures closer together than this slow down once: they met the same limit."""
PREFIXES = ("x-ratelimit", "anthropic-ratelimit")


class Bucket:
    """Lets an amount per minute through, in bursts of at most a tenth of it."""

    def __init__(self, per_minute: float, clock: Callable[[], float]) -> None:
        """Start full."""
        self._burst = max(1.0, per_minute / 10)
        self._rate = (per_minute - self._burst if self._burst > 1 else per_minute) / 60
        self._level = self._burst
        self._clock = clock
        self._at = clock()

    def delay_s(self, amount: float) -> float:
        """Seconds until the amount may pass; one above the burst passes when the bucket is full."""
        now = self._clock()
        self._level = min(self._burst, self._level + (now - self._at) * self._rate)
        self._at = now
        return max(0.0, (min(amount, self._burst) - self._level) / self._rate)

    def take(self, amount: float) -> None:
        """Let the amount pass; the bucket may owe what is above its burst."""
        self._level -= amount


class Gate:
    """Admits calls to one provider's model: few at first, more while they succeed."""

    def __init__(
        self,
        *,
        start: int = 8,
        most: int = 64,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Allow start calls at once, at most `most`; None is no limit per minute."""
        self._limit = float(min(start, most))
        self._most = most
        self._inside = 0
        self._clock = clock
        self._not_before = 0.0
        self._slowed_at = float("-inf")
        self._requests = Bucket(requests_per_minute, clock) if requests_per_minute else None
        self._tokens = Bucket(tokens_per_minute, clock) if tokens_per_minute else None
        self._queue = asyncio.Lock()
        self._changed = asyncio.Event()

    @property
    def limit(self) -> int:
        """Calls that may be under way now."""
        return max(1, int(self._limit))

    @property
    def inside(self) -> int:
        """Calls under way."""
        return self._inside

    async def enter(self, tokens: int = 0) -> float:
        """Wait for admission, in the order of asking; gives the seconds waited."""
        began = self._clock()
        async with self._queue:
            while True:
                self._changed.clear()
                delay = self._delay_s(tokens)
                if delay <= 0 and self._inside < self.limit:
                    break
                await self._wait(delay if delay > 0 else None)
            self._inside += 1
            if self._requests:
                self._requests.take(1)
            if self._tokens:
                self._tokens.take(tokens)
        return self._clock() - began

    async def _wait(self, seconds: float | None) -> None:
        """Wait until something changes, at most these seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            pass

    def _delay_s(self, tokens: int) -> float:
        """Seconds until the limits per minute and the provider's own word admit a call."""
        delays = [self._not_before - self._clock()]
        if self._requests:
            delays.append(self._requests.delay_s(1))
        if self._tokens:
            delays.append(self._tokens.delay_s(tokens))
        return max(delays)

    def leave(self) -> None:
        """Let the next one in."""
        self._inside -= 1
        self._changed.set()

    def learn(self, headers: Mapping[str, str], now: datetime | None = None) -> None:
        """Take a success: allow a little more, and keep to what the provider says is left."""
        self._limit = min(float(self._most), self._limit + 1 / self._limit)
        for name, left in headers.items():
            if not name.startswith(PREFIXES) or "remaining" not in name or not left.isdecimal():
                continue
            if int(left) == 0:
                reset = headers.get(name.replace("remaining", "reset"), "")
                self._hold(_reset_s(reset, now or datetime.now(UTC)))
            elif "requests" in name:
                self._limit = max(1.0, min(self._limit, float(int(left) + self._inside)))
        self._changed.set()

    def slow_down(self, fault: CallError) -> None:
        """Take a failure: halve what is allowed when the provider is full."""
        if fault.kind not in {FaultKind.RATE_LIMITED, FaultKind.OVERLOADED}:
            return
        if fault.kind is FaultKind.RATE_LIMITED and fault.wait_s is not None:
            self._hold(fault.wait_s)
        now = self._clock()
        if now - self._slowed_at >= COOLING_S:
            self._slowed_at = now
            self._limit = max(1.0, self._limit / 2)

    def _hold(self, seconds: float | None) -> None:
        """Admit nobody for these seconds."""
        if seconds is not None:
            self._not_before = max(self._not_before, self._clock() + min(seconds, 120.0))


def _reset_s(text: str, now: datetime) -> float | None:
    """Read when a limit is lifted: a duration, seconds, or a date as Anthropic writes it."""
    seconds = duration_s(text)
    if seconds is not None:
        return seconds
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())

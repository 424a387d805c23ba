"""Money: the worst case of every call is set aside before it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, localcontext

from costplan.domain.errors import CostplanError
from costplan.domain.money import EXACT
from costplan.domain.price import Price
from costplan.providers.request import Request
from costplan.providers.usage import Usage

MESSAGE_TOKENS = 64
"""Tokens that a chat template adds to a message, at most."""
CALL_TOKENS = 1024
"""Tokens that a provider adds to a call, at most."""
ZERO = Decimal(0)


class OutOfMoneyError(CostplanError):
    """The next call's worst case no longer fits under the limit; nothing was sent."""

    exit_code = 6


def most_input_tokens(request: Request) -> int:
    """Bound the prompt: a token is at least one byte, and templates add a little."""
    texts = [message.text for message in request.messages]
    if request.system is not None:
        texts.append(request.system)
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    return size + MESSAGE_TOKENS * len(texts) + CALL_TOKENS


@dataclass(frozen=True, slots=True)
class Tariff:
    """What calls to one option cost."""

    price: Price
    """Price of a call of usual length."""
    long_prices: tuple[tuple[int, Price], ...] = ()
    """Dearer prices of calls with more input tokens than the number, smallest first."""
    cache_write: Decimal = Decimal("1.25")
    """What a token written to the cache costs, as a multiple of the input price, at least 1."""
    cache_write_by_lifetime: Mapping[str, Decimal] = field(
        default_factory=lambda: {"1h": Decimal(2)}
    )
    """The same for lifetimes at another multiple."""

    by_hour: tuple[Price, ...] = ()
    """Price of a call of usual length at each hour of the day, UTC; empty where it is the same."""

    def price_at(self, input_tokens: int, hour: int = 0) -> Price:
        """Give the price of a call with so many input tokens at an hour, UTC."""
        found = self.by_hour[hour] if self.by_hour else self.price
        for above, price in self.long_prices:
            if input_tokens > above:
                found = price
        return found

    def worst_usd(self, request: Request, output_tokens: int) -> Decimal:
        """Bound what a call can cost: the longest prompt, all of it written to the cache."""
        asked = most_input_tokens(request)
        usual = self.by_hour or (self.price,)
        prices = [*usual, *(price for above, price in self.long_prices if asked > above)]
        with localcontext(EXACT):
            dearest_in = max(price.input_usd_per_mtok for price in prices)
            dearest_out = max(price.output_usd_per_mtok for price in prices)
            written = max(self.cache_write, Decimal(1))
            whole = asked * dearest_in * written + output_tokens * dearest_out
            return whole.scaleb(-6)

    def usd(self, usage: Usage, hour: int = 0) -> Decimal:
        """Price a call from its tokens; what the provider states itself goes before that.

        Unknown cached tokens are priced in full; hour is that of sending, UTC.
        """
        stated = usage.reported_cost_usd
        if stated is not None and not usage.raw.get("is_byok"):
            return stated
        price = self.price_at(usage.input_tokens, hour)
        with localcontext(EXACT):
            extra = sum(
                (
                    count * (self._factor(lifetime) - 1)
                    for lifetime, count in _written(usage).items()
                ),
                ZERO,
            )
            read = usage.cached_input_tokens or 0
            plain = price.usd_per_call(
                Decimal(usage.input_tokens), Decimal(read), Decimal(usage.output_tokens)
            )
            return plain + (extra * price.input_usd_per_mtok).scaleb(-6)

    def _factor(self, lifetime: str) -> Decimal:
        return self.cache_write_by_lifetime.get(lifetime, self.cache_write)


def _written(usage: Usage) -> dict[str, int]:
    """Give the tokens written to the cache by lifetime; "" where the provider does not say."""
    named = dict(usage.cache_write_by_lifetime)
    rest = (usage.cache_write_tokens or 0) - sum(named.values())
    return {**named, "": rest} if rest > 0 else named


class Budget:
    """Keeps spent and set-aside dollars at or below a limit."""

    def __init__(self, max_usd: Decimal, committed_usd: Decimal = ZERO) -> None:
        """Start with what earlier runs spent or may have spent. Raises ValueError below 0."""
        if not max_usd.is_finite() or max_usd < 0:
            raise ValueError("max_usd must be at least 0")
        self.max_usd = max_usd
        self.spent_usd = committed_usd
        self.reserved_usd = ZERO
        self.in_flight = 0
        self.overrun_usd = ZERO
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()

    @property
    def left_usd(self) -> Decimal:
        """Dollars that are neither spent nor set aside; below 0 only after an overrun."""
        with localcontext(EXACT):
            return self.max_usd - self.spent_usd - self.reserved_usd

    async def reserve(self, usd: Decimal, beside: Decimal = ZERO) -> None:
        """Set the worst case of a call aside, in the order of asking.

        beside is what a call that must follow may cost: it must fit too, but is not set aside.
        Waits while calls under way may yet cost less than was set aside for them. Raises
        OutOfMoneyError when it cannot fit.
        """
        async with self._turn:
            while usd + beside > self.left_usd:
                if self.in_flight == 0:
                    following = (
                        f" and its judge's another ${beside.normalize():f}" if beside else ""
                    )
                    raise OutOfMoneyError(
                        f"the next call may cost ${usd.normalize():f}{following}, and"
                        f" ${max(self.left_usd, ZERO).normalize():f} of"
                        f" ${self.max_usd.normalize():f} are left"
                    )
                self._changed.clear()
                await self._changed.wait()
            with localcontext(EXACT):
                self.reserved_usd += usd
            self.in_flight += 1

    def settle(self, reserved_usd: Decimal, usd: Decimal) -> bool:
        """Replace what was set aside by what was spent; whether it was enough.

        A provider that charges more than its cap allows is an overrun: it is counted, and the
        caller must stop asking it.
        """
        with localcontext(EXACT):
            self.reserved_usd -= reserved_usd
            self.spent_usd += usd
            over = usd - reserved_usd
            if over > 0:
                self.overrun_usd += over
        self.in_flight -= 1
        self._changed.set()
        return over <= 0

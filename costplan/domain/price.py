"""The price of a call: dollars per million tokens, and where they were read."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal, localcontext

from costplan.domain.errors import InputError
from costplan.domain.money import EXACT


class UnknownPriceError(InputError):
    """No price is known: never to be read as zero dollars."""


@dataclass(frozen=True, slots=True)
class Price:
    """What one model costs for calls of one size on one day."""

    model: str
    """Name of the profile."""
    provider: str
    """Who is paid."""
    as_of: dt.date
    """Day the price is for."""
    input_usd_per_mtok: Decimal
    """Dollars per million input tokens that are not read from the cache."""
    cached_input_usd_per_mtok: Decimal
    """Dollars per million input tokens read from the cache."""
    output_usd_per_mtok: Decimal
    """Dollars per million output tokens, reasoning included."""
    batch: bool
    """Whether these are batch prices; False also where batch was asked for but none is known."""
    source: str
    """Where the price was read: "genai-prices 0.2.3 (openai/o3)"."""
    notes: tuple[str, ...] = ()
    """What to know: no batch price, a dearer long-context price, a model that has ended."""

    def usd_per_call(
        self, input_tokens: Decimal, cached_input_tokens: Decimal, output_tokens: Decimal
    ) -> Decimal:
        """Price one call exactly.

        Input includes the cached tokens and output includes reasoning. Raises ValueError when an
        amount is below 0 or more is cached than sent.
        """
        if not 0 <= cached_input_tokens <= input_tokens or output_tokens < 0:
            raise ValueError(
                f"tokens out of range: {input_tokens} input, {cached_input_tokens} of them cached, "
                f"{output_tokens} output"
            )
        with localcontext(EXACT):
            per_million = (
                (input_tokens - cached_input_tokens) * self.input_usd_per_mtok
                + cached_input_tokens * self.cached_input_usd_per_mtok
                + output_tokens * self.output_usd_per_mtok
            )
            return per_million.scaleb(-6)

    def rates(self) -> tuple[Decimal, Decimal, Decimal]:
        """Return dollars per million input, cached input and output tokens."""
        return (
            self.input_usd_per_mtok,
            self.cached_input_usd_per_mtok,
            self.output_usd_per_mtok,
        )


@dataclass(frozen=True, slots=True)
class PriceListing:
    """All that is known of one model's prices, for the list of prices."""

    name: str
    """Name of the profile."""
    price: Price | None
    """Price of a short call on the day asked for; None when unknown."""
    fault: str
    """Why the price is unknown; empty when it is known."""
    batch: Price | None
    """Batch price of the same call; None when none is known."""
    long_calls: tuple[tuple[int, Price], ...]
    """Dearer prices of calls with more input tokens than the number, smallest first."""
    changes: tuple[Price, ...]
    """Announced changes after that day, in order; as_of is the first day of each."""
    ends: dt.date | None
    """Day the vendor stops answering; None when none is announced."""

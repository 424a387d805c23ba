"""What a published row would have cost at the list price of its day, by the price library."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from costplan.domain.measurement import Measurement

HOSTS = (
    ("gpt-oss-", ""),
    ("gpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("claude-", "anthropic"),
    ("gemini-", "google"),
    ("deepseek-", "deepseek"),
    ("grok-", "x-ai"),
)
ASKED = {
    "deepseek-r1": "deepseek-reasoner",
    "deepseek-v3": "deepseek-chat",
    "gemini-2.0-flash-thinking": "",
    "claude-3-5-sonnet": "claude-3-5-sonnet-20241022",
    "gpt-4.5": "gpt-4.5-preview",
}
"""Names that the library knows a model by; empty where it has no price."""


def list_price_usd(row: Measurement) -> Decimal | None:
    """Price the row's tokens per question at noon UTC of its day; None where no price is known.

    All input counts as uncached.
    """
    from genai_prices import Usage, calc_price

    host = next((host for start, host in HOSTS if row.model.startswith(start)), "")
    model = ASKED.get(row.model, row.model)
    if not host or not model or not row.date:
        return None
    day = dt.date.fromisoformat(row.date)
    usage = Usage(
        input_tokens=round(row.input_tokens or 0), output_tokens=round(row.output_tokens or 0)
    )
    try:
        found = calc_price(
            usage,
            model_ref=model,
            provider_id=host,
            genai_request_timestamp=dt.datetime(day.year, day.month, day.day, 12, tzinfo=dt.UTC),
        )
    except LookupError:
        return None
    return found.total_price

"""What comes back from a provider: the answer, its bill and its times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from costplan.providers.usage import Usage


class Finish(StrEnum):
    """Why the answer ended."""

    STOP = "stop"
    """The model was done."""
    LENGTH = "length"
    """Cut off at the cap or the context's end: paid in full, perhaps without any visible text."""
    REFUSAL = "refusal"
    """The model or a filter declined: neither an outage nor a wrong answer."""
    TOOL = "tool"
    """The model wants a tool that the probe does not offer."""
    OTHER = "other"
    """A reason without a word here; finish_raw has it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the body of a reply says."""

    text: str
    """Visible text only; empty when the cap went on reasoning."""
    finish: Finish
    """Why it ended."""
    finish_raw: str
    """The provider's own word for it."""
    usage: Usage
    """Tokens, normalised."""
    reasoning_text: str | None = None
    """Reasoning or its summary, where the provider shows it."""
    served_model: str | None = None
    """Model that answered, as the reply names it."""
    served_tier: str | None = None
    """Tier that answered, as the reply names it."""
    upstream: str | None = None
    """Host behind a gateway."""
    request_id: str | None = None
    """Identifier to quote to the provider."""
    server_s: float | None = None
    """Seconds the server says it worked, loading the model apart."""

    @property
    def reasoning_share_estimate(self) -> float | None:
        """Guess the share of reasoning from characters, 0 to 1; None where tokens are known."""
        if self.usage.reasoning_tokens is not None or not self.reasoning_text:
            return None
        return len(self.reasoning_text) / (len(self.reasoning_text) + len(self.text))


@dataclass(frozen=True, slots=True)
class Reply:
    """One attempt that brought an answer."""

    answer: Answer
    """What the body says."""
    sent_at: datetime
    """UTC, for prices that depend on the hour."""
    total_s: float
    """Seconds from sending to the end of the body, waiting apart."""
    first_reasoning_s: float | None = None
    """Seconds to the first reasoning text; None where it is hidden or there is no stream."""
    first_visible_s: float | None = None
    """Seconds to the first visible text; None where there is none or no stream."""
    attempts: int = 1
    """Calls it took, this one included."""
    waited_s: float = 0.0
    """Seconds spent waiting for rate limits and between attempts."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers of the reply about limits and ids, lower case; never any of the request."""
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The body; a stream's is put together again."""

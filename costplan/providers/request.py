"""What is asked of a provider: a question at a setting, with a hard cap on what it may cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Switch(StrEnum):
    """Positions of a reasoning switch."""

    ON = "on"
    OFF = "off"
    ADAPTIVE = "adaptive"
    """The model decides how long it thinks (Anthropic)."""
    BETWEEN_TOOLS = "between_tools"
    """Thinking only between tool calls (Anthropic)."""


class Tier(StrEnum):
    """Service tiers; they change price and speed, never the answer."""

    STANDARD = "standard"
    FLEX = "flex"
    PRIORITY = "priority"


class Role(StrEnum):
    """Who speaks in a message."""

    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of the conversation that is sent."""

    role: Role
    """Who speaks."""
    text: str
    """What is said."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One position of a model's reasoning knob, as it goes over the wire; empty is "fixed"."""

    label: str
    """Name in the profile: "low", "16000", "fixed"."""
    effort: str | None = None
    """Level in the vendor's own word: "low", "none" (an effort, not "no knob")."""
    budget: int | None = None
    """Reasoning tokens that are allowed; -1 is dynamic where the vendor says so (Gemini)."""
    switch: Switch | None = None
    """Position of the switch, alone or beside an effort or a budget."""
    body: Mapping[str, Any] = field(default_factory=dict)
    """Raw JSON merged into the request body for knobs that have no word here."""


@dataclass(frozen=True, slots=True)
class Request:
    """One paid call: everything but the key, which is read when it is sent."""

    question_id: str
    """The user's identifier of the question."""
    model: str
    """Model id as it goes over the wire."""
    messages: tuple[Message, ...]
    """The conversation, at least one message."""
    setting: Setting
    """Position of the reasoning knob, always sent explicitly."""
    max_output_tokens: int
    """Cap that the provider is asked to keep, at least 1; the worst-case cost rests on it."""
    sample: int = 0
    """Which of several independent answers to the same question, from 0."""
    system: str | None = None
    """System prompt, or None."""
    tier: Tier | None = None
    """Service tier; None for servers that have none."""
    stream: bool = True
    """Whether the reply is read as it is made, which alone gives the time to the first token."""
    timeout_s: float = 900.0
    """Seconds from sending to the end of the body, above 0; thinking is silent for minutes."""
    serves_as: tuple[str, ...] = ()
    """What the reply may call the model beside its id, with * and ?: "claude-opus-5-5*"."""
    user_body: Mapping[str, Any] = field(default_factory=dict)
    """Raw JSON merged into the body last: sampling, seeds, response formats."""

    def __post_init__(self) -> None:
        """Refuse a request that no provider could answer."""
        if not self.messages:
            raise ValueError("a request needs at least one message")
        if self.max_output_tokens < 1:
            raise ValueError("max_output_tokens must be at least 1")
        if self.timeout_s <= 0:
            raise ValueError("timeout_s must be above 0")

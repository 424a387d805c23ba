"""The question: what a probe asks, as a line of the user's file."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from costplan.domain.record import Record


class Message(Record):
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    """Who says it."""
    content: str
    """What is said."""


class Question(Record):
    """One question of the user's own, with the answer that counts as right."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    id: Annotated[str, Field(min_length=1)]
    """Name of the question, unique in its class."""
    task_class: Annotated[str, Field(min_length=1, alias="class")]
    """Name of the task class in the workload."""
    prompt: str | None = None
    """What is asked, when one message says it."""
    messages: tuple[Message, ...] = ()
    """What is asked, when it takes a conversation; instead of prompt."""
    target: str | tuple[str, ...] | None = None
    """Right answer, or several that all count; absent where a command or a judge decides."""

    @model_validator(mode="after")
    def _asked_once(self) -> Self:
        if (self.prompt is None) == (not self.messages):
            raise ValueError("give one of prompt and messages")
        return self

"""Where models are asked when `costplan probe` measures them, and how fast."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from costplan.domain.numbers import Positive, WholePositive
from costplan.domain.record import Record

Address = Annotated[str, Field(pattern=r"^https?://\S+$")]
"""An address: http://localhost:8000/v1."""
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
"""Name of an environment variable."""
Protocol = Literal["openai_responses", "openai_chat", "anthropic", "gemini", "ollama", "bedrock"]
Dialect = Literal[
    "openai", "vllm", "sglang", "llama_cpp", "deepseek", "openrouter", "xai", "mistral", "qwen"
]


class OwnEndpoint(Record):
    """An address of your own, a gateway, or limits that the usual address has for you."""

    base_url: Address | None = None
    """Address up to where the protocol's own path begins; the provider's usual one when absent."""
    protocol: Protocol | None = None
    """What is spoken there; the provider's usual protocol when absent, `openai_chat` at an address
    of a provider that costplan does not know."""
    dialect: Dialect | None = None
    """Variant of openai_chat: it decides how the knob is written."""
    key_env: Variable | None = None
    """Environment variable with the key; the key itself stands in no file. The provider's usual
    one when absent, none at an address of your own."""
    model: Annotated[str, Field(min_length=1)] | None = None
    """Model id on the wire there; the profile's when absent."""
    region: str | None = None
    """AWS region, for Bedrock."""
    requests_per_minute: Positive | None = None
    """Most requests a minute."""
    tokens_per_minute: Positive | None = None
    """Most tokens a minute, counted by what a call may cost at worst."""
    at_once: WholePositive | None = None
    """Most calls under way at the same time."""
    timeout_s: Positive | None = None
    """Seconds that a call may take; 900 when absent."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.dialect is not None and self.protocol not in {None, "openai_chat"}:
            raise ValueError("dialect goes with protocol: openai_chat")
        if self.region is not None and self.protocol != "bedrock":
            raise ValueError("region goes with protocol: bedrock")
        if self.protocol == "bedrock" and self.key_env is not None:
            raise ValueError("bedrock takes its credentials as every AWS tool does, not key_env")
        return self


class ProbeLimits(Record):
    """What `costplan probe` may do without being told on the command line."""

    max_usd: Positive | None = None
    """Most dollars that all runs on one journal may cost together; --max-usd goes before it."""

"""The protocols and the vendors that speak them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import cast

from costplan.providers.dialects import DIALECTS
from costplan.providers.request import Request, Switch
from costplan.providers.wire import Adapter, Endpoint, cannot_say

PROTOCOLS: Mapping[str, str] = MappingProxyType(
    {
        "openai_responses": "costplan.providers.openai_responses:OpenAIResponses",
        "openai_chat": "costplan.providers.openai_chat:OpenAIChat",
        "anthropic": "costplan.providers.anthropic:Anthropic",
        "gemini": "costplan.providers.gemini:Gemini",
        "ollama": "costplan.providers.ollama:Ollama",
    }
)
"""Protocol over HTTP to "module:Class", imported on use. Bedrock is signed and stands apart."""


def _chat(base_url: str, dialect: str, key_env: str | None) -> tuple[str, Endpoint]:
    return "openai_chat", Endpoint(base_url, key_env, dialect)


PROVIDERS: Mapping[str, tuple[str, Endpoint]] = MappingProxyType(
    {
        "openai": (
            "openai_responses",
            Endpoint("https://api.openai.com/v1", "OPENAI_API_KEY"),
        ),
        "openai-chat": _chat("https://api.openai.com/v1", "openai", "OPENAI_API_KEY"),
        "anthropic": (
            "anthropic",
            Endpoint("https://api.anthropic.com", "ANTHROPIC_API_KEY"),
        ),
        "google": (
            "gemini",
            Endpoint("https://generativelanguage.googleapis.com/v1beta", "GEMINI_API_KEY"),
        ),
        "deepseek": _chat("https://api.deepseek.com", "deepseek", "DEEPSEEK_API_KEY"),
        "xai": _chat("https://api.x.ai/v1", "xai", "XAI_API_KEY"),
        "mistral": _chat("https://api.mistral.ai/v1", "mistral", "MISTRAL_API_KEY"),
        "qwen": _chat(
            "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "qwen", "DASHSCOPE_API_KEY"
        ),
        "openrouter": _chat("https://openrouter.ai/api/v1", "openrouter", "OPENROUTER_API_KEY"),
        "vllm": _chat("http://localhost:8000/v1", "vllm", None),
        "sglang": _chat("http://localhost:30000/v1", "sglang", None),
        "llama_cpp": _chat("http://localhost:8080/v1", "llama_cpp", None),
        "ollama": ("ollama", Endpoint("http://localhost:11434")),
    }
)
"""Provider's name in a profile to its protocol and usual address."""


def adapter(protocol: str, endpoint: Endpoint) -> Adapter:
    """Load a protocol for an address. Raises KeyError for an unknown protocol."""
    module, _, name = PROTOCOLS[protocol].partition(":")
    return cast("Adapter", getattr(import_module(module), name)(endpoint))


def most_output_tokens(endpoint: Endpoint, request: Request) -> int:
    """Bound the output that a request can be billed for.

    Raises CallError where the cap leaves reasoning open and no budget bounds it (Qwen).
    """
    dialect = DIALECTS.get(endpoint.dialect)
    if dialect is None or dialect.cap_covers_reasoning:
        return request.max_output_tokens
    if request.setting.switch is Switch.OFF:
        return request.max_output_tokens
    budget = request.setting.budget
    if budget is None:
        budget = request.setting.body.get("thinking_budget")
    if not isinstance(budget, int) or budget < 0:
        raise cannot_say(
            request,
            "the cap of this server does not cover reasoning; a budget must bound the cost",
        )
    return request.max_output_tokens + budget

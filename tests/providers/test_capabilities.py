"""What providers say of their models for nothing."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from loopback_server import http, loopback

from costplan.providers.capabilities import ask_capabilities, is_listed, read_capabilities
from costplan.providers.fault import CallError, FaultKind
from costplan.providers.request import Message, Request, Role, Setting, Switch
from costplan.providers.table import PROVIDERS, adapter
from costplan.providers.transport import Client
from costplan.providers.wire import Endpoint

TODAY = dt.date(2026, 11, 24)


def asked(setting, cap=1000):
    """Make a request."""
    return Request("q", "m", (Message(Role.USER, "?"),), setting, cap)


def supported(*names):
    """Write Anthropic's way of saying what is supported."""
    every = ("adaptive", "enabled", "disabled", "between_tools", "low", "high", "max")
    return {name: {"supported": name in names} for name in every}


ANTHROPIC = {
    "id": "m",
    "max_tokens": 128000,
    "lifecycle": "active",
    "retires_at": "2027-01-22T00:00:00Z",
    "capabilities": {
        "thinking": {"types": supported("adaptive")},
        "effort": supported("low", "max"),
    },
}


@pytest.mark.parametrize(
    ("setting", "cap", "message"),
    [
        (Setting("x", effort="low", switch=Switch.ADAPTIVE), 1000, None),
        (Setting("x", effort="high", switch=Switch.ADAPTIVE), 1000, "known: low, max"),
        (Setting("x", budget=2000), 4000, "budget is not taken"),
        (Setting("x", switch=Switch.OFF), 1000, "known: adaptive"),
        (Setting("x", effort="low"), 200000, "the limit 128,000"),
    ],
)
def test_settings_that_a_model_refuses_are_found_before_paying(setting, cap, message):
    """Anthropic's capabilities say which efforts, switches and caps a model takes."""
    found = read_capabilities("anthropic", "m", ANTHROPIC).complaints(asked(setting, cap), TODAY)
    assert found == [] if message is None else message in found[0]


def test_a_model_that_has_ended_is_refused():
    """A retired model and one whose day has come are named."""
    known = read_capabilities("anthropic", "m", ANTHROPIC)
    assert known.complaints(asked(Setting("x")), dt.date(2027, 1, 22)) == ["m ended on 2027-01-22"]
    retired = read_capabilities("anthropic", "m", {**ANTHROPIC, "lifecycle": "retired"})
    assert retired.complaints(asked(Setting("x")), TODAY) == ["m is retired"]


def test_ollama_levels_are_checked_because_it_ignores_unknown_ones(recorded):
    """A level that /api/show does not list would silently be the default; it is named."""
    known = read_capabilities("ollama", "m", recorded("ollama")["capabilities"]["body"])
    assert known.complaints(asked(Setting("x", effort="high")), TODAY) == []
    assert (
        "known: low, medium, high" in known.complaints(asked(Setting("x", effort="max")), TODAY)[0]
    )
    assert "budget" in known.complaints(asked(Setting("x", budget=9)), TODAY)[0]


def test_openrouter_maps_unknown_efforts_so_they_are_named():
    """An entry of OpenRouter's list says which efforts are real."""
    entry = {
        "id": "m",
        "reasoning": {
            "supported_efforts": ["low", "high"],
            "supports_max_tokens": False,
            "mandatory": True,
        },
        "top_provider": {"max_completion_tokens": 500},
    }
    known = read_capabilities("openai_chat", "m", {"data": [{"id": "other"}, entry]})
    assert known.complaints(asked(Setting("x", effort="high"), 400), TODAY) == []
    assert len(known.complaints(asked(Setting("x", effort="max", switch=Switch.OFF)), TODAY)) == 3
    assert is_listed({"data": [entry]}, "m") is True
    assert is_listed({"data": [entry]}, "n") is False
    assert is_listed({}, "m") is None


def test_what_is_not_said_is_not_complained_about():
    """Unknown capabilities speak against nothing."""
    for protocol in ("anthropic", "gemini", "ollama", "openai_chat", "openai_responses"):
        known = read_capabilities(protocol, "m", {})
        assert known.complaints(asked(Setting("x", effort="max", budget=5)), TODAY) == []


def test_the_key_is_checked_for_nothing():
    """The free request goes out with the key, is read, and its errors are classified."""
    seen = {}

    async def handler(first, headers, body, writer):
        seen.update(first=first, key=headers.get("x-api-key"))
        good = headers.get("x-api-key") == "sk-good"
        error = {"type": "error", "error": {"type": "authentication_error", "message": "no"}}
        writer.write(http(200 if good else 401, {}, ANTHROPIC if good else error))

    async def run(key):
        async with loopback(handler) as url, Client(environ={"K": key}) as client:
            endpoint = Endpoint(url, "K")
            wire = ask_capabilities("anthropic", endpoint, "m/1")
            return await client.fetch(adapter("anthropic", endpoint), wire, "K")

    assert asyncio.run(run("sk-good"))["max_tokens"] == 128000
    assert seen["first"].startswith("GET /v1/models/m%2F1 ")
    with pytest.raises(CallError) as caught:
        asyncio.run(run("sk-bad"))
    assert caught.value.kind is FaultKind.AUTH


def test_every_provider_of_the_table_can_be_loaded_and_asked():
    """Each entry names a protocol that loads, and has a free request."""
    for protocol, endpoint in PROVIDERS.values():
        speaks = adapter(protocol, endpoint)
        wire = speaks.encode(asked(Setting("fixed")))
        assert wire.url.startswith(endpoint.base_url)
        assert ask_capabilities(protocol, endpoint, "m").url.startswith(endpoint.base_url)

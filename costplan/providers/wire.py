"""The seam between protocols, which are pure, and the transport, which is not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from costplan.providers.fault import CallError, Charge, FaultKind
from costplan.providers.reply import Answer
from costplan.providers.request import Request

Json = dict[str, Any]


class Framing(StrEnum):
    """How a stream is cut into events."""

    SSE = "sse"
    NDJSON = "ndjson"


class Seen(StrEnum):
    """What an event of a stream brought."""

    NOTHING = "nothing"
    REASONING = "reasoning"
    VISIBLE = "visible"


@dataclass(frozen=True, slots=True)
class Wire:
    """An HTTP request without its key."""

    method: str
    url: str
    headers: Mapping[str, str]
    """Lower-case names."""
    body: Mapping[str, Any]
    """JSON."""
    key_header: str = ""
    """Header that takes the key; empty where there is none."""
    key_prefix: str = ""
    """What stands before the key in that header."""


class Fold(Protocol):
    """Puts the events of one stream together into the body a plain reply would have."""

    done: bool
    """Whether the terminal event has been seen."""

    def feed(self, event: str, data: str) -> Seen:
        """Take one event. Raises CallError for an error inside the stream."""

    def body(self) -> Json:
        """Give the whole body. Raises CallError when the stream ended too early."""


class Adapter(Protocol):
    """One wire protocol, as pure functions."""

    framing: Framing

    def encode(self, request: Request) -> Wire:
        """Write the request. Raises CallError for a setting the protocol cannot say."""

    def decode(
        self, request: Request, body: Mapping[str, Any], headers: Mapping[str, str]
    ) -> Answer:
        """Read a reply with status 200. Raises CallError when it is no answer."""

    def fold(self) -> Fold:
        """Start reading a stream."""

    def classify(
        self, status: int, body: Mapping[str, Any], headers: Mapping[str, str]
    ) -> CallError:
        """Say what a status other than 200 means."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a protocol is spoken, and which environment variable holds the key."""

    base_url: str
    """Address without the protocol's own path, no slash at the end."""
    key_env: str | None = None
    """Name of the environment variable with the key; None where no key is needed."""
    dialect: str = ""
    """Variant of the protocol."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further headers, lower case, never a key: {"anthropic-version": "2023-06-01"}."""


def cannot_say(request: Request, what: str) -> CallError:
    """Make the fault of a setting that this protocol has no field for."""
    return CallError(
        FaultKind.BAD_REQUEST,
        f"setting '{request.setting.label}' of {request.model}: {what}",
        param="setting",
    )


def broken(message: str) -> CallError:
    """Make the fault of a reply that is not what the protocol promises."""
    return CallError(FaultKind.BROKEN_STREAM, message, charge=Charge.POSSIBLE)


def merge(base: Mapping[str, Any], extra: Mapping[str, Any]) -> Json:
    """Lay one JSON object over another; objects are merged, everything else is replaced."""
    merged = dict(base)
    for key, value in extra.items():
        under = merged.get(key)
        both = isinstance(under, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(under, value) if both else value  # type: ignore[arg-type]
    return merged


def with_extras(body: Json, request: Request, fixed: Sequence[str]) -> Json:
    """Merge the setting's and the user's raw JSON into the body.

    fixed are dotted paths that price and identity rest on. Raises CallError for a change.
    """
    for extra in (request.setting.body, request.user_body):
        for path in fixed:
            if _holds(extra, path.split(".")):
                raise CallError(
                    FaultKind.BAD_REQUEST,
                    f"the raw body must not set '{path}': the price ceiling and the"
                    " measurement rest on it",
                    param=path,
                )
        body = merge(body, extra)
    return body


def _holds(extra: Mapping[str, Any], path: Sequence[str]) -> bool:
    """Whether the object sets the path, or replaces what is above it."""
    inside: Any = extra
    for key in path:
        if not isinstance(inside, Mapping):
            return True
        if key not in inside:
            return False
        inside = inside[key]
    return True


def parse(data: str | bytes) -> Json:
    """Read a JSON object. Raises CallError for anything else."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise broken("the reply is not a JSON object")
    return value


def objects(value: object) -> list[Json]:
    """Give the objects of a list whose shape is not promised."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def inner(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Give the object under a key, empty where there is none."""
    found = value.get(name)
    return found if isinstance(found, Mapping) else {}


def text_or_none(value: object) -> str | None:
    """Give a text that is not empty, or None."""
    return value if isinstance(value, str) and value else None


def headers_of(endpoint: Endpoint, **more: str) -> dict[str, str]:
    """Give the headers of a JSON request; the endpoint's own go before the defaults."""
    defaults = {name.replace("_", "-"): value for name, value in more.items()}
    return {"content-type": "application/json", **defaults, **endpoint.headers}

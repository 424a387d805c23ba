"""Errors in OpenAI's shape, as OpenAI and every server that imitates it send them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from costplan.providers.fault import (
    KIND_BY_STATUS,
    CallError,
    Charge,
    FaultKind,
    fault_of_status,
    text_of,
)

KIND_BY_CODE = {
    "insufficient_quota": FaultKind.QUOTA,
    "billing_hard_limit_reached": FaultKind.QUOTA,
    "billing_not_active": FaultKind.QUOTA,
    "rate_limit_exceeded": FaultKind.RATE_LIMITED,
    "rate_limit_error": FaultKind.RATE_LIMITED,
    "server_error": FaultKind.OVERLOADED,
    "insufficient_system_resource": FaultKind.OVERLOADED,
    "invalid_api_key": FaultKind.AUTH,
    "model_not_found": FaultKind.NOT_FOUND,
}
"""What an error's code or type says more exactly than its status."""


def _parts(body: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    """Give the error object and its message, in the shapes seen."""
    error = body.get("error")
    if isinstance(error, Mapping):
        return error, text_of(error.get("message"))
    if isinstance(error, str):
        return {}, text_of(error)
    message = body.get("message", body.get("detail", ""))
    return body, text_of(message if isinstance(message, str) else repr(message))


def _kind(error: Mapping[str, Any]) -> FaultKind | None:
    """Read the kind from the code, then from the type; None where neither is known."""
    for name in ("code", "type"):
        kind = KIND_BY_CODE.get(str(error.get(name)))
        if kind is not None:
            return kind
    return None


def classify(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> CallError:
    """Say what a status other than 200 means."""
    error, message = _parts(body)
    kind = _kind(error)
    if kind is FaultKind.RATE_LIMITED and status != 429:
        kind = None
    param = error.get("param")
    return fault_of_status(
        status, headers, message, kind=kind, param=param if isinstance(param, str) else None
    )


def error_inside(body: Mapping[str, Any]) -> CallError:
    """Say what an error means that came inside a reply with status 200."""
    error, message = _parts(body)
    kind = _kind(error)
    code = error.get("code")
    if kind is None and isinstance(code, int):
        kind = KIND_BY_STATUS.get(code, FaultKind.OVERLOADED)
    kind = kind or FaultKind.OVERLOADED
    return CallError(
        kind,
        message or "the provider reported an error inside its reply",
        charge=Charge.POSSIBLE,
    )

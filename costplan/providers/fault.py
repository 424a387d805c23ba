"""What can go wrong with a call, and whether asking again can help."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

from costplan.domain.errors import ProviderError


class FaultKind(StrEnum):
    """Kinds of failure, by what a caller does about them."""

    RATE_LIMITED = "rate_limited"
    """Too many calls: wait, then ask again."""
    OVERLOADED = "overloaded"
    """The server failed: wait, then ask again."""
    UNREACHABLE = "unreachable"
    """No connection was made: nothing was sent."""
    TIMEOUT = "timeout"
    """No end of the reply within the time limit."""
    BROKEN_STREAM = "broken_stream"
    """The reply was cut or is not what the protocol promises."""
    QUOTA = "quota"
    """Out of credit or over a daily quota: stop asking this provider."""
    BAD_REQUEST = "bad_request"
    """The provider refuses this request and will refuse it again."""
    AUTH = "auth"
    """The key is missing, wrong or not allowed."""
    NOT_FOUND = "not_found"
    """No such model or address."""
    UNFINISHED = "unfinished"
    """The reply ended before the answer did, for a reason other than the cap."""
    USAGE_MISMATCH = "usage_mismatch"
    """The tokens that are reported do not add up, so the call cannot be priced."""
    WRONG_MODEL = "wrong_model"
    """Another model answered."""
    WRONG_TIER = "wrong_tier"
    """Another service tier answered, at another price."""


class Charge(StrEnum):
    """Whether a failed call is on the bill."""

    NONE = "none"
    """Refused before anything was made: 4xx, 429, 500, 503, 529, no connection."""
    POSSIBLE = "possible"
    """Sent and not refused: timeout, cut stream, gateway error. Keep the worst case reserved."""
    CERTAIN = "certain"
    """Answered in full, but not usable."""


RETRIED = frozenset(
    {
        FaultKind.RATE_LIMITED,
        FaultKind.OVERLOADED,
        FaultKind.UNREACHABLE,
        FaultKind.TIMEOUT,
        FaultKind.BROKEN_STREAM,
    }
)
"""Kinds for which asking again can help, unless the provider says otherwise."""

STOPS_PROVIDER = frozenset({FaultKind.QUOTA, FaultKind.AUTH})
"""Kinds after which every further call to the provider would fail."""

STOPS_SETTING = frozenset(
    {
        FaultKind.NOT_FOUND,
        FaultKind.USAGE_MISMATCH,
        FaultKind.WRONG_MODEL,
        FaultKind.WRONG_TIER,
    }
)
"""Kinds after which the setting must not be measured further."""


class CallError(ProviderError):
    """One call that brought no usable reply."""

    def __init__(
        self,
        kind: FaultKind,
        message: str,
        *,
        status: int | None = None,
        param: str | None = None,
        wait_s: float | None = None,
        retry: bool | None = None,
        charge: Charge = Charge.NONE,
        body: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep what is known; the message must hold no key and no header of the request."""
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.status = status
        self.param = param
        self.wait_s = wait_s
        self.retry = kind in RETRIED if retry is None else retry
        self.charge = charge
        self.body = body

    def __str__(self) -> str:
        """Say what happened in one line."""
        status = f"HTTP {self.status}: " if self.status is not None else ""
        param = f" (parameter {self.param})" if self.param else ""
        return f"{status}{self.message}{param}"


KIND_BY_STATUS = {
    400: FaultKind.BAD_REQUEST,
    401: FaultKind.AUTH,
    402: FaultKind.QUOTA,
    403: FaultKind.AUTH,
    404: FaultKind.NOT_FOUND,
    405: FaultKind.NOT_FOUND,
    408: FaultKind.OVERLOADED,
    409: FaultKind.OVERLOADED,
    410: FaultKind.NOT_FOUND,
    413: FaultKind.BAD_REQUEST,
    422: FaultKind.BAD_REQUEST,
    425: FaultKind.OVERLOADED,
    429: FaultKind.RATE_LIMITED,
}
MAYBE_CHARGED = frozenset({408, 502, 504})
"""Statuses of a gateway that gave up while the model behind it may have gone on."""


def fault_of_status(
    status: int,
    headers: Mapping[str, str],
    message: str,
    *,
    kind: FaultKind | None = None,
    param: str | None = None,
    wait_s: float | None = None,
) -> CallError:
    """Classify an HTTP status that is not 2xx; header names are lower case.

    kind and wait_s, where given, are what the body says and go before the status.
    """
    if kind is None:
        kind = KIND_BY_STATUS.get(
            status, FaultKind.OVERLOADED if status >= 500 else FaultKind.BAD_REQUEST
        )
    hint = wait_s if wait_s is not None else wait_hint(headers)
    retry = kind in RETRIED
    if kind is FaultKind.QUOTA and status == 402 and hint is not None:
        retry = True  # OpenRouter: credits that are being settled
    elif kind not in STOPS_PROVIDER:
        retry = {"true": True, "false": False}.get(headers.get("x-should-retry", ""), retry)
    return CallError(
        kind,
        message or f"the provider answered with status {status} and no message",
        status=status,
        param=param,
        wait_s=hint,
        retry=retry,
        charge=Charge.POSSIBLE if status in MAYBE_CHARGED else Charge.NONE,
    )


def wait_hint(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Read how many seconds the provider asks to wait; None where it does not say."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name)
        if text is None:
            continue
        try:
            seconds = float(text) * scale
        except ValueError:
            seconds = _until(text, now)
        if 0 <= seconds < float("inf"):
            return seconds
    return None


def _until(text: str, now: datetime | None) -> float:
    """Seconds until an HTTP date, at least 0; NaN where the text is none."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return float("nan")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def duration_s(text: str) -> float | None:
    """Read a duration such as "6ms", "1m2s" or "38.209315s"; None where it is none."""
    if not re.fullmatch(f"(?:{_PART.pattern})+", text):
        return None
    return sum(float(amount) * _SECONDS[unit] for amount, unit in _PART.findall(text))


def text_of(value: object, fallback: str = "") -> str:
    """Take a text from a body whose shape is not promised, cut to what a person would read."""
    return value[:500] if isinstance(value, str) and value else fallback

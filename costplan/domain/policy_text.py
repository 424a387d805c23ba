"""A policy in one line, as a workload may hold it: `vote {option: gpt-5/low, n: 5}`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal

from costplan.domain.policy import KINDS, Policy

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./@*()=-]*(?: [A-Za-z0-9_./@*()=-]+)*\Z")
"""Text that YAML takes for text without quotes, whatever stands around it."""
_WORDS = {"true", "false", "null", "yes", "no", "on", "off"}


def write_policy(policy: Policy) -> str:
    """Write a policy in one line; its name and what is left at its default are not said."""
    kind = policy.kind
    said = getattr(policy, kind).model_dump(exclude_defaults=True)
    if policy.cascade is not None:
        said["steps"] = [
            step["option"] if set(step) == {"option"} else step for step in said["steps"]
        ]
    return f"{kind} {_flow(said)}"


def split_policy(text: str) -> tuple[str, str] | None:
    """Give kind and flow mapping of a line that `write_policy` wrote; None for other text."""
    kind, _, rest = text.partition(" ")
    return (kind, rest) if kind in KINDS and rest.startswith("{") else None


def _flow(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_flow(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, str):
        plain = _PLAIN.match(value) and value.lower() not in _WORDS
        return value if plain else json.dumps(value)
    return json.dumps(value)

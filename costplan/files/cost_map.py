"""Read LiteLLM's JSON cost map, so that its prices may override the list prices."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError

from costplan.domain.errors import Fault, InputError
from costplan.domain.money import EXACT
from costplan.domain.profile import Profile
from costplan.domain.workload import StatedPrice

__all__ = ["match_cost_map", "read_litellm_cost_map"]

LARGEST_BYTES = 50_000_000
"""Largest file that is read; the whole map of 2026 has under 4 million bytes."""
_FINEST = Decimal("1e-12")
"""Dollars per million tokens that amounts are rounded to."""
_PREFIXES = {"google": "gemini", "x-ai": "xai"}
"""LiteLLM's word for a provider, where it differs."""
_ABOVE = re.compile(r"^(?:input|output)_cost_per_token_above_(\w+?)_tokens$")


def read_litellm_cost_map(path: Path) -> dict[str, StatedPrice]:
    """Read the token prices of a cost map, by LiteLLM's names.

    Entries without both token prices, and those at zero dollars, are left out: in the map zero
    often means unknown. What a price cannot say is said in its source: dearer long calls are not
    applied. Where reasoning tokens have a dearer price, all output is priced at it. A batch price
    is kept where input and output have the same discount. Raises InputError.
    """
    faults: list[Fault] = []
    prices: dict[str, StatedPrice] = {}
    for name, entry in _load(path).items():
        if name == "sample_spec":
            continue
        if not isinstance(entry, Mapping):
            faults.append(Fault("expected a mapping of costs", file=str(path), path=name))
            continue
        try:
            price = _read_entry(path.name, name, entry)
        except (ValidationError, ValueError) as error:
            faults.append(Fault(_said(error), file=str(path), path=name))
            continue
        if price is not None:
            prices[name] = price
    if faults:
        raise InputError(faults)
    return prices


def match_cost_map(
    profiles: Mapping[str, Profile], prices: Mapping[str, StatedPrice]
) -> dict[str, StatedPrice]:
    """Find the price of each profile in a cost map; a profile that it lacks is left out.

    The model's id at its own provider wins over the bare id; nothing is guessed.
    """
    found = {}
    for name, profile in profiles.items():
        prefix = _PREFIXES.get(profile.provider, profile.provider)
        keys = [f"{prefix}/{profile.model}"]
        if "/" not in profile.model:  # else the bare id would name another provider
            keys.append(profile.model)
        known = [prices[key] for key in keys if key in prices]
        if known:
            found[name] = known[0]
    return found


def _load(path: Path) -> dict[str, Any]:
    def refuse(*, message: str, line: int | None = None, column: int | None = None) -> InputError:
        return InputError([Fault(message, file=str(path), line=line, column=column)])

    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise refuse(message=f"larger than {LARGEST_BYTES // 1_000_000} MB: no cost map")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise refuse(message=f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise refuse(message="is not UTF-8 text") from error
    try:
        loaded = json.loads(
            text, parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_no_doubles
        )
    except json.JSONDecodeError as error:
        raise refuse(
            message=f"is not JSON: {error.msg}", line=error.lineno, column=error.colno
        ) from error
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise refuse(message=f"is not a cost map: {error}") from error
    if not isinstance(loaded, dict):
        raise refuse(message="is not a cost map: expected an object of models")
    return loaded


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no amount")


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the name {key!r} stands twice")
        found[key] = value
    return found


def _read_entry(file: str, name: str, entry: Mapping[str, Any]) -> StatedPrice | None:
    first, out = _per_mtok(entry, "input_cost_per_token"), _per_mtok(entry, "output_cost_per_token")
    if first is None or out is None or (first == 0 and out == 0):
        return None
    cached = _per_mtok(entry, "cache_read_input_token_cost")
    remarks = []
    thinking = _per_mtok(entry, "output_cost_per_reasoning_token")
    if thinking is not None and thinking > out:
        out = thinking
        remarks.append("all output at the price of reasoning")
    steps = sorted({found[1] for key in entry if (found := _ABOVE.match(key))})
    if steps:
        remarks.append(f"dearer above {', '.join(steps)} tokens, not applied")
    said = "; ".join([f"LiteLLM cost map {file} ({name})"[:120], *remarks])
    return StatedPrice(
        input_usd_per_mtok=first,
        cached_input_usd_per_mtok=cached,
        output_usd_per_mtok=out,
        batch_multiplier=_batch(entry),
        source=said[:200],
    )


def _per_mtok(entry: Mapping[str, Any], key: str) -> Decimal | None:
    value = entry.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError(f"{key}: expected a number, found {value!r}")
    number = Decimal(value)
    if abs(number) > 1:
        raise ValueError(f"{key}: {value} is more than a dollar per token")
    with localcontext(EXACT):
        # the map holds binary fractions written out, 1.3999999999999998e-07 for 0.14 per million
        amount = (number * 1_000_000).quantize(_FINEST)
        return amount.normalize() if amount else Decimal(0)


def _batch(entry: Mapping[str, Any]) -> Decimal | None:
    """Return the one discount of batch input and output, 0 to 1; None where they differ."""
    ways = []
    for way in ("input", "output"):
        full = _per_mtok(entry, f"{way}_cost_per_token")
        batch = _per_mtok(entry, f"{way}_cost_per_token_batches")
        if not full or batch is None:
            return None
        ways.append((batch, full))
    with localcontext(EXACT):
        (first, first_full), (second, second_full) = ways
        if first * second_full != second * first_full or first > first_full:
            return None
        return (first / first_full).quantize(_FINEST)


def _said(error: ValidationError | ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"

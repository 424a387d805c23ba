"""Near names, for advice on a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LONGEST = 80
"""Longer names are no misspelling of anything, and comparing them takes time."""
_MOST_NAMES = 2_000


def near_names(name: str, known: Iterable[str], *, most: int = 3) -> list[str]:
    """Find the known names that a misspelt one may stand for, nearest first."""
    if not 0 < len(name) <= _LONGEST:
        return []
    by_lower: dict[str, str] = {}
    for candidate in known:
        if len(candidate) <= _LONGEST:
            by_lower.setdefault(candidate.lower(), candidate)
        if len(by_lower) >= _MOST_NAMES:
            break
    low = name.lower()
    if low in by_lower:
        return [by_lower[low]]
    found = difflib.get_close_matches(low, by_lower, n=most, cutoff=0.6)
    if not found:
        found = [k for k in by_lower if len(low) >= 3 and (low in k or k in low)][:most]
    return [by_lower[key] for key in found]


def did_you_mean(name: str, known: Iterable[str], *, most: int = 1) -> str:
    """Word the advice "did you mean 'models'?"; empty when nothing is near."""
    near = near_names(name, known, most=most)
    return f"did you mean {join_names(near, 'or')}?" if near else ""


def join_names(names: Iterable[str], conjunction: str = "and") -> str:
    """Join names as a sentence does: 'a', 'b' or 'c'."""
    quoted = [f"'{name}'" for name in names]
    if len(quoted) <= 1:
        return "".join(quoted)
    return f"{', '.join(quoted[:-1])} {conjunction} {quoted[-1]}"

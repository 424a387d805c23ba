"""Names of options in narrow columns: policies break between their settings, never inside one."""

from __future__ import annotations

import re

_PIECES = re.compile(r"[^>, ]+[>, ]*")
"""A policy's settings and checks, each with the sign behind it: "a/low>", "b/high "."""


def longest_piece(name: str) -> int:
    """Count the columns that a name needs at the least."""
    return max((len(piece.rstrip()) for piece in _PIECES.findall(name)), default=0)


def break_name(name: str, width: int) -> list[str]:
    """Break a name into lines of at most `width` columns, where its pieces allow."""
    lines = [""]
    for piece in _PIECES.findall(name):
        if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [line.rstrip() for line in lines]

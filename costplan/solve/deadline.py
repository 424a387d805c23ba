"""A deadline for everything that is solved on the way to one answer.

Whoever asks for prices, a chart or a conflict starts many solves, some of them deep inside others.
They share one deadline: no clock runs past the one that was set around it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from costplan.domain.errors import LimitError

_end_s: ContextVar[float | None] = ContextVar("end_s", default=None)


@contextmanager
def within(seconds: float | None) -> Iterator[None]:
    """Let no solve inside run longer than this from now, nor longer than a deadline around it."""
    token = _end_s.set(end_of(seconds))
    try:
        yield
    finally:
        _end_s.reset(token)


def end_of(seconds: float | None) -> float | None:
    """Return when some seconds are over, or the deadline where that comes first; None for never."""
    set_s = _end_s.get()
    if seconds is None:
        return set_s
    end_s = time.monotonic() + seconds
    return end_s if set_s is None else min(end_s, set_s)


def left_s() -> float | None:
    """Return the seconds to the deadline, not negative; None where none is set."""
    end_s = _end_s.get()
    return None if end_s is None else max(0.0, end_s - time.monotonic())


def is_over() -> bool:
    """Tell whether a deadline has passed."""
    return left_s() == 0.0


def check_time(what: str) -> None:
    """Raise LimitError where the deadline has passed, so that nothing is concluded from it."""
    if is_over():
        raise LimitError(f"the time limit came before {what}; give it more with --time-limit")

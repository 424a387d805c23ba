"""The garbage collector, out of the way of commands that fill the memory once and leave."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused_collection() -> Iterator[None]:
    """Pause the search for reference cycles.

    A large plan is millions of small objects without a cycle among them; searching them again and
    again takes longer than reading and writing the plan.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()

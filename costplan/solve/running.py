"""HiGHS beside the thread that waits for it, so that Ctrl-C is heard while it computes.

HiGHS holds the thread it runs in, and Python hears a signal only between two of its own steps in
the main thread. So HiGHS gets a thread of its own, and its own means of being stopped: callbacks
that ask whether it is to go on.
"""

from __future__ import annotations

import threading
from typing import Any

THREAD_NAME = "costplan-highs"
"""By which the command line knows a solver that is still busy."""
LOOK_S = 0.1
"""How often the waiting thread wakes: some systems hear no signal in an endless wait."""
GRACE_S = 0.15
"""How long an interrupted HiGHS may take to stop, before it is left behind."""


def run_interruptibly(solver: Any) -> None:  # noqa: ANN401 - untyped library
    """Run HiGHS to its end; KeyboardInterrupt stops it and is raised again.

    Outside the main thread, which alone hears signals, it simply runs.
    """
    if threading.current_thread() is not threading.main_thread():
        solver.run()
        return
    stop = threading.Event()
    failed: list[BaseException] = []
    _listen(solver, stop)

    def compute() -> None:
        try:
            solver.run()
        except BaseException as error:
            failed.append(error)

    worker = threading.Thread(target=compute, name=THREAD_NAME, daemon=True)
    worker.start()
    try:
        while worker.is_alive():
            worker.join(LOOK_S)
    except KeyboardInterrupt:
        stop.set()
        worker.join(GRACE_S)
        raise
    if failed:
        raise failed[0]


def is_left_behind() -> bool:
    """Tell whether an interrupted HiGHS still computes, so that Python must not wait for it."""
    return any(thread.name == THREAD_NAME for thread in threading.enumerate())


def _listen(solver: Any, stop: threading.Event) -> None:  # noqa: ANN401 - untyped library
    """Let HiGHS ask from time to time whether it is to stop."""
    import highspy

    def answer(kind: object, message: str, told: object, asked: Any, data: object) -> None:  # noqa: ANN401
        if asked is not None and stop.is_set():
            asked.user_interrupt = True

    solver.setCallback(answer, None)
    kinds = highspy.cb.HighsCallbackType
    for kind in (
        kinds.kCallbackSimplexInterrupt,
        kinds.kCallbackIpmInterrupt,
        kinds.kCallbackMipInterrupt,
    ):
        solver.startCallback(kind)

"""Where the command line begins: it hears Ctrl-C before anything heavy is imported."""

from __future__ import annotations

import os
import signal

INTERRUPTED = 130
"""Exit code after Ctrl-C."""


def main() -> None:
    """Run the command line; Ctrl-C ends it with a word from the first moment on."""
    heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heard:
        # Imports are made of callbacks in which an exception would be printed or lost.
        signal.signal(signal.SIGINT, _leave)
    from costplan.cli.app import main as run

    if heard:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


def _leave(number: int, frame: object) -> None:
    """Leave at once: nothing is open yet, and nothing was begun."""
    del number, frame
    os.write(2, b"interrupted\n")
    os._exit(INTERRUPTED)

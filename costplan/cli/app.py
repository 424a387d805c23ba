"""The command table, and the one place where failures become exit codes."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from importlib import import_module
from typing import Annotated, NoReturn

import typer

from costplan import __version__
from costplan.domain.errors import CostplanError, InputError

INTERRUPTED = 130
"""Exit code after Ctrl-C, as in the entry."""

app = typer.Typer(
    name="costplan",
    help="Decide where reasoning models should think, and how long, for your money.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    # Frames and colours are for people; in a pipe plain help is half as long in coming.
    rich_markup_mode="rich" if sys.stdout.isatty() else None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"costplan {__version__}")
        raise typer.Exit


@app.callback()
def start(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Decide where reasoning models should think, and how long, for your money."""


_PANELS = {
    "Plan": ("init", "check", "optimize", "show", "explain", "frontier", "whatif", "compare"),
    "Evidence": ("probe", "backtest", "profiles", "curves", "ingest"),
    "Hand over": ("export", "report", "track", "schema"),
}
"""Commands in the order in which a newcomer meets them; each has a module of its name."""


def add_commands(only: str = "") -> None:
    """Put every command into the table, or one alone, which takes less time to start."""
    names = [name for panel in _PANELS.values() for name in panel]
    for panel, commands in _PANELS.items():
        for name in commands:
            if only in names and name != only:
                continue
            module = import_module(f"costplan.cli.{name}")
            if hasattr(module, "app"):
                app.add_typer(module.app, name=name, rich_help_panel=panel)
            else:
                app.command(rich_help_panel=panel)(getattr(module, name))


def main() -> None:
    """Run the command line and leave with its exit code."""
    # A short run is mostly modules, among which there is no garbage to look for, least at its end.
    gc.set_threshold(50_000)
    atexit.register(gc.freeze)
    try:
        add_commands(sys.argv[1] if len(sys.argv) > 1 else "")
        app()
    except CostplanError as error:
        _report(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _leave_interrupted()
    except SystemExit as leaving:
        # The command table turns Ctrl-C into this, without a word.
        told = leaving.__context__
        if told is not None and isinstance(told.__cause__, KeyboardInterrupt):
            _leave_interrupted()
        raise
    except BrokenPipeError:
        # The reader of the pipe has left: nothing more to say to it, nothing went wrong.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if os.environ.get("COSTPLAN_DEBUG"):
            raise
        # Libraries that are interrupted may fail in a way of their own.
        if _came_of_interrupt(error):
            _leave_interrupted()
        typer.echo(
            f"costplan failed in a way it should not: {type(error).__name__}: {error}\n"
            "Nothing was written. Run again with COSTPLAN_DEBUG=1 for the trace, and report it.",
            err=True,
        )
        sys.exit(1)


def _came_of_interrupt(error: BaseException) -> bool:
    """Tell whether Ctrl-C stands behind a failure."""
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or one in seen:
            continue
        if isinstance(one, KeyboardInterrupt):
            return True
        seen.append(one)
        waiting += [one.__cause__, one.__context__]
    return False


def _leave_interrupted() -> NoReturn:
    """Leave with 130, without waiting for a solver that has not heard of it yet."""
    typer.echo("interrupted", err=True)
    running = sys.modules.get("costplan.solve.running")
    if running is not None and running.is_left_behind():
        # Python's own ending would tear down the thread that the solver computes in.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(INTERRUPTED)
    sys.exit(INTERRUPTED)


def _report(error: CostplanError) -> None:
    from costplan.cli.endings import find_ending
    from costplan.report.faults import write_failure, write_faults

    as_json = "--json" in sys.argv[1:]
    if isinstance(error, InputError):
        ending = find_ending(sys.argv[1:], error.faults)
        write_faults(error.faults, as_json=as_json, consequence=ending)
    else:
        write_failure(error, as_json=as_json)

"""A probe while it runs, on standard error: money, calls, rate, curves as they form, how sure."""

from __future__ import annotations

import sys
import time
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING

from costplan.domain.figures import write_count, write_percent, write_points
from costplan.plan.probing_run import left_to_gain
from costplan.report.probe_facts import usd

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live as Screen

    from costplan.plan.probing_run import Live
    from costplan.probe.budget import Budget
    from costplan.probe.desk import Outcome
    from costplan.probe.records import Tally

EVERY_S = 15.0
"""Seconds between two lines where there is no terminal."""
REFRESH_S = 0.5
MOST_CURVES = 12
"""Rows of curves that are shown while it runs."""


class Progress:
    """Shows a probe; use it in a with block."""

    def __init__(self, *, quiet: bool = False) -> None:
        """Show on a terminal as a table, else as a line now and then; quiet shows nothing."""
        self._quiet = quiet
        self._screen: Screen | None = None
        self._live: Live | None = None
        self._budget: Budget | None = None
        self._tally: Tally | None = None
        self._began = time.monotonic()
        self._told = 0.0
        self._calls = 0
        self._scores: dict[tuple[str, str, str], tuple[float, int]] = {}

    def __enter__(self) -> Progress:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was."""
        if self._screen is not None:
            self._screen.stop()

    def begun(self, live: Live, budget: Budget, tally: Tally) -> None:
        """Start the display."""
        self._live, self._budget, self._tally = live, budget, tally
        self._began, self._calls = time.monotonic(), tally.calls
        if self._quiet:
            return
        if tally.replies:
            self._say(f"the journal has {write_count(len(tally.replies))} replies already")
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live as Screen

            self._screen = Screen(
                get_renderable=self._draw,
                console=Console(stderr=True),
                refresh_per_second=1 / REFRESH_S,
                transient=True,
            )
            self._screen.start()

    def checked(self, done: int, whole: int) -> None:
        """A judge has marked an answer that the user has marked."""
        if not self._quiet and self._screen is None and done == whole:
            self._say(f"judges were asked about the {write_count(whole)} answers that you marked")

    def told(self, live: Live, outcome: Outcome) -> None:
        """An ask has ended."""
        kept = outcome.kept
        if kept is not None and kept.score is not None:
            key = (kept.key[0], kept.key[2], kept.key[3])
            total, n = self._scores.get(key, (0.0, 0))
            self._scores[key] = (total + kept.score, n + 1)
        if self._screen is None and not self._quiet and time.monotonic() - self._told > EVERY_S:
            self._say(self._line())

    def judged(self, live: Live) -> None:
        """A round is over."""
        if self._screen is None and not self._quiet:
            self._say(f"round {live.round}: {self._line()}{self._sure()}")

    def stopping(self) -> None:
        """Say that calls under way are waited for."""
        count = self._budget.in_flight if self._budget else 0
        self._say(f"stopping: {count} calls are under way and paid; again to leave them")

    def _say(self, line: str) -> None:
        self._told = time.monotonic()
        if self._screen is not None:
            self._screen.console.print(line)
        else:
            print(line, file=sys.stderr, flush=True)

    def _line(self) -> str:
        if self._budget is None or self._tally is None:
            return ""
        seconds = max(time.monotonic() - self._began, 1e-9)
        calls = self._tally.calls - self._calls
        return (
            f"{usd(self._budget.spent_usd)} of {usd(self._budget.max_usd)} spent,"
            f" {usd(max(self._budget.reserved_usd, Decimal(0)))} set aside ·"
            f" {write_count(calls)} calls, {calls / seconds:.1f} a second,"
            f" {self._budget.in_flight} under way"
        )

    def _sure(self) -> str:
        live = self._live
        if live is None or live.advice is None:
            return ""
        return (
            f" · sure {write_percent(live.advice.weakest, 0)},"
            f" {write_points(left_to_gain(live))} left to gain"
        )

    def _draw(self) -> RenderableType:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        latest = sorted(self._scores.items(), key=lambda entry: (entry[0][0], -entry[1][1]))
        for (task_class, model, setting), (total, n) in latest[:MOST_CURVES]:
            share = total / n
            bar = "█" * round(share * 20)
            table.add_row(
                task_class, f"{model}/{setting}", f"{n}", f"{bar:<20}", write_percent(share, 0)
            )
        more = len(latest) - MOST_CURVES
        rest = [Text(f"… and {more} more options")] if more > 0 else []
        return Group(table, *rest, Text(self._line() + self._sure(), style="bold"))


class DryProgress:
    """Says on a terminal how far a dry run is; use it in a with block."""

    def __enter__(self) -> DryProgress:
        """Begin."""
        self._shown = 0
        if sys.stderr.isatty():
            self._show("reading files and prices …")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave an empty line behind."""
        if self._shown:
            self._show("")
            print("\r", end="", file=sys.stderr, flush=True)

    def told(self, done: int, whole: int) -> None:
        """So many of the drawn probes are through."""
        if sys.stderr.isatty():
            self._show(f"drawing whole probes from what is believed: {done} of {whole} …")

    def _show(self, line: str) -> None:
        print(f"\r{line:<{self._shown}}", end="", file=sys.stderr, flush=True)
        self._shown = len(line)

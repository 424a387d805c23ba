"""The probe's rounds: ask, believe, plan, and ask again where it can still change the plan."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from costplan.domain.errors import CostplanError
from costplan.plan.probing_lineup import Connected
from costplan.plan.probing_run import Live, Watcher, decide, first_steps, left_to_gain, think
from costplan.probe.desk import Ask, Desk, Ended, Outcome, ask_all
from costplan.probe.schedule import Step

MOST_ROUNDS = 1000
AT_ONCE = 2
"""Rounds under way: while the slowest call of one is waited for, the next is asked."""


@dataclass(frozen=True, slots=True, eq=False)
class _Round:
    """Calls under way."""

    steps: tuple[Step, ...]
    asks: tuple[Ask, ...]
    task: asyncio.Task[None]


@dataclass(frozen=True, slots=True, eq=False)
class _Rounds:
    """What rounds are asked with."""

    live: Live
    desk: Desk
    connected: Connected
    watcher: Watcher
    stop: asyncio.Event
    workers: int
    under_way: deque[_Round]

    def begin(self, steps: tuple[Step, ...]) -> None:
        """Ask the questions of steps, beside what is under way."""
        live = self.live
        live.round += 1
        asks = tuple(_list_asks(live, steps, self.connected))
        live.waiting.update(ask.key for ask in asks)
        work = ask_all(
            self.desk,
            _until(asks, self.stop),
            workers=self.workers,
            told=lambda outcome: _note(live, outcome, self.watcher),
        )
        self.under_way.append(_Round(steps, asks, asyncio.create_task(work)))
        self._look_ahead()

    async def finish(self) -> None:
        """Wait for the oldest round, and count its answers."""
        oldest = self.under_way[0]
        await asyncio.shield(oldest.task)
        self.under_way.popleft()
        self.live.waiting.difference_update(ask.key for ask in oldest.asks)
        if not self.stop.is_set():
            for step in oldest.steps:
                for m, up_to in step.up_to:
                    self.live.reached[step.class_index, m] = up_to
        self._look_ahead()

    async def land(self, *, leave: bool) -> None:
        """Wait for all that is under way, or leave it; what they wrote is on disk."""
        for each in self.under_way:
            if leave:
                each.task.cancel()
        await asyncio.gather(*(each.task for each in self.under_way), return_exceptions=True)
        self.live.waiting.clear()
        self.live.ahead = None

    def _look_ahead(self) -> None:
        live = self.live
        ahead = live.reached * 0
        for each in self.under_way:
            for step in each.steps:
                for m, up_to in step.up_to:
                    more = up_to - live.reached[step.class_index, m]
                    ahead[step.class_index, m] = max(more, ahead[step.class_index, m])
        live.ahead = ahead if self.under_way else None


async def measure(
    live: Live,
    desk: Desk,
    connected: Connected,
    *,
    watcher: Watcher,
    stop: asyncio.Event,
    workers: int,
    tolerance: float,
    grid: bool = False,
) -> None:
    """Run rounds until the plan is settled, or money or questions end, or it is stopped.

    The next round begins while one is under way, where even its answers are expected to leave the
    plan unsettled. What is decided rests on whole rounds, so that it does not hang on which call
    was faster.
    """
    live.tally = desk.journal.tally
    rounds = _Rounds(live, desk, connected, watcher, stop, workers, deque())
    leave = True
    try:
        steps = first_steps(live, 10**9) if grid else first_steps(live)
        if steps:
            rounds.begin(steps)
        while rounds.under_way and not stop.is_set():
            await rounds.finish()
            if stop.is_set():
                break
            # statistics take a moment: calls of the next round are under way meanwhile
            await asyncio.to_thread(think, live, live.rows(), 0.0 if grid else tolerance)
            watcher.judged(live)
            while not grid and live.steps and _may_begin(rounds):
                rounds.begin(live.steps)
                await asyncio.to_thread(_think_ahead, live, tolerance)
        leave = False
    except CostplanError:
        stop.set()  # nothing more is sent; what is under way is paid
        leave = False
        raise
    finally:
        await rounds.land(leave=leave)
    live.why = _why(live, stop, math.inf if grid else tolerance)


def _may_begin(rounds: _Rounds) -> bool:
    return (
        len(rounds.under_way) < AT_ONCE
        and rounds.live.round < MOST_ROUNDS
        and not rounds.stop.is_set()
    )


def _think_ahead(live: Live, tolerance: float) -> None:
    """Say what to ask beside what is under way."""
    assert live.believed is not None
    decide(live, live.believed, tolerance, again=False)


def _until(asks: Sequence[Ask], stop: asyncio.Event) -> Iterator[Ask]:
    """Hand out asks until the run is to stop."""
    for ask in asks:
        if stop.is_set():
            return
        yield ask


def _list_asks(live: Live, steps: Sequence[Step], connected: Connected) -> Iterator[Ask]:
    """List a round's calls, question by question, so that options are compared on the same ones."""
    reached = live.reached if live.ahead is None else live.reached + live.ahead
    for step in steps:
        c = step.class_index
        questions = live.stage.questions[live.stage.classes[c]]
        last = max(up_to for _, up_to in step.up_to)
        for q in range(last):
            for m, up_to in step.up_to:
                if reached[c, m] <= q < up_to and not live.closed[c, m]:
                    contender = connected.contender(live.stage.options[m])
                    yield Ask(questions[q], contender)


def _note(live: Live, outcome: Outcome, watcher: Watcher) -> None:
    """Take what came of an ask into account."""
    live.ended[outcome.ended] = live.ended.get(outcome.ended, 0) + 1
    live.again += outcome.again
    asked = outcome.ask
    c = live.stage.classes.index(asked.question.task_class)
    m = live.stage.options.index(asked.contender.name)
    if outcome.kept is not None and outcome.kept.score is not None:
        live.kept[asked.key] = outcome.kept
    elif outcome.ended is Ended.UNMARKED:
        live.unmarked[outcome.reason] = live.unmarked.get(outcome.reason, 0) + 1
    elif outcome.ended is Ended.UNMARKABLE:
        live.closed[c, m] = True
    elif outcome.ended is Ended.NO_MONEY:
        live.no_money += 1
        live.closed[c, m] = True
    elif outcome.ended is Ended.STOPPED:
        live.closed[:, m] = True
        live.reasons[asked.contender.name] = outcome.reason
    elif outcome.ended is Ended.FAILED:
        live.reasons.setdefault(asked.contender.name, outcome.reason)
    watcher.told(live, outcome)


def _why(live: Live, stop: asyncio.Event, tolerance: float) -> str:
    if stop.is_set():
        return "interrupted"
    if not live.kept and live.reasons:
        return "stopped"
    if math.isfinite(tolerance) and left_to_gain(live) < tolerance:
        return "settled"
    return "money" if live.no_money else "questions"

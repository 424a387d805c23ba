"""Live curves on the user's own questions, for the least money that settles the plan."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from costplan.domain.errors import Fault, InputError, ProviderError
from costplan.plan.probing_check import check_all
from costplan.plan.probing_costs import expect_labels
from costplan.plan.probing_forecast import forecast
from costplan.plan.probing_judges import ask_judges, find_judges
from costplan.plan.probing_lineup import Connected, Lineup, judges_of, line_up
from costplan.plan.probing_request import CheckRun, DryRun, Probed, ProbeRequest
from costplan.plan.probing_result import gather_found, measurements
from costplan.plan.probing_rounds import measure
from costplan.plan.probing_run import Live, Watcher, set_live, think
from costplan.plan.probing_stage import Name, Stage, can_ask, set_stage
from costplan.probe.budget import Budget, OutOfMoneyError
from costplan.probe.desk import Ask, Desk, request_digest
from costplan.probe.journal import Journal
from costplan.probe.records import Tally, read_records
from costplan.probe.replay import replay
from costplan.probe.results import outcome_rows, write_outcomes

if TYPE_CHECKING:
    from costplan.providers.transport import Client


def prepare(request: ProbeRequest) -> Live:
    """Read the files and choose who is asked. Raises InputError."""
    stage = set_stage(request.workload, request.questions, request.models)
    lineup = line_up(stage, _names(stage, request), _today())
    able = can_ask(stage, request.models)
    live = set_live(stage, lineup, able, grid=request.grid, max_usd=_limit(request, stage))
    barred = [
        f"{'/'.join(name)} cannot be asked: {reason}" for name, reason in lineup.barred.items()
    ]
    if not live.first.any():
        raise InputError([Fault(said, file=str(request.workload)) for said in barred])
    _refuse_judges(stage, lineup, request)
    return live


def _names(stage: Stage, request: ProbeRequest) -> list[Name]:
    able = can_ask(stage, request.models)
    return [name for m, name in enumerate(stage.options) if able[:, m].any()]


def _refuse_judges(stage: Stage, lineup: Lineup, request: ProbeRequest) -> None:
    faults = [
        Fault(f"the judge {'/'.join(name)} cannot be asked: {lineup.barred[name]}",
              file=str(request.questions))
        for name in judges_of(stage)
        if name in lineup.barred
    ]  # fmt: skip
    if faults:
        raise InputError(faults)


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def _limit(request: ProbeRequest, stage: Stage) -> Decimal | None:
    return request.max_usd if request.max_usd is not None else stage.case.workload.probe.max_usd


def _required_limit(request: ProbeRequest, stage: Stage) -> Decimal:
    """Give the limit. Raises InputError where nobody set one: nothing is sent without it."""
    limit = _limit(request, stage)
    if limit is None:
        advice = "give --max-usd, or probe: {max_usd: …} in the workload; --dry-run needs neither"
        message = "nothing is sent without a limit on what it may cost"
        raise InputError([Fault(message, file=str(request.workload), advice=advice)])
    return limit


def run_dry(
    request: ProbeRequest, told: Callable[[int, int], None] = lambda done, whole: None
) -> DryRun:
    """Say what would be asked, and what that would cost and bring; nothing is sent.

    told gets how many of how many drawn probes are through.
    """
    live = prepare(request)
    limit = _limit(request, live.stage)
    return DryRun(
        request=request,
        live=live,
        forecast=forecast(live, limit, request.tolerance, grid=request.grid, told=told),
        max_usd=limit,
        labels=expect_labels(live.stage, live.lineup),
        missing_keys=live.lineup.missing_keys(os.environ, _wanted(live)),
    )


def _wanted(live: Live) -> list[Name]:
    """Name the options that the first round asks, and the judges."""
    first = live.first
    asked = [name for m, name in enumerate(live.stage.options) if first[:, m].any()]
    return list(dict.fromkeys([*asked, *judges_of(live.stage)]))


def run_check(request: ProbeRequest) -> CheckRun:
    """Check every option that would be asked, with one tiny call each. Raises InputError."""
    live = prepare(request)
    limit = _required_limit(request, live.stage)
    names = _wanted(live)

    async def go() -> CheckRun:
        with Journal(request.journal_path, keep_texts=False) as journal:
            budget = Budget(limit, journal.tally.committed_usd)
            before = journal.tally.spent_usd
            async with _connect(live.lineup, request) as (client, connected):
                desk = Desk(journal, budget, folder=request.questions.parent)
                checked = await check_all(live.stage, names, desk, connected, client)
            spent = journal.tally.spent_usd - before
        return CheckRun(request, tuple(checked), spent, limit)

    return asyncio.run(go())


@contextlib.asynccontextmanager
async def _connect(
    lineup: Lineup, request: ProbeRequest
) -> AsyncIterator[tuple[Client, Connected]]:
    """Open the client."""
    from costplan.providers.transport import Client

    async with Client() as client:
        yield client, Connected(lineup, client, at_once=request.workers)


def run_probe(request: ProbeRequest, watcher: Watcher) -> Probed:
    """Measure, within the limit, until the plan is settled. Raises InputError, ProviderError.

    The first SIGINT or SIGTERM sends nothing more and waits for the calls under way, which are
    paid; the second leaves them.
    """
    live = prepare(request)
    limit = _required_limit(request, live.stage)
    missing = live.lineup.missing_keys(os.environ, _wanted(live))
    if missing:
        said = "; ".join(f"{variable} is not set, {model} needs it" for variable, model in
                         missing.items())  # fmt: skip
        raise ProviderError(
            f"{said}. Set them, or leave models out with --models or the class's models: deny."
            " Nothing was sent."
        )
    try:
        return asyncio.run(_run(request, live, limit, watcher))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _run(request: ProbeRequest, live: Live, limit: Decimal, watcher: Watcher) -> Probed:
    stop = asyncio.Event()
    with Journal(request.journal_path, keep_texts=request.keep_texts) as journal:
        budget = Budget(limit, journal.tally.committed_usd)
        async with _connect(live.lineup, request) as (client, connected):
            del client
            desk = Desk(
                journal,
                budget,
                folder=request.questions.parent,
                judges={name: connected.contender(name) for name in judges_of(live.stage)},
            )
            watcher.begun(live, budget, journal.tally)
            with _signals(stop, watcher):
                silent = await ask_judges(
                    live.stage, desk, workers=request.workers, stop=stop, told=watcher.checked
                )
                await measure(
                    live,
                    desk,
                    connected,
                    watcher=watcher,
                    stop=stop,
                    workers=request.workers,
                    tolerance=request.tolerance,
                    grid=request.grid,
                )
            _take_old(live, connected, journal.tally)
            stopped = {
                name if isinstance(name, str) else "/".join(name): reason
                for name, reason in desk.stopped.items()
            }
            stopped |= {f"judge {'/'.join(name)}": why for name, why in desk.silent.items()}
        _refuse_nothing(live, stopped, budget)
        if live.kept:
            think(live, live.rows(), request.tolerance, last=True)
        day = _last_day(request.journal_path)
        return _write(
            request, live, journal.tally, day, silent=silent,
            max_usd=limit, overrun_usd=budget.overrun_usd, stopped=stopped,
        )  # fmt: skip


@contextlib.contextmanager
def _signals(stop: asyncio.Event, watcher: Watcher) -> Iterator[None]:
    """Stop at the first signal, leave at the second."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def heard() -> None:
        if stop.is_set():
            if task is not None:
                task.cancel()
            return
        stop.set()
        watcher.stopping()

    caught: tuple[signal.Signals, ...] = (signal.SIGINT, signal.SIGTERM)
    try:
        for each in caught:
            loop.add_signal_handler(each, heard)
    except (NotImplementedError, RuntimeError, ValueError):
        caught = ()  # no signals here: the caller's own handling stands
    try:
        yield
    finally:
        for each in caught:
            loop.remove_signal_handler(each)


def _take_old(live: Live, connected: Connected, tally: Tally) -> None:
    """Take paid replies of earlier runs that fit, though this run did not come to them."""
    by_key = {q.key: q for group in live.stage.questions.values() for q in group}
    for key, kept in tally.replies.items():
        question, name = by_key.get(key[:2]), (key[2], key[3])
        if question is None or name not in live.lineup.seats or name not in live.stage.options:
            continue
        ask = Ask(question, connected.contender(name), key[4])
        same = kept.request == request_digest(ask.request)
        if same and kept.score is not None and kept.marked == question.marked_digest:
            live.kept.setdefault(key, kept)


def _refuse_nothing(live: Live, stopped: Mapping[str, str], budget: Budget) -> None:
    """Say why there is no reply at all. Raises ProviderError."""
    if live.kept or live.why == "interrupted":
        return
    if live.no_money:
        raise OutOfMoneyError(
            f"${budget.max_usd.normalize():f} is less than the first call may cost; --dry-run says"
            " what the calls cost, expected and at worst"
        )
    given_up = [f"{name} was given up: {reason}" for name, reason in stopped.items()]
    reasons = list(dict.fromkeys([*given_up, *live.reasons.values(), *live.unmarked]))
    raise ProviderError("no question was answered and marked: " + "; ".join(reasons[:3]))


def _last_day(journal: Path) -> dt.date:
    """Give the day of the last call of a journal."""
    last = ""
    for _, record in read_records(journal):
        if record["k"] in {"send", "open"}:
            last = str(record.get("at", "")) or last
    try:
        return dt.date.fromisoformat(last[:10])
    except ValueError:
        return _today()


def run_replay(request: ProbeRequest, journal: Path) -> Probed:
    """Recompute everything from a journal; nothing is sent. Raises InputError."""
    live = prepare(request)
    questions = [q for group in live.stage.questions.values() for q in group]
    again = replay(journal, questions)
    known = set(live.stage.options)
    live.kept = {
        kept.key: kept
        for kept in again.replies
        if kept.score is not None and (kept.key[2], kept.key[3]) in known
    }
    if not live.kept:
        message = "it holds no marked reply to these questions at the workload's options"
        raise InputError([Fault(message, file=str(journal))])
    live.why, live.tally = "replayed", again.tally
    think(live, live.rows(), request.tolerance, last=True)
    notes = []
    if again.remarked:
        notes.append(f"{again.remarked} replies have another mark by the questions of today")
    if again.stale:
        notes.append(
            f"{again.stale} replies keep the mark of an earlier grader or target, for their text"
            " is not in the journal"
        )
    if again.unknown:
        notes.append(f"{again.unknown} replies are to questions that the file does not have")
    return _write(request, live, again.tally, _last_day(journal), notes=tuple(notes))


def _write(
    request: ProbeRequest,
    live: Live,
    tally: Tally,
    day: dt.date,
    *,
    silent: Mapping[Name, str] | None = None,
    notes: tuple[str, ...] = (),
    **money: object,
) -> Probed:
    """Write outcomes and measurements, and sum up."""
    dataset = request.questions.stem
    if live.kept:
        from costplan.files.curves import write_curves

        asked = [each for group in live.stage.questions.values() for each in group]
        rows = outcome_rows(dataset, live.kept.values(), asked)
        write_outcomes(request.output_path, rows)
        write_curves(request.measurements_path, measurements(live, dataset, day))
    elif live.advice is None:
        think(live, [], request.tolerance, last=True)
    return Probed(
        request=request,
        live=live,
        tally=tally,
        found=gather_found(
            live, find_judges(live.stage, live.lineup, tally, live.kept.keys(), silent or {})
        ),
        outcomes=request.output_path if live.kept else None,
        measurements=request.measurements_path if live.kept else None,
        in_flight_usd=tally.open_usd,
        notes=(*live.stage.notes, *notes),
        **money,  # type: ignore[arg-type]
    )

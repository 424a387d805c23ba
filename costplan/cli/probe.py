"""`costplan probe`: live curves on the user's own questions."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from costplan.cli.arguments import AsJson, WorkloadPath, parse_number
from costplan.domain.errors import ProviderError

INTERRUPTED = 130
Questions = Annotated[
    Path,
    typer.Option(
        "--questions",
        "-q",
        metavar="FILE",
        help="Questions: CSV, JSONL or JSON.",
        show_default=False,
    ),
]
MaxUsd = Annotated[
    Decimal | None,
    typer.Option(
        parser=parse_number,
        metavar="DOLLARS",
        help="Most that all runs on the journal may cost together; nothing is sent without it.",
    ),
]
JournalPath = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Journal; WORKLOAD.probe.jsonl when absent."),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FILE", help="Outcomes; WORKLOAD.outcomes.csv when absent."
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be asked and what it costs.")
]
Check = Annotated[
    bool, typer.Option("--check", help="One tiny call each: do keys, models, settings work?")
]
Grid = Annotated[bool, typer.Option("--grid", help="Ask every question of every option.")]
ReplayPath = Annotated[
    Path | None,
    typer.Option(metavar="JOURNAL", help="Recompute everything without a call."),
]
Models = Annotated[
    list[str] | None,
    typer.Option(metavar="PATTERN", help="Ask only models named like this; may be repeated."),
]
Tolerance = Annotated[
    float,
    typer.Option(
        min=0.0, max=1.0, help="Accuracy that knowing more may still bring when it stops."
    ),
]
Workers = Annotated[int, typer.Option(min=1, max=1000, help="Most calls under way at once.")]
KeepTexts = Annotated[bool, typer.Option("--keep-texts", help="Keep answers in the journal.")]


def probe(  # noqa: PLR0913, PLR0917 - each argument is an option of the command
    workload: WorkloadPath,
    questions: Questions,
    max_usd: MaxUsd = None,
    journal: JournalPath = None,
    output: Output = None,
    dry_run: DryRun = False,
    check: Check = False,
    grid: Grid = False,
    replay: ReplayPath = None,
    models: Models = None,
    tolerance: Tolerance = 0.003,
    workers: Workers = 64,
    keep_texts: KeepTexts = False,
    as_json: AsJson = False,
) -> None:
    """Measure curves on your own questions, for the least money that settles the plan."""
    from costplan.plan.probing import run_check, run_dry, run_probe, run_replay
    from costplan.plan.probing_request import ProbeRequest
    from costplan.report.probe import write_check, write_dry, write_probed
    from costplan.report.probe_progress import DryProgress, Progress

    if sum([dry_run, check, replay is not None]) > 1:
        raise typer.BadParameter("give one of --dry-run, --check and --replay")
    request = ProbeRequest(
        workload=workload,
        questions=questions,
        max_usd=max_usd,
        journal=replay or journal,
        output=output,
        models=tuple(models or ()),
        grid=grid,
        keep_texts=keep_texts,
        tolerance=tolerance,
        workers=workers,
    )
    if dry_run:
        with DryProgress() as drawing:
            drawn = run_dry(request, drawing.told)
        write_dry(drawn, as_json=as_json)
        return
    if check:
        found = run_check(request)
        write_check(found, as_json=as_json)
        if not found.ok:
            raise typer.Exit(ProviderError.exit_code)
        return
    if replay is not None:
        write_probed(run_replay(request, replay), as_json=as_json)
        return
    with Progress() as progress:
        probed = run_probe(request, progress)
    write_probed(probed, as_json=as_json)
    if probed.found.why == "interrupted":
        raise typer.Exit(INTERRUPTED)
    failed = probed.stopped or probed.live.reasons
    if failed and any(not group.options for group in probed.found.classes):
        raise typer.Exit(ProviderError.exit_code)

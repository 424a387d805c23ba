"""`costplan report`: a plan as one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from costplan.cli.arguments import PlanPath
from costplan.domain.collection import paused_collection


def report(
    plan: PlanPath,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Write the page (HTML) here.", show_default=False),
    ],
    workload: Annotated[
        Path | None,
        typer.Option(
            help="Workload to solve the slider's ceilings from; the one that the plan names when "
            "absent.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that exists.")] = False,
) -> None:
    """Write a saved plan as one self-contained page, with a slider over dollar ceilings."""
    from costplan.plan.retrace import add_stops
    from costplan.plan.saved import read_plan
    from costplan.report.html import write_page
    from costplan.report.save import check_free, save

    check_free([output], force=force)
    with paused_collection():
        saved, note = add_stops(read_plan(plan), beside=plan, workload=workload)
        save(output, write_page(saved, slider_note=note), force=force)
    if note:
        typer.echo(note, err=True)

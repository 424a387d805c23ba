"""`costplan frontier`: the best plans for every amount of money."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from costplan.cli.arguments import AsJson, WorkloadPath


class Along(StrEnum):
    """Ceilings that a frontier can run along."""

    USD = "usd"
    MEAN_LATENCY_S = "mean_latency_s"


def frontier(
    workload: WorkloadPath,
    along: Annotated[Along, typer.Option(help="Ceiling that rises.")] = Along.USD,
    points: Annotated[
        int | None,
        typer.Option(min=2, max=1000, help="Solve this many ceilings instead of all breakpoints."),
    ] = None,
    no_split: Annotated[bool, typer.Option("--no-split", help="One option per class.")] = False,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write the points here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Trace the best accuracy for every amount of money, or of mean latency."""
    from costplan.plan.frontier import trace_curve
    from costplan.plan.load import load
    from costplan.plan.problem import pose
    from costplan.report.frontier import write_curve

    case = load(workload, splits=False if no_split else None)
    curve = trace_curve(case, pose(case), ceiling=along.value, points=points)
    write_curve(case, curve, csv=csv, as_json=as_json)

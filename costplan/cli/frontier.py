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
    policies: Annotated[
        bool,
        typer.Option(
            "--policies",
            help="Show what policies add to single settings at equal money, and the most that any "
            "could; classes that state none get proposals.",
        ),
    ] = False,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write the points here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Trace the best accuracy for every amount of money, or of mean latency."""
    if policies:
        if along is not Along.USD or csv is not None:
            raise typer.BadParameter("--policies compares by dollars, on the terminal or as JSON")
        _compare_policies(workload, points, no_split=no_split, as_json=as_json)
        return
    from costplan.plan.frontier import trace_curve
    from costplan.plan.load import load
    from costplan.plan.problem import pose
    from costplan.report.frontier import write_curve

    case = load(workload, splits=False if no_split else None)
    curve = trace_curve(case, pose(case), ceiling=along.value, points=points)
    write_curve(case, curve, csv=csv, as_json=as_json)


def _compare_policies(workload: Path, points: int | None, *, no_split: bool, as_json: bool) -> None:
    from costplan.plan.policy_gain import POINTS, load_with_policies, measure_gain
    from costplan.report.policy_gain import write_gain_of_policies

    case, sources = load_with_policies(workload, splits=False if no_split else None)
    gain = measure_gain(case, sources.base, points or POINTS)
    write_gain_of_policies(case, gain, as_json=as_json)

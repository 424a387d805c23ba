"""`costplan optimize`: make the plan."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from costplan.cli.arguments import AsJson, WorkloadPath, parse_number
from costplan.domain.errors import InfeasibleError


class Solver(StrEnum):
    """Solvers a person may ask for."""

    AUTO = "auto"
    OWN = "own"
    HIGHS = "highs"


def optimize(  # noqa: PLR0913, PLR0917 - each argument is an option of the command
    workload: WorkloadPath,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Save the plan as JSON.")
    ] = None,
    as_json: AsJson = False,
    usd: Annotated[
        Decimal | None,
        typer.Option(
            parser=parse_number, metavar="DOLLARS", help="Dollar ceiling, instead of the file's."
        ),
    ] = None,
    mean_latency_s: Annotated[
        Decimal | None,
        typer.Option(
            parser=parse_number,
            metavar="SECONDS",
            help="Ceiling of the mean latency, instead of the file's.",
        ),
    ] = None,
    no_split: Annotated[bool, typer.Option("--no-split", help="One option per class.")] = False,
    solver: Annotated[
        Solver, typer.Option(help="auto picks by what the workload needs.")
    ] = Solver.AUTO,
    naive: Annotated[
        bool, typer.Option("--naive", help="Take estimates at their word: no margin for luck.")
    ] = False,
    confidence: Annotated[
        Decimal | None,
        typer.Option(
            parser=parse_number,
            metavar="SHARE",
            help="How sure ceiling and intervals are to be, above 0.5 and below 1.",
        ),
    ] = None,
    time_limit: Annotated[
        float | None,
        typer.Option(min=0.001, help="Seconds after which the best plan so far is taken."),
    ] = None,
) -> None:
    """Choose a model and a reasoning setting for each task class."""
    from costplan.plan.build import build_plan
    from costplan.plan.load import load
    from costplan.plan.solving import Manner
    from costplan.report.write import write_plan

    case = load(
        workload,
        usd=usd,
        mean_latency_s=mean_latency_s,
        splits=False if no_split else None,
        confidence=confidence,
    )
    plan = build_plan(case, Manner(solver=solver.value, naive=naive, time_limit_s=time_limit))
    write_plan(plan, output=output, as_json=as_json)
    if plan.status == "infeasible":
        raise typer.Exit(InfeasibleError.exit_code)

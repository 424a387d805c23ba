"""`costplan curves`: benchmarks that have accuracy-per-budget curves, and how they are fitted."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from costplan.cli.arguments import AsJson

if TYPE_CHECKING:
    from costplan.plan.curve_fit import CurveFit

app = typer.Typer(help="List benchmarks by kind of task, to find one like your class.")


class Along(StrEnum):
    """What a curve is drawn by."""

    DOLLARS = "dollars"
    TOKENS = "tokens"


@app.callback(invoke_without_command=True)
def curves(
    context: typer.Context,
    kind: Annotated[str | None, typer.Option(help="Only this kind of task.")] = None,
    model: Annotated[str | None, typer.Option(help="Only benchmarks that have this model.")] = None,
    as_json: AsJson = False,
) -> None:
    """List benchmarks by kind of task, to find one that resembles your class."""
    if context.invoked_subcommand is not None:
        return
    from costplan.files.catalogue import load_catalogue
    from costplan.report.curves import write_benchmarks

    write_benchmarks(load_catalogue(), kind=kind, model=model, as_json=as_json)


@app.command()
def fit(  # noqa: PLR0913, PLR0917 - each argument is an option of the command
    workload: Annotated[
        Path | None,
        typer.Argument(metavar="[WORKLOAD]", help="Workload file (YAML).", show_default=False),
    ] = None,
    task_class: Annotated[
        list[str] | None,
        typer.Option("--class", metavar="NAME", help="Only this class; repeat it for several."),
    ] = None,
    benchmark: Annotated[
        str | None,
        typer.Option(help="A published benchmark for itself, or weighed into --outcomes."),
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Whose run of the benchmark; the largest when absent.")
    ] = None,
    outcomes: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Outcomes table (CSV) to fit.")
    ] = None,
    by: Annotated[
        Along | None,
        typer.Option(help="Spend to draw by; dollars when absent, tokens where none are known."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Draw the curve here (.png or .svg).")
    ] = None,
    confidence: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="How sure intervals are to be, above 0.5 and below 1; 0.9 or the workload's.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a curve: data, fitted accuracy with interval and grade, and what looks wrong."""
    if confidence is not None and not 0.5 < confidence < 1:
        raise typer.BadParameter("--confidence must lie above 0.5 and below 1")
    if output is not None and output.suffix.lower() not in {".png", ".svg"}:
        raise typer.BadParameter(f"-o {output}: name a .png or .svg file")
    if source is not None and benchmark is None:
        raise typer.BadParameter("--source says whose run of a --benchmark")
    from costplan.report.curve_fit import write_fits

    fits = _fit(workload, task_class or [], benchmark, source, outcomes, confidence)
    write_fits(fits, by=None if by is None else by.value, output=output, as_json=as_json)


def _fit(
    workload: Path | None,
    names: list[str],
    benchmark: str | None,
    source: str | None,
    outcomes: Path | None,
    confidence: float | None,
) -> list[CurveFit]:
    from costplan.plan.curve_classes import choose_rows, fit_benchmark, fit_workload
    from costplan.plan.curve_outcomes import fit_outcomes

    if workload is not None and (outcomes is not None or (benchmark is not None and names)):
        raise typer.BadParameter("a workload's classes name their evidence: leave out the rest")
    if benchmark is None and outcomes is None:
        if workload is None:
            raise typer.BadParameter("name a workload, a --benchmark or --outcomes")
        return fit_workload(workload, names, confidence)
    sure = 0.9 if confidence is None else confidence
    rows, others = choose_rows(benchmark, source, workload) if benchmark else ([], [])
    if outcomes is not None:
        return fit_outcomes(outcomes, names, sure, rows)
    if names:
        raise typer.BadParameter("--class goes with a workload or --outcomes")
    return [fit_benchmark(rows, sure, others)]

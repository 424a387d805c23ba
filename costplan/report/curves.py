"""The catalogue of benchmarks, for a person who looks for one like their class."""

from __future__ import annotations

import sys
from itertools import groupby
from typing import TYPE_CHECKING

from costplan.domain.figures import UNKNOWN, write_count
from costplan.report.write import dump, open_console

if TYPE_CHECKING:
    from costplan.files.catalogue import Catalogue
    from costplan.files.curves import BenchmarkSummary


def write_benchmarks(
    catalogue: Catalogue, *, kind: str | None = None, model: str | None = None, as_json: bool
) -> None:
    """Print benchmarks by kind of task, or as JSON."""
    from costplan.files.curves import list_benchmarks

    found = [
        summary
        for summary in list_benchmarks(catalogue.measurements)
        if summary.settings
        and (kind is None or summary.task_kind == kind)
        and (model is None or model in summary.settings)
    ]
    if as_json:
        sys.stdout.write(dump([_summarise(summary) for summary in found]))
        return
    console = open_console()
    if not found:
        console.print("No benchmark matches; `costplan curves` lists them all.")
        return
    console.print(_table(found))
    console.print(
        "Only rows of one source and benchmark are comparable. Use one as\n"
        "  evidence: {benchmark: NAME, source: SOURCE}\n"
        "Sized: the curve says how much each setting thinks (tokens, or dollars to read them off)."
    )


def _summarise(summary: BenchmarkSummary) -> dict[str, object]:
    return {
        "task_kind": summary.task_kind,
        "benchmark": summary.benchmark,
        "source": summary.source,
        "n_questions": summary.n_questions,
        "models": {name: list(labels) for name, labels in sorted(summary.settings.items())},
    }


def _table(found: list[BenchmarkSummary]) -> object:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("Kind of task, and benchmark", overflow="fold", min_width=24)
    table.add_column("Source", no_wrap=True)
    table.add_column("Asked", justify="right", no_wrap=True)
    table.add_column("Models", justify="right", no_wrap=True)
    table.add_column("Curves", justify="right", no_wrap=True)
    table.add_column("Sized", no_wrap=True)
    for kind, group in groupby(found, key=lambda summary: summary.task_kind):
        table.add_row(kind, style="bold")
        for summary in group:
            table.add_row(*_cells(summary))
    return table


def _cells(summary: BenchmarkSummary) -> list[str]:
    curves = sum(len(labels) > 1 for labels in summary.settings.values())
    if summary.with_reasoning_tokens:
        sized = "tokens"
    elif summary.with_output_tokens:
        sized = "output"
    else:
        sized = "dollars" if summary.with_usd else UNKNOWN
    return [
        f"  {summary.benchmark}",
        summary.source,
        write_count(summary.n_questions),
        str(len(summary.settings)),
        str(curves),
        sized,
    ]

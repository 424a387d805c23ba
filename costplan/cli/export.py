"""`costplan export`: a plan for finance."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from costplan.cli.arguments import PlanPath


def export(
    plan: PlanPath,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Write the finance table (CSV) here.")
    ] = None,
) -> None:
    """Export a saved plan for finance: long format, one amount per row."""
    from costplan.plan.saved import read_plan
    from costplan.report.csv import write_csv
    from costplan.report.write import save_text

    saved = read_plan(plan)
    if csv is None:
        raise typer.BadParameter("say where to: --csv plan.csv")
    save_text(csv, write_csv(saved))

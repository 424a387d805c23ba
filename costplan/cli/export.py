"""`costplan export`: a plan for finance."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from costplan.cli.arguments import PlanPath


class Pivot(StrEnum):
    """What becomes a column of its own."""

    MONTHS = "months"


class FocusVersion(StrEnum):
    """Versions of FOCUS that are written."""

    V1_2 = "1.2"
    V1_4 = "1.4"


def export(  # noqa: PLR0913, PLR0917 - each argument is an option of the command
    plan: PlanPath,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Write the finance table (CSV) here.")
    ] = None,
    xlsx: Annotated[Path | None, typer.Option("--xlsx", help="Write a workbook here.")] = None,
    focus: Annotated[
        Path | None,
        typer.Option("--focus", help="Write a FOCUS-shaped plan (CSV) here."),
    ] = None,
    pivot: Annotated[
        Pivot | None, typer.Option(help="One column per month in --csv, for wide loaders.")
    ] = None,
    mapping: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where to book: CSV with some of task_class, team, vendor, model (patterns) and "
            "of entity, cost_center, gl_account (text). The first row that matches counts.",
        ),
    ] = None,
    scenario: Annotated[str, typer.Option(help="Scenario in --csv and --xlsx.")] = "Budget",
    version: Annotated[
        str, typer.Option(help="Version in --csv; the day the plan was made when absent.")
    ] = "",
    excel: Annotated[
        bool, typer.Option("--excel", help="Byte order mark in --csv, so that Excel sees UTF-8.")
    ] = False,
    no_neutralize: Annotated[
        bool,
        typer.Option(
            "--no-neutralize",
            help="Leave texts that a spreadsheet would run as they are: for loaders only.",
        ),
    ] = False,
    focus_version: Annotated[
        FocusVersion, typer.Option(help="Version of FOCUS for --focus.")
    ] = FocusVersion.V1_2,
    billing_account: Annotated[str, typer.Option(help="BillingAccountId in --focus.")] = "costplan",
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")] = False,
) -> None:
    """Export a saved plan: a finance table (CSV, XLSX) or a FOCUS-shaped plan."""
    from costplan.files.ledger import Ledger, read_ledger
    from costplan.plan.saved import read_plan
    from costplan.report.csv import write_csv
    from costplan.report.finance import tabulate
    from costplan.report.focus import Shape, write_focus
    from costplan.report.save import check_free, save
    from costplan.report.xlsx import write_xlsx

    wanted = [path for path in (csv, xlsx, focus) if path is not None]
    if not wanted:
        raise typer.BadParameter("say where to: --csv plan.csv, --xlsx plan.xlsx or --focus F")
    check_free(wanted, force=force)
    saved = read_plan(plan)
    ledger = Ledger() if mapping is None else read_ledger(mapping)
    table = tabulate(saved, None if mapping is None else ledger, scenario=scenario, version=version)
    contents: list[tuple[Path | None, str | bytes]] = []
    safe = not no_neutralize
    if csv is not None:
        contents.append((csv, write_csv(table, pivot=pivot is not None, excel=excel, safe=safe)))
    if xlsx is not None:
        contents.append((xlsx, write_xlsx(saved, table=table)))
    if focus is not None:
        shape = Shape(focus_version.value, billing_account=billing_account, safe=safe)
        contents.append((focus, write_focus(saved, ledger, shape)))
    for path, content in contents:
        if path is not None:
            save(path, content, force=force)
    if table.unbooked:
        named = ", ".join(repr(name) for name in table.unbooked[:10])
        more = f" and {len(table.unbooked) - 10} more" if len(table.unbooked) > 10 else ""
        typer.echo(
            f"{mapping} has no row for {named}{more}: their accounts are empty; "
            "a last row with * for every key would catch them",
            err=True,
        )

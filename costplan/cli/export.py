"""`costplan export`: a plan for finance, and for the gateway that carries it out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from costplan.cli.arguments import PlanPath
from costplan.domain.collection import paused_collection

if TYPE_CHECKING:
    from costplan.plan.model import Plan

MOST_NAMED = 10
Pending = tuple[Path | None, str | bytes]
"""A place, or None for standard output, and what goes there."""


class Pivot(StrEnum):
    """What becomes a column of its own."""

    MONTHS = "months"


class FocusVersion(StrEnum):
    """Versions of FOCUS that are written."""

    V1_2 = "1.2"
    V1_4 = "1.4"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be written where, and how."""

    csv: Path | None
    xlsx: Path | None
    focus: Path | None
    gateway: str | None
    output: Path | None
    pivot: bool
    mapping: Path | None
    scenario: str
    version: str
    excel: bool
    safe: bool
    focus_version: str
    billing_account: str

    @property
    def places(self) -> list[Path]:
        """Every file that is to be written."""
        named = (self.csv, self.xlsx, self.focus, self.output)
        return [path for path in named if path is not None]


GatewayName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Write the configuration of a gateway: litellm, openrouter, envoy, vllm-router.",
    ),
]
MappingPath = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Where to book: CSV with some of task_class, team, vendor, model (patterns) and "
        "of entity, cost_center, gl_account (text). The first row that matches counts.",
    ),
]
NoNeutralize = Annotated[
    bool,
    typer.Option(
        "--no-neutralize",
        help="Leave texts that a spreadsheet would run as they are: for loaders only.",
    ),
]


def export(  # noqa: PLR0913, PLR0917 - each argument is an option of the command
    plan: PlanPath,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Write the finance table (CSV) here.")
    ] = None,
    xlsx: Annotated[Path | None, typer.Option("--xlsx", help="Write a workbook here.")] = None,
    focus: Annotated[
        Path | None, typer.Option("--focus", help="Write a FOCUS-shaped plan (CSV) here.")
    ] = None,
    gateway: GatewayName = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where --gateway goes; standard output when absent."),
    ] = None,
    pivot: Annotated[
        Pivot | None, typer.Option(help="One column per month in --csv, for wide loaders.")
    ] = None,
    mapping: MappingPath = None,
    scenario: Annotated[str, typer.Option(help="Scenario in --csv.")] = "Budget",
    version: Annotated[
        str, typer.Option(help="Version in --csv; the day the plan was made when absent.")
    ] = "",
    excel: Annotated[
        bool, typer.Option("--excel", help="Byte order mark in --csv, so that Excel sees UTF-8.")
    ] = False,
    no_neutralize: NoNeutralize = False,
    focus_version: Annotated[FocusVersion, typer.Option(help="Of --focus.")] = FocusVersion.V1_2,
    billing_account: Annotated[str, typer.Option(help="BillingAccountId in --focus.")] = "costplan",
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")] = False,
) -> None:
    """Export a saved plan: CSV and XLSX for finance, FOCUS, or a gateway's configuration."""
    wanted = Wanted(
        csv, xlsx, focus, gateway, output, pivot is not None, mapping, scenario, version, excel,
        not no_neutralize, focus_version.value, billing_account,
    )  # fmt: skip
    if output is not None and gateway is None:
        raise typer.BadParameter("-o goes with --gateway; the other files are named by --csv F ...")
    if not wanted.places and gateway is None:
        raise typer.BadParameter("say where to: --csv plan.csv, --xlsx plan.xlsx or --focus F")
    from costplan.plan.saved import read_plan
    from costplan.report.save import check_free, save

    check_free(wanted.places, force=force)
    with paused_collection():
        # All are made before one is saved: a fault in the last leaves none behind.
        quick = wanted.xlsx is None and wanted.gateway is None
        saved = read_plan(plan, without=_unread(wanted), quick=quick)
        for path, content in list(_make(saved, wanted)):
            if path is not None:
                save(path, content, force=force)
            elif isinstance(content, str):
                typer.echo(content, nl=False)


def _unread(wanted: Wanted) -> set[str]:
    """List parts of the plan that nothing wanted is made from."""
    from costplan.plan.saved import BESIDE

    if wanted.gateway is not None:
        return set()
    return set(BESIDE) - ({"considered"} if wanted.xlsx is not None else set())


def _make(plan: Plan, wanted: Wanted) -> Iterator[Pending]:
    if wanted.csv is not None or wanted.xlsx is not None or wanted.focus is not None:
        yield from _make_tables(plan, wanted)
    if wanted.gateway is not None:
        yield _make_gateway(plan, wanted)


def _make_tables(plan: Plan, wanted: Wanted) -> Iterator[Pending]:
    from costplan.files.ledger import read_ledger
    from costplan.report.finance import tabulate

    ledger = None if wanted.mapping is None else read_ledger(wanted.mapping)
    table = tabulate(plan, ledger, scenario=wanted.scenario, version=wanted.version)
    if wanted.csv is not None:
        from costplan.report.csv import write_csv

        text = write_csv(table, pivot=wanted.pivot, excel=wanted.excel, safe=wanted.safe)
        yield wanted.csv, text
    if wanted.xlsx is not None:
        from costplan.report.xlsx import write_xlsx

        yield wanted.xlsx, write_xlsx(plan, table=table)
    if wanted.focus is not None:
        from costplan.report.focus import Shape, write_focus

        shape = Shape(
            wanted.focus_version, billing_account=wanted.billing_account, safe=wanted.safe
        )
        yield wanted.focus, write_focus(plan, ledger, shape)
    if table.unbooked:
        named = ", ".join(repr(name) for name in table.unbooked[:MOST_NAMED])
        more = len(table.unbooked) - MOST_NAMED
        typer.echo(
            f"{wanted.mapping} has no row for {named}{f' and {more} more' if more > 0 else ''}: "
            "their accounts are empty; a last row with * for every key would catch them",
            err=True,
        )


def _make_gateway(plan: Plan, wanted: Wanted) -> Pending:
    from costplan.files.catalogue import load_catalogue
    from costplan.report.gateway import write_gateway

    made = write_gateway(plan, wanted.gateway or "", load_catalogue().profiles)
    for warning in made.cannot:
        about = f"{warning.task_class}: " if warning.task_class else ""
        typer.echo(f"{about}{warning.message}", err=True)
    return wanted.output, made.text

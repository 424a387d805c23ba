"""`costplan explain`: why a class got what it got."""

from __future__ import annotations

from typing import Annotated

import typer

from costplan.cli.arguments import AsJson, PlanPath


def explain(
    plan: PlanPath,
    task_class: Annotated[
        str | None,
        typer.Argument(
            metavar="CLASS",
            help="Name of a task class; without one, the classes are listed.",
            show_default=False,
        ),
    ] = None,
    month: Annotated[
        str | None,
        typer.Option(
            metavar="YYYY-MM",
            help="Month of a plan over a horizon; the first when not given.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what was considered for a class, what was shut out by what, and what would change it."""
    from costplan.plan.again import explain_class
    from costplan.plan.saved import read_plan
    from costplan.report.explain import find_class, write_classes, write_explanation

    saved = read_plan(plan)
    if task_class is None:
        write_classes(saved, str(plan), as_json=as_json)
        return
    found = explain_class(saved, find_class(saved, task_class), month, plan.parent)
    write_explanation(saved, found, as_json=as_json)

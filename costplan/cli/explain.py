"""`costplan explain`: why a class got what it got."""

from __future__ import annotations

from typing import Annotated

import typer

from costplan.cli.arguments import AsJson, PlanPath


def explain(
    plan: PlanPath,
    task_class: Annotated[
        str, typer.Argument(metavar="CLASS", help="Name of a task class.", show_default=False)
    ],
    as_json: AsJson = False,
) -> None:
    """Tell what was considered for a class, what was shut out by what, and what would change it."""
    from costplan.plan.again import explain_again
    from costplan.plan.saved import read_plan
    from costplan.report.explain import find_class, write_explanation

    saved = read_plan(plan)
    name = find_class(saved, task_class)
    again = explain_again(saved, name, plan.parent)
    write_explanation(again or saved, name, looked=again is not None, as_json=as_json)

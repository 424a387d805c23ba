"""`costplan show`: render a saved plan again."""

from __future__ import annotations

from costplan.cli.arguments import AsJson, PlanPath


def show(plan: PlanPath, as_json: AsJson = False) -> None:
    """Show a saved plan again, without solving."""
    from costplan.plan.saved import read_plan
    from costplan.report.write import write_plan

    write_plan(read_plan(plan), as_json=as_json)

"""`costplan check`: what is wrong with a workload, or what was understood of it."""

from __future__ import annotations

from costplan.cli.arguments import AsJson, WorkloadPath


def check(workload: WorkloadPath, as_json: AsJson = False) -> None:
    """Check a workload and show what was understood of it, without solving."""
    from costplan.plan.load import load
    from costplan.report.checked import write_check

    write_check(load(workload), as_json=as_json)

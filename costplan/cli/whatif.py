"""`costplan whatif`: scenarios of a workload."""

from __future__ import annotations

from typing import Annotated

import typer

from costplan.cli.arguments import AsJson, WorkloadPath

Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="= sets a number, also a negative one: ceilings.usd=30000. +=, -= and *= change what "
        "stands there, as do =*1.5, =+10% and =-10%: 'classes.*.requests+=500'. Repeatable.",
    ),
]
Sweeps = Annotated[
    list[str] | None,
    typer.Option(
        "--sweep",
        metavar="PATH=LOW:HIGH:STEPS",
        help="Set a number to each of a range, or of a,b,c (*0.8 and -20% change what stands "
        "there). One or two.",
    ),
]
Ranges = Annotated[
    list[str] | None,
    typer.Option(
        "--range",
        metavar="WHAT=LOW:HIGH",
        help="Simulate: requests=0.8:1.3, chat.tokens=20% (factors around 1). Repeatable.",
    ),
]


def whatif(
    workload: WorkloadPath,
    changes: Changes = None,
    sweeps: Sweeps = None,
    ranges: Ranges = None,
    as_json: AsJson = False,
) -> None:
    """Plan with some numbers changed, or swept, or as uncertain as they are."""
    if not (changes or sweeps or ranges):
        raise typer.BadParameter("say what: --set, --sweep or --range")
    if len(sweeps or ()) > 2:
        raise typer.BadParameter("at most two sweeps make a table")
    from costplan.plan.gather import gather
    from costplan.plan.load import load_sources
    from costplan.plan.simulation import Range, simulate
    from costplan.plan.whatif import Setting, Sweep, run_scenarios
    from costplan.report.whatif import write_scenarios

    settings = [Setting.parse(text) for text in changes or ()]
    moves = [Sweep.parse(text) for text in sweeps or ()]
    spreads = [Range.parse(text) for text in ranges or ()]
    stated, sources = load_sources(workload)
    scenarios = list(run_scenarios(gather(stated, sources), sources, settings, moves))
    last = scenarios[-1].plan if settings and not moves else scenarios[0].plan
    spread = simulate(last, spreads, seed=stated.seed) if spreads else None
    write_scenarios(scenarios, moves, spread, as_json=as_json)

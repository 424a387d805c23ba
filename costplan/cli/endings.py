"""How a report of faults ends: what the command did not do because of them."""

from __future__ import annotations

from collections.abc import Sequence

from costplan.domain.errors import Fault

ENDINGS = {
    "init": "nothing was written",
    "check": "no plan can be made yet",
    "optimize": "nothing was planned",
    "show": "nothing was shown",
    "explain": "nothing was explained",
    "frontier": "nothing was planned",
    "whatif": "nothing was planned",
    "compare": "nothing was compared",
    "probe": "nothing was asked",
    "backtest": "nothing was tested",
    "export": "nothing was written",
    "report": "nothing was written",
    "track": "nothing was compared",
    "schema": "nothing was written",
    "profiles": "nothing was shown",
    "curves": "nothing was shown",
    "curves fit": "nothing was fitted",
    "ingest": "nothing was read",
}
"""By command, or command and subcommand."""
UNWRITTEN = "nothing was written"
OTHERWISE = "nothing was done"


def find_ending(arguments: Sequence[str], faults: Sequence[Fault]) -> str:
    """Say what was not done, by the arguments of the command line."""
    words = [argument for argument in arguments if not argument.startswith("-")]
    if any(fault.message.startswith("cannot be written") for fault in faults):
        return UNWRITTEN if words[:1] != ["probe"] else "no more was asked"
    return ENDINGS.get(" ".join(words[:2])) or ENDINGS.get(" ".join(words[:1]), OTHERWISE)

"""Reports of faults end with what the command did not do."""

from __future__ import annotations

import pytest

from costplan.cli.endings import ENDINGS, find_ending
from costplan.domain.errors import Fault

FAULT = Fault("is odd")


@pytest.mark.parametrize(
    ("line", "ending"),
    [
        ("optimize w.yaml -o p.json", "nothing was planned"),
        ("explain p.json a", "nothing was explained"),
        ("--json compare a b", "nothing was compared"),
        ("curves fit x", "nothing was fitted"),
        ("curves --json", "nothing was shown"),
        ("ingest usage log.csv", "nothing was read"),
        ("probe w.yaml", "nothing was asked"),
    ],
)
def test_each_command_ends_with_its_own_words(line, ending):
    """What was not done depends on what was asked for."""
    assert find_ending(line.split(), [FAULT]) == ending


def test_a_file_that_cannot_be_written_says_so():
    """Where the work was done and only its file failed, the ending speaks of the file."""
    fault = Fault("cannot be written: No space left on device", file="p.json")
    assert find_ending(["optimize", "w.yaml"], [fault]) == "nothing was written"


def test_every_command_has_an_ending():
    """No command of the table is left to the words for none."""
    from costplan.cli.app import add_commands, app

    if not app.registered_commands:
        add_commands()
    names = {command.callback.__name__ for command in app.registered_commands}
    groups = {group.name for group in app.registered_groups}
    assert names | groups <= {name.split()[0] for name in ENDINGS}


def test_the_command_line_uses_them(costplan, tmp_path):
    """A plan that is missing is not shown, a workload that is missing not planned."""
    missing = tmp_path / "missing"
    assert costplan("show", missing, code=3).stderr.endswith("nothing was shown.\n")
    assert costplan("optimize", missing, code=3).stderr.endswith("nothing was planned.\n")
    assert costplan("backtest", missing, code=3).stderr.endswith("nothing was tested.\n")

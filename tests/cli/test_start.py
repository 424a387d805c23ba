"""What starting a command takes along."""

from __future__ import annotations

import subprocess
import sys

import pytest

LOOK = """
import sys
from costplan.cli.app import main
sys.argv = ["costplan", *sys.argv[1:]]
try:
    main()
except SystemExit:
    pass
print("LOADED", *sorted(m.removeprefix("costplan.cli.") for m in sys.modules
    if m.startswith("costplan.cli.")), file=sys.stderr)
"""


def _loaded(*arguments):
    command = [sys.executable, "-c", LOOK, *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("LOADED")
    return set(last.split()[1:]), done.stdout + done.stderr


@pytest.mark.parametrize("command", ["ingest", "optimize", "curves"])
def test_a_command_that_is_named_comes_alone(command):
    """Other commands are not put together, which would take time before every run."""
    loaded, said = _loaded(command, "--help")
    assert "Usage" in said
    assert command in loaded
    assert not loaded & ({"ingest", "optimize", "curves", "probe"} - {command})


@pytest.mark.parametrize("word", ["--help", "optimise"])
def test_without_a_command_all_are_there(word):
    """Help lists every command, and a misspelt one is told what was meant."""
    loaded, said = _loaded(word)
    assert {"ingest", "optimize", "curves", "probe", "schema"} <= loaded
    assert "optimize" in said

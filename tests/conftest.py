"""What every room's tests share: golden files, and the command line as a user has it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# On a machine that others use, an example may take any time.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")

ROOT = Path(__file__).parents[1]
FIXED = {
    "COLUMNS": "100",
    "NO_COLOR": "1",
    "SOURCE_DATE_EPOCH": "1795564800",  # 2026-11-25
    "PYTHONUTF8": "1",
    "TZ": "UTC",
}
"""Width, colour and clock under which golden output is made."""

Golden = Callable[[Path, str], None]
Costplan = Callable[..., subprocess.CompletedProcess[str]]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a change of output be taken over by one command."""
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite golden files instead of comparing"
    )


def trim(text: str) -> str:
    """Drop what nobody sees: spaces at the ends of lines, empty lines at the end."""
    return "\n".join(line.rstrip() for line in text.splitlines()).rstrip() + "\n"


@pytest.fixture
def updating(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are rewritten."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture
def golden(updating: bool) -> Golden:
    """Compare a text with a golden file, or rewrite the file under --update-golden."""

    def compare(path: Path, text: str) -> None:
        text = trim(text)
        if updating:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            return
        assert path.exists(), f"{path.name} is missing; make it with: pytest --update-golden"
        kept = path.read_text(encoding="utf-8")
        assert text == kept, f"{path} differs; if that is right: pytest --update-golden"

    return compare


@pytest.fixture(scope="session")
def fixed_environment() -> dict[str, str]:
    """Environment under which output does not change from machine to machine."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**os.environ, **FIXED, "PATH": path}


@pytest.fixture(scope="session")
def costplan(fixed_environment: Mapping[str, str]) -> Costplan:
    """Run the command line in a process of its own, from the repository's root unless told."""

    def run(
        *arguments: str | Path, cwd: Path = ROOT, code: int | None = 0, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-c", "from costplan.cli.app import main; main()", *arguments],
            cwd=cwd,
            env={**fixed_environment, **environment},
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=120,
        )
        assert code is None or done.returncode == code, done.stderr or done.stdout
        return done

    return run

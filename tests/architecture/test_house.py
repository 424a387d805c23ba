"""The house stands as docs/architecture.md draws it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "costplan"
FLOORS = {
    "domain": 1,
    "files": 2,
    "providers": 2,
    "evidence": 3,
    "solve": 3,
    "policies": 3,
    "probe": 3,
    "ingest": 3,
    "plan": 4,
    "report": 5,
    "cli": 6,
}
HEAVY = ("numpy", "scipy", "pandas", "highspy", "httpx", "genai_prices", "duckdb", "matplotlib",
         "plotille", "pydantic", "yaml")  # fmt: skip
MOST_LINES = 400
MOST_FUNCTION_LINES = 60
BANNED_NAMES = {"utils", "helpers", "common", "manager", "misc"}


def list_modules() -> list[Path]:
    """Every module of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    """Dotted name of a module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> set[str]:
    """Names of costplan that a module imports anywhere, deferred ones and type hints included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] == "costplan"}


MODULES = {name_of(path): path for path in list_modules()}
GRAPH = {
    name: {target for target in imports_of(path) if target in MODULES and target != name}
    for name, path in MODULES.items()
}


def room_of(name: str) -> str | None:
    """Room of a module; None for the package itself."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else None


@pytest.mark.parametrize("name", sorted(GRAPH))
def test_imports_point_down(name: str) -> None:
    """A module imports only from its own room or from lower floors."""
    room = room_of(name)
    if room is None:
        return
    for target in GRAPH[name]:
        other = room_of(target)
        if other is None or other == room:
            continue
        assert FLOORS[other] < FLOORS[room], f"{name} imports {target}"


def test_there_is_no_import_loop() -> None:
    """No chain of imports, deferred ones included, comes back to where it started."""
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"import loop: {' -> '.join((*path, name))}"
        if name in done:
            return
        for target in GRAPH[name]:
            visit(target, (*path, name))
        done.add(name)

    inside = {name: targets - {"costplan"} for name, targets in GRAPH.items() if name != "costplan"}
    GRAPH.clear()
    GRAPH.update(inside)
    for name in list(GRAPH):
        visit(name, ())


@pytest.mark.parametrize("path", list_modules(), ids=name_of)
def test_modules_and_functions_stay_small(path: Path) -> None:
    """A module has at most 400 lines and a function at most 60."""
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= MOST_FUNCTION_LINES, f"{node.name} has {lines} lines"


def test_no_module_is_a_drawer() -> None:
    """No module is called by a name that says nothing."""
    assert not {path.stem for path in list_modules()} & BANNED_NAMES


def test_help_loads_nothing_heavy() -> None:
    """`costplan --help` imports none of the heavy modules."""
    script = (
        "import sys\n"
        "from costplan.cli import app\n"
        "sys.argv = ['costplan', '--help']\n"
        "try:\n    app.main()\nexcept SystemExit:\n    pass\n"
        "print(','.join(sorted(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in done.stderr.split(",")}
    assert not loaded & set(HEAVY)
    assert "optimize" in done.stdout

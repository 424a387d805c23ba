"""Every console and Python block of README.md and docs/ runs and prints what the page shows.

A console block holds `$ command` lines, each followed by what it prints; `…` alone on a line
stands for lines left out. A block that cannot run here has `<!-- not run: why -->` before it.
The two commands under `<!-- plan -->` and `<!-- tests -->` are run by .ci/run. YAML under
`<!-- workload -->` is a whole workload, under `<!-- class -->` one or more of its classes, under
`<!-- keys -->` further keys at its top.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUN_ELSEWHERE = ("<!-- plan -->", "<!-- tests -->")
FENCE = re.compile(r"^(?P<mark><!--[^\n]*-->\n)?```(?P<lang>\w*)\n(?P<body>.*?)^```$", re.M | re.S)
GAP = "…"
BASE = """\
name: Page
starts: 2027-01-01
classes:
"""
ONE_CLASS = """\
  - name: base
    requests: 1000
    options:
      - {name: only, accuracy: 0.9, usd_per_request: 0.001, mean_latency_s: 1, p95_latency_s: 2,
         provider: openai, tokens_per_request: 1000}
"""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    mark: str
    lang: str
    body: str


def read_blocks(page: Path) -> Iterator[Block]:
    """Go through the fenced blocks of a page, with the comment line right above each."""
    for found in FENCE.finditer(page.read_text("utf-8")):
        yield Block((found["mark"] or "").strip(), found["lang"], found["body"])


def read_steps(body: str) -> list[tuple[str, str]]:
    """Split a console block into commands and what each prints."""
    steps: list[tuple[str, list[str]]] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            steps.append((line[2:], []))
        elif steps and not steps[-1][1] and steps[-1][0].endswith("\\"):
            steps[-1] = (steps[-1][0] + "\n" + line.removeprefix("> "), [])
        else:
            assert steps, f"a console block opens with `$ `, not with: {line}"
            steps[-1][1].append(line)
    return [(command, "\n".join(lines).strip("\n")) for command, lines in steps]


def trim(text: str) -> list[str]:
    """Lines without spaces at their ends, without empty lines around."""
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n").splitlines()


def shorten(shown: str, printed: str) -> str:
    """Leave out of what was printed what the page leaves out: from its head to its tail."""
    wanted, lines = shown.splitlines(), trim(printed)
    if GAP not in wanted:
        return "\n".join(lines)
    head = wanted.index(GAP)
    tail = len(wanted) - head - 1
    return "\n".join([*lines[:head], GAP, *(lines[-tail:] if tail else [])])


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder like a fresh clone, as far as the commands of the pages look at it."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    return tmp_path


def run(command: str, desk: Path, environment: Mapping[str, str]) -> str:
    """Run a command as a shell would, and give what it prints to people."""
    done = subprocess.run(
        ["bash", "-uo", "pipefail", "-c", command],
        cwd=desk,
        env=dict(environment),
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    assert done.returncode in {0, 3, 4}, f"$ {command}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def name_page(page: Path) -> str:
    """Name of a page in a test's id."""
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", [page for page in PAGES if page.exists()], ids=name_page)
def test_pages_print_what_they_show(
    page: Path, desk: Path, fixed_environment: Mapping[str, str], updating: bool
) -> None:
    """The commands of a page run in its order and print what it shows."""
    text = page.read_text("utf-8")
    for block in read_blocks(page):
        if block.lang != "console" or block.mark in RUN_ELSEWHERE or "not run:" in block.mark:
            continue
        fresh = block.body
        for command, shown in read_steps(block.body):
            printed = shorten(shown, run(command, desk, fixed_environment))
            if not shown:
                continue
            if updating:
                fresh = fresh.replace(f"$ {command}\n{shown}\n", f"$ {command}\n{printed}\n")
                continue
            assert printed == "\n".join(trim(shown)), f"{name_page(page)}: $ {command}"
        text = text.replace(block.body, fresh)
    if updating:
        page.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("page", [page for page in PAGES if page.exists()], ids=name_page)
def test_python_of_pages_runs(page: Path, desk: Path, fixed_environment: Mapping[str, str]) -> None:
    """Python on a page runs as it stands."""
    for block in read_blocks(page):
        if block.lang != "python" or "not run:" in block.mark:
            continue
        done = subprocess.run(
            [sys.executable, "-c", block.body],
            cwd=desk,
            env=dict(fixed_environment),
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", [page for page in PAGES if page.exists()], ids=name_page)
def test_yaml_of_pages_is_understood(
    page: Path, desk: Path, costplan: Callable[..., object]
) -> None:
    """Workloads and parts of workloads on a page pass the check of workloads."""
    for place, block in enumerate(read_blocks(page)):
        if block.lang not in {"yaml", "yml"} or "not run:" in block.mark:
            continue
        body = textwrap.dedent(block.body)
        whole = {
            "<!-- workload -->": body,
            "<!-- class -->": BASE + textwrap.indent(body, "  "),
            "<!-- keys -->": BASE + ONE_CLASS + body,
        }.get(block.mark)
        if page.name == "README.md":
            assert whole is not None, f"say above it what this is:\n{body}"
        if whole is None:
            continue
        path = desk / "examples" / "measured" / f"page{place}.yaml"
        path.write_text(whole, encoding="utf-8")
        costplan("check", path, cwd=desk)


def test_the_two_commands_of_the_readme_are_there() -> None:
    """Each marked command is one line that begins with making an environment."""
    blocks = {b.mark: b.body for b in read_blocks(ROOT / "README.md") if b.mark in RUN_ELSEWHERE}
    assert set(blocks) == set(RUN_ELSEWHERE)
    for body in blocks.values():
        assert len(body.splitlines()) == 1
        assert body.startswith("python3 -m venv .venv && .venv/bin/pip install")

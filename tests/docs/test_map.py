"""The pages that describe the project describe it as it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import costplan

ROOT = Path(__file__).parents[2]
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")
TOPS = ("costplan/", "profiles/", "examples/", "docs/", "scripts/", "benchmarks/", "tests/", ".ci/")
PLACEHOLDERS = ("NAME", "ROOM")


def list_paths(text: str) -> list[str]:
    """Paths of the repository that a page names in backticks."""
    spans = [word for span in re.findall(r"`([^`\n]+)`", text) for word in span.split()]
    named = {span for span in spans if span.startswith(TOPS) or span in {"CONTRIBUTING.md"}}
    return sorted(path for path in named if not any(word in path for word in PLACEHOLDERS))


@pytest.mark.parametrize("path", list_paths(ARCHITECTURE) + list_paths(CONTRIBUTING))
def test_named_paths_exist(path: str) -> None:
    """A file or folder that the map or a recipe names exists."""
    assert (ROOT / path).exists()


def test_the_map_names_every_room() -> None:
    """Each room of the package has its row in the map, and its doors exist."""
    rooms = {path.parent.name for path in (ROOT / "costplan").glob("*/__init__.py")}
    rows = re.findall(r"^\| `costplan/(\w+)/` \| (.*)$", ARCHITECTURE, re.M)
    assert {room for room, _ in rows} == rooms
    for room, cells in rows:
        for name in re.findall(r"`([\w/]+\.py)`", cells):
            assert (ROOT / "costplan" / room / name).exists(), f"{room}/{name}"


def test_functions_in_the_drawing_exist() -> None:
    """A function that the drawing names as room/module.function is in that module."""
    for room, module, name in re.findall(r"\b(\w+)/(\w+)\.(\w+)\b(?!\.)", ARCHITECTURE):
        path = ROOT / "costplan" / room / f"{module}.py"
        if not path.exists() or name in {"py", "md"}:
            continue
        assert re.search(rf"^(def|class) {name}\b", path.read_text("utf-8"), re.M), (module, name)


def test_changelog_leads_with_what_is_unreleased_and_knows_the_version() -> None:
    """Unreleased stands on top, and the newest release is the package's version."""
    heads = re.findall(r"^## (\S+)", CHANGELOG, re.M)
    assert heads[0] == "Unreleased"
    assert heads[1] == costplan.__version__
    assert f'version = "{costplan.__version__}"' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_changelog_says_sentences() -> None:
    """An entry of the changelog is a sentence."""
    entries = re.findall(r"^- (.+?)(?=^- |^#|\Z)", CHANGELOG, re.M | re.S)
    assert entries
    assert all(entry.strip().endswith(".") for entry in entries)


def test_counts_in_the_pages_are_those_shipped() -> None:
    """Numbers of models, measurements and sources are counted, not remembered."""
    models = len(list((ROOT / "profiles" / "models").glob("*.yaml")))
    tables = list((ROOT / "profiles" / "curves").glob("*.csv"))
    rows = sum(len(path.read_text("utf-8").splitlines()) - 1 for path in tables)
    readme = (ROOT / "README.md").read_text("utf-8")
    assert f"lists {models} models" in readme
    assert f"{models} models" in CHANGELOG
    assert f"{rows:,} published measurements from {len(tables)} sources" in CHANGELOG


def test_links_of_pages_lead_somewhere() -> None:
    """A relative link of a page leads to a file or folder of the repository."""
    pages = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    for page in [*pages, *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text("utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"

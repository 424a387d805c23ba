"""Pages of docs/ whose figures a script measures: rewrite them, or tell whether they are stale."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUTCOMES = ROOT.parent / "shared" / "data" / "outcomes"
"""Outcome tables beside the repository, from which figures are measured."""


def put_between(page: str, start: str, figures: str, end: str) -> str:
    """Put figures between the marks of a page; what stands around them stays."""
    before, _, rest = page.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}{figures}{end}{after}"


def rewrite(
    page: Path,
    make: Callable[[str], str],
    script: str,
    arguments: Sequence[str] | None,
    needs: Path | None = None,
) -> int:
    """Rewrite a page, or with --check tell whether it is stale; 0 when it is fresh.

    make gives the new page from the old one, "" where there is none; 2 where `needs` is missing.
    """
    parser = argparse.ArgumentParser(description=f"Rewrite the measured figures of {page.name}.")
    parser.add_argument("--check", action="store_true", help="only tell whether it is stale")
    wanted = parser.parse_args(arguments)
    if needs is not None and not needs.is_dir():
        print(f"the shared outcome tables are not at {needs.relative_to(ROOT.parent)}")
        return 2
    old = page.read_text("utf-8") if page.exists() else ""
    made = make(old)
    if wanted.check:
        if made != old:
            print(f"stale: docs/{page.name}; run scripts/{Path(script).name}")
        return int(made != old)
    page.write_text(made, encoding="utf-8")
    return 0

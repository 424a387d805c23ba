"""What the README says about published results stands in the shipped curves."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
Row = dict[str, str]


def read_table() -> list[list[str]]:
    """Rows of the README's table of results."""
    after = README.partition("<!-- rows -->\n")[2].splitlines()
    rows = []
    for line in after:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows[2:]


def find(benchmark: str, source: str, model: str, setting: str, samples: str = "1") -> Row:
    """Find one row of the shipped curves."""
    with (ROOT / "profiles" / "curves" / f"{source}.csv").open(encoding="utf-8") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if (row["benchmark"], row["model"], row["setting"], row["samples"])
            == (benchmark, model, setting, samples)
        ]
    assert len(rows) == 1, (benchmark, source, model, setting, samples)
    return rows[0]


@pytest.mark.parametrize("cells", read_table(), ids=lambda cells: " ".join(cells[:5]))
def test_rows_of_the_readme_are_rows_of_the_curves(cells: list[str]) -> None:
    """Accuracy, tokens and dollars of a README row are those of the shipped table."""
    *key, accuracy, tokens, dollars = cells
    row = find(*key)
    assert accuracy == f"{float(row['accuracy']) * 100:.0f} %"
    assert tokens == (f"{float(row['output_tokens']):,.0f}" if row["output_tokens"] else "")
    assert dollars == (f"${float(row['usd']):.4f}" if row["usd"] else "")


def test_multiples_in_the_readme_follow_from_the_rows() -> None:
    """Times and points that the README's prose names are quotients and differences of its rows."""
    aime = {m: find("aime-2025-I", "matharena", m, s) for m, s in
            (("gpt-4o", "fixed"), ("o1", "medium"), ("o3-mini", "high"))}  # fmt: skip
    gpqa = {m: find("gpqa-diamond", "epoch-ai", m, s) for m, s in
            (("gpt-4o", "fixed"), ("o1", "high"))}  # fmt: skip

    def times(rows: dict[str, Row], one: str, other: str, column: str) -> int:
        return round(float(rows[one][column]) / float(rows[other][column]))

    assert times(gpqa, "o1", "gpt-4o", "output_tokens") == 9
    assert times(aime, "o1", "gpt-4o", "output_tokens") == 14
    assert times(gpqa, "o1", "gpt-4o", "usd") == 48
    assert times(aime, "o1", "gpt-4o", "usd") == 80
    assert times(aime, "o1", "o3-mini", "usd") == 14
    assert times(aime, "o3-mini", "gpt-4o", "usd") == 6
    assert float(aime["o3-mini"]["accuracy"]) >= float(aime["o1"]["accuracy"])
    for benchmark, source, points, dollars in (
        ("gpqa-diamond", "epoch-ai", 11, 13),
        ("arc-agi-1-semi-private", "arcprize", 15, 6),
    ):
        off = find(benchmark, source, "claude-3-7-sonnet", "off")
        long = find(benchmark, source, "claude-3-7-sonnet", "16000")
        assert round(100 * (float(long["accuracy"]) - float(off["accuracy"]))) == points
        assert round(float(long["usd"]) / float(off["usd"])) == dollars


def test_every_source_named_is_listed() -> None:
    """Sources of the README's rows have their entry in sources.yaml."""
    known = (ROOT / "profiles" / "curves" / "sources.yaml").read_text("utf-8")
    assert all(f"\n{cells[1]}:\n" in known for cells in read_table())

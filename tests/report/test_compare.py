"""The comparison as it is shown: rounded, and still adding up."""

from __future__ import annotations

import json
from decimal import Decimal
from types import SimpleNamespace

import pytest
from finance_plans import make_line, make_plan, make_price, nasty_plan
from hypothesis import given
from hypothesis import strategies as st

from costplan.cli.compare import compare as command
from costplan.domain.errors import CheckError
from costplan.plan.compare import CLASS_CAUSES, compare
from costplan.plan.saved import dump_plan
from costplan.report.compare import round_comparison, say_excess, write_comparison
from costplan.report.footing import round_table, round_to_target

CENT = Decimal("0.01")
money = st.decimals(min_value=-1000, max_value=10**6, places=6, allow_nan=False)


@given(st.lists(money, min_size=1, max_size=12), st.integers(-3, 3))
def test_amounts_meet_their_target(amounts, off):
    """Amounts round to a given total near their sum, and each stays near itself."""
    target = sum(amounts).quantize(CENT) + off * CENT
    rounded = round_to_target(amounts, target)
    assert sum(rounded) == target
    assert all(abs(r - a) < CENT * (abs(off) + 2) for r, a in zip(rounded, amounts, strict=True))


def test_nothing_adds_up_to_nothing_only():
    """No amounts have no total but zero."""
    assert round_to_target([], Decimal(0)) == []
    with pytest.raises(ValueError, match="nothing adds up"):
        round_to_target([], CENT)


@given(
    st.lists(st.lists(money, min_size=4, max_size=4), min_size=1, max_size=8).map(
        lambda rows: [[Decimal(cell) for cell in row] for row in rows]
    )
)
def test_tables_add_up_both_ways(cells):
    """A table rounds so that rows and columns add up to rounded totals."""
    columns = round_to_target(
        [sum(row[c] for row in cells) for c in range(4)],
        sum(sum(row) for row in cells).quantize(CENT),
    )
    rows = round_to_target([sum(row) for row in cells], sum(columns))
    table = round_table(cells, rows, columns)
    assert [sum(row) for row in table] == rows
    assert [sum(row[c] for row in table) for c in range(4)] == columns


volumes = st.lists(st.integers(0, 100_000), min_size=1, max_size=6)


@given(volumes, volumes, st.decimals("0.1", "9", places=4))
def test_the_bridge_adds_up_in_cents(before, after, price):
    """Whatever changes, rounded steps lead from the first bill to the second, rounded class rows
    from each amount to the next, and columns of classes to the steps."""

    def plan(numbers, **prices):
        lines = [make_line(f"c{i}", requests=n) for i, n in enumerate(numbers)]
        return make_plan(lines, prices=[make_price(**prices)])

    found = compare(plan(before), plan(after, output_usd_per_mtok=price))
    cents = round_comparison(found)
    assert cents.before == found.usd_before.quantize(CENT)
    assert cents.after == found.usd_after.quantize(CENT)
    assert cents.before + sum(cents.steps) == cents.after
    for old, new, steps in cents.classes:
        assert old + sum(steps) == new
    for place in range(len(CLASS_CAUSES)):
        assert sum(steps[place] for _, _, steps in cents.classes) == cents.steps[place]
    for step, rounded in zip(found.steps, cents.steps, strict=True):
        assert abs(step.usd - rounded) < 3 * CENT


def pair(tmp_path, requests=(1000, 1200)):
    """Two saved plans, the second with other volumes."""
    files = []
    for place, number in enumerate(requests):
        file = tmp_path / f"{place}.json"
        file.write_text(dump_plan(make_plan([make_line("triage", requests=number)])))
        files.append(file)
    return files


def test_json_adds_up(capsys, tmp_path):
    """The JSON has amounts as decimal strings that add up to the cent, classes included."""
    command(*pair(tmp_path), as_json=True)
    facts = json.loads(capsys.readouterr().out)
    steps = sum(Decimal(step["usd"]) for step in facts["steps"])
    assert Decimal(facts["before"]["usd"]) + steps == Decimal(facts["after"]["usd"])
    (one,) = facts["classes"]
    assert sum(map(Decimal, one["steps"].values())) == Decimal(one["after"]["usd"]) - Decimal(
        one["before"]["usd"]
    )
    assert one["after"]["choices"] == [{"option": "gpt-5/low", "share": 1.0}]


def test_people_see_the_bridge_and_the_reasons(capsys, monkeypatch, tmp_path):
    """People see the difference in one sentence, the bridge, and each class's way."""
    monkeypatch.setenv("COLUMNS", "120")
    command(*pair(tmp_path))
    said = capsys.readouterr().out
    assert said.startswith("$0.66 more ($3.29 to $3.94)")
    assert "second plan" in said
    assert "triage" in said


def test_labels_cannot_break_the_view(capsys):
    """Labels out to do harm, markup included, are shown as text."""
    plan = nasty_plan()
    write_comparison(compare(plan, plan), as_json=False)
    assert "=cmd" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("limit", "percent", "over"), [("10", True, True), ("25", True, False), ("0.5", False, True),
                                   ("1", False, False)]
)  # fmt: skip
def test_a_limit_is_percent_or_dollars(limit, percent, over):
    """The limit is a part of the first bill or an amount, and only growth beyond it counts."""
    found = SimpleNamespace(usd_before=Decimal(4), usd=Decimal("0.8"))
    assert (say_excess(found, Decimal(limit), percent=percent) is not None) == over
    cheaper = SimpleNamespace(usd_before=Decimal(4), usd=Decimal(-2))
    assert say_excess(cheaper, Decimal(0), percent=percent) is None


def test_growth_over_the_limit_fails_the_check(tmp_path, capsys):
    """`--fail-over 10%` raises after the comparison is shown; 50 % passes."""
    files = pair(tmp_path)
    with pytest.raises(CheckError, match="more than 10 %"):
        command(*files, fail_over="10%")
    assert "second plan" in capsys.readouterr().out
    command(*files, fail_over="50 %")

"""Plan against actual as people, machines and spreadsheets read it."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from dataclasses import replace
from decimal import Decimal, localcontext

import pytest
from finance_plans import NASTY, make_line, make_plan
from hypothesis import given, settings
from hypothesis import strategies as st

from costplan.domain.money import EXACT
from costplan.plan.track import Track, track
from costplan.plan.track_actuals import Actuals, Cell
from costplan.plan.track_split import CAUSES
from costplan.report.track import round_track, say_excess, say_verdict, write_track, write_track_csv

SPAN = (dt.datetime(2027, 1, 1), dt.datetime(2027, 2, 1))
DAYS = {dt.date(2027, 1, day): Decimal(1) for day in range(1, 32)}


def run(*cells: Cell, lines: list[dict[str, object]] | None = None) -> Track:
    """Track a plan of two classes, or of other lines, against cells of January."""
    plan = make_plan(lines or [make_line("a"), make_line("b", requests=333)])
    return track(plan, Actuals(cells, ("f",), {"litellm": SPAN}, DAYS, (), {"litellm": "task"},
                               {"litellm": ("setting",)}, ("odd",)))  # fmt: skip


def spent(label: str, requests: int | None, usd: str | None, *tokens: int) -> Cell:
    """A cell of gpt-5: tokens are input, cached input and output in all."""
    told = [Decimal(t) for t in tokens] or [None] * 3
    return Cell("litellm", label, "gpt-5", None, requests, *told,
                None if usd is None else Decimal(usd), Decimal(0))  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 5000),
            st.decimals(0, 999, places=7),
            st.integers(1, 10**6),
            st.integers(0, 10**6),
        ),
        min_size=1,
        max_size=7,
    )
)
def test_every_row_and_column_adds_up_to_the_cent(
    sides: list[tuple[int, Decimal, int, int]],
) -> None:
    """Plan and steps of each class add up to its spend, and classes to the whole."""
    names = [f"class-{place}" for place in range(len(sides))]
    found = run(
        *(spent(name, n, str(usd), sent, min(sent, 9), got)
          for name, (n, usd, sent, got) in zip(names, sides, strict=True)),
        lines=[make_line(name, requests=7 * place + 3) for place, name in enumerate(names)],
    )  # fmt: skip
    cents = round_track(found)
    for row in (cents.whole, *cents.classes):
        assert row.plan + sum(row.steps) == row.usd
        assert all(amount == amount.quantize(Decimal("0.01")) for amount in (row.plan, *row.steps))
    for place in range(len(CAUSES)):
        assert sum(row.steps[place] for row in cents.classes) == cents.whole.steps[place]
    assert sum(row.plan for row in cents.classes) == cents.whole.plan
    assert abs(cents.whole.usd - found.usd) <= Decimal("0.005")


def test_csv_reads_back_and_no_label_runs() -> None:
    """The table's rows add up to the totals, and no cell of text starts a formula."""
    lines = [make_line(label) for label in NASTY]
    found = run(*(spent(label, 900, "3.333", 9, 0, 9) for label in NASTY), lines=lines)
    rows = list(csv.DictReader(io.StringIO(write_track_csv(found), newline="")))
    assert len(rows) == len(NASTY)
    cents = round_track(found)
    assert sum(Decimal(row["actual_usd"]) for row in rows) == cents.whole.usd
    for row in rows:
        steps = sum(Decimal(row[f"{cause}_usd"]) for cause in CAUSES)
        assert Decimal(row["plan_usd"]) + steps == Decimal(row["actual_usd"])
        assert row["task_class"][0] not in "=+-@\t\r＝"
        assert (row["first_day"], row["last_day"], row["days"]) == (
            "2027-01-01",
            "2027-01-31",
            "31",
        )


def test_json_says_what_people_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Amounts are decimal text, unknown is null, and reasons add up to what is unexplained."""
    write_track(run(spent("a", None, "9.99")), as_json=True)
    facts = json.loads(capsys.readouterr().out)
    (first, second) = facts["classes"]
    assert first["requests"] is None
    assert first["usd"] == facts["usd"] == "9.99"
    whys = sum(Decimal(part["usd"]) for part in first["unexplained"])
    assert whys == Decimal(first["steps"]["unexplained"])
    assert second["steps"]["volume"] == f"-{second['plan_usd']}"
    assert facts["plan_again"]["advised"] is True
    assert facts["span"]["portion_of_plan"] == 1
    assert facts["cannot_say"] == {"litellm": ["setting"]}


def test_people_read_verdict_bridge_reasons_and_rule(capsys: pytest.CaptureFixture[str]) -> None:
    """The page opens with the verdict, names what is unexplained and cannot be said, and states
    the rule for planning again."""
    found = run(spent("a", None, "9.99"))
    write_track(found, as_json=False)
    text = capsys.readouterr().out
    assert text.startswith(say_verdict(found)[:60])
    for words in ("volume", "mix", "tokens per request", "price", "unexplained", "cannot say",
                  "neither requests nor tokens", "Plan again", "The rule"):  # fmt: skip
        assert words in text, words


def test_markup_in_labels_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    """Square brackets in a class are shown as they are."""
    write_track(run(spent("[red]x", 1, "1", 1, 0, 1), lines=[make_line("[red]x")]), as_json=False)
    assert "[red]x" in capsys.readouterr().out


@pytest.mark.parametrize("part", [Decimal(1), Decimal(12) / 31, Decimal(1) / 7])
def test_a_spend_of_just_the_limit_is_not_above_it(part: Decimal) -> None:
    """Exactly 10 % is inside, a cent more is not, however endless the digits of the days' part;
    nothing planned allows nothing."""
    found = run(spent("a", 1000, "5", 1000, 0, 1000))
    with localcontext(EXACT):
        plan_usd = Decimal(100) * part
        exact = replace(found, plan_usd=plan_usd, usd=plan_usd * Decimal("1.1"))
        above = replace(exact, usd=exact.usd + Decimal("0.01"))
        shorter = replace(found, plan_usd=plan_usd, usd=(plan_usd * Decimal("1.1")).normalize())
    for one in (exact, shorter):
        assert say_excess(one, Decimal(10), percent=True) is None
    assert say_excess(above, Decimal(10), percent=True) is not None
    assert say_excess(replace(found, plan_usd=Decimal(0)), Decimal(10), percent=True) is not None
    nothing = replace(found, plan_usd=Decimal(0), usd=Decimal(0))
    assert say_excess(nothing, Decimal(10), percent=True) is None
    assert say_excess(replace(nothing, usd=Decimal(-3)), Decimal(0), percent=False) is None


def test_the_check_fails_above_the_limit_and_where_spend_is_unknown() -> None:
    """Percent are of the plan for the days, a sum is dollars; unknown spend is not let pass."""
    exact = run(spent("a", 1000, "4.0", 900_000, 300_000, 250_000), lines=[make_line("a")])
    over = exact.variance / exact.plan_usd * 100
    assert say_excess(exact, over, percent=True) is None
    assert "more than" in (say_excess(exact, over - Decimal("0.1"), percent=True) or "")
    assert say_excess(exact, Decimal(1), percent=False) is None
    assert say_excess(exact, Decimal("0.1"), percent=False) is not None
    lost = Cell("litellm", "a", "own", None, 5, *[Decimal(1)] * 3, None, Decimal(0))
    assert "cannot be judged" in (say_excess(run(lost), Decimal(50), percent=True) or "")


def test_other_days_than_the_plans_lead(capsys: pytest.CaptureFixture[str]) -> None:
    """Days outside the plan's period come before the verdict, days inside it say nothing."""
    within = run(spent("a", 10, "9.99", 9, 0, 9))
    assert within.elsewhere is None
    march = {day.replace(month=3): part for day, part in DAYS.items()}
    half = {day + dt.timedelta(days=15): part for day, part in DAYS.items()}
    plan = make_plan([make_line("a")])
    cells = (spent("a", 10, "9.99", 9, 0, 9),)
    for days, words in ((march, "Not the plan's days"), (half, "Not only the plan's days")):
        actuals = Actuals(cells, ("f",), {"litellm": SPAN}, days, (), {"litellm": "task"}, {}, ())
        found = track(plan, actuals)
        write_track(found, as_json=False)
        assert capsys.readouterr().out.startswith(words)
        write_track(found, as_json=True)
        facts = json.loads(capsys.readouterr().out)
        assert facts["notes"][0].startswith(words)
        assert facts["span"]["within_plan"] is False


def test_classes_lose_dollars_with_the_sign_that_totals_have(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One minus in the bridge and in the table of classes."""
    write_track(run(spent("a", 1, "0.01", 9, 0, 9)), as_json=False)
    text = capsys.readouterr().out
    assert "−$" in text
    assert " -" not in text

"""Options that were not taken say why, and when the choice would change."""

from __future__ import annotations

from decimal import Decimal

from costplan.solve import ClassRow, Limits, OptionRow, build_problem, solve
from costplan.solve.limits import with_value
from costplan.solve.why import Verdict, explain


def option(name, accuracy, usd, p95=5):
    return OptionRow(name, "p", Decimal(accuracy), Decimal(usd), Decimal(1), Decimal(p95))


def problem(usd, splits=True, **limits):
    rows = [
        ClassRow(
            "a",
            Decimal(10),
            Decimal(1),
            [
                option("low", "0.2", "1"),
                option("worse", "0.2", "2"),
                option("middle", "0.3", "3"),
                option("high", "0.8", "5"),
                option("slow", "0.99", "5", p95=99),
            ],
            max_p95_latency_s=Decimal(50),
        ),
        ClassRow(
            "b", Decimal(10), Decimal(1), [option("one", "0.1", "1"), option("two", "0.9", "4")]
        ),
    ]
    return build_problem(rows, limits=Limits(usd=Decimal(usd), **limits), splits=splits)


def test_every_option_has_its_reason():
    """Chosen, dominated, under a mix and shut out by a limit are told apart, with what did it."""
    case = problem("20")
    found = explain(case, solve(case), 0)
    verdicts = [one.verdict for one in found.options]
    assert verdicts == [
        Verdict.CHOSEN,
        Verdict.DOMINATED,
        Verdict.OFF_HULL,
        Verdict.AVAILABLE,
        Verdict.SHUT_OUT,
    ]
    assert found.options[1].beaten_by == (0,)
    assert set(found.options[2].beaten_by) == {0, 3}
    assert found.options[4].limits == ("classes.a.max_p95_latency_s",)


def test_the_next_change_is_where_the_plan_changes():
    """Just below the stated ceiling the class keeps its choice, just above it does not."""
    case = problem("20")
    change = explain(case, solve(case), 0).up
    assert change.exact
    assert (change.before, change.after) == (0, 3)
    below = solve(with_value(case, "usd", change.amount - Decimal("0.001")))
    above = solve(with_value(case, "usd", change.amount + Decimal("0.001")))
    assert [o for o, _ in below.picks_of(0)] == [0]
    assert [o for o, _ in above.picks_of(0)] == [0, 3]


def test_the_last_change_is_found_downwards():
    """Below the stated ceiling a class that was upgraded falls back."""
    case = problem("60")
    change = explain(case, solve(case), 1).down
    assert (change.before, change.after) == (6, 5)
    below = solve(with_value(case, "usd", change.amount - Decimal("0.001")))
    assert [o for o, _ in below.picks_of(1)] == [5, 6]


def test_with_several_limits_the_change_is_found_by_solving_nearby():
    """Under two ceilings the change is stated as found, not exact, and holds on both sides."""
    case = problem("30", splits=False, provider_usd={"p": Decimal(500)})
    plan = solve(case)
    found = explain(case, plan, 1)
    change = found.up or found.down
    assert change is not None
    assert not change.exact
    there = solve(with_value(case, "usd", change.amount))
    assert there.main[1] != plan.main[1]


def test_a_class_without_any_other_use_has_no_change():
    """Above everything useful no higher ceiling changes the choice."""
    case = problem("1000")
    assert explain(case, solve(case), 0).up is None

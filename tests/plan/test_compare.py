"""Two plans side by side, where what changed is known."""

from __future__ import annotations

from decimal import Decimal

import pytest

from costplan.domain.errors import InputError
from costplan.plan.build import build_plan
from costplan.plan.compare import compare


def steps_of(found):
    """Dollars of every cause that has some."""
    return {step.cause: step.usd for step in found.steps if abs(step.usd) > Decimal("1e-9")}


def assert_adds_up(found):
    """Steps lead from one plan to the other, as a whole and class by class."""
    assert abs(sum(step.usd for step in found.steps) - found.usd) < Decimal("1e-20")
    moved = sum(step.accuracy for step in found.steps)
    assert moved == pytest.approx(found.accuracy_after - found.accuracy_before, abs=1e-12)
    for change in found.classes:
        assert abs(sum(change.steps.values()) - (change.usd_after - change.usd_before)) < Decimal(
            "1e-20"
        )


@pytest.fixture
def plan_of(case, stated):
    """Makes plans of two classes with stated options."""

    def make(requests=(100, 10), costs=("1", "3"), accuracies=("0.5", "0.9"), **keys):
        names = ("fast", "deep")
        options = [
            stated(name, right, usd) for name, usd, right in zip(names, costs, accuracies,
                                                                 strict=True)
        ]  # fmt: skip
        classes = [
            {"name": name, "requests": number, "options": options, "value_usd": worth}
            for name, number, worth in zip(("a", "b"), requests, (10, 100), strict=True)
            if number
        ]
        return build_plan(case(classes, **({"ceilings": {"usd": 200}} | keys)))

    return make


def test_a_plan_is_like_itself(plan_of):
    """Between a plan and itself nothing changes."""
    plan = plan_of()
    found = compare(plan, plan)
    assert steps_of(found) == {}
    assert not any(change.chosen_anew for change in found.classes)
    assert found.ceilings == found.prices == found.aims == ()


def test_more_requests_are_volumes(plan_of):
    """Twice the requests under twice the ceiling cost twice as much, all of it by volume."""
    before, after = plan_of(), plan_of(requests=(200, 20), ceilings={"usd": 400})
    found = compare(before, after)
    assert steps_of(found) == {"volumes": before.totals.usd}
    assert [(c.what, c.before, c.after) for c in found.ceilings] == [("usd", 200, 400)]
    assert_adds_up(found)


def test_new_and_dropped_classes_are_volumes(plan_of):
    """A class that only one plan has counts as requests there, in dollars and in accuracy."""
    both, one = plan_of(ceilings={"usd": 1000}), plan_of(requests=(100, 0), ceilings={"usd": 1000})
    dropped, new = compare(both, one), compare(one, both)
    assert steps_of(dropped) == {"volumes": -30}
    assert steps_of(new) == {"volumes": 30}
    for found in (dropped, new):
        assert_adds_up(found)
    (gone,) = [change for change in dropped.classes if not change.after]
    assert gone.task_class == "b"


def test_a_stated_cost_that_changes_is_a_price(plan_of):
    """Where choices stay and a stated cost rises, the difference is one of price."""
    before = plan_of(ceilings={"usd": 1000})
    after = plan_of(costs=("1", "4"), ceilings={"usd": 1000})
    found = compare(before, after)
    assert steps_of(found) == {"prices": 110}
    assert_adds_up(found)


def test_a_lower_ceiling_changes_choices(plan_of):
    """What a lower ceiling saves is due to choices, and so is the accuracy that it costs."""
    found = compare(plan_of(ceilings={"usd": 300}), plan_of(ceilings={"usd": 200}))
    assert steps_of(found) == {"choices": -100}
    by_cause = {step.cause: step.accuracy for step in found.steps}
    assert by_cause["choices"] < 0
    assert by_cause["evidence"] == pytest.approx(0)
    assert any(change.chosen_anew for change in found.classes)
    assert_adds_up(found)


def test_better_evidence_moves_accuracy_only(plan_of):
    """Where the same choices are believed to be better, accuracy moves and dollars do not."""
    before = plan_of(ceilings={"usd": 1000})
    after = plan_of(accuracies=("0.5", "0.95"), ceilings={"usd": 1000})
    found = compare(before, after)
    assert steps_of(found) == {}
    by_cause = {step.cause: step.accuracy for step in found.steps}
    assert by_cause["evidence"] == pytest.approx(0.05)
    assert_adds_up(found)


def test_token_prices_and_token_counts_are_told_apart(case, profile, row):
    """A price that doubles is a price, and curves that think longer are evidence, in the same
    comparison and to the cent."""

    def plan(output_price, tokens):
        price = {"starts": "2026-01-01", "input_usd_per_mtok": 2, "output_usd_per_mtok": 8,
                 "source": "made up", "checked": "2026-11-25"}  # fmt: skip
        prices = [price | {"output_usd_per_mtok": output_price}]
        task = {"name": "quiz", "requests": 1_000, "input_tokens": 500, "output_tokens": 200,
                "value_usd": 1, "evidence": {"benchmark": "quiz"}}  # fmt: skip
        rows = (row("thinker", "low", 0.6, output_tokens=tokens + 200.0, reasoning_tokens=tokens),)
        return build_plan(case([task], profiles={"thinker": profile(prices=prices)}, rows=rows))

    before, after = plan(8, 800.0), plan(16, 1_200.0)
    found = compare(before, after)
    (old,), (new,) = before.lines, after.lines
    price_step = old.output_tokens * 8 / 1_000_000
    evidence_step = (new.output_tokens - old.output_tokens) * 16 / 1_000_000
    steps = steps_of(found)
    assert set(steps) == {"prices", "evidence"}
    assert abs(steps["prices"] - price_step) < Decimal("1e-9")
    assert abs(steps["evidence"] - evidence_step) < Decimal("1e-9")
    assert [(c.what, c.before, c.after) for c in found.prices] == [
        ("thinker at acme: output", 8, 16)
    ]
    assert_adds_up(found)


def test_an_option_that_is_gone_is_a_choice_and_is_said(case, stated):
    """Where the first plan's choice is no option any more, the change is one of choice, and a note
    says so."""

    def plan(*names):
        options = [stated(name, "0.9", "2") for name in names]
        return build_plan(case([{"name": "a", "requests": 10, "options": options}]))

    found = compare(plan("old"), plan("new"))
    assert found.notes == ("old is no option of a any more: the change counts as choice",)
    assert_adds_up(found)


def test_gpus_and_contracts_have_steps_of_their_own(case, stated):
    """What own GPUs and contract terms add to the bill is no price, volume or choice."""

    def plan(usd_per_gpu, multiplier):
        options = [
            stated("own", "0.9", "0", pool="rack", tokens_per_request=Decimal(10)),
            stated("paid", "0.5", "1", provider="acme"),
        ]
        classes = [
            {"name": "a", "requests": 10, "options": options[:1]},
            {"name": "b", "requests": 10, "options": options[1:]},
        ]
        return build_plan(
            case(
                classes,
                pools={"rack": {"usd_per_gpu": usd_per_gpu, "tokens_per_gpu": 100, "max_gpus": 3}},
                contracts={"acme": {"tiers": [{"multiplier": Decimal(multiplier)}]}},
            )
        )

    found = compare(plan(50, "0.9"), plan(70, "0.8"))
    assert steps_of(found) == {"gpus": 20, "contracts": -1}
    assert_adds_up(found)


def test_months_are_paired_by_their_place(case, stated):
    """A plan of next year is compared month by month with that of this year."""

    def plan(start, growth):
        task = {"name": "a", "requests": 10, "growth_per_month": growth,
                "options": [stated("only", "0.9", "2")]}  # fmt: skip
        return build_plan(case([task], starts=None, horizon={"start": start, "months": 2}))

    found = compare(plan("2027-01", 0), plan("2028-01", 1))
    assert [change.month for change in found.classes] == ["2027-01", "2027-02"]
    assert steps_of(found) == {"volumes": 20}
    assert_adds_up(found)


def test_plans_that_cannot_be_compared_are_refused(plan_of):
    """A month is not compared with a year, nor anything with a plan without lines."""
    plan = plan_of()
    year = plan.model_copy(update={"workload": plan.workload.model_copy(update={"period": "year"})})
    with pytest.raises(InputError, match="1 of a month and 1 of a year"):
        compare(plan, year)
    with pytest.raises(InputError, match="second plan has no lines"):
        compare(plan, plan.model_copy(update={"totals": None, "lines": ()}))

"""Plan against actual: the split against counterfactual bills, days, labels and gaps."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costplan.domain.errors import InputError
from costplan.domain.money import total
from costplan.plan.model import Plan
from costplan.plan.track import ALL, TrackOptions, track
from costplan.plan.track_actuals import Actuals, Cell, ReadOptions, read_actuals
from costplan.plan.track_match import Match, Matcher, read_rules

RATES = {
    "small": (Decimal(1), Decimal("0.1"), Decimal(4)),
    "big": (Decimal(5), Decimal("0.5"), Decimal(20)),
}
"""Dollars per million uncached, cached and output tokens."""
JANUARY = {dt.date(2027, 1, day): Decimal(1) for day in range(1, 32)}
SPAN = (dt.datetime(2027, 1, 1), dt.datetime(2027, 2, 1))
NEAR = Decimal("1e-40")


def line(name: str, model: str, requests: int, tokens: tuple[int, int, int], **more: Any) -> Any:
    """A line of a plan from tokens per request: uncached, cached, output."""
    usd = requests * sum(t * r for t, r in zip(tokens, RATES[model], strict=True)) / 1_000_000
    facts: dict[str, Any] = {
        "class": name, "team": None, "requests": requests, "option": f"{model}/low",
        "model": model, "provider": "acme", "setting": "low", "policy": "single", "share": 1,
        "requests_planned": requests, "usd": usd, "usd_per_request": usd / (requests or 1),
        "value": 1, "accuracy": {"mean": 0.9, "low": 0.8, "high": 1.0, "grade": "stated"},
        "mean_latency_s": 1, "p95_latency_s": 2, "batch": False,
        "input_tokens": requests * (tokens[0] + tokens[1]),
        "cached_input_tokens": requests * tokens[1], "output_tokens": requests * tokens[2],
        "reasoning_tokens": None,
    }  # fmt: skip
    return facts | more


def make_plan(*lines: Any, **changes: Any) -> Plan:
    """A plan of lines for a month from 2027-01-01."""
    usd = sum((Decimal(item["usd"]) for item in lines), Decimal(0))
    facts: dict[str, Any] = {
        "schema_version": 1, "costplan_version": "0", "created_at": "2026-12-01T00:00:00Z",
        "seed": 0, "confidence": 0.9, "status": "optimal", "solver": "own", "splits": True,
        "workload": {"name": "W", "period": "month", "starts": "2027-01-01", "digest": "0",
                     "file": None},
        "value_unit": "usd", "verdict": "A plan.", "lines": lines,
        "objective": {"maximize": "value", "value": 1.0, "bound": 1.0, "gap": 0.0},
        "totals": {"usd": usd, "usd_list": usd, "requests": 1, "value": 1, "mean_latency_s": 1,
                   "accuracy": {"mean": 0.9, "low": 0.8, "high": 1},
                   "usd_interval": {"low": usd, "high": usd}},
        "prices": [
            {"model": model, "provider": "acme", "as_of": "2027-01-01", "batch": False,
             "input_usd_per_mtok": r[0], "cached_input_usd_per_mtok": r[1],
             "output_usd_per_mtok": r[2], "source": "made up"} for model, r in RATES.items()
        ],
        "smallest_usd": None,
    }  # fmt: skip
    empty = ("ceilings", "baselines", "pools", "conflict", "next_steps", "frontier", "evidence",
             "considered", "assumptions", "warnings")  # fmt: skip
    return Plan.model_validate(dict.fromkeys(empty, ()) | facts | changes)


def cell(label: str, model: str | None, requests: int | None, **more: Any) -> Cell:
    """What a source says: tokens per request as `tokens`, dollars as `usd`."""
    tokens = more.pop("tokens", None)
    told = [None] * 3 if tokens is None else [Decimal(t) * (requests or 1) for t in tokens]
    sent = None if told[0] is None or told[1] is None else told[0] + told[1]
    facts: dict[str, Any] = {
        "source": "litellm", "label": label, "model": model, "setting": None,
        "requests": requests, "input_tokens": sent, "cached_tokens": told[1],
        "output_tokens": told[2], "usd": None, "failed_usd": Decimal(0),
    }  # fmt: skip
    return Cell(**(facts | more))


def spent(*cells: Cell, **changes: Any) -> Actuals:
    """Actuals of the whole of January."""
    facts: dict[str, Any] = {
        "cells": cells, "files": ("f",), "spans": {c.source: SPAN for c in cells},
        "days": JANUARY, "missing_days": (), "class_by": {"litellm": "tag:task"},
        "cannot_say": {}, "notes": (),
    }  # fmt: skip
    return Actuals(**(facts | changes))


COUNT = st.integers(1, 10_000)
TOKENS = st.tuples(st.integers(1, 5000), st.integers(0, 5000), st.integers(1, 5000))
SIDE = st.fixed_dictionaries({model: st.tuples(COUNT, TOKENS) for model in RATES})


@settings(max_examples=60, deadline=None)
@given(SIDE, SIDE, st.integers(-50, 50))
def test_steps_are_the_differences_of_counterfactual_bills(
    planned: dict[str, Any], made: dict[str, Any], dearer: int
) -> None:
    """Each step is the change of the bill when one thing after the other becomes what it was:
    requests, shares, tokens, prices; worked out in fractions, apart from the code."""
    factor = Fraction(100 + dearer, 100)

    def bill(count: Any, shares: Any, side: Any, price: Fraction) -> Fraction:
        each = {
            m: sum(t * Fraction(r) for t, r in zip(side[m][1], RATES[m], strict=True))
            for m in RATES
        }
        return sum(count * shares[m] * each[m] for m in RATES) * price / 1_000_000

    def shares(side: Any) -> dict[str, Fraction]:
        return {m: Fraction(side[m][0], sum(n for n, _ in side.values())) for m in RATES}

    before, after = (sum(n for n, _ in side.values()) for side in (planned, made))
    bills = [
        bill(before, shares(planned), planned, Fraction(1)),
        bill(after, shares(planned), planned, Fraction(1)),
        bill(after, shares(made), planned, Fraction(1)),
        bill(after, shares(made), made, Fraction(1)),
        bill(after, shares(made), made, factor),
    ]
    plan = make_plan(*(line("a", m, *planned[m]) for m in RATES))
    cells = []
    for m in RATES:
        usd = bill(made[m][0], {k: Fraction(k == m) for k in RATES}, made, factor)
        cells.append(cell("a", m, made[m][0], tokens=made[m][1],
                          usd=Decimal(usd.numerator) / Decimal(usd.denominator)))  # fmt: skip
    found = track(plan, spent(*cells))
    steps = [found.steps[cause] for cause in ("volume", "mix", "tokens", "price")]
    for step, low, high in zip(steps, bills[:-1], bills[1:], strict=True):
        assert float(step) == pytest.approx(float(high - low), abs=1e-9)
    assert abs(total([*found.steps.values(), -found.variance])) < NEAR
    assert found.steps["unexplained"] == 0


def test_a_model_that_was_not_planned_is_mix() -> None:
    """What another model than planned adds at the same requests is all mix."""
    plan = make_plan(line("a", "small", 1000, (1000, 0, 1000)))
    found = track(plan, spent(cell("a", "own-model", 1000, tokens=(9, 9, 9), usd=Decimal(12))))
    assert found.steps["mix"] == 12 - found.plan_usd
    assert any("models the plan does not have" in reason for reason in found.again)


def test_settings_count_apart_where_every_call_tells_its_own() -> None:
    """Planned low and high, made high alone: mix where the files tell it, tokens where not."""
    plan = make_plan(
        line("a", "small", 500, (0, 0, 1000)),
        line("a", "small", 500, (0, 0, 3000), setting="high", option="small/high"),
    )
    usd = Decimal(12)
    told = track(
        plan, spent(cell("a", "small", 1000, tokens=(0, 0, 3000), usd=usd, setting="high"))
    )
    assert (told.steps["mix"], told.steps["tokens"]) == (4, 0)
    blind = track(plan, spent(cell("a", "small", 1000, tokens=(0, 0, 3000), usd=usd)))
    assert (blind.steps["mix"], blind.steps["tokens"]) == (0, 4)
    assert any("do not tell high from low" in note for note in blind.classes[0].notes)


def test_dollars_alone_stay_unexplained() -> None:
    """A source with neither requests nor tokens gives one sum, with the reason."""
    plan = make_plan(line("a", "small", 1000, (1000, 0, 1000)))
    found = track(plan, spent(cell("a", "small", None, usd=Decimal(7))))
    assert found.steps["unexplained"] == 2
    assert "neither requests nor tokens" in found.classes[0].reasons[0].text
    assert found.classes[0].requests is None


def test_tokens_without_requests_tell_the_price_and_told_requests_the_rest() -> None:
    """Without requests only price is known; --requests makes the split whole."""
    plan = make_plan(line("a", "small", 1000, (1000, 0, 1000)))
    made = cell("a", "small", None, tokens=(2_000_000, 0, 1_000_000), usd=Decimal(9))
    found = track(plan, spent(made))
    assert (found.steps["price"], found.steps["unexplained"]) == (3, 1)
    whole = track(plan, spent(made), TrackOptions(requests={"a": Decimal(500)}))
    assert whole.steps == {
        "volume": Decimal("-2.5"), "mix": 0, "tokens": Decimal("3.5"), "price": 3, "unexplained": 0,
    }  # fmt: skip


def test_usage_and_costs_of_a_vendor_meet() -> None:
    """Requests and tokens of one report and dollars of another make one model; fees stay apart."""
    plan = make_plan(line("a", "small", 1000, (1000, 0, 1000)))
    found = track(
        plan,
        spent(
            cell("a", "small", 1000, tokens=(1000, 0, 1000), source="openai-usage"),
            cell("a", "small", None, usd=Decimal(6), source="openai-costs"),
            cell("a", None, None, usd=Decimal(2), source="openai-costs"),
        ),
    )
    assert (found.steps["price"], found.steps["unexplained"]) == (1, 2)
    assert [reason.text for reason in found.classes[0].reasons] == ["spend without usage"]


def test_missing_spend_is_estimated_and_said() -> None:
    """Tokens without dollars, or with a spend of 0, count at the plan's price and are named."""
    plan = make_plan(line("a", "small", 1000, (1000, 0, 1000)))
    for usd in (None, Decimal(0)):
        found = track(plan, spent(cell("a", "small", 1000, tokens=(1000, 0, 2000), usd=usd)))
        assert (found.usd, found.estimated_usd, found.steps["tokens"]) == (9, 9, 4)
    lost = track(plan, spent(cell("a", "own", 5, tokens=(1, 1, 1))))
    assert lost.unpriced == ("a: own",)


def test_untold_cached_tokens_are_taken_in_the_planned_share() -> None:
    """Where a source is silent on the cache, the plan's share of it counts and a note says so."""
    plan = make_plan(line("a", "small", 1000, (500, 500, 0)))
    made = Cell("litellm", "a", "small", None, 1000, Decimal(1_000_000), None, Decimal(0),
                Decimal("0.55"), Decimal(0))  # fmt: skip
    found = track(plan, spent(made))
    assert found.variance == found.steps["price"] == 0
    assert any("planned share" in note for note in found.classes[0].notes)


def test_failed_requests_and_strange_labels_are_unexplained_with_reasons() -> None:
    """Money of failed requests, and of labels the plan lacks, is named for what it is."""
    plan = make_plan(line("a", "small", 1000, (1000, 0, 1000)))
    found = track(
        plan,
        spent(
            cell("a", "small", 1000, tokens=(1000, 0, 1000), usd=Decimal(5), failed_usd=Decimal(1)),
            cell("new", "big", 10, tokens=(1, 0, 1), usd=Decimal(3)),
        ),
    )
    assert {r.text: r.usd for c in found.classes for r in c.reasons} == {
        "failed requests": 1, "not in the plan": 3,
    }  # fmt: skip
    assert [c.planned for c in found.classes] == [True, False]


def test_a_class_without_spend_is_less_volume_and_is_asked_about() -> None:
    """No spend at all on a class is all volume, and a note asks whether its label is matched."""
    plan = make_plan(line("a", "small", 1000, (1000, 0, 1000)), line("b", "big", 10, (1, 0, 1)))
    found = track(plan, spent(cell("a", "small", 1000, tokens=(1000, 0, 1000), usd=Decimal(5))))
    assert found.steps["volume"] == -found.classes[1].plan_usd
    assert any("nothing was spent on b" in note for note in found.notes)


@pytest.mark.parametrize(
    ("period", "wanted"),
    [("day", 31), ("week", Fraction(31, 7)), ("month", 1), ("quarter", Fraction(31, 90)),
     ("year", Fraction(31, 365))],
)  # fmt: skip
def test_the_plan_is_taken_for_the_days_covered(period: str, wanted: Fraction) -> None:
    """January is 31 days, 31/7 weeks, one month, 31 of 90 days of the quarter, 31 of 365."""
    plan = make_plan(line("a", "small", 1000, (1000, 0, 1000)))
    plan = plan.model_copy(update={"workload": plan.workload.model_copy(update={"period": period})})
    found = track(plan, spent(cell("a", "small", 1, tokens=(1, 0, 1), usd=Decimal(1))))
    assert float(found.portion) == pytest.approx(float(wanted))
    assert float(found.plan_usd) == pytest.approx(5 * float(wanted))


def test_months_of_a_horizon_count_by_their_own_days() -> None:
    """Half of January and all of February take half of one line and all of the other; days beyond
    the plan's months are refused."""
    plan = make_plan(
        line("a", "small", 1000, (1000, 0, 1000), month="2027-01"),
        line("a", "small", 3000, (1000, 0, 1000), month="2027-02"),
    )
    days = {dt.date(2027, 1, day): Decimal(1) for day in range(1, 16)}
    days[dt.date(2027, 1, 16)] = Decimal("0.5")
    days |= {dt.date(2027, 2, day): Decimal(1) for day in range(1, 29)}
    made = cell("a", "small", 3500, tokens=(1000, 0, 1000), usd=Decimal("17.5"))
    found = track(plan, spent(made, days=days))
    assert found.plan_usd == Decimal("17.5")
    assert abs(found.variance) < NEAR
    with pytest.raises(InputError, match="outside the plan's months"):
        track(plan, spent(made, days=days | {dt.date(2027, 3, 1): Decimal(1)}))


def test_terms_count_where_the_spend_is_after_them() -> None:
    """With net, a planned discount is no variance; without, it shows as price and is said."""
    plan = make_plan(
        line("a", "small", 1000, (1000, 0, 1000)),
        bills=[{"provider": "acme", "usd_list": "5", "usd": "4"}],
    )
    assert plan.totals is not None
    plan = plan.model_copy(update={"totals": plan.totals.model_copy(update={"usd": Decimal(4)})})
    made = spent(cell("a", "small", 1000, tokens=(1000, 0, 1000), usd=Decimal(4)))
    assert abs(track(plan, made, TrackOptions(net=True)).variance) < NEAR
    listed = track(plan, made)
    assert listed.steps["price"] == -1
    assert any("--net" in note for note in listed.notes)


def test_calls_of_policies_are_not_taken_for_requests() -> None:
    """A vote's calls say nothing of requests; a cascade's first steps do, when they are told."""
    vote = make_plan(
        line("a", "small", 1000, (1000, 0, 1000), policy="vote {option: small/low, n: 5}")
    )
    found = track(vote, spent(cell("a", "small", 5000, tokens=(200, 0, 200), usd=Decimal(5))))
    assert found.classes[0].requests is None
    assert found.variance == 0
    cascade = make_plan(
        line("a", "small", 1000, (1000, 0, 1000), policy="cascade {steps: [small/low, big/low]}")
    )
    ids = {"a.step2": Match("a", "big", "low", later=True)}
    made = spent(
        cell("a", "small", 900, tokens=(1000, 0, 500), usd=Decimal(3)),
        cell("a.step2", "big", 300, tokens=(1, 0, 1), usd=Decimal(2)),
    )
    stepped = track(cascade, made, TrackOptions(ids=ids))
    assert stepped.classes[0].requests == 900
    assert stepped.steps["volume"] == Decimal("-0.5")


def test_ids_of_the_gateway_tell_class_model_and_setting() -> None:
    """A deployment's id is its class and option, whatever name the vendor logs."""
    plan = make_plan(line("Ticket triage", "small", 1000, (1000, 0, 1000)))
    ids = {"ticket-triage.small.low": Match("Ticket triage", "small", "low")}
    made = cell(
        "ticket-triage.small.low", "x/unheard-of", 1000, tokens=(1000, 0, 1000), usd=Decimal(5)
    )
    found = track(plan, spent(made), TrackOptions(ids=ids))
    assert found.variance == 0
    assert found.classes[0].models[0].setting == "low"


def test_labels_match_by_rule_then_name_then_loosely(tmp_path: Any) -> None:
    """A --match row goes first, then the name, then the name without case and signs; an empty
    class leaves spend out, and a class the plan lacks is refused with its line."""
    path = tmp_path / "match.csv"
    path.write_text("label,task_class\nproj_*,b\nnoise,\n")
    matcher = Matcher(["Ticket triage", "b"], read_rules(path, ["Ticket triage", "b"]))
    assert matcher.find("proj_7") == Match("b")
    assert matcher.find("noise") == Match(None)
    assert matcher.find("ticket-triage") == Match("Ticket triage")
    assert matcher.find("other") is None
    path.write_text("label,task_class\nx,tickets triage\n")
    with pytest.raises(InputError, match="no class 'tickets triage'"):
        read_rules(path, ["Ticket triage"])


def test_spend_left_out_is_shown() -> None:
    """What a rule or its kind leaves out counts nowhere and is listed with its dollars."""
    plan = make_plan(line("a", "small", 1000, (1000, 0, 1000)))
    cells = [cell("a", "small", 1000, tokens=(1000, 0, 1000), usd=Decimal(5)),
             cell("unlabelled", "(tax)", None, usd=Decimal(9))]  # fmt: skip
    found = track(plan, spent(*cells))
    assert found.variance == 0
    assert [(out.what, out.usd) for out in found.left_out] == [("(tax)", 9)]


def test_labels_that_name_no_class_are_refused_unless_all_is_one() -> None:
    """Unknown labels are a fault that lists them; models alone, or --whole, track it as a whole."""
    plan = make_plan(line("a", "small", 1000, (1000, 0, 1000)))
    made = cell("zzz", "small", 1000, tokens=(1000, 0, 1000), usd=Decimal(5))
    with pytest.raises(InputError, match="zzz"):
        track(plan, spent(made))
    for actuals, options in (
        (spent(made), TrackOptions(whole=True)),
        (spent(made, class_by={"openrouter-activity": "model"}), TrackOptions()),
    ):
        found = track(plan, actuals, options)
        assert [one.task_class for one in found.classes] == [ALL]
        assert found.variance == 0


def test_two_sources_of_the_same_spend_are_refused() -> None:
    """A gateway's log and a vendor's bill of the same model and time would count twice."""
    plan = make_plan(line("a", "small", 1000, (1000, 0, 1000)))
    cells = [cell("a", "small", 1000, tokens=(1000, 0, 1000), usd=Decimal(5)),
             cell("a", "small", None, usd=Decimal(5), source="openai-costs")]  # fmt: skip
    with pytest.raises(InputError, match="twice"):
        track(plan, spent(*cells))
    assert track(plan, spent(*cells), TrackOptions(sum_sources=True)).usd == 10
    later = (dt.datetime(2027, 2, 1), dt.datetime(2027, 3, 1))
    assert track(plan, spent(*cells, spans={"litellm": SPAN, "openai-costs": later})).usd == 10


def test_planning_again_follows_the_rule() -> None:
    """As planned there is no need; above the ceiling at this pace, or far off, there is."""
    ceiling = {"name": "usd", "limit": "5.2", "used": "5", "slack": "0.2", "price_up": None,
               "price_down": None}  # fmt: skip
    plan = make_plan(line("a", "small", 1000, (1000, 0, 1000)), ceilings=[ceiling])
    assert not track(plan, spent(cell("a", "small", 1010, tokens=(1000, 0, 1000)))).again
    (reason,) = track(plan, spent(cell("a", "small", 1050, tokens=(1000, 0, 1000)))).again
    assert "ceiling" in reason
    far = track(plan, spent(cell("a", "small", 2000, tokens=(1000, 0, 1000)))).again
    assert [reason.partition(":")[0] for reason in far][-1] == "a"


def test_days_are_counted_from_the_log(tmp_path: Any) -> None:
    """Whole days, a cut-off last day and a missing one; days that are told count whole."""
    rows = ["request_id,startTime,model,model_group,prompt_tokens,completion_tokens,spend"]
    times = ["01T00:10", "01T23:50", "02T10:00", "04T00:00", "04T12:00"]
    rows += [f"{t},2027-01-{t}:00Z,small,a,10,5,0.1" for t in times]
    path = tmp_path / "log.csv"
    path.write_text("\n".join(rows) + "\n")
    actuals = read_actuals([path], {"a"}.__contains__)
    assert actuals.class_by == {"litellm": "model_group"}
    assert {day.day: part for day, part in actuals.days.items()} == {1: 1, 2: 1, 4: Decimal("0.5")}
    assert [day.day for day in actuals.missing_days] == [3]
    told = ReadOptions(since=dt.date(2027, 1, 1), until=dt.date(2027, 1, 4))
    assert sum(read_actuals([path], {"a"}.__contains__, told).days.values()) == 4
    path.write_text("\n".join(rows[:1] + rows[1:2]) + "\n")
    with pytest.raises(InputError, match="less than an hour"):
        read_actuals([path], {"a"}.__contains__)


def stage(model: str, setting: str, reach: float, usd: str, sent: int, got: int) -> dict[str, Any]:
    """A stage of a cascade: dollars and tokens are per request of the line."""
    return {
        "model": model, "setting": setting, "calls": 1.0, "check": "", "threshold": "",
        "reach": reach, "provider": "acme", "usd_per_request": usd, "input_tokens": sent,
        "output_tokens": got, "reasoning_tokens": None,
    }  # fmt: skip


def cascade(check: str = "", dearer: str = "0", model: str = "big") -> Any:
    """A line of 1,000 requests: small at $0.003 first, then 30 of 100 to big at $0.03; what the
    first stage's check adds is `dearer`."""
    stages = [
        stage("small", "low", 1.0, str(Decimal("0.003") + Decimal(dearer)), 1000, 500)
        | {"check": check},
        stage(model, "high", 0.3, "0.009" if model == "big" else "0.0018", 600, 300),
    ]
    usd = sum(Decimal(one["usd_per_request"]) for one in stages) * 1000
    return line("a", "small", 1000, (1000, 0, 500), usd=usd, stages=stages, calls=1.3,
                policy="cascade {steps: [small/low, big/high], check: {kind: test}}",
                input_tokens=1_600_000, cached_input_tokens=0, output_tokens=800_000)  # fmt: skip


SMALL = {"tokens": (1000, 0, 600), "usd": Decimal("3.74")}
BIG = {"tokens": (2000, 0, 1000), "usd": Decimal("14.52")}
IDS = {
    "a.small.low": Match("a", "small", "low"),
    "a.step2.big.high": Match("a", "big", "high", later=True),
    "a.step2.small.high": Match("a", "small", "high", later=True),
}


@pytest.mark.parametrize(
    "labels",
    [("a", "a"), ("a.small.low", "a.step2.big.high"), ("a", "a.step2.big.high")],
    ids=["tags", "ids", "both"],
)
def test_stages_of_a_cascade_stand_for_themselves(labels: tuple[str, str]) -> None:
    """Worked by hand: $12 planned. 1,100 requests, 440 of which go on instead of 330; 600 output
    tokens instead of 500 at the first stage; the second 10 % dearer. A label or an id tells it."""
    made = spent(cell(labels[0], "small", 1100, **SMALL), cell(labels[1], "big", 440, **BIG))
    (found,) = track(make_plan(cascade()), made, TrackOptions(ids=IDS)).classes
    assert (found.plan_requests, found.requests) == (1000, 1100)
    assert (found.plan_usd, found.usd) == (12, Decimal("18.26"))
    by_hand = {"volume": "1.20", "mix": "3.30", "tokens": "0.44", "price": "1.32",
               "unexplained": "0"}  # fmt: skip
    assert {c: usd.quantize(Decimal("1e-20")) for c, usd in found.steps.items()} == {
        cause: Decimal(usd) for cause, usd in by_hand.items()
    }
    assert sum(found.steps.values()) == found.usd - found.plan_usd
    reached = {one.model: (one.plan_requests, one.requests) for one in found.models}
    assert reached == {"small": (1000, 1100), "big": (300, 440)}


def test_stages_of_one_model_are_told_by_their_ids_or_not_at_all() -> None:
    """Both stages ask one model: ids tell its steps, a tag alone leaves them untold, and says so;
    either adds up."""
    plan = make_plan(cascade(model="small"))
    assert plan.totals is not None
    assert plan.totals.usd == Decimal("4.8")
    more = {"tokens": (2000, 0, 1000), "usd": Decimal("2.64")}
    ids = spent(cell("a.small.low", "small", 1100, **SMALL),
                cell("a.step2.small.high", "small", 440, **more))  # fmt: skip
    told = track(plan, ids, TrackOptions(ids=IDS)).classes[0]
    assert told.requests == 1100
    assert told.steps["volume"].quantize(Decimal("1e-9")) == Decimal("0.48")
    assert told.steps["mix"].quantize(Decimal("1e-9")) == Decimal("0.66")
    assert told.steps["unexplained"] == 0
    tags = spent(cell("a", "small", 1100, **SMALL), cell("a", "small", 440, **more))
    untold = track(plan, tags).classes[0]
    assert untold.requests is None
    assert "several calls" in untold.reasons[0].text
    for found in (told, untold):
        assert sum(found.steps.values()) == found.usd - found.plan_usd


def test_checks_are_on_no_models_bill() -> None:
    """What the plan pays for checks is apart from price: left unexplained, and made up for by a
    row that bills them."""
    plan = make_plan(cascade(check="test", dearer="0.0005"))
    made = [cell("a", "small", 1000, tokens=(1000, 0, 500), usd=Decimal(3)),
            cell("a", "big", 300, tokens=(2000, 0, 1000), usd=Decimal(9))]  # fmt: skip
    found = track(plan, spent(*made))
    assert {c: usd for c, usd in found.steps.items() if abs(usd) > NEAR} == {
        "unexplained": Decimal("-0.5")
    }
    (reason,) = found.classes[0].reasons
    assert "checks" in reason.text
    billed = track(plan, spent(*made, cell("a", None, None, usd=Decimal("0.5"))))
    assert abs(billed.variance) < NEAR
    assert abs(billed.steps["unexplained"]) < NEAR


def test_buckets_of_a_route_are_requests_each() -> None:
    """A route asks one model per request: each bucket is planned and made for itself, and ids
    named by buckets are no later steps."""
    stages = [stage("small", "low", 0.7, "0.0021", 700, 350),
              stage("big", "high", 0.3, "0.009", 600, 300)]  # fmt: skip
    plan = make_plan(
        line("a", "small", 1000, (1000, 0, 500), usd=Decimal("11.1"), stages=stages,
             policy="route {by: length, buckets: {}}", input_tokens=1_300_000,
             cached_input_tokens=0, output_tokens=650_000)
    )  # fmt: skip
    ids = {"a.long.big.high": Match("a", "big", "high", later=True)}
    long = cell("a.long.big.high", "big", 500, tokens=(2000, 0, 1000), usd=Decimal(15))
    made = spent(cell("a", "small", 500, tokens=(1000, 0, 500), usd=Decimal("1.5")), long)
    (found,) = track(plan, made, TrackOptions(ids=ids)).classes
    assert found.requests == 1000
    assert {c: usd for c, usd in found.steps.items() if abs(usd) > NEAR} == {"mix": Decimal("5.4")}

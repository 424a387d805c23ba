"""Policies as options of a plan."""

from __future__ import annotations

import csv
import itertools
import math
import random
from decimal import Decimal

import numpy as np
import pytest

from costplan.domain.errors import InputError
from costplan.domain.workload import Workload
from costplan.files.outcomes import read_outcomes
from costplan.plan.build import build_plan
from costplan.plan.forecast import forecast_accuracy, lean_sd
from costplan.plan.gather import Sources, gather
from costplan.plan.problem import pose
from costplan.plan.solving import Manner, Solved, solve_with_margin
from costplan.solve.room import solve

COLUMNS = (
    "dataset,task_class,question_id,model,budget_or_effort,sample,correct,"
    "input_tokens,output_tokens,cost_usd,latency_s"
)
USD = {"small": 0.01, "big": 0.1}
TEST = {"kind": "test"}
CASCADE = {"cascade": {"steps": ["small/low", "big/low"], "check": TEST}}


def write_outcomes(path, *, questions=200, samples=1, seed=1, names=("chat", "mail")):
    """Draw outcomes of a small and a big model that miss the same hard questions."""
    dice = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as stream:
        stream.write(COLUMNS + "\n")
        writer = csv.writer(stream)
        for name in names:
            for question in range(questions):
                hard = dice.random()
                for model, skill in (("small", 0.7), ("big", 0.9)):
                    for sample in range(samples):
                        right = int(dice.random() < skill * (1.2 - 0.6 * hard))
                        spent = round(USD[model] * dice.uniform(0.5, 1.5), 6)
                        writer.writerow(
                            ["own", name, question, model, "low", sample, right, 100, 200, spent, 2]
                        )


def make_case(folder, policies, *, names=("chat",), evidence=True, **keys):
    """A case of classes with the same policies."""
    classes = [
        {"name": name, "requests": 1000, "policies": policies}
        | ({"evidence": {"outcomes": "outcomes.csv"}} if evidence else {})
        | keys.pop(name, {})
        for name in names
    ]
    workload = Workload.model_validate(
        {"name": "test", "starts": "2026-11-25", "classes": classes} | keys
    )
    return gather(workload, Sources({}, (), folder))


def policies_of(case, place=0):
    """Options of a class that are policies."""
    return [option for option in case.classes[place].options if option.recipe is not None]


def test_a_cascade_costs_and_brings_what_its_questions_say(tmp_path):
    """Dollars, reach and calls of a cascade are those of a replay question by question."""
    write_outcomes(tmp_path / "outcomes.csv")
    (option,) = policies_of(make_case(tmp_path, [CASCADE]))
    frame = read_outcomes(tmp_path / "outcomes.csv").to_frame().query("task_class == 'chat'")
    small, big = (frame[frame.model == m].set_index("question_id") for m in ("small", "big"))
    missed = 1 - small.correct
    assert float(option.usd_per_request) == pytest.approx(
        float((small.cost_usd + missed * big.cost_usd).mean()), abs=1e-8
    )
    assert option.recipe.stages[1].reach == pytest.approx(float(missed.mean()))
    assert option.recipe.calls == pytest.approx(1 + float(missed.mean()))
    assert option.source.accuracy == pytest.approx(
        float(np.maximum(small.correct, big.correct).mean())
    )
    assert option.accuracy.grade == "measured"
    assert option.accuracy.low < option.accuracy.mean < option.accuracy.high


def test_the_plan_takes_a_cascade_where_it_pays(tmp_path):
    """At the same ceiling the plan with cascades is better, and its line says the policy."""
    write_outcomes(tmp_path / "outcomes.csv")
    ceilings = {"usd": 60}
    single = build_plan(make_case(tmp_path, [], ceilings=ceilings))
    plan = build_plan(make_case(tmp_path, [CASCADE], ceilings=ceilings))
    assert plan.totals.accuracy.mean > single.totals.accuracy.mean + 0.02
    assert any(line.policy.startswith("cascade {") for line in plan.lines)
    assert plan.totals.usd <= 60


def test_simple_ways_stay_single_calls(tmp_path):
    """Baselines are the same with and without policies."""
    write_outcomes(tmp_path / "outcomes.csv")
    keys = {"names": ("chat", "mail"), "ceilings": {"usd": 90}}
    plain = build_plan(make_case(tmp_path, [], **keys))
    plan = build_plan(make_case(tmp_path, [CASCADE], **keys))
    assert [(b.name, b.usd, b.detail) for b in plan.baselines if b.name != "class_blind_mix"] == [
        (b.name, b.usd, b.detail) for b in plain.baselines if b.name != "class_blind_mix"
    ]
    mix = next(b for b in plan.baselines if b.name == "class_blind_mix")
    assert ">" not in mix.detail


def test_evidence_names_the_settings_a_policy_is_made_of(tmp_path):
    """A cascade rests on the measurements of all its settings."""
    write_outcomes(tmp_path / "outcomes.csv")
    case = make_case(tmp_path, [CASCADE], ceilings={"usd": 60})
    plan = build_plan(case)
    assert {(e.model, e.setting) for e in plan.evidence} == {("small", "low"), ("big", "low")}


def test_auto_proposes_what_beats_single_settings(tmp_path):
    """Proposals need no names; without a check and with single samples there are none, said so."""
    write_outcomes(tmp_path / "outcomes.csv")
    assert policies_of(make_case(tmp_path, [{"auto": {"check": TEST}}]))
    case = make_case(tmp_path, [{"auto": {}}])
    assert policies_of(case) == []
    (left,) = [e for e in case.classes[0].exclusions if e.code == "no_proposal"]
    assert "beats single settings" in left.reason


def test_a_vote_without_samples_is_assumed_and_says_so(tmp_path):
    """One sample per question cannot replay a vote: it is put together, wide, and graded so."""
    write_outcomes(tmp_path / "outcomes.csv")
    vote = {"vote": {"option": "small/low", "n": 3}}
    (option,) = policies_of(make_case(tmp_path, [vote]))
    assert option.accuracy.grade == "assumed"
    assert any("samples" in note for note in option.notes)
    write_outcomes(tmp_path / "outcomes.csv", samples=3)
    (option,) = policies_of(make_case(tmp_path, [vote]))
    assert option.accuracy.grade == "measured"


def test_a_check_that_needs_outcomes_is_left_out_with_the_reason(tmp_path):
    """Stated confidence that nobody recorded makes no option."""
    write_outcomes(tmp_path / "outcomes.csv")
    check = {"kind": "confidence", "threshold": Decimal("0.8")}
    case = make_case(tmp_path, [{"cascade": CASCADE["cascade"] | {"check": check}}])
    assert policies_of(case) == []
    (left,) = [e for e in case.classes[0].exclusions if e.code == "not_measured"]
    assert "confidence" in left.reason


def test_an_option_that_does_not_exist_is_a_fault(tmp_path):
    """A misspelt option is refused with the name it may mean; one left out is not a fault."""
    write_outcomes(tmp_path / "outcomes.csv")
    wrong = {"cascade": {"steps": ["smal/low", "big/low"], "check": TEST}}
    with pytest.raises(InputError, match="'smal/low', which is no option") as caught:
        make_case(tmp_path, [wrong])
    assert "small/low" in caught.value.faults[0].advice
    case = make_case(tmp_path, [CASCADE], chat={"models": {"deny": ["big"]}})
    (left,) = [e for e in case.classes[0].exclusions if e.code == "no_member"]
    assert "do not allow" in left.reason


def test_stated_options_make_assumed_policies(tmp_path, stated):
    """Options with exact numbers go together by assumption, and the plan's interval is wide."""
    options = [
        stated("small/low", "0.6", "0.01", provider="a"),
        stated("big/low", "0.8", "0.1", provider="b"),
    ]
    case = make_case(tmp_path, [CASCADE], evidence=False, chat={"options": options})
    (option,) = policies_of(case)
    assert option.accuracy.grade == "assumed"
    assert option.provider == "a + b"
    plan = build_plan(make_case(
        tmp_path, [CASCADE], evidence=False, chat={"options": options}, ceilings={"usd": 60}
    ))  # fmt: skip
    assert any(line.option == option.name for line in plan.lines)
    assert plan.totals.accuracy.high - plan.totals.accuracy.low > 0.02
    assert any("put together" in said for said in plan.assumptions)
    watched = {"providers": {"a": {"usd": 50}}}
    case = make_case(
        tmp_path, [CASCADE], evidence=False, chat={"options": options}, ceilings=watched
    )
    (option,) = policies_of(case)
    plan = build_plan(case)
    spent = {ceiling.name: ceiling.used for ceiling in plan.ceilings}["providers.a.usd"]
    assert 0 < spent <= 50
    paid = {bill.provider: bill.usd for bill in plan.bills}
    assert paid["a"] == spent
    assert sum(paid.values()) == plan.totals.usd


GPUS = {"gpus": {"usd_per_gpu": 7, "tokens_per_gpu": 300_000, "max_gpus": 6}}
OWN = [
    {"name": "own/low", "accuracy": 0.6, "tokens_per_request": 900, "pool": "gpus",
     "mean_latency_s": 1, "p95_latency_s": 2},
    {"name": "own/high", "accuracy": 0.7, "tokens_per_request": 2500, "pool": "gpus",
     "mean_latency_s": 3, "p95_latency_s": 5},
    {"name": "api/high", "accuracy": 0.9, "usd_per_request": 0.05, "tokens_per_request": 3000,
     "provider": "api", "mean_latency_s": 4, "p95_latency_s": 9},
]  # fmt: skip
OVER_POOLS = [
    {"cascade": {"steps": ["own/low", "api/high"], "check": TEST | {"usd": 0.001}}},
    {"cascade": {"steps": ["own/low", "own/high", "api/high"], "check": TEST}},
    {"vote": {"option": "own/low", "n": 3, "early_stop": True}},
    {"best_of": {"option": "own/high", "n": 2, "check": TEST, "parallel": False}},
]


@pytest.mark.parametrize("usd", [5, 14, 21, 30, 50, 90])
def test_policies_over_own_gpus_buy_whole_ones_as_enumerated(tmp_path, usd):
    """The best plan counts a pool's tokens by expected calls per stage, and buys GPUs whole."""
    case = make_case(
        tmp_path, OVER_POOLS, names=("chat", "mail"), evidence=False,
        chat={"options": OWN}, mail={"options": OWN, "requests": 300},
        pools=GPUS, ceilings={"usd": usd}, splits=False,
    )  # fmt: skip
    assert len(policies_of(case)) == len(OVER_POOLS)
    best = None
    for picks in itertools.product(*(part.options for part in case.classes)):
        tokens, bill, right = Decimal(0), Decimal(0), Decimal(0)
        for part, option in zip(case.classes, picks, strict=True):
            n = part.task.requests
            bill += n * option.usd_per_request
            right += n * Decimal(repr(option.accuracy.mean))
            if option.recipe is None:
                tokens += n * (option.tokens_per_request if option.pool else 0)
            for stage in option.recipe.stages if option.recipe else ():
                member = next(o for o in OWN if (o["name"], "") == stage.setting)
                if "pool" in member:
                    asked = Decimal(repr(stage.reach * stage.calls)) * member["tokens_per_request"]
                    tokens += n * asked.quantize(Decimal("1e-9"))
        # Tokens of a stage are held to a tenth: so near to a whole GPU nothing is told apart.
        gpus = math.ceil(tokens / 300_000)
        bill += 7 * gpus
        if gpus <= 6 and bill <= Decimal(usd):
            best = right if best is None else max(best, right)
    problem = pose(case)
    solution = solve(problem)
    assert solution.has_plan == (best is not None)
    if best is not None:
        assert float(solution.objective) == pytest.approx(float(best), abs=1e-6)


def test_a_plan_over_own_gpus_says_what_they_serve(tmp_path):
    """GPUs of a cascade's first stage are bought and shown, the later stage is paid per request."""
    case = make_case(
        tmp_path, OVER_POOLS[:1], evidence=False, chat={"options": OWN}, pools=GPUS,
        ceilings={"usd": 60},
    )  # fmt: skip
    plan = build_plan(case)
    (pool,) = plan.pools
    assert pool.gpus * pool.usd > 0
    cascade = next(line for line in plan.lines if line.stages)
    assert cascade.usd_per_right is None
    assert plan.totals.usd == pool.usd + sum(bill.usd for bill in plan.bills)


def solve_all_on(case, name):
    """The allocation of a case whose classes all take one option."""
    solved, _ = solve_with_margin(case, pose(case), Manner())
    assert isinstance(solved, Solved)
    picks = []
    for part in case.classes:
        place = next(i for i, option in enumerate(part.options) if option.name == name)
        picks.append(((place, Decimal(1)),))
    return type(solved.allocation)(case, tuple(picks))


def test_the_forecast_has_the_policys_mean_and_no_less_than_its_spread(tmp_path):
    """Mean and spread of a plan that is one policy are the policy's own."""
    write_outcomes(tmp_path / "outcomes.csv")
    case = make_case(tmp_path, [CASCADE])
    (option,) = policies_of(case)
    whole = solve_all_on(case, option.name)
    forecast = forecast_accuracy(whole, 0.9)
    assert forecast.mean == pytest.approx(option.accuracy.mean, abs=1e-6)
    belief = case.beliefs.classes["chat"]
    least = lean_sd(belief, dict(option.recipe.leans_on))
    assert forecast.sd == pytest.approx(max(option.recipe.sd, least), rel=1e-6)


def test_a_vote_of_one_is_forecast_as_its_setting(tmp_path):
    """The difference between a setting and a vote of one call of it is zero."""
    write_outcomes(tmp_path / "outcomes.csv")
    case = make_case(tmp_path, [{"vote": {"option": "big/low", "n": 1}}], names=("chat", "mail"))
    vote = policies_of(case)[0]
    single = next(o for o in case.classes[0].options if o.name == "big/low")
    assert vote.usd_per_request == single.usd_per_request
    assert vote.source.accuracy == pytest.approx(single.source.accuracy)
    gap = forecast_accuracy(solve_all_on(case, vote.name), 0.9, minus=solve_all_on(case, "big/low"))
    assert gap.mean == pytest.approx(0, abs=0.005)


def test_independent_classes_average_out_and_assumptions_do_not(tmp_path, stated):
    """What is replayed on each class's questions errs apart; one assumption errs everywhere."""
    write_outcomes(tmp_path / "outcomes.csv")
    options = [stated("small/low", "0.6", "0.01"), stated("big/low", "0.8", "0.1")]

    def spread(names, **more):
        keys = {name: dict(more) for name in names}
        case = make_case(tmp_path, [CASCADE], names=names, evidence=not more, **keys)
        return forecast_accuracy(solve_all_on(case, policies_of(case)[0].name), 0.9).sd

    assert spread(("chat", "mail")) < 0.95 * spread(("chat",))
    assumed = {"options": options}
    assert spread(("chat", "mail"), **assumed) == pytest.approx(spread(("chat",), **assumed))


def test_months_share_what_was_evaluated(tmp_path, monkeypatch):
    """A horizon plans every month with policies that were evaluated once."""
    import costplan.policies.evaluate as room

    write_outcomes(tmp_path / "outcomes.csv")
    calls = []
    really = room.evaluate
    monkeypatch.setattr(room, "evaluate", lambda *a: calls.append(a) or really(*a))
    workload = Workload.model_validate(
        {
            "name": "test",
            "horizon": {"start": "2027-01", "months": 3},
            "classes": [
                {
                    "name": "chat",
                    "requests": 1000,
                    "evidence": {"outcomes": "outcomes.csv"},
                    "policies": [CASCADE],
                }
            ],
        }
    )
    case = gather(workload, Sources({}, (), tmp_path))
    assert [len(policies_of(case, month)) for month in range(3)] == [1, 1, 1]
    assert len(calls) == 1


def test_policies_are_planned_at_the_prices_of_their_settings(tmp_path, profile):
    """Where a price is stated, a vote of one call costs what its setting costs at that price."""
    write_outcomes(tmp_path / "outcomes.csv")
    price = {
        "input_usd_per_mtok": Decimal(10),
        "output_usd_per_mtok": Decimal(100),
        "source": "contract",
    }
    workload = Workload.model_validate(
        {
            "name": "test",
            "starts": "2026-11-25",
            "prices": {"big": price},
            "classes": [
                {
                    "name": "chat",
                    "requests": 1000,
                    "evidence": {"outcomes": "outcomes.csv"},
                    "policies": [{"vote": {"option": "big/low", "n": 1}}, CASCADE],
                }
            ],
        }
    )
    case = gather(workload, Sources({"big": profile()}, (), tmp_path))
    options = {option.name: option for option in case.classes[0].options}
    vote, cascade = policies_of(case)
    assert options["big/low"].usd_per_request == Decimal("0.021")
    assert float(vote.usd_per_request) == pytest.approx(0.021)
    spent = float(options["small/low"].usd_per_request) + (cascade.recipe.calls - 1) * 0.021
    assert float(cascade.usd_per_request) == pytest.approx(spent)

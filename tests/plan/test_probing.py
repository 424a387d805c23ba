"""What a probe decides from: stage, beliefs, today's plan, who is asked, and what it would cost."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pytest

from costplan.domain.errors import InputError
from costplan.evidence.belief import widening
from costplan.evidence.cells import collect_answers, count_cells
from costplan.evidence.combined import combine_evidence
from costplan.files.outcomes import read_outcomes
from costplan.plan.allocation import Allocation
from costplan.plan.load import load
from costplan.plan.probing_beliefs import believe
from costplan.plan.probing_forecast import forecast
from costplan.plan.probing_lineup import Address, find_address, line_up
from costplan.plan.probing_plan import judge, make_aim, plan_today
from costplan.plan.probing_rounds import measure
from costplan.plan.probing_run import left_to_gain, set_live, think
from costplan.plan.probing_stage import Row, can_ask, set_stage
from costplan.plan.problem import pose
from costplan.probe.desk import Ended, Outcome
from costplan.probe.records import Kept, Tally
from costplan.solve.prices import prices
from costplan.solve.room import solve

PROFILE = """\
title: "{name}"
provider: {provider}
model: "{name}-wire"
context_tokens: 20000
output_limit: 1000
knob: {{kind: effort, source: "a test"}}
settings:
  "low":  {{effort: low, max_output_tokens: 300}}
  "high": {{effort: high, max_output_tokens: 600}}
prices:
  - {{starts: 2026-01-01, input_usd_per_mtok: 2, output_usd_per_mtok: {out}, source: t,
     checked: 2026-11-24}}
speed: {{first_token_s: 0.1, tokens_per_s: 100, source: t, date: 2026-11-24}}
"""
CURVE = """\
benchmark,model,setting,accuracy,n_questions,output_tokens,reasoning_tokens
quiz,good,low,0.60,300,40,30
quiz,good,high,0.75,300,140,130
quiz,cheap,low,0.50,300,30,20
quiz,cheap,high,0.55,300,90,80
quiz,dear,high,0.20,300,390,380
"""
WORKLOAD = """\
name: Test
starts: 2027-01-01
ceilings: {usd: 150}
profiles: [good.yaml, cheap.yaml, dear.yaml, new.yaml]
curves: [quiz.csv]
classes:
  - {name: alpha, requests: 60000, input_tokens: 40, output_tokens: 10, value_usd: 0.02,
     evidence: {benchmark: quiz}, models: {allow: [good, cheap, dear]}}
  - {name: beta, requests: 90000, input_tokens: 40, output_tokens: 10, value_usd: 0.01,
     evidence: {benchmark: quiz}, models: {allow: [good, cheap]}}
"""


@pytest.fixture
def world(tmp_path):
    """Write a workload with four models and thirty questions a class."""
    models = {"good": ("openai", 10), "cheap": ("openai", 4), "dear": ("xai", 60), "new": ("x", 8)}
    for name, (provider, out) in models.items():
        text = PROFILE.format(name=name, provider=provider, out=out)
        (tmp_path / f"{name}.yaml").write_text(text)
    (tmp_path / "quiz.csv").write_text(CURVE)
    (tmp_path / "w.yaml").write_text(WORKLOAD)
    write_questions(tmp_path, 30)
    return tmp_path


def write_questions(folder, count, classes=("alpha", "beta")):
    """Write questions of the classes."""
    rows = [
        {"class": name, "id": f"{name}-{i}", "prompt": f"{i}?", "target": str(i)}
        for i in range(count)
        for name in classes
    ]
    (folder / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def stage_of(folder, models=()):
    """Set the stage."""
    return set_stage(folder / "w.yaml", folder / "q.jsonl", models)


def answers(stage, count, seed=0, part=1.0):
    """Draw answers of every option to the first questions."""
    rng = np.random.default_rng(seed)
    truth = {"low": 0.5, "high": 0.7}
    return [
        Row(name, question.id, option, float(rng.random() < truth[option[1]]), 0.001, 90.0, 1.0)
        for c, name in enumerate(stage.classes)
        for m, option in enumerate(stage.options)
        if stage.place[c, m] >= 0 and rng.random() <= part
        for question in stage.questions[name][:count]
    ]


def test_the_order_of_asking_survives_a_question_more(world):
    """The order is shuffled, the same every time, and a new question moves none of the others."""
    before = [question.id for question in stage_of(world).questions["alpha"]]
    assert before == [question.id for question in stage_of(world).questions["alpha"]]
    assert before != sorted(before, key=lambda name: int(name.split("-")[1]))
    write_questions(world, 31)
    after = [question.id for question in stage_of(world).questions["alpha"]]
    assert [name for name in after if name != "alpha-30"] == before


def test_a_model_that_nobody_measured_can_be_asked(world):
    """A model that the class names and no curve knows is an option, at a guessed cost."""
    text = (world / "w.yaml").read_text()
    (world / "w.yaml").write_text(text.replace("[good, cheap, dear]", "[good, cheap, dear, new]"))
    stage = stage_of(world)
    at = stage.options.index(("new", "high"))
    assert stage.place[0, at] >= 0
    assert stage.place[1, at] == -1
    believed = believe(stage, [])
    assert believed.posterior.covariance[0, at, at] > 2
    assert believed.usd[0, at] > 0
    assert can_ask(stage)[0, at]
    assert not can_ask(stage, ["good*"])[0, at]


def test_a_class_that_cannot_be_asked_is_a_fault(world):
    """A pattern that leaves a class without any option is refused."""
    with pytest.raises(InputError, match="class 'beta' has no option"):
        stage_of(world, ["dear"])


def test_before_any_answer_the_plan_is_that_of_optimize(world):
    """Shares and the price of a dollar are those that the solver gives for the same case."""
    stage = stage_of(world)
    today = plan_today(stage, believe(stage, []), stage.place >= 0)
    case = load(world / "w.yaml")
    problem = pose(case)
    chosen = Allocation.of_solution(case, problem, solve(problem))
    mine = {
        (name, "/".join(option)): float(today.fill.shares[c, m])
        for c, name in enumerate(stage.classes)
        for m, option in enumerate(stage.options)
        if today.fill.shares[c, m] > 0
    }
    theirs = {(part.task.name, option.name): float(share) for part, option, share in chosen.parts()}
    assert mine == pytest.approx(theirs, abs=0.02)
    whole = sum(float(part.task.requests * part.task.worth) for part in case.classes)
    # the schedule's means are a close approximation of the plan's
    price = prices(problem)["usd"].down
    assert today.fill.last_slope == pytest.approx((price or 0) / whole, rel=0.05)
    assert today.fill.last_slope > 0


def test_beliefs_are_those_of_the_plan_that_will_rest_on_the_outcomes(world):
    """With answers, logits and variances are those of curve and outcomes combined."""
    stage = stage_of(world)
    rows = answers(stage, 20)
    header = "dataset,task_class,question_id,model,budget_or_effort,sample,correct,input_tokens,"
    lines = [f"{header}output_tokens,cost_usd,latency_s"] + [
        f"d,{r.task_class},{r.question},{r.option[0]},{r.option[1]},0,{r.score:g},1,90,0.001,1"
        for r in rows
    ]
    (world / "o.csv").write_text("\n".join(lines) + "\n")
    believed = believe(stage, rows)
    cells = count_cells(collect_answers(read_outcomes(world / "o.csv")))
    beliefs = combine_evidence(cells, stage.curves[0])
    for c, name in enumerate(stage.classes):
        belief = beliefs.classes[name]
        for m, option in enumerate(stage.options):
            if stage.place[c, m] < 0:
                continue
            at = belief.place[option]
            assert believed.posterior.logit[c, m] == pytest.approx(belief.logit[at], abs=1e-9)
            spread = believed.posterior.covariance[c, m, m] ** 0.5
            assert spread == pytest.approx(widening(20) * belief.variance[at] ** 0.5, rel=1e-6)


def test_dollars_follow_measured_tokens_at_the_classes_own_sizes(world):
    """A class that waits for a batch is priced at the batch price, whatever the probe paid."""
    stage = stage_of(world)
    rows = [replace(row, usd=9.0, output_tokens=200.0) for row in answers(stage, 30)]
    believed = believe(stage, rows)
    at = stage.options.index(("good", "low"))
    option = stage.option(0, at)
    assert option is not None
    exact = float(option.price.usd_per_call(Decimal(40), Decimal(0), Decimal(200)))
    before = float(option.usd_per_request)
    assert believed.usd[0, at] == pytest.approx((2 * before + 30 * exact) / 32)
    assert believed.n[0, at] == 30


def test_what_cannot_enter_the_plan_is_not_asked(world):
    """The dear and bad model is no candidate; those near the switch point are asked first."""
    stage = stage_of(world)
    lineup = line_up(stage, stage.options, dt.date(2026, 11, 25))
    live = set_live(stage, lineup, can_ask(stage))
    names = {stage.options[m] for c, m in zip(*np.nonzero(live.candidates), strict=True)}
    assert ("dear", "high") not in names
    assert {("good", "low"), ("good", "high")} <= names
    grid = set_live(stage, lineup, can_ask(stage), grid=True)
    assert grid.first.sum() == (stage.place >= 0).sum()


def test_a_little_money_makes_a_narrow_first_round(world):
    """The first round asks at least two options of a class, and more only as money allows."""
    stage = stage_of(world)
    lineup = line_up(stage, stage.options, dt.date(2026, 11, 25))
    little = set_live(stage, lineup, can_ask(stage), max_usd=Decimal("0.001"))
    much = set_live(stage, lineup, can_ask(stage), max_usd=Decimal(100))
    assert little.first.sum(1).tolist() == [2, 2]
    assert much.first.sum() > 4
    assert (little.first <= much.first).all()


def test_a_forecast_asks_less_where_more_is_tolerated(world):
    """A dry run is the same every time; a wide tolerance asks and costs less."""
    stage = stage_of(world)
    lineup = line_up(stage, stage.options, dt.date(2026, 11, 25))
    live = set_live(stage, lineup, can_ask(stage))
    close, wide = (forecast(live, Decimal(5), tolerance) for tolerance in (0.003, 0.05))
    assert wide.calls[0] < close.calls[0]
    assert wide.usd[0] < close.usd[0] <= float(close.worst_usd)
    assert close.first_calls == 4 * live.first.sum()
    assert not live.kept
    assert live.reached.sum() == 0
    assert live.round == 0


def test_many_answers_settle_the_choice(world):
    """What is left to gain falls with answers; the plan of before is judged by what is known."""
    stage = stage_of(world)
    write_questions(world, 400)
    stage = stage_of(world)
    lineup = line_up(stage, stage.options, dt.date(2026, 11, 25))
    live = set_live(stage, lineup, can_ask(stage))
    left = []
    for count in (8, 400):
        think(live, answers(stage, count, seed=3), 0.003, last=True)
        left.append(left_to_gain(live))
    assert left[1] < left[0]
    assert left[1] < 0.02
    assert live.today is not None
    assert live.before is not None
    now, then = judge(live.today, live.today.allocation), judge(live.today, live.before.allocation)
    assert now is not None
    assert then is not None
    assert now.keeps_limits
    assert now.value >= then.value or not then.keeps_limits


def test_the_aim_weighs_classes_as_the_objective_does(world):
    """Weights are value times requests as a part of all classes, asked or not."""
    write_questions(world, 10, ("alpha",))
    stage = stage_of(world)
    aim = make_aim(stage, believe(stage, []), stage.place >= 0)
    assert aim.weight.tolist() == pytest.approx([1200 / 2100])
    assert aim.floor is None
    text = (world / "w.yaml").read_text()
    (world / "w.yaml").write_text(
        text.replace("value_usd: 0.02,", "value_usd: 0.02, min_accuracy: 0.6,")
    )
    stage = stage_of(world)
    floored = make_aim(stage, believe(stage, []), stage.place >= 0)
    assert floored.floor.tolist() == [0.6]


def test_addresses_come_from_the_workload_before_the_providers_own(world):
    """A model's own address, then its provider's; without either there is a reason."""
    stage = stage_of(world)
    workload = stage.case.workload
    usual = find_address("good", "openai", workload)
    assert isinstance(usual, Address)
    assert (usual.protocol, usual.endpoint.key_env) == ("openai_responses", "OPENAI_API_KEY")
    assert usual.vendor
    text = (world / "w.yaml").read_text()
    ends = (
        "endpoints:\n"
        '  good: {base_url: "http://localhost:9/v1/", dialect: vllm}\n'
        "  openai: {requests_per_minute: 60, protocol: openai_chat}\n"
    )
    (world / "w.yaml").write_text(text + ends)
    workload = stage_of(world).case.workload
    own = find_address("good", "openai", workload)
    assert isinstance(own, Address)
    assert (own.protocol, own.endpoint.base_url) == ("openai_chat", "http://localhost:9/v1")
    assert (own.endpoint.key_env, own.endpoint.dialect, own.vendor) == (None, "vllm", False)
    limited = find_address("cheap", "openai", workload)
    assert isinstance(limited, Address)
    assert (limited.protocol, limited.endpoint.dialect) == ("openai_chat", "openai")
    assert limited.endpoint.key_env == "OPENAI_API_KEY"
    assert "no address is known of 'x'" in str(find_address("new", "x", workload))


def test_settings_go_over_the_wire_as_the_profile_states_them(world):
    """Wire model, effort, cap, tier and price are the profile's; the caps bound the money."""
    stage = stage_of(world)
    lineup = line_up(stage, stage.options, dt.date(2026, 11, 25))
    seat = lineup.seats["good", "high"]
    assert seat.template.model == "good-wire"
    assert (seat.template.setting.effort, seat.template.max_output_tokens) == ("high", 600)
    assert str(seat.template.tier) == "standard"
    assert seat.output_tokens == 600
    assert seat.tariff.price.output_usd_per_mtok == 10
    assert not seat.tariff.price.batch
    missing = lineup.missing_keys({}, stage.options)
    assert set(missing) == {"OPENAI_API_KEY", "XAI_API_KEY"}
    assert missing["XAI_API_KEY"] == "dear"


SLOW = 60


class FakeDesk:
    """Answers at its own pace; the same questions get the same answers."""

    def __init__(self, seed, slow=()):
        self.journal = SimpleNamespace(tally=Tally(), drain=self.drain)
        self.rng = np.random.default_rng(seed)
        self.slow = slow
        self.order = []
        self.begun = 0  # asks begun when a slow one ended

    async def drain(self):
        """Have nothing to write."""

    async def ask(self, asked):
        """Answer after some turns of the loop."""
        self.order.append(asked.key)
        turns = SLOW if len(self.order) in self.slow else int(self.rng.integers(1, 4))
        for _ in range(turns):
            await asyncio.sleep(0.002)
        hard = sum(asked.key[1].encode()) % 10
        right = float(hard < (7 if asked.contender.name[1] == "high" else 6))
        kept = Kept(key=asked.key, call="c", role="ask", request="", score=right, finish="stop",
                    usd=Decimal("0.001"), tokens=(40, 90, 0, 50), total_s=1.0,
                    first_visible_s=None)  # fmt: skip
        if turns == SLOW:
            self.begun = len(self.order)
        return Outcome(asked, Ended.ANSWERED, kept)


def ask_in_rounds(world, desk, tolerance=0.0005):
    """Run the rounds at a desk."""
    stage = stage_of(world)
    lineup = line_up(stage, stage.options, dt.date(2026, 11, 25))
    live = set_live(stage, lineup, can_ask(stage))
    connected = SimpleNamespace(
        contender=lambda name: SimpleNamespace(name=name, model=name[0], setting=name[1])
    )
    watcher = SimpleNamespace(told=lambda live, outcome: None, judged=lambda live: None)
    asyncio.run(
        measure(live, desk, connected, watcher=watcher, stop=asyncio.Event(), workers=8,
                tolerance=tolerance)
    )  # fmt: skip
    return live


def test_what_is_asked_does_not_hang_on_which_call_was_faster(world):
    """Rounds overlap, and all the same every pace of the answers leads to the same questions."""
    first = ask_in_rounds(world, FakeDesk(1))
    for desk in (FakeDesk(2), FakeDesk(3, slow=(2, 20, 45, 60))):
        other = ask_in_rounds(world, desk)
        assert other.kept.keys() == first.kept.keys()
        assert np.array_equal(other.reached, first.reached)
        assert other.why == first.why
    assert first.round > 2
    assert not first.waiting
    assert len(first.rows()) == len(first.kept) == first.reached.sum()


def test_the_next_round_is_asked_while_a_slow_call_is_waited_for(world, monkeypatch):
    """A call that takes long does not keep the next round waiting."""
    begun = []
    for at_once in (1, 2):
        monkeypatch.setattr("costplan.plan.probing_rounds.AT_ONCE", at_once)
        desk = FakeDesk(1, slow=(34,))
        ask_in_rounds(world, desk)
        begun.append(desk.begun)
    assert begun[1] > begun[0]

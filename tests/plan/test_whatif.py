"""Scenarios of a workload."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from costplan.domain.errors import InputError
from costplan.domain.workload import Workload
from costplan.plan.build import build_plan
from costplan.plan.gather import Sources, gather
from costplan.plan.simulation import Range, simulate
from costplan.plan.whatif import Setting, Sweep, change_workload, run_scenarios


@pytest.fixture
def workload(stated):
    """Two classes under a ceiling."""
    options = [stated("fast", "0.5", "1"), stated("deep", "0.9", "3")]
    return Workload.model_validate(
        {
            "name": "test",
            "starts": "2026-11-25",
            "ceilings": {"usd": 500},
            "classes": [
                {"name": "chat", "requests": 100, "options": options},
                {"name": "mail v1.2", "requests": 50, "options": options},
            ],
        }
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("classes.chat.requests=7", [7, 50]),
        ("classes.chat.requests=*1.5", [150, 50]),
        ("classes.*.requests+=10", [110, 60]),
        ("classes.chat.requests -= 30", [70, 50]),
        ("classes.chat.requests*=0.5", [50, 50]),
        ("classes.chat.requests*=150%", [150, 50]),
        ("classes.chat.requests+=10%", [110, 50]),
        ("classes.*.requests=-10%", [90, 45]),
        ("classes[mail v1.2].requests=1_000", [100, 1000]),
    ],
)
def test_a_path_changes_what_it_names(workload, text, expected):
    """Absolute, relative, in percent; one class, all classes, a name with dots."""
    changed = change_workload(workload, [Setting.parse(text)])
    assert [task.requests for task in changed.classes] == expected


@pytest.mark.parametrize(
    "text",
    [
        "ceilings.usd",
        "classes.nobody.requests=1",
        "ceilings.usdd=1",
        "ceilings.usd=0",
        "classes.chat.requests=many",
        "name.first=1",
        "ceilings.usd=-3",
        "ceilings.usd=+3",
        "ceilings.usd=10%",
        "ceilings.usd-=500",
        "ceilings.usd*=x",
        "ceilings.mean_latency_s+=1",
    ],
)
def test_a_change_that_cannot_be_is_a_fault(workload, text):
    """Unknown classes, keys and impossible values are refused with the path."""
    with pytest.raises(InputError):
        change_workload(workload, [Setting.parse(text)])


def test_a_sweep_is_a_plan_at_every_value(workload, tmp_path: Path):
    """The first scenario is the workload as it stands; then one per value."""
    sources = Sources({}, (), tmp_path)
    sweep = Sweep.parse("ceilings.usd=150:450:4")
    found = list(run_scenarios(gather(workload, sources), sources, [], [sweep]))
    assert [scenario.plan.totals.usd for scenario in found] == [450, 150, 250, 350, 450]


def test_two_sweeps_make_a_table(workload, tmp_path: Path):
    """Every value of one with every value of the other, the second fastest."""
    sources = Sources({}, (), tmp_path)
    sweeps = [Sweep.parse("ceilings.usd=200,300"), Sweep.parse("splits=true,false")]
    found = list(run_scenarios(gather(workload, sources), sources, [], sweeps))
    assert [[s.value for s in scenario.settings] for scenario in found[1:]] == [
        ["200", "true"],
        ["200", "false"],
        ["300", "true"],
        ["300", "false"],
    ]


@pytest.mark.parametrize("text", ["ceilings.usd=1:2", "ceilings.usd=5", "ceilings.usd=1:9:9999"])
def test_a_sweep_needs_several_values(text):
    """One value, half a range or too many steps are refused."""
    with pytest.raises(InputError):
        Sweep.parse(text)


def test_simulated_volumes_move_the_bill(workload, tmp_path: Path):
    """Symmetric ranges leave the mean bill where it was and spread it; the same seed, the same."""
    plan = build_plan(gather(workload, Sources({}, (), tmp_path)))
    ranges = [Range.parse("requests=20%")]
    spread = simulate(plan, ranges, seed=1)
    assert spread == simulate(plan, ranges, seed=1)
    assert spread.mean_usd == pytest.approx(plan.totals.usd, rel=Decimal("0.01"))
    median, ninety, more = (budget for _, budget in spread.budgets)
    assert median < ninety < more <= plan.totals.usd * Decimal("1.2")


def test_without_a_range_the_bill_is_the_plans(workload, tmp_path: Path):
    """Nothing uncertain, nothing spread."""
    plan = build_plan(gather(workload, Sources({}, (), tmp_path)))
    spread = simulate(plan, [], seed=1)
    assert spread.mean_usd == plan.totals.usd
    assert spread.inside == 1.0


@pytest.mark.parametrize("text", ["volume=20%", "requests=1.2:1.5", "requests=x:y", "requests"])
def test_a_range_is_a_factor_around_one(text):
    """Anything else is refused."""
    with pytest.raises(InputError):
        Range.parse(text)


def test_setting_and_changing_look_different(workload):
    """A bare number is set, negative ones too; what changes a number is written as a change."""
    written = {
        "ceilings.usd=300": "ceilings.usd = 300",
        "ceilings.usd=-3": "ceilings.usd = -3",
        "ceilings.usd-=3": "ceilings.usd -= 3",
        "ceilings.usd=*1.5": "ceilings.usd *= 1.5",
        "ceilings.usd=-10%": "ceilings.usd -= 10%",
        "ceilings.usd=+10%": "ceilings.usd += 10%",
    }
    assert {text: str(Setting.parse(text)) for text in written} == written
    for growth in ("-0.02", "0.01"):
        text = f"classes.chat.growth_per_month={growth}"
        stands = change_workload(workload, [Setting.parse("classes.*.growth_per_month=0.05")])
        changed = change_workload(stands, [Setting.parse(text)])
        assert changed.classes[0].growth_per_month == Decimal(growth)


def test_a_range_or_a_sweep_that_does_nothing_is_refused(workload, tmp_path: Path):
    """A range of a class that is not there would look like certainty; one number cannot move
    through two sweeps at once; a range without an end is none."""
    sources = Sources({}, (), tmp_path)
    case = gather(workload, sources)
    with pytest.raises(InputError, match="no class is called 'nobody'"):
        simulate(build_plan(case), [Range.parse("nobody.requests=20%")], seed=1)
    sweeps = [Sweep.parse("ceilings.usd=200,300"), Sweep.parse("ceilings.usd=100,400")]
    with pytest.raises(InputError, match="both sweeps"):
        list(run_scenarios(case, sources, [], sweeps))
    for text in ("requests=0.8:inf", "requests=nan:2", "ceilings.usd-=1:2:3"):
        with pytest.raises(InputError, match="is no"):
            (Range if "req" in text else Sweep).parse(text)


def test_a_misspelt_key_is_answered_with_the_one_meant(workload):
    """Advice names the key that stands nearest."""
    with pytest.raises(InputError) as caught:
        change_workload(workload, [Setting.parse("ceilings.uds=5")])
    (fault,) = caught.value.faults
    assert "there is no such key" in fault.message
    assert "'usd'" in fault.advice

"""Workloads: sound ones load, and everything wrong with the others is told at once."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costplan.domain.errors import Fault, InputError
from costplan.domain.measurement import Measurement
from costplan.domain.profile import Profile
from costplan.domain.workload import Workload
from costplan.files.catalogue import Catalogue, load_catalogue
from costplan.files.workload import find_doubts, load_workload
from costplan.report.faults import faults_as_json, render_faults

ROOT = Path(__file__).parents[2]


def make_profile(provider: str, *labels: str) -> Profile:
    """A profile with settings and nothing else worth knowing."""
    return Profile.model_validate(
        {
            "title": "x",
            "provider": provider,
            "model": "x",
            "knob": {"kind": "effort", "source": "made up"},
            "settings": {label: {"effort": label, "max_output_tokens": 9} for label in labels},
        }
    )


def make_row(benchmark: str, source: str, model: str = "o3") -> Measurement:
    """A row of a curve."""
    return Measurement(source, benchmark, "", model, "low", 100, 0.5)


CATALOGUE = Catalogue(
    profiles={
        "claude-opus-5": make_profile("anthropic", "low", "high"),
        "claude-preview": make_profile("anthropic", "low"),
        "gpt-5": make_profile("openai", "low", "medium", "high"),
        "o3": make_profile("openai", "4000", "16000"),
    },
    measurements=(
        make_row("gpqa-diamond", "epoch-ai"),
        make_row("gpqa-diamond", "hal"),
        make_row("ifbench", "hal"),
        make_row("of-no-known-model", "hal", model="x1"),
    ),
)
DESIGN = """\
name: Support assistant, Q1 2027
period: month                       # what volumes and dollar ceilings are per
objective: {maximize: value}
splits: true
ceilings:
  usd: 40_000
  mean_latency_s: 20
  providers: {openai: {usd: 25_000}}
  teams: {search: {usd: 12_000}}
classes:
  - name: ticket-triage
    team: support
    requests: 900_000
    input_tokens: 1_800
    cached_input_tokens: 1_200
    output_tokens: 120
    value_usd: 0.03
    min_accuracy: 0.80
    max_p95_latency_s: 6
    today: {model: gpt-5, setting: medium}
    evidence: {benchmark: ifbench, reasoning_scale: 0.4}
  - name: contract-review
    requests: 6_000
    input_tokens: 24_000
    output_tokens: 900
    value_usd: 14
    evidence: {outcomes: measured/contracts.csv}
    models: {allow: ["claude-*", "o3"], deny: ["*-preview"]}
    batch: true
"""
CLASS = "  - {name: a, requests: 1, weight: 1, evidence: {benchmark: ifbench}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the outcomes that the design's example names."""
    (tmp_path / "measured").mkdir()
    (tmp_path / "measured" / "contracts.csv").write_text("dataset\n")
    return tmp_path


def load(folder: Path, text: str) -> Workload:
    """Load a workload that stands in a folder."""
    path = folder / "workload.yaml"
    path.write_text(text, "utf-8")
    return load_workload(path, CATALOGUE)[0]


def faults_of(folder: Path, text: str) -> tuple[Fault, ...]:
    """What is wrong with a workload that stands in a folder."""
    with pytest.raises(InputError) as caught:
        load(folder, text)
    return caught.value.faults


def with_class(extra: str, head: str = "") -> str:
    """A workload of one sound class with something added to it."""
    return f"name: w\n{head}classes:\n{CLASS}{extra}}}\n"


def options(*more: str, task: str = "") -> str:
    """A workload of one class that states its options."""
    listed = "".join(f"      - {{accuracy: 0.5, {option}}}\n" for option in more)
    return f"classes:\n  - name: a\n    requests: 10\n    weight: 1\n{task}    options:\n{listed}"


def test_the_example_of_the_design_loads(folder: Path):
    """The example that the design shows is a sound workload, numbers exact."""
    workload = load(folder, DESIGN)
    assert workload.ceilings.usd == Decimal(40_000)
    first, second = workload.classes
    assert (first.value_usd, first.min_accuracy) == (Decimal("0.03"), Decimal("0.80"))
    assert second.models.allow == ("claude-*", "o3")
    assert [doubt.path for doubt in find_doubts(workload)] == ["ceilings.teams.search"]


def test_settings_may_be_bare_numbers(folder: Path):
    """A token budget as a setting needs no quotes."""
    workload = load(folder, with_class(", today: {model: o3, setting: 16000}"))
    assert workload.classes[0].today is not None
    assert workload.classes[0].today.setting == "16000"


def test_every_fault_of_the_file_in_one_report(folder: Path):
    """Spelling, schema, rules and unknown names come in one report, in file order."""
    text = """\
name: Bad
period: monht
ceilings: {usd: -5, teams: {suport: {usd: 1}}, providers: {opnai: {usd: 3}}}
classes:
  - name: triage
    name: triage2
    team: support
    requests: many
    value_usd: 1
    weight: 2
    today: {model: gpt5}
    evidence: {benchmark: ifbnch}
  - name: Triage
    requests: 5
    weight: 1
    modles: {allow: [o3]}
    evidence: {outcomes: nowhere.csv}
"""
    found = [(fault.line, fault.path) for fault in faults_of(folder, text)]
    assert found == [
        (2, "period"),
        (3, "ceilings.usd"),
        (3, "ceilings.providers.opnai"),
        (6, ""),
        (8, "classes[0].requests"),
        (9, "classes[0].value_usd"),
        (11, "classes[0].today.model"),
        (12, "classes[0].evidence.benchmark"),
        (13, "classes[1].name"),
        (15, "classes[1].weight"),
        (16, "classes[1].modles"),
        (17, "classes[1].evidence.outcomes"),
    ]


@pytest.mark.parametrize(
    ("text", "path", "message", "advice"),
    [
        (
            with_class(", today: {model: gpt-6}"),
            "classes[0].today.model",
            "there is no model 'gpt-6'",
            "did you mean 'gpt-5'?",
        ),
        (
            with_class(", today: {model: o3, setting: 16_00}"),
            "classes[0].today.setting",
            "'o3' has no setting '16_00'",
            "did you mean '16000'?",
        ),
        (
            with_class(", models: {allow: [claud-*]}"),
            "classes[0].models.allow[0]",
            "no model is named like 'claud-*'",
            "did you mean 'claude-opus-5'?",
        ),
        (
            with_class(", models: {deny: [zzz]}"),
            "classes[0].models.deny[0]",
            "no model is named like 'zzz'",
            "`costplan profiles` lists the models",
        ),
        (
            with_class("").replace("ifbench", "gpqa"),
            "classes[0].evidence.benchmark",
            "there is no benchmark 'gpqa'",
            "did you mean 'gpqa-diamond'?",
        ),
        (
            with_class("").replace("ifbench", "of-no-known-model"),
            "classes[0].evidence.benchmark",
            "there is no benchmark 'of-no-known-model'",
            "`costplan curves` lists the benchmarks",
        ),
        (
            with_class("").replace("ifbench", "gpqa-diamond, source: epoch"),
            "classes[0].evidence.source",
            "'epoch' has no curves of 'gpqa-diamond'",
            "'epoch-ai' and 'hal' have",
        ),
        (
            with_class("", "contracts: {OpenAI: {commitment: {usd: 1, multiplier: 1}}}\n"),
            "contracts.OpenAI",
            "no model and no option here is served by 'OpenAI'",
            "did you mean 'openai'?",
        ),
        (
            with_class("", "ceilings: {providers: {azure: {usd: 1}}}\n"),
            "ceilings.providers.azure",
            "no model and no option here is served by 'azure'",
            "known: anthropic, openai",
        ),
        (
            with_class(", team: search", "ceilings: {teams: {serach: {usd: 1}}}\n"),
            "ceilings.teams.serach",
            "no class has the team 'serach'",
            "did you mean 'search'?",
        ),
        (
            with_class("", "hosts: {o33: x}\n"),
            "hosts.o33",
            "there is no model 'o33'",
            "did you mean 'o3'?",
        ),
        (
            with_class("", "curves: [none.csv]\n"),
            "curves[0]",
            "there is no file 'none.csv'",
            "paths are relative to the workload's folder",
        ),
        (
            with_class("", "profiles: [measured]\n"),
            "profiles[0]",
            "'measured' is a directory",
            "name a file in it",
        ),
        (
            with_class("").replace("benchmark: ifbench", "outcomes: measured/contract.csv"),
            "classes[0].evidence.outcomes",
            "there is no file 'measured/contract.csv'",
            "did you mean 'contracts.csv'?",
        ),
        (
            with_class("").replace("ifbench", "ifbench, reasoning_tokens: {gpt-5/hihg: 5}"),
            'classes[0].evidence.reasoning_tokens["gpt-5/hihg"]',
            "'gpt-5' has no setting 'hihg'",
            "did you mean 'high'?",
        ),
        (
            with_class("", "ceilings: {usd: 0}\n"),
            "ceilings.usd",
            "must be above 0, found 0",
            "",
        ),
        (
            with_class("").replace("requests: 1, ", ""),
            "classes[0]",
            "'requests' is missing",
            "requests: Requests per period.",
        ),
        (
            "name: w\n" + options("name: x, usd_per_request: 1", "name: X, usd_per_request: 1"),
            "classes[0].options[1].name",
            "an option of this class is already named 'x' (case does not count), in line 7",
            "give each its own name",
        ),
        (
            "name: w\npools: {a100: {usd_per_gpu: 1, tokens_per_gpu: 1, max_gpus: 1}}\n"
            + options("name: x, tokens_per_request: 1, pool: a10"),
            "classes[0].options[0].pool",
            "there is no pool 'a10'",
            "did you mean 'a100'?",
        ),
        (
            "name: w\nceilings: {mean_latency_s: 3}\n" + options("name: x, usd_per_request: 1"),
            "classes[0].options[0]",
            "mean_latency_s is missing, and a ceiling on the mean latency applies to the class",
            "state mean_latency_s",
        ),
        (
            "name: w\n" + options("name: x, usd_per_request: 1", task="    max_p95_latency_s: 3\n"),
            "classes[0].options[0]",
            "p95_latency_s is missing, and max_p95_latency_s applies to the class",
            "state p95_latency_s",
        ),
        (
            "name: w\nceilings: {providers: {north: {tokens: 3}}}\n"
            + options("name: x, usd_per_request: 1, provider: north"),
            "classes[0].options[0]",
            "tokens_per_request is missing, and the tokens of 'north' are limited",
            "state tokens_per_request",
        ),
        (
            "name: w\n"
            + options(
                "name: x, usd_per_request: 1, p95_latency_s: 3",
                task="    max_p95_latency_s: 1.5 min\n",
            ),
            "classes[0].max_p95_latency_s",
            "expected a number, found '1.5 min'",
            "write seconds: 90",
        ),
        (
            with_class("", "ceilings: {budget: total}\n"),
            "ceilings.budget",
            "unknown key 'budget'",
            "'budget' belongs under 'horizon'",
        ),
        (
            with_class("", "objective: {maximize: net_value}\n"),
            "classes[0]",
            "value_usd is missing, and net_value subtracts dollars from it",
            "value_usd: dollars that a right answer is worth",
        ),
    ],
)
def test_single_faults(folder: Path, text: str, path: str, message: str, advice: str):
    """Each slip is told alone, at its place, with the nearest right name."""
    (fault,) = faults_of(folder, text)
    assert (fault.path, fault.message, fault.advice) == (path, message, advice)
    assert fault.line is not None


def test_worth_in_two_units_does_not_add_up(folder: Path):
    """Dollars in one class and weights in another are refused, as is leaving some out."""
    sound = with_class("") + CLASS.replace("name: a", "name: b") + "}\n"
    assert load(folder, sound).classes[1].name == "b"
    (fault,) = faults_of(folder, sound.replace("weight: 1", "value_usd: 1", 1))
    assert fault.path == "classes[1].weight"
    (fault,) = faults_of(
        folder, sound.replace("weight: 1", "value_usd: 1", 1).replace("weight: 1, ", "")
    )
    assert (fault.path, fault.line) == ("classes[1]", 4)
    accuracy = "objective: {maximize: accuracy}\n" + sound
    load(folder, accuracy.replace("weight: 1", "value_usd: 1", 1).replace("weight: 1, ", ""))


def test_own_options_name_providers_teams_and_models(folder: Path):
    """What the workload's own options name is known, though no profile has it."""
    text = (
        "name: w\nceilings: {providers: {north: {usd: 5}}}\n"
        "contracts: {north: {commitment: {usd: 1, multiplier: 1}}}\n"
        + options(
            "name: x, usd_per_request: 1, provider: north, model: mini",
            task="    today: {model: mini, setting: anything}\n",
        )
    )
    assert load(folder, text).classes[0].options[0].provider == "north"


def test_misspelt_keys_do_not_make_further_faults(folder: Path):
    """A team under a misspelt key is not also missed by the ceiling on it."""
    text = with_class(", taem: search", "ceilings: {teams: {search: {usd: 1}}}\n")
    assert [fault.path for fault in faults_of(folder, text)] == ["classes[0].taem"]
    text = "name: w\nceilings: {providers: {north: {usd: 5}}}\n" + options(
        "name: x, usd_per_request: 1, provder: north"
    )
    assert [fault.path for fault in faults_of(folder, text)] == ["classes[0].options[0].provder"]


def test_own_profiles_and_curves_are_known(folder: Path):
    """Profiles and curves that the workload brings along count, and replace shipped ones."""
    own = json.loads(CATALOGUE.profiles["o3"].model_dump_json(exclude_none=True))
    (folder / "mine.yaml").write_text(json.dumps(own | {"provider": "me"}))
    (folder / "o3.yaml").write_text(json.dumps(own | {"provider": "elsewhere"}))
    (folder / "tests.csv").write_text("benchmark,model,setting,accuracy\nmytask,mine,4000,0.5\n")
    text = with_class(
        ", today: {model: mine}", "profiles: [mine.yaml, o3.yaml]\ncurves: [tests.csv]\n"
    ).replace("ifbench", "mytask")
    path = folder / "workload.yaml"
    path.write_text(text)
    _, catalogue = load_workload(path, CATALOGUE)
    assert catalogue.profiles["mine"].provider == "me"
    assert catalogue.profiles["o3"].provider == "elsewhere"
    assert list(catalogue.profiles) == sorted(catalogue.profiles)
    assert len(catalogue.measurements) == len(CATALOGUE.measurements) + 1


def test_faults_of_own_files_come_in_the_same_report(folder: Path):
    """What is wrong with a profile or a table that the workload names is told with the rest."""
    (folder / "mine.yaml").write_text("title: x\nprovder: y\n")
    (folder / "tests.csv").write_text("benchmark,model,setting,accuracy\nb,m,s,two\n")
    text = with_class(", x: 1", "profiles: [mine.yaml]\ncurves: [tests.csv]\n")
    files = {Path(fault.file).name for fault in faults_of(folder, text)}
    assert files == {"workload.yaml", "mine.yaml", "tests.csv"}


def test_pools_that_nobody_uses_are_doubted(folder: Path):
    """A pool without options is no fault, but is told."""
    head = "pools: {a100: {usd_per_gpu: 1, tokens_per_gpu: 1, max_gpus: 1}}\n"
    (doubt,) = find_doubts(load(folder, with_class("", head)))
    assert doubt.path == "pools.a100"


def test_empty_file_points_to_init(folder: Path):
    """An empty workload is told how to start."""
    (fault,) = faults_of(folder, "# nothing yet\n")
    assert "costplan init" in fault.advice


def test_a_saved_plan_is_told_to_be_one(folder: Path):
    """A plan in the place of a workload is one fault, not one per key."""
    (fault,) = faults_of(folder, '{"costplan_version": "0.1.0", "lines": [], "verdict": "cheap"}')
    assert fault.message == "this is a saved plan, not a workload"


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*/workload.yaml")), ids=str)
def test_examples_are_sound(path: Path):
    """Every example of the repository loads with what ships."""
    workload, _ = load_workload(path)
    assert workload.classes


def test_shipped_catalogue_is_complete():
    """What ships has profiles, curves of them, and more than one provider."""
    catalogue = load_catalogue()
    assert {"o3", "gpt-5", "deepseek-r1"} <= set(catalogue.profiles)
    assert "gpqa-diamond" in catalogue.list_sources()
    assert {"openai", "anthropic"} <= catalogue.providers


# Garbage: whatever stands in the file, there is a workload or there are faults.


def hold(folder: Path, raw: bytes) -> None:
    """Load what is given, and show what is wrong with it."""
    path = folder / "garbage.yaml"
    path.write_bytes(raw)
    try:
        workload, _ = load_workload(path, CATALOGUE)
    except InputError as error:
        faults = error.faults
    else:
        assert isinstance(workload, Workload)
        return
    assert faults
    assert all(line.isprintable() for line in render_faults(faults).splitlines())
    assert len(json.loads(faults_as_json(faults))["faults"]) == len(faults)
    for fault in faults:
        assert "pydantic" not in fault.message
        assert "Traceback" not in fault.message


garbage = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@garbage
@given(
    raw=st.binary(max_size=300) | st.text(max_size=300).map(lambda t: t.encode("utf-8", "replace"))
)
def test_random_bytes_and_text(folder: Path, raw: bytes):
    """Random bytes and random text never lead to anything but a workload or faults."""
    hold(folder, raw)


def mutate(text: str, seed: int, times: int) -> str:
    """Change a text in a few random places."""
    dice = random.Random(seed)
    for _ in range(times):
        at = dice.randrange(len(text))
        to = min(len(text), at + dice.randrange(1, 12))
        other = dice.randrange(len(text))
        text = dice.choice(
            [
                text[:at] + text[to:],
                text[:at] + dice.choice("-:[]{}&*!|>'\"%@`#,?\n\t 09.eE~\0\x1bé") + text[at:],
                text[:at] + text[other : other + dice.randrange(1, 40)] + text[at:],
                text[:at] + dice.choice(["", ".inf", ".nan", "-1", "1e400", "yes", "<<", "*a"])
                + text[to:],
            ]
        ) or "x"  # fmt: skip
    return text


@garbage
@given(seed=st.integers(0, 2**32), times=st.integers(1, 6))
def test_mutated_workloads(folder: Path, seed: int, times: int):
    """A sound workload with a few random changes is a workload or has faults."""
    hold(folder, mutate(DESIGN, seed, times).encode())


def paths_of(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a tree."""
    yield path
    if isinstance(node, dict):
        for key, value in node.items():
            yield from paths_of(value, (*path, key))
    elif isinstance(node, list):
        for place, value in enumerate(node):
            yield from paths_of(value, (*path, place))


names = st.sampled_from(
    ["usd", "classes", "name", "teams", "options", "pool", "tiers", "model", "x", "", "a b", "1"]
)
structures = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["cost", "value", "o3", "gpt-5", "ifbench", "2027-01-01", "*"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=10,
)


@garbage
@given(data=st.data(), value=structures)
def test_workloads_with_a_part_replaced(folder: Path, data: st.DataObject, value: Any):
    """A sound workload with any part replaced by anything is a workload or has faults."""
    tree = yaml.safe_load(FULL)
    path = data.draw(st.sampled_from([p for p in paths_of(tree) if p]))
    holder = tree
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    hold(folder, yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "replace"))


@garbage
@given(value=structures)
def test_random_structures(folder: Path, value: Any):
    """Any structure at all is a workload or has faults."""
    hold(folder, yaml.safe_dump(value, allow_unicode=True).encode("utf-8", "replace"))


FULL = (
    DESIGN
    + """\
  - name: own
    requests: 10
    value_usd: 1
    today: {model: x}
    evidence: {benchmark: gpqa-diamond, source: hal, reasoning_tokens: {gpt-5/low: 5}}
    options:
      - {name: x, provider: north, accuracy: 0.5, usd_per_request: 1, mean_latency_s: 1}
      - {name: y, accuracy: 0.5, pool: a100, tokens_per_request: 5, mean_latency_s: 1}
pools: {a100: {usd_per_gpu: 1, tokens_per_gpu: 1, max_gpus: 1}}
contracts:
  openai: {tiers: [{up_to_usd: 5, multiplier: 1}, {multiplier: 0.9}]}
  north: {commitment: {usd: 1, multiplier: 0.8}}
prices: {gpt-5: {input_usd_per_mtok: 1, output_usd_per_mtok: 2, source: contract}}
hosts: {o3: azure}
seed: 7
confidence: 0.9
starts: 2027-01-01
"""
)


def test_the_full_workload_loads(folder: Path):
    """The workload that the garbage starts from uses every section and is sound."""
    workload = load(folder, FULL)
    assert set(workload.model_fields_set) >= {"pools", "contracts", "prices", "hosts", "starts"}


def test_a_p95_below_its_mean_is_doubted(folder: Path):
    """Seconds in the wrong places are no fault, as they may be true, but are told."""
    said = """\
name: x
classes:
  - name: triage
    requests: 9
    options:
      - {name: small, accuracy: 0.8, usd_per_request: 0.1, mean_latency_s: 9, p95_latency_s: 2.50}
      - {name: large, accuracy: 0.9, usd_per_request: 0.2, mean_latency_s: 9, p95_latency_s: 9}
"""
    (doubt,) = find_doubts(load(folder, said))
    assert (doubt.code, doubt.path) == ("odd_latency", "classes.triage.options.small")
    assert "p95_latency_s 2.5 of option 'small' is below its mean_latency_s 9" in doubt.message


@pytest.mark.parametrize(
    ("allow", "deny", "message"),
    [
        ("[o3]", "[o3]", "'o3' is allowed here and denied"),
        ('[gpt-5, "claude-*"]', '["gpt-*"]', "'gpt-5' is allowed here and denied by 'gpt-*'"),
        ('["gpt-*"]', "[gpt-5]", None),
    ],
)
def test_a_model_is_not_allowed_and_denied(folder: Path, allow, deny, message):
    """What a class allows by name it cannot deny; a pattern may lose a part."""
    text = with_class(f", models: {{allow: {allow}, deny: {deny}}}")
    if message is None:
        assert load(folder, text).classes[0].models.deny == ("gpt-5",)
        return
    assert [fault.message for fault in faults_of(folder, text)] == [message]

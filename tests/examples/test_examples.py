"""The examples plan, and print what they printed when their golden file was made."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
WORKLOADS = sorted(
    path
    for path in EXAMPLES.glob("*/*.yaml")
    if path.read_text("utf-8").startswith("# yaml-language-server:")
    and "workload.schema.json" in path.read_text("utf-8").splitlines()[0]
)
SCHEMA = "# yaml-language-server: $schema=../../docs/schemas/workload.schema.json"


def name_of(path: Path) -> str:
    """Name of an example in a test's id."""
    return f"{path.parent.name}/{path.stem}"


def load_module(path: Path) -> ModuleType:
    """Import a script by its path."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_folder_is_an_example() -> None:
    """Each folder under examples/ holds a workload.yaml that opens with the schema for editors."""
    for folder in sorted(path for path in EXAMPLES.iterdir() if path.is_dir()):
        first = (folder / "workload.yaml").read_text("utf-8").splitlines()[0]
        assert first == SCHEMA, folder.name


@dataclass(frozen=True)
class Planned:
    """An example as `costplan optimize -o plan.json` made it."""

    workload: Path
    printed: str
    saved: Path

    @property
    def plan(self) -> dict[str, Any]:
        """The saved plan."""
        found: dict[str, Any] = json.loads(self.saved.read_text("utf-8"))
        return found


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module", params=WORKLOADS, ids=name_of)
def planned(
    request: pytest.FixtureRequest, costplan: Run, tmp_path_factory: pytest.TempPathFactory
) -> Planned:
    """One example, planned once."""
    workload: Path = request.param
    saved = tmp_path_factory.mktemp("example") / "plan.json"
    done = costplan("optimize", workload.relative_to(ROOT), "-o", saved)
    assert done.stderr == ""
    return Planned(workload, done.stdout, saved)


def test_plan_reads_as_before(planned: Planned, golden: Callable[[Path, str], None]) -> None:
    """An example prints the plan of its golden file."""
    golden(planned.workload.with_suffix(".plan.txt"), planned.printed)


def test_saved_plan_shows_the_same(planned: Planned, costplan: Run) -> None:
    """A saved plan is shown again as it was printed, without solving."""
    assert costplan("show", planned.saved).stdout == planned.printed


def test_lines_add_up_to_the_total_and_keep_the_ceilings(planned: Planned) -> None:
    """Dollars and shares of the lines add up, and no ceiling is passed."""
    plan = planned.plan
    assert plan["status"] == "optimal"
    listed = sum(Decimal(line["usd"]) for line in plan["lines"])
    pools = sum(Decimal(pool["usd"]) for pool in plan["pools"])
    if not (pools or plan_has_contracts(planned.workload)):
        assert listed == Decimal(plan["totals"]["usd"])
    for ceiling in plan["ceilings"]:
        if ceiling["name"].endswith(("usd", "mean_latency_s", "max_share")):
            assert Decimal(str(ceiling["used"])) <= Decimal(str(ceiling["limit"])), ceiling["name"]
    shares: dict[str, Decimal] = {}
    for line in plan["lines"]:
        shares[line["class"]] = shares.get(line["class"], Decimal(0)) + Decimal(str(line["share"]))
    assert all(abs(share - 1) < Decimal("1e-9") for share in shares.values())


@pytest.mark.parametrize("width", ["80", "140"])
def test_plan_fits_narrow_and_wide(width: str, costplan: Run) -> None:
    """No line of a plan is wider than the terminal, and nothing is cut off with dots."""
    done = costplan("optimize", "examples/support/workload.yaml", COLUMNS=width)
    lines = done.stdout.splitlines()
    assert max(len(line) for line in lines) <= int(width)
    assert not [line for line in lines if line.rstrip().endswith("…")]


def plan_has_contracts(workload: Path) -> bool:
    """Tell whether a bill differs from its list dollars."""
    return "\ncontracts:" in workload.read_text("utf-8")


def test_support_says_what_it_is_there_to_say(costplan: Run) -> None:
    """The first plan a newcomer sees saves against today, splits a class and binds its ceiling."""
    done = costplan("optimize", "examples/support/workload.yaml", "--json")
    plan = json.loads(done.stdout)
    today = next(b for b in plan["baselines"] if b["name"] == "today")
    assert Decimal(plan["totals"]["usd"]) < Decimal(today["usd"])
    assert plan["totals"]["accuracy"]["mean"] > today["accuracy"]
    classes = [line["class"] for line in plan["lines"]]
    assert len(set(classes)) < len(classes)
    usd = next(c for c in plan["ceilings"] if c["name"] == "usd")
    assert float(usd["price_up"]) > 0


def test_the_founding_field_uses_only_models_of_its_day(costplan: Run) -> None:
    """A plan of January 2025 knows o1 and GPT-4o, and nothing that came later."""
    done = costplan("optimize", "examples/seed/january-2025.yaml", "--json")
    plan = json.loads(done.stdout)
    models = {line["model"] for line in plan["lines"]} | {p["model"] for p in plan["prices"]}
    assert models <= {"gpt-4", "gpt-4o", "o1"}


@pytest.mark.parametrize("folder", ["measured", "policies"])
def test_outcomes_are_what_their_script_writes(folder: str, tmp_path: Path) -> None:
    """The synthetic tables of the examples can be made again, byte for byte."""
    script = EXAMPLES / folder / "make_outcomes.py"
    load_module(script).make(tmp_path / "outcomes.csv")
    assert (tmp_path / "outcomes.csv").read_bytes() == script.with_name("outcomes.csv").read_bytes()

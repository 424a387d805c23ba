"""The commands that let a plan leave the tool."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest
import typer
from typer.testing import CliRunner

from costplan.cli.export import export
from costplan.cli.report import report
from costplan.domain.errors import InputError
from costplan.plan.build import build_plan
from costplan.plan.load import load
from costplan.plan.saved import dump_plan

WORKLOAD = """
name: Two classes
starts: 2027-01-01
ceilings: {usd: 700}
classes:
  - name: "=triage"
    team: support
    requests: 10_000
    options: &options
      - {name: quick, accuracy: 0.50, usd_per_request: 0.010}
      - {name: deep, accuracy: 0.85, usd_per_request: 0.070}
  - name: contracts
    requests: 1_000
    options: *options
"""


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """A saved plan beside its workload."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "workload.yaml").write_text(WORKLOAD)
    (tmp_path / "plan.json").write_text(dump_plan(build_plan(load("workload.yaml"))))
    return tmp_path


@pytest.fixture
def run(saved):
    """Runs a command in the folder of the plan."""
    app = typer.Typer()
    app.command()(export)
    app.command()(report)

    def ran(*words):
        return CliRunner().invoke(app, list(words))

    return ran


def test_every_file_is_written_at_once(run, saved):
    """One command writes table, workbook, FOCUS and the gateway's fault leaves none of them."""
    files = ("--csv", "p.csv", "--xlsx", "p.xlsx", "--focus", "p-focus.csv")
    failed = run("export", "plan.json", *files, "--gateway", "nonsense", "-o", "g.yaml")
    assert isinstance(failed.exception, InputError)
    assert sorted(path.name for path in saved.iterdir()) == ["plan.json", "workload.yaml"]
    assert run("export", "plan.json", *files).exit_code == 0
    for name in files[1::2]:
        assert (saved / name).stat().st_size > 100


def test_nothing_is_overwritten_unasked(run, saved):
    """A file that is there stops the export, all of it, until --force is given."""
    (saved / "p.csv").write_text("mine")
    words = ("export", "plan.json", "--csv", "p.csv", "--focus", "f.csv")
    failed = run(*words)
    assert isinstance(failed.exception, InputError)
    assert (saved / "p.csv").read_text() == "mine"
    assert not (saved / "f.csv").exists()
    assert run(*words, "--force").exit_code == 0
    assert (saved / "p.csv").read_text().startswith("scenario,")


def test_flags_reach_the_table(run, saved):
    """Mapping, scenario, version, months, byte order mark and raw texts do what they say, and a
    class that is not booked is named."""
    (saved / "map.csv").write_text("team,cost_center\nsupport,007\n")
    ran = run(
        "export", "plan.json", "--csv", "p.csv", "--pivot", "months", "--mapping", "map.csv",
        "--scenario", "Forecast", "--version", "v2", "--excel", "--no-neutralize",
    )  # fmt: skip
    assert ran.exit_code == 0
    assert "map.csv has no row for 'contracts'" in ran.stderr
    text = (saved / "p.csv").read_bytes().decode("utf-8")
    assert text.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    first = rows[0]
    assert first["task_class"] == "=triage"
    assert (first["cost_center"], first["scenario"], first["version"]) == ("007", "Forecast", "v2")
    assert sum(Decimal(row["2027-01"]) for row in rows) == 700


def test_nothing_to_write_is_a_usage_error(run):
    """Without a place, and with a place for no gateway, the command says what is missing."""
    assert run("export", "plan.json").exit_code == 2
    assert run("export", "plan.json", "--csv", "a.csv", "-o", "b").exit_code == 2


def test_the_page_is_written_with_its_slider(run, saved):
    """The page finds the workload beside the plan, and says nothing on standard error."""
    ran = run("report", "plan.json", "-o", "plan.html")
    assert ran.exit_code == 0
    assert ran.stderr == ""
    assert 'id="ceiling"' in (saved / "plan.html").read_text("utf-8")


def test_a_page_without_its_workload_says_so(run, saved):
    """Where the workload is gone, the page is written without a slider and the reason is given."""
    (saved / "workload.yaml").unlink()
    ran = run("report", "plan.json", "-o", "plan.html")
    assert ran.exit_code == 0
    assert "--workload" in ran.stderr
    assert 'id="ceiling"' not in (saved / "plan.html").read_text("utf-8")

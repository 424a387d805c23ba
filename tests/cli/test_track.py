"""`costplan track` on the files of its page, and on logs of other shapes."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from costplan.cli.track import track
from costplan.domain.errors import CheckError, InputError
from costplan.plan.build import build_plan
from costplan.plan.load import load
from costplan.plan.saved import dump_plan

PAGE = Path(__file__).parents[2] / "docs" / "track"
SPEND = PAGE / "spend.jsonl"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The plan of the page."""
    path = tmp_path_factory.mktemp("track") / "plan.json"
    path.write_text(dump_plan(build_plan(load(PAGE / "workload.yaml"))), "utf-8")
    return path


@pytest.fixture
def run(saved):
    """Runs the command on the plan."""
    app = typer.Typer()
    app.command()(track)

    def ran(*words):
        return CliRunner().invoke(app, [str(saved), *map(str, words)])

    return ran


@pytest.fixture
def split(tmp_path):
    """The log in two files, one per class."""
    lines = SPEND.read_text("utf-8").splitlines(keepends=True)
    paths = []
    for name in ("triage", "contracts"):
        paths.append(tmp_path / f"{name}.jsonl")
        paths[-1].write_text("".join(row for row in lines if f'"{name}"' in row), "utf-8")
    return paths


def test_spend_is_that_of_the_log(run, saved):
    """Dollars and requests are those of the log's rows, and the plan's those of 12 of 31 days."""
    rows = [json.loads(line) for line in SPEND.read_text("utf-8").splitlines()]
    plan = json.loads(saved.read_text("utf-8"))
    facts = json.loads(run("--actuals", SPEND, "--json").stdout)
    assert Decimal(facts["usd"]) == sum(Decimal(str(r["spend"])) for r in rows).quantize(
        Decimal("0.01")
    )
    whole = Decimal(plan["totals"]["usd_list"]) * 12 / 31
    assert Decimal(facts["plan_usd"]) == whole.quantize(Decimal("0.01"))
    made = {one["class"]: one["requests"] for one in facts["classes"]}
    assert made == {
        name: sum(row["model_group"] == name for row in rows) for name in ("triage", "contracts")
    }
    assert Decimal(facts["plan_usd"]) + sum(map(Decimal, facts["steps"].values())) == Decimal(
        facts["usd"]
    )
    assert facts["steps"]["price"] == "0.00"


def test_several_files_go_after_one_option(run, split):
    """`--actuals A B` and `--actuals A --actuals B` read both files."""
    whole = run("--actuals", SPEND, "--json").stdout
    for words in (["--actuals", *split], ["--actuals", split[0], "--actuals", split[1]]):
        facts = json.loads(run(*words, "--json").stdout)
        assert facts["steps"] == json.loads(whole)["steps"]


def test_fail_over_leaves_with_seven(run):
    """Above the limit the figures are printed and the check fails; below, all is well."""
    over = run("--actuals", SPEND, "--fail-over", "10%")
    assert isinstance(over.exception, CheckError)
    assert "spent in 12 days" in over.stdout
    assert run("--actuals", SPEND, "--fail-over", "10%", "--json").exit_code == 7
    assert run("--actuals", SPEND, "--fail-over", "60%").exit_code == 0
    assert run("--actuals", SPEND, "--fail-over", "0.9").exit_code == 0
    assert run("--actuals", SPEND, "--fail-over=-1").exit_code == 2


def test_days_are_cut_out(run):
    """--from and --to take these days of the log, and of the plan."""
    facts = json.loads(run("--actuals", SPEND, "--from", "2027-01-03", "--to", "2027-01-05",
                           "--json").stdout)  # fmt: skip
    assert facts["span"]["days"] == 3
    rows = [json.loads(line) for line in SPEND.read_text("utf-8").splitlines()]
    days = ("2027-01-03", "2027-01-04", "2027-01-05")
    mine = [Decimal(str(r["spend"])) for r in rows if r["startTime"].startswith(days)]
    assert Decimal(facts["usd"]) == sum(mine).quantize(Decimal("0.01"))
    assert run("--actuals", SPEND, "--from", "x").exit_code == 2
    assert run("--actuals", SPEND, "--from", "2027-02-01", "--to", "2027-01-01").exit_code == 2


def test_ids_of_the_gateway_are_understood(run, tmp_path):
    """Spend rows that carry the ids of the plan's LiteLLM configuration need no other label."""
    path = tmp_path / "log.jsonl"
    lines = []
    for line in SPEND.read_text("utf-8").splitlines():
        row = json.loads(line)
        setting = "medium" if row["model_group"] == "triage" else "xhigh"
        row |= {"model_id": f"{row['model_group']}.{row['model']}.{setting}", "model_group": "x"}
        lines.append(json.dumps(row))
    path.write_text("\n".join(lines), "utf-8")
    facts = json.loads(run("--actuals", path, "--json").stdout)
    assert facts["class_by"] == {"litellm": "model_id"}
    assert facts["steps"] == json.loads(run("--actuals", SPEND, "--json").stdout)["steps"]
    assert {m["setting"] for c in facts["classes"] for m in c["models"]} == {"medium", "xhigh"}


def test_labels_are_matched_by_a_file(run, tmp_path):
    """A --match file gives projects to classes; without it the labels are listed in a fault."""
    path = tmp_path / "log.jsonl"
    path.write_text(SPEND.read_text("utf-8").replace('"triage"', '"p1"').replace(
        '"contracts"', '"p2"'), "utf-8")  # fmt: skip
    failed = run("--actuals", path)
    assert isinstance(failed.exception, InputError)
    assert "p1" in str(failed.exception)
    match = tmp_path / "match.csv"
    match.write_text("label,task_class\np1,triage\np?,contracts\n")
    facts = json.loads(run("--actuals", path, "--match", match, "--json").stdout)
    assert {one["class"] for one in facts["classes"]} == {"triage", "contracts"}


def test_another_currency_is_refused(run, tmp_path):
    """A plain table that says euros is a fault, not so many dollars; one that says dollars is
    read."""
    file = tmp_path / "spend.csv"
    head = "class,model,ts,input_tokens,output_tokens,cost_usd,currency\n"
    row = "triage,gpt-5,2027-01-0{},1000,200,5.25,{}\n"
    file.write_text(head + "".join(row.format(day, "EUR") for day in (5, 6)))
    done = run("--actuals", str(file))
    assert isinstance(done.exception, InputError)
    assert "EUR, not in USD" in str(done.exception)
    file.write_text(head + "".join(row.format(day, "usd") for day in (5, 6)))
    said = str(run("--actuals", str(file), "--whole", "--from", "2027-01-05", "--to", "2027-01-06"))
    assert "not in USD" not in said


def test_another_currency_is_found_in_any_row_of_any_container(run, tmp_path):
    """One row in euros far below the first is enough, in CSV, JSON lines and Parquet."""
    duckdb = pytest.importorskip("duckdb")
    row = "SELECT 'triage' AS class, 'gpt-5' AS model, TIMESTAMP '2027-01-05' AS ts,"
    row += " 1000 AS input_tokens, 200 AS output_tokens, 5.25 AS cost_usd,"
    rows = f"{row} CASE WHEN i = 19999 THEN 'EUR' ELSE 'USD' END AS Currency FROM range(20000) t(i)"
    for name, options in (
        ("spend.csv", "(FORMAT csv, HEADER)"),
        ("spend.jsonl", "(FORMAT json)"),
        ("spend.parquet", "(FORMAT parquet)"),
    ):
        duckdb.sql(f"COPY ({rows}) TO '{tmp_path / name}' {options}")
        done = run("--actuals", tmp_path / name)
        assert isinstance(done.exception, InputError), name
        assert "EUR, not in USD" in str(done.exception)


TABLE = "request_id,class,model,ts,input_tokens,output_tokens,cost_usd\n"


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_credits_count(run, tmp_path, kind):
    """Refunds and credits, with tokens or without, lower the spend to the cent and are no
    requests; a refund that repeats its request's id is no copy; negative tokens stay malformed."""
    duckdb = pytest.importorskip("duckdb")
    rows = "".join(f"r{day},triage,gpt-5,2027-01-0{day}T12:00:00,1000,200,5.25\n" for day in (1, 3))
    rows += "c1,triage,gpt-5,2027-01-02T12:00:00,,,-1.13\n"
    rows += "r3,triage,gpt-5,2027-01-03T12:00:00,1000,200,-5.25\n"
    rows += "c2,contracts,,2027-01-03T13:00:00,0,0,-0.50\n"
    rows += "bad,triage,gpt-5,2027-01-03T14:00:00,-1000,200,9.00\n"
    file = tmp_path / "spend.csv"
    file.write_text(TABLE + rows)
    if kind != "csv":
        written = tmp_path / f"spend.{kind}"
        form = "parquet" if kind == "parquet" else "json"
        duckdb.sql(f"COPY (FROM read_csv('{file}')) TO '{written}' (FORMAT {form})")
        file = written
    done = run("--actuals", file, "--from", "2027-01-01", "--to", "2027-01-03", "--json")
    facts = json.loads(done.stdout)
    assert Decimal(facts["usd"]) == Decimal("3.62")
    made = {one["class"]: (one["requests"], Decimal(one["usd"])) for one in facts["classes"]}
    assert made["triage"] == (2, Decimal("4.12"))
    assert made["contracts"][1] == Decimal("-0.50")
    steps = sum(map(Decimal, facts["steps"].values()))
    assert Decimal(facts["plan_usd"]) + steps == Decimal(facts["usd"])
    assert any("1 malformed records" in note for note in facts["notes"])
    # The day of the credit alone is a day with a record.
    facts = json.loads(run("--actuals", file, "--json").stdout)
    assert not any("days without a record" in note for note in facts["notes"])


def test_what_is_no_log_in_a_folder_is_left_out(run, tmp_path):
    """A README beside the logs is named and does not keep them from being read."""
    (tmp_path / "spend.jsonl").write_bytes(SPEND.read_bytes())
    (tmp_path / "README.md").write_text("# What we spent\n\nAsk Ada.\n")
    facts = json.loads(run("--actuals", tmp_path, "--json").stdout)
    assert facts["steps"] == json.loads(run("--actuals", SPEND, "--json").stdout)["steps"]
    assert any("README.md is left out" in note for note in facts["notes"])


def test_the_table_is_not_written_over_unasked(run, tmp_path):
    """--csv refuses a file that is there, before reading anything, until --force."""
    path = tmp_path / "out.csv"
    assert run("--actuals", SPEND, "--csv", path).exit_code == 0
    assert isinstance(run("--actuals", SPEND, "--csv", path).exception, InputError)
    assert run("--actuals", SPEND, "--csv", path, "--force").exit_code == 0
    assert path.read_bytes().startswith(b"first_day,")


@pytest.mark.parametrize(
    ("files", "match", "day"),
    [
        (["litellm/LiteLLM_SpendLogs_pgcopy.csv"], "", "2026-11-24"),
        (["openai/costs_by_line_item.json", "openai/usage_completions_by_project_model.json"],
         "proj_legal,contracts\nproj_support,triage\n", ""),
        (["anthropic/cost_report.json"], "wrkspc_*,triage\n", ""),
        (["openrouter/activity_api.json"], "", ""),
        (["openrouter/activity_export.csv"], "*,triage\n", "2026-10-03"),
        (["focus/litellm_1.106.2_focus_export.csv"], "", ""),
    ],
)  # fmt: skip
def test_every_source_is_tracked(run, tmp_path, files, match, day):
    """Each vendor's file is tracked as it comes: rows and columns add up, gaps are named."""
    shared = Path(__file__).parents[3] / "shared" / "reference" / "formats"
    if not shared.is_dir():
        pytest.skip("shared reference data is not beside the repository")
    words = ["--actuals", *(shared / name for name in files)]
    if match:
        (tmp_path / "match.csv").write_text("label,task_class\n" + match)
        words += ["--match", tmp_path / "match.csv"]
    if day:  # a sample of minutes does not say how long it covers
        words += ["--from", day, "--to", day]
    ran = run(*words, "--json")
    assert ran.exit_code == 0, ran.exception
    facts = json.loads(ran.stdout)
    for part in (facts, *facts["classes"]):
        steps = sum(map(Decimal, part["steps"].values()))
        assert Decimal(part["plan_usd"]) + steps == Decimal(part["usd"])
    assert Decimal(facts["usd"]) > 0
    assert facts["cannot_say"]

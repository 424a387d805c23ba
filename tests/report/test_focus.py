"""The FOCUS-shaped plan."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest
from finance_plans import (
    make_line,
    make_plan,
    make_price,
    mixed_plan,
    nasty_plan,
    random_plan,
    year_plan,
)

from costplan.files.ledger import Account, Ledger, Rule
from costplan.report.focus import COLUMNS, Shape, write_focus

SAMPLE = Path(__file__).parents[2].parent / "shared" / "reference" / "formats" / "focus"
CRITERIA = ",".join(
    f"{name}_SUPPORTED"
    for name in (
        "USAGE_MEASUREMENT", "UNIT_PRICING", "PUBLIC_PRICE_LIST", "MULTIPLE_PRICING_CATEGORIES",
        "SUB_ACCOUNT", "TAGGING", "NEGOTIATED_PRICING", "ACCOUNT_NAMING",
    )
)  # fmt: skip
MONEY = ("BilledCost", "EffectiveCost", "ContractedCost", "ListCost")


def read(text):
    """Read a table back."""
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_columns_are_those_of_the_validated_sample():
    """The header is that of the sample that the public validator passed."""
    sample = SAMPLE / "focus_1_2_plan_57cols.csv"
    if not sample.exists():
        pytest.skip("shared reference data is not beside the repository")
    assert sample.read_text("utf-8").splitlines()[0].split(",") == list(COLUMNS)


@pytest.mark.parametrize("make", [mixed_plan, nasty_plan, year_plan])
def test_costs_add_up_to_the_bill(make):
    """Billed costs add up to the plan's bill to a millionth of a dollar; list costs leave contract
    terms out."""
    plan = make()
    rows = read(write_focus(plan))
    billed = sum(Decimal(row["BilledCost"]) for row in rows)
    assert abs(billed - plan.totals.usd) < Decimal("1e-6")
    gpus = sum(pool.usd for pool in plan.pools)
    listed = sum(Decimal(row["ListCost"]) for row in rows)
    assert abs(listed - plan.totals.usd_list - gpus) < Decimal("1e-6")


def test_quantity_times_price_is_cost():
    """In every usage row pricing quantity times unit price is the cost."""
    for row in read(write_focus(mixed_plan())):
        if row["PricingQuantity"]:
            cost = Decimal(row["PricingQuantity"]) * Decimal(row["ListUnitPrice"])
            assert abs(cost - Decimal(row["ListCost"])) < Decimal("1e-9")


def test_tokens_are_counted_once():
    """Input, cached input and output tokens have rows of their own, cached ones are not counted as
    input again, and reasoning is in the output."""
    plan = make_plan([make_line("a", requests=1000)])
    rows = {row["SkuMeter"]: row for row in read(write_focus(plan))}
    counts = {meter: Decimal(row["ConsumedQuantity"]) for meter, row in rows.items()}
    assert counts == {
        "Input Tokens": 600_000, "Cached Input Tokens": 300_000, "Output Tokens": 250_000,
    }  # fmt: skip
    assert rows["Output Tokens"]["PricingUnit"] == "1000000 Tokens"
    assert json.loads(rows["Output Tokens"]["SkuPriceDetails"])["x_TokenDirection"] == "Output"


def test_costs_without_a_token_price_are_priced_by_request():
    """A stated cost becomes requests times dollars per request, never a made-up token price."""
    (row,) = [r for r in read(write_focus(mixed_plan())) if r["x_TaskClass"] == "chat"]
    assert (row["PricingUnit"], row["PricingQuantity"]) == ("Requests", "500.0")
    assert Decimal(row["BilledCost"]) == Decimal("12.345")


def test_the_right_one_of_several_prices_is_shown():
    """Where a model has two prices, long calls say, the one that the dollars follow is written."""
    dear = make_price(input_usd_per_mtok=Decimal(99))
    plan = make_plan([make_line("a")], prices=[dear, make_price()])
    rows = read(write_focus(plan))
    assert {row["ListUnitPrice"] for row in rows} == {"1.25", "0.125", "10.0"}


def test_a_plan_can_be_told_from_actuals():
    """Rows are usage of the plan's months, marked as a plan, with class, team, effort and cost
    centre."""
    ledger = Ledger((Rule(("", "", "", ""), Account("US01", "004711", "6001"), 2),))
    (row, *_) = read(write_focus(make_plan([make_line("a")]), ledger))
    assert row["ChargeCategory"] == "Usage"
    assert (row["x_Scenario"], row["x_TaskClass"], row["x_ReasoningEffort"]) == (
        "Plan", "a", "low",
    )  # fmt: skip
    assert row["SubAccountId"] == "support"
    assert json.loads(row["Tags"])["cost_center"] == "004711"
    assert (row["ChargePeriodStart"], row["ChargePeriodEnd"]) == (
        "2027-01-01T00:00:00Z", "2027-02-01T00:00:00Z",
    )  # fmt: skip


def test_version_1_4_names_providers_anew():
    """1.4 has ServiceProviderName and HostProviderName where 1.2 has the names it dropped."""
    (row, *_) = read(write_focus(make_plan([make_line("a")]), shape=Shape("1.4")))
    assert row["ServiceProviderName"] == row["HostProviderName"] == "openai"
    assert "ProviderName" not in row
    assert "PublisherName" not in row


def test_contract_terms_are_a_credit():
    """What tiers take off the bill is a credit of the provider, not a price of tokens."""
    (row,) = [r for r in read(write_focus(mixed_plan())) if r["ChargeCategory"] == "Credit"]
    assert (row["BilledCost"], row["ListCost"], row["ProviderName"]) == ("-3.21", "0.0", "openai")


def test_no_cell_starts_a_formula():
    """Labels are neutralised as in the finance table, and left alone when asked."""
    for row in read(write_focus(nasty_plan())):
        for column, cell in row.items():
            assert not cell.startswith(("=", "+", "@", "\t", "\r")), column
    rows = read(write_focus(nasty_plan(), shape=Shape(safe=False)))
    assert any(row["x_TaskClass"].startswith("=cmd") for row in rows)


def test_labels_of_any_script_survive():
    """Standard columns are ASCII, as the specification asks; x_TaskClass has the label itself."""
    rows = read(write_focus(nasty_plan(), shape=Shape(safe=False)))
    (row, *_) = [r for r in rows if r["x_TaskClass"] == "שלום עולם"]
    assert all(cell.isascii() for column, cell in row.items() if not column.startswith("x_"))
    assert row["ResourceId"].encode().decode("unicode_escape") == "שלום עולם"


@pytest.fixture(scope="module")
def validator():
    """The public validator in an environment of its own, with the folder it must run in."""
    found = os.environ.get("COSTPLAN_FOCUS_VALIDATOR") or shutil.which("focus-validator")
    if not found or not Path(found).exists():
        pytest.skip(
            "focus-validator is not installed; it needs an environment of its own with Python "
            "3.12: pip install focus-validator==2.2.1 'pyarrow<22', then set "
            "COSTPLAN_FOCUS_VALIDATOR to its path"
        )
    python = Path(found).with_name("python")
    # It looks for its list of currencies under a relative path.
    where = (
        "import focus_validator, pathlib; print(pathlib.Path(focus_validator.__file__).parents[1])"
    )
    folder = subprocess.run(
        [python, "-c", where], check=True, capture_output=True, text=True
    ).stdout.strip()
    return found, folder


def validate(validator, text, tmp_path, *more):
    """Validate a table: failures in all, and the rules that failed."""
    program, folder = validator
    file = tmp_path / "plan.csv"
    file.write_text(text, encoding="utf-8", newline="")
    said = subprocess.run(
        [program, "--data-file", str(file), "--validate-version", "1.2.0.1", "--block-download",
         "--show-violations", *more],
        cwd=folder, capture_output=True, text=True, timeout=300, check=False,
    ).stdout  # fmt: skip
    counts = re.search(r"Total: \d+ \| Pass: (\d+) \| Fail: (\d+)", said)
    assert counts, said
    failures = said.partition("--- Failures ---")[2]
    return int(counts[2]), set(re.findall(r"^- ([\w-]+):", failures, re.MULTILINE)), said


@pytest.mark.parametrize("make", [mixed_plan, nasty_plan])
@pytest.mark.parametrize("criteria", [(), ("--applicability-criteria", CRITERIA)])
def test_the_public_validator_passes(validator, tmp_path, make, criteria):
    """Only the one rule fails that contradicts another: InvoiceId may and may not be empty."""
    assert_valid(validator, write_focus(make()), tmp_path, *criteria)


@pytest.mark.parametrize("seed", [5, 6])
def test_the_public_validator_passes_months_pools_and_policies(validator, tmp_path, seed):
    """Cascades, own GPUs and contract terms over several months are as valid."""
    plan = random_plan(seed)
    assert plan.workload.months > 1
    assert plan.pools
    assert any(line.stages for line in plan.lines)
    assert_valid(validator, write_focus(plan), tmp_path, "--applicability-criteria", CRITERIA)


def assert_valid(validator, text, tmp_path, *more):
    """Only the rule fails that contradicts another."""
    count, failed, said = validate(validator, text, tmp_path, *more)
    assert all(rule.startswith("InvoiceId-C-00") for rule in failed), said
    assert count == 1

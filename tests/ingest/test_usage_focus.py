"""FOCUS files: LiteLLM's export, meters of tokens, other clouds' rows, and days cut out."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections import defaultdict
from decimal import Decimal

import duckdb
import pytest

from costplan.domain.errors import InputError
from costplan.ingest.usage.run import UsageOptions, read_usage

BASE = {
    "BilledCost": "1.5", "BillingCurrency": "USD", "ChargeCategory": "Usage",
    "ChargePeriodStart": "2027-01-01T00:00:00Z", "ChargePeriodEnd": "2027-01-02T00:00:00Z",
    "ConsumedQuantity": "", "ConsumedUnit": "", "EffectiveCost": "1.5",
    "ResourceName": "gpt-5", "ServiceCategory": "AI and Machine Learning",
    "ServiceName": "triage", "SkuMeter": "", "SkuPriceDetails": "", "Tags": "",
}  # fmt: skip


@pytest.fixture
def focus(tmp_path):
    """Writes a FOCUS file of rows that differ from a plain one."""

    def write(*rows, name="focus.csv"):
        path = tmp_path / name
        columns = list(dict.fromkeys([*BASE, *(key for row in rows for key in row)]))
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows({**BASE, **row} for row in rows)
        return path

    return write


def test_litellm_export_adds_up_by_hand(formats):
    """Classes, models, requests and dollars of LiteLLM's export are those of its rows."""
    path = formats / "focus" / "litellm_1.106.2_focus_export.csv"
    wanted: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for row in csv.DictReader(io.StringIO(path.read_text("utf-8"))):
        wanted[row["ServiceName"]][0] += Decimal(row["ConsumedQuantity"])
        wanted[row["ServiceName"]][1] += Decimal(row["EffectiveCost"])
    result = read_usage([path])
    assert result.formats == ("focus",)
    assert {c.name: [c.requests, c.usd] for c in result.classes} == wanted
    assert set(result.models) == {"gpt-5", "gpt-5-mini", "claude-sonnet-4-5"}
    assert {"input_tokens", "output_tokens", "setting", "latency"} <= set(result.cannot_say)


def test_a_file_given_twice_counts_once_but_like_rows_all_count(focus):
    """Rows alike in one file are all due; the same rows in a second file are a second export."""
    first = focus({}, {}, name="a.csv")
    second = focus({}, {}, name="b.csv")
    assert read_usage([first]).totals.usd == Decimal(3)
    assert read_usage([first, second]).totals.usd == Decimal(3)


def test_token_meters_make_input_and_output(focus):
    """Uncached, cached and written input add up to input; units of a thousand are multiplied."""
    details = json.dumps({"x_TokenDirection": "Input", "x_TokenCacheAction": "Read",
                          "x_ModelId": "o3"})  # fmt: skip
    result = read_usage(
        [focus(
            {"SkuMeter": "Input Tokens", "ConsumedQuantity": "100.0", "ConsumedUnit": "Tokens"},
            {"SkuMeter": "Cached Input Tokens", "ConsumedQuantity": "2.0",
             "ConsumedUnit": "1000 Tokens"},
            {"SkuPriceDetails": details, "ConsumedQuantity": "7.0", "ConsumedUnit": "Tokens"},
            {"SkuMeter": "Output Tokens", "ConsumedQuantity": "30.0", "ConsumedUnit": "Tokens"},
            {"SkuMeter": "GPU time", "ConsumedQuantity": "30.0", "ConsumedUnit": "Hours"},
        )]
    )  # fmt: skip
    tokens = result.totals.tokens
    assert tokens["input_tokens"] == 2107
    assert tokens["cached_input_tokens"] == 2007
    assert tokens["output_tokens"] == 30
    assert result.totals.requests is None
    assert result.models["o3"].input_tokens == 7


def test_taxes_credits_and_other_services_stay_apart(focus):
    """Credits lower the spend of their service; taxes and storage have no class and no model."""
    result = read_usage(
        [focus(
            {},
            {"ChargeCategory": "Credit", "EffectiveCost": "-0.5"},
            {"ChargeCategory": "Tax", "EffectiveCost": "0.3"},
            {"ServiceCategory": "Storage", "ServiceName": "Disks", "EffectiveCost": "99.0"},
        )]
    )  # fmt: skip
    assert {c.name: c.usd for c in result.classes} == {
        "triage": Decimal(1), "unlabelled": Decimal("99.3"),
    }  # fmt: skip
    assert {name: model.usd for name, model in result.models.items()} == {
        "gpt-5": Decimal(1), "(tax)": Decimal("0.3"), "(other services)": Decimal(99),
    }  # fmt: skip


def test_effective_cost_goes_before_billed_cost(focus):
    """What a commitment paid before counts where it is used; without the column, the bill does."""
    assert read_usage([focus({"BilledCost": "0.0"})]).totals.usd == Decimal("1.5")
    assert read_usage([focus({"EffectiveCost": "", "BilledCost": "2.0"})]).totals.usd == Decimal(2)


def test_planned_rows_and_other_currencies_are_refused(focus):
    """A plan exported as FOCUS is no spend, and euros are no dollars."""
    with pytest.raises(InputError, match="planned, not spent"):
        read_usage([focus({"x_Scenario": "Plan"})])
    with pytest.raises(InputError, match="1 malformed"):
        read_usage([focus({"BillingCurrency": "EUR"})], UsageOptions(max_bad=0))


def test_malformed_charges_are_placed(focus):
    """Charges without cost or period, in euros, or of too many cells are shown with their line."""
    path = focus({}, {"EffectiveCost": "", "BilledCost": ""}, {"BillingCurrency": "EUR"},
                 {"EffectiveCost": "1,234.50"}, {"ChargePeriodStart": "soon"})  # fmt: skip
    path.write_text(path.read_text() + "a" + ",x" * 20 + "\n")
    result = read_usage([path])
    assert result.totals.usd == Decimal("1.5")
    assert [(bad.line, bad.reason) for bad in result.bad] == [
        (3, "no cost"),
        (4, "amount in EUR, not in USD"),
        (5, "cost is not a number"),
        (6, "no charge period"),
        (7, "too many columns"),
    ]
    assert result.rows["bad"] == 5


def test_small_units_are_counted_exactly(focus):
    """Millions of tokens with six decimals are whole tokens; a correction's quantity is not."""
    meter = {"SkuMeter": "Output Tokens", "ConsumedUnit": "1000000 Tokens"}
    rows = [meter | {"ConsumedQuantity": q} for q in ("1.234567", "0.000001", "-0.5", "")]
    assert read_usage([focus(*rows)]).totals.tokens["output_tokens"] == 1_234_568


def test_a_month_in_one_row_covers_all_its_days(focus):
    """Long charge periods leave no day out."""
    months = [(f"2027-0{m}-01T00:00:00Z", f"2027-0{m + 1}-01T00:00:00Z") for m in (1, 2)]
    rows = [{"ChargePeriodStart": a, "ChargePeriodEnd": b} for a, b in months]
    span = read_usage([focus(*rows)]).span
    assert (span.days, span.missing_days, span.elapsed_days) == (59, (), 59)


def test_tags_make_classes_and_parquet_agrees(focus, tmp_path):
    """A tag can name the classes, and Parquet says the same as CSV."""
    path = focus({"Tags": json.dumps({"feature": "a"})}, {"Tags": json.dumps({"feature": "b"})})
    parquet = tmp_path / "focus.parquet"
    duckdb.execute(f"COPY (FROM read_csv('{path}')) TO '{parquet}' (FORMAT parquet)")
    for file in (path, parquet):
        result = read_usage([file], UsageOptions(class_by="tag:feature"))
        assert {c.name: c.usd for c in result.classes} == {"a": Decimal("1.5"), "b": Decimal("1.5")}


def test_days_can_be_cut_out(focus, write_lines, spend):
    """Only the days asked for count, in logs and reports; a sum over more days cannot be cut."""
    days = UsageOptions(since=dt.date(2026, 10, 2), until=dt.date(2026, 10, 3))
    rows = [spend(day, startTime=f"2026-10-0{day}T23:59:59Z", endTime=None) for day in range(1, 6)]
    assert read_usage([write_lines("log.jsonl", rows)], days).totals.requests == 2
    charges = [
        {"ChargePeriodStart": f"2026-10-0{d}T00:00:00Z",
         "ChargePeriodEnd": f"2026-10-0{d + 1}T00:00:00Z"} for d in range(1, 6)
    ]  # fmt: skip
    assert read_usage([focus(*charges)], days).totals.usd == Decimal(3)
    long = {"ChargePeriodStart": "2026-10-01T00:00:00Z", "ChargePeriodEnd": "2026-11-01T00:00:00Z"}
    with pytest.raises(InputError, match="cannot be cut"):
        read_usage([focus(long)], days)

"""What a plan with policies leaves the tool as: a row per stage, adding up to the cent."""

import csv
import io
from decimal import Decimal

import openpyxl
import pytest
from finance_plans import cascade_line, make_line, make_plan
from hypothesis import given, settings
from hypothesis import strategies as st

from costplan.domain.money import round_to_unit
from costplan.plan.build import build_plan
from costplan.plan.load import load
from costplan.plan.model import Plan
from costplan.plan.saved import dump_plan
from costplan.report.csv import write_csv
from costplan.report.finance import tabulate
from costplan.report.focus import write_focus
from costplan.report.page_policies import tabulate_policies, tabulate_ways
from costplan.report.slices import slice_line
from costplan.report.xlsx import write_xlsx


@settings(deadline=None)  # a shared machine may stop for longer
@given(
    st.lists(
        st.tuples(
            st.decimals("0", "9", places=9), st.decimals("0.000000001", "9", places=9),
            st.integers(1, 10**7),
        ),
        min_size=1, max_size=6,
    )
)  # fmt: skip
def test_stages_add_up_to_the_bill_in_every_format(facts):
    """CSV rows add up to the bill in cents and FOCUS rows to it exactly, whatever stages cost."""
    plan = make_plan(
        [cascade_line(f"c{i}", str(a), str(b), n) for i, (a, b, n) in enumerate(facts)]
    )
    assert plan.totals is not None
    rows = list(csv.DictReader(io.StringIO(write_csv(plan))))
    assert sum(Decimal(row["amount"]) for row in rows) == round_to_unit(plan.totals.usd)
    charges = list(csv.DictReader(io.StringIO(write_focus(plan))))
    assert sum(Decimal(row["BilledCost"]) for row in charges) == plan.totals.usd
    for line in plan.lines:
        assert sum(part.usd for part in slice_line(line)) == line.usd


def test_finance_sees_who_is_paid_for_each_stage():
    """A cascade is a row per stage with its own vendor, model, effort, requests and tokens."""
    rows = tabulate(make_plan([cascade_line()])).rows
    assert [(r.service, r.vendor, r.model, r.reasoning_effort) for r in rows] == [
        ("cascade, stage 1 of 2", "small inc", "small", "low"),
        ("cascade, stage 2 of 2", "big inc", "big", "high"),
    ]
    assert [row.requests for row in rows] == [777, Decimal("0.37") * 777]
    assert [row.input_tokens for row in rows] == [900 * 777, 333 * 777]


def test_pivoted_stages_stay_apart():
    """With one column per month each stage keeps a row of its own."""
    rows = list(csv.DictReader(io.StringIO(write_csv(make_plan([cascade_line()]), pivot=True))))
    assert [row["model"] for row in rows] == ["small", "big"]


def test_stages_of_unknown_cost_are_one_row_that_names_all_models():
    """A plan that does not keep stages' dollars apart gives one row with every model's name."""
    line = cascade_line()
    line["stages"] = [item | {"usd_per_request": None} for item in line["stages"]]
    (row,) = tabulate(make_plan([line])).rows
    assert row.model == "small + big"
    assert row.service == "cascade of 2 stages"


def test_the_workbook_and_the_page_say_order_check_reach_and_dollars():
    """A sheet and a table list order, check, reach and dollars, with the cents of the plan."""
    plan = make_plan([cascade_line(), make_line("plain")])
    sheet = openpyxl.load_workbook(io.BytesIO(write_xlsx(plan)))["Policies"]
    (head, *rows) = sheet.values
    facts = [dict(zip(head, row, strict=True)) for row in rows]
    assert [fact["Stage"] for fact in facts] == ["1 of 2", "2 of 2"]
    assert facts[0]["Its answer is taken"] == "when it passes: test; else the next stage is asked"
    assert [fact["Reached by"] for fact in facts] == [1, 0.37]
    by_service = {row.service: float(row.amount) for row in tabulate(plan).rows}
    assert [fact["Amount"] for fact in facts] == [
        by_service["cascade, stage 1 of 2"], by_service["cascade, stage 2 of 2"]
    ]  # fmt: skip
    table = tabulate_policies(plan)
    assert table is not None
    place = [column.heading for column in table.columns].index("Dollars")
    assert [row[place] for row in table.all_rows] == [f"${fact['Amount']:.2f}" for fact in facts]


def test_the_workbook_and_the_page_say_what_each_way_takes():
    """Per policy: calls, dollars per right answer and p95 of all requests, then share, dollars and
    p95 of each way through it."""
    paths = [
        {"stages": n, "share": share, "usd_per_request": usd, "mean_latency_s": s,
         "p95_latency_s": 2 * s}
        for n, share, usd, s in ((1, 0.63, "0.001", 1), (2, 0.37, "0.034", 9))
    ]  # fmt: skip
    line = cascade_line() | {"paths": paths, "calls": 1.37, "usd_per_right": "0.0148"}
    plan = make_plan([line, make_line("plain")])
    sheet = openpyxl.load_workbook(io.BytesIO(write_xlsx(plan)))["Policy costs"]
    (head, *rows) = sheet.values
    facts = [dict(zip(head, row, strict=True)) for row in rows]
    assert [fact["Way"] for fact in facts] == [
        "all requests", "ends at stage 1 of 2", "ends at stage 2 of 2"
    ]  # fmt: skip
    assert facts[0]["Calls per answer"] == 1.37
    assert facts[0]["$ per right answer"] == 0.0148
    assert [fact["Share of requests"] for fact in facts] == [1, 0.63, 0.37]
    assert [fact["$ per request"] for fact in facts] == [0.0133, 0.001, 0.034]
    assert [fact["p95 seconds"] for fact in facts] == [5, 2, 18]
    table = tabulate_ways(plan)
    assert table is not None
    assert [row[-1] for row in table.all_rows] == ["5.0 s", "2.0 s", "18 s"]
    assert table.all_rows[0][4:7] == ["1.37", "$0.0133", "$0.0148"]


def test_a_plan_of_single_calls_has_no_table_of_policies():
    """Without policies neither page nor workbook has a table of them."""
    plan = make_plan([make_line("plain")])
    assert tabulate_policies(plan) is None
    assert tabulate_ways(plan) is None
    assert "Policies" not in openpyxl.load_workbook(io.BytesIO(write_xlsx(plan))).sheetnames


@pytest.fixture(scope="module")
def shipped(request):
    """The plan of the example with policies, saved and read again."""
    root = request.config.rootpath
    plan = build_plan(load(root / "examples/policies/workload.yaml"))
    return Plan.model_validate_json(dump_plan(plan))


def test_stages_of_a_real_plan_take_what_the_policy_takes(shipped):
    """Dollars and tokens of stages, taken from outcomes or put together, add up to the line's."""
    chains = [line for line in shipped.lines if len(line.stages) > 1]
    assert chains
    for line in chains:
        parts = [item.usd_per_request for item in line.stages]
        assert sum(parts) == line.usd_per_request
        tokens = sum(item.input_tokens for item in line.stages) * line.requests_planned
        assert float(tokens) == pytest.approx(float(line.input_tokens))
        dearest = [item.usd_per_request / Decimal(repr(item.reach)) for item in line.stages]
        assert dearest == sorted(dearest), "later stages of these cascades ask dearer models"

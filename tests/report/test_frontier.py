"""The frontier in a spreadsheet."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest

from costplan.plan.frontier import Curve, Stage
from costplan.report.frontier import write_rows


@pytest.mark.parametrize("ceiling", ["usd", "mean_latency_s"])
def test_columns_have_names_of_their_own(ceiling):
    """The ceiling and the dollars below it are two columns, also where the ceiling is dollars."""
    stage = Stage(Decimal(20), Decimal("19.5"), 1.0, 1.0, 0.5, None, None, None)
    (row,) = csv.DictReader(io.StringIO(write_rows(Curve(ceiling, False, True, (stage,)))))
    assert row[f"ceiling_{ceiling}"] == "20"
    assert row["usd"] == "19.5"

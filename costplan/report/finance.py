"""The plan as finance books it: one amount per row, in cents that add up to the plan's total."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import NamedTuple

from costplan.domain.errors import Fault, InputError
from costplan.domain.money import EXACT, round_to_foot
from costplan.files.ledger import Account, Booking, Ledger
from costplan.plan.model import Line, Plan
from costplan.plan.months import add_months, end_period
from costplan.report.slices import Slice, slice_line

SCENARIO = "Budget"
"""What the rows are, beside actuals, in a planning system."""
NOWHERE = Account()
TERMS = "contract terms"


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time that an amount is for."""

    label: str
    """Its name: "2027-01", "2027-Q1", "2027", or the first day."""
    start: dt.date
    """First day."""
    end: dt.date
    """The day after the last."""


class FinanceRow(NamedTuple):
    """One amount with everything that finance files it under; texts are as the user gave them."""

    # A tuple is made four times as fast as a frozen dataclass, and a year has 60,000 of them.

    period: Period
    account: Account
    vendor: str
    service: str
    """"inference", "cascade, stage 1 of 2", "own GPUs" or "contract terms"."""
    task_class: str
    team: str
    model: str
    reasoning_effort: str
    requests: Decimal | None
    """Requests that reach the model: those of a policy's stages are not to be added up."""
    input_tokens: Decimal | None
    output_tokens: Decimal | None
    reasoning_tokens: Decimal | None
    amount: Decimal
    """Dollars and cents."""
    cost_basis: str
    """"list", "batch", "pool" (paid as GPUs), "gpu" or "contract"."""
    expected_accuracy: float | None
    option: str = ""
    """Option of the plan that it belongs to."""


@dataclass(frozen=True, slots=True)
class FinanceTable:
    """All rows of a plan, with what they share."""

    rows: tuple[FinanceRow, ...]
    """One amount each; they add up to the plan's bill, rounded to the cent."""
    scenario: str
    version: str
    """Day the plan was made."""
    assumptions_id: str
    """Digest of prices, measurements and assumptions: equal ones rest on the same."""
    unbooked: tuple[str, ...]
    """Classes, teams or vendors that no row of the ledger is for."""


def tabulate(
    plan: Plan, ledger: Ledger | None = None, *, scenario: str = SCENARIO, version: str = ""
) -> FinanceTable:
    """List a plan's amounts; InputError for a plan without lines."""
    if plan.totals is None:
        raise InputError(
            [Fault("the plan has no lines: no plan keeps every limit", advice=plan.verdict)]
        )
    with localcontext(EXACT):
        slices = [part for line in plan.lines for part in slice_line(line)]
        lumps = list_lumps(plan)
    cents = round_to_foot([*(part.usd for part in slices), *(lump.amount for lump in lumps)])
    unbooked: dict[str, None] = {}
    book = _Bookkeeper(ledger, unbooked)
    rows = list(_line_rows(plan, slices, cents, book))
    rows += [
        lump._replace(
            amount=amount,
            account=book.find("", "", lump.vendor, lump.model, lump.service),
        )
        for lump, amount in zip(lumps, cents[len(slices) :], strict=True)
    ]
    return FinanceTable(
        rows=tuple(rows),
        scenario=scenario,
        version=version or plan.created_at[:10],
        assumptions_id=digest_assumptions(plan),
        unbooked=tuple(unbooked),
    )


def list_periods(plan: Plan) -> list[Period]:
    """List the periods of a plan: the months of its horizon, or its one period."""
    months = sorted({line.month for line in plan.lines if line.month is not None})
    if months:
        return [period_of(plan, month) for month in months]
    return [period_of(plan, None)]


def period_of(plan: Plan, month: str | None) -> Period:
    """Give the period of a line's month, or the plan's own."""
    if month is not None:
        start = dt.date.fromisoformat(f"{month}-01")
        return Period(month, start, add_months(start, 1))
    start = dt.date.fromisoformat(plan.workload.starts)
    span = plan.workload.period
    return Period(_label(start, span), start, end_period(start, span) + dt.timedelta(days=1))


def split_into_months(period: Period) -> list[Period]:
    """Split a period of whole months; InputError for a day or a week."""
    months = (period.end.year - period.start.year) * 12 + period.end.month - period.start.month
    if months == 0 or add_months(period.start, months) != period.end:
        raise InputError(
            [
                Fault(
                    f"a plan from {period.start} to {period.end} has no months",
                    advice="plan with `period: month`, or leave out --pivot months",
                )
            ]
        )
    starts = [add_months(period.start, i) for i in range(months + 1)]
    return [Period(f"{start:%Y-%m}", start, end) for start, end in itertools.pairwise(starts)]


def digest_assumptions(plan: Plan) -> str:
    """Digest prices, measurements and assumptions, so that rows say what they rest on."""
    said = plan.model_dump_json(include={"prices", "evidence", "assumptions"})
    return f"plan-{hashlib.sha256(said.encode()).hexdigest()[:12]}"


def _label(start: dt.date, span: str) -> str:
    if span == "month":
        return f"{start:%Y-%m}"
    if span == "quarter" and start.day == 1 and start.month % 3 == 1:
        return f"{start.year}-Q{start.month // 3 + 1}"
    if span == "year" and (start.month, start.day) == (1, 1):
        return f"{start.year}"
    return start.isoformat()


@dataclass(frozen=True, slots=True)
class _Bookkeeper:
    """Finds accounts, and remembers what it found none for."""

    ledger: Ledger | None
    unbooked: dict[str, None]

    def find(self, task_class: str, team: str, vendor: str, model: str, service: str) -> Account:
        """Find the account of a row; an empty one where the ledger has none."""
        if self.ledger is None:
            return NOWHERE
        account = self.ledger.find(Booking(task_class, team, vendor, model))
        if account is None:
            self.unbooked[task_class or vendor or model or service] = None
            return NOWHERE
        return account


def _line_rows(
    plan: Plan, slices: Sequence[Slice], cents: Sequence[Decimal], book: _Bookkeeper
) -> Iterator[FinanceRow]:
    periods = {month: period_of(plan, month) for month in {line.month for line in plan.lines}}
    for part, amount in zip(slices, cents, strict=False):
        line = part.line
        team = line.team or ""
        yield FinanceRow(
            periods[line.month],
            book.find(line.task_class, team, part.provider, part.model, ""),
            part.provider,
            part.service,
            line.task_class,
            team,
            part.model,
            part.setting,
            part.requests,
            part.input_tokens,
            part.output_tokens,
            part.reasoning_tokens,
            amount,
            _basis(line),
            line.accuracy.mean,
            line.option,
        )


def _basis(line: Line) -> str:
    if line.pool:
        return "pool"
    return "batch" if line.batch else "list"


def list_lumps(plan: Plan) -> list[FinanceRow]:
    """List what is paid beside the lines, exact: own GPUs, tiers and commitments."""
    return [*_pool_rows(plan), *_term_rows(plan)]


def _pool_rows(plan: Plan) -> Iterator[FinanceRow]:
    """Own GPUs; those of a month of a horizon are named for it."""
    periods = list_periods(plan)
    for pool in plan.pools:
        mine = [period for period in periods if pool.name.endswith(f" {period.label}")]
        parts = _spread(pool.usd, len(mine or periods))
        for period, usd in zip(mine or periods, parts, strict=True):
            yield _lump(period, usd, vendor="", service="own GPUs", model=pool.name, basis="gpu")


def _term_rows(plan: Plan) -> Iterator[FinanceRow]:
    """Tiers and commitments: what a provider's bill differs by from list price."""
    assert plan.totals is not None
    left = plan.totals.usd - sum((line.usd for line in plan.lines), Decimal(0))
    left -= sum((pool.usd for pool in plan.pools), Decimal(0))
    for bill in plan.bills:
        terms = bill.usd - bill.usd_list
        left -= terms
        if terms:
            period = period_of(plan, bill.month)
            yield _lump(period, terms, vendor=bill.provider, service=TERMS, basis="contract")
    periods = list_periods(plan) if left else []
    for period, usd in zip(periods, _spread(left, len(periods)), strict=True):
        yield _lump(period, usd, vendor="", service=TERMS, basis="contract")


def _spread(amount: Decimal, count: int) -> list[Decimal]:
    """Spread an amount evenly, the last part taking what is left."""
    if not count:
        return []
    parts = [(amount / count).quantize(Decimal("1e-12"))] * (count - 1)
    return [*parts, amount - sum(parts, Decimal(0))]


def _lump(
    period: Period, usd: Decimal, *, vendor: str, service: str, basis: str, model: str = ""
) -> FinanceRow:
    return FinanceRow(
        period=period,
        account=NOWHERE,
        vendor=vendor,
        service=service,
        task_class="",
        team="",
        model=model,
        reasoning_effort="",
        requests=None,
        input_tokens=None,
        output_tokens=None,
        reasoning_tokens=None,
        amount=usd,
        cost_basis=basis,
        expected_accuracy=None,
    )

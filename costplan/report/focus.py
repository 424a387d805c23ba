"""The plan in the shape of FOCUS, the FinOps Open Cost and Usage Specification.

FOCUS is for charges that were made and has no row type for a plan: rows are usage of future
periods, marked by `x_Scenario`. They must never share a table with actuals without that filter.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext

from costplan.domain.money import EXACT, round_to_foot
from costplan.files.ledger import Account, Booking, Ledger
from costplan.plan.line_price import (
    Offer,
    find_price,
    group_prices,
    offer_of,
    rates_of,
    tokens_of,
)
from costplan.plan.model import Line, Plan, PriceUsed
from costplan.report.csv import Neutralizer, leave, neutralize
from costplan.report.finance import FinanceRow, Period, list_lumps, period_of
from costplan.report.slices import INFERENCE, Slice, slice_line

VERSIONS = ("1.2", "1.4")
COLUMNS = (
    "AvailabilityZone", "BilledCost", "BillingAccountId", "BillingAccountName",
    "BillingAccountType", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart",
    "CapacityReservationId", "CapacityReservationStatus", "ChargeCategory", "ChargeClass",
    "ChargeDescription", "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart",
    "CommitmentDiscountCategory", "CommitmentDiscountId", "CommitmentDiscountName",
    "CommitmentDiscountQuantity", "CommitmentDiscountStatus", "CommitmentDiscountType",
    "CommitmentDiscountUnit", "ConsumedQuantity", "ConsumedUnit", "ContractedCost",
    "ContractedUnitPrice", "EffectiveCost", "InvoiceId", "InvoiceIssuerName", "ListCost",
    "ListUnitPrice", "PricingCategory", "PricingCurrency", "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost", "PricingCurrencyListUnitPrice", "PricingQuantity",
    "PricingUnit", "ProviderName", "PublisherName", "RegionId", "RegionName", "ResourceId",
    "ResourceName", "ResourceType", "ServiceCategory", "ServiceName", "ServiceSubcategory",
    "SkuId", "SkuMeter", "SkuPriceDetails", "SkuPriceId", "SubAccountId", "SubAccountName",
    "SubAccountType", "Tags", "x_Scenario", "x_TaskClass", "x_ReasoningEffort",
)  # fmt: skip
RENAMED = {"ProviderName": "ServiceProviderName", "PublisherName": "HostProviderName"}
"""Columns of 1.2 that 1.4 has under another name."""
PER_MILLION = "1000000 Tokens"
ORGANISATION = "costplan"
"""Billing account where none is named: the column may not be empty."""
_PLACES = Decimal("1e-12")
METERS = (
    ("Input Tokens", "Input", "Uncached"),
    ("Cached Input Tokens", "Input", "Read"),
    ("Output Tokens", "Output", "Other"),
)
"""Meter, direction and cache action of what tokens are priced as."""


@dataclass(frozen=True, slots=True)
class Charge:
    """One row: a quantity of one meter at one unit price."""

    meter: str
    quantity: Decimal | None
    """In consumed units; None for a lump."""
    consumed_unit: str
    pricing_quantity: Decimal | None
    pricing_unit: str
    unit_price: Decimal | None
    cost: Decimal
    details: dict[str, str]
    """What the meter counts, for SkuPriceDetails."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How the file is to be written."""

    version: str = "1.2"
    """FOCUS version: one of VERSIONS."""
    scenario: str = "Plan"
    """Value of x_Scenario."""
    billing_account: str = ORGANISATION
    """Who is billed."""
    safe: bool = True
    """Whether texts that a spreadsheet would run are neutralised."""


def write_focus(plan: Plan, ledger: Ledger | None = None, shape: Shape | None = None) -> str:
    """Write a plan as FOCUS-shaped CSV, one row per line, stage and meter.

    Costs have 12 decimals and add up to the plan's bill.
    """
    shape = shape or Shape()
    clean = neutralize if shape.safe else leave
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    columns = COLUMNS if shape.version == "1.2" else tuple(RENAMED.get(c, c) for c in COLUMNS)
    writer.writerow(columns)
    with localcontext(EXACT):
        for row in _rows(plan, ledger or Ledger(), shape):
            writer.writerow([_write_cell(c, row.get(c, ""), clean) for c in COLUMNS])
    return out.getvalue()


_TEXTS = frozenset(COLUMNS) - {
    column for column in COLUMNS if column.endswith(("Cost", "Quantity", "Price", "Start", "End"))
}


def _write_cell(column: str, cell: str, clean: Neutralizer) -> str:
    if column not in _TEXTS:
        return cell
    # The specification allows ASCII only; columns of our own hold labels as they are.
    if not column.startswith("x_") and not cell.isascii():
        cell = cell.encode("ascii", "backslashreplace").decode("ascii")
    return clean(cell)


def _rows(plan: Plan, ledger: Ledger, shape: Shape) -> Iterator[dict[str, str]]:
    """Write every charge; costs are rounded so that they add up to the plan's bill."""
    drafts: list[tuple[Charge, Slice | FinanceRow]] = [*_line_charges(plan), *_lump_charges(plan)]
    costs = round_to_foot([charge.cost for charge, _ in drafts], _PLACES)
    periods = {month: period_of(plan, month) for month in {line.month for line in plan.lines}}
    for (charge, part), cost in zip(drafts, costs, strict=True):
        if isinstance(part, FinanceRow):
            booking = Booking("", "", part.vendor, part.model)
            cells = _lump_cells(charge, cost, part)
            period, provider = part.period, part.vendor
        else:
            line = part.line
            booking = Booking(line.task_class, line.team or "", part.provider, part.model)
            subject = ", ".join(
                said for said in (line.task_class, part.service) if said != INFERENCE
            )
            cells = _line_cells(part) | _charge_cells(charge, cost, part.model, subject)
            period, provider = periods[line.month], part.provider
        account = ledger.find(booking) or Account()
        yield _shared_cells(period, provider, account, shape) | cells


def _line_charges(plan: Plan) -> Iterator[tuple[Charge, Slice]]:
    prices = group_prices(plan.prices)
    for line in plan.lines:
        if line.pool:
            continue
        for part in slice_line(line):
            for charge in _charges(part, prices):
                yield charge, part


def _charges(part: Slice, prices: Mapping[Offer, Sequence[PriceUsed]]) -> list[Charge]:
    """Split a slice into its meters; into calls where its dollars follow no token price."""
    line = part.line
    place = None if line.stages else find_price(line, prices)
    if place is not None:
        charges = _meters(line, prices[offer_of(line)][place])
        if charges:
            # Tokens have 15 digits: what they miss of the line's dollars goes to the last meter.
            missing = line.usd - sum((charge.cost for charge in charges), Decimal(0))
            return [*charges[:-1], replace(charges[-1], cost=charges[-1].cost + missing)]
    details = {"x_ModelId": part.model}
    if part.service != INFERENCE:
        details["x_Policy"] = part.service
    return [
        Charge(
            meter="Requests",
            quantity=part.calls,
            consumed_unit="Requests",
            pricing_quantity=part.calls,
            pricing_unit="Requests",
            unit_price=part.usd / part.calls if part.calls else Decimal(0),
            cost=part.usd,
            details=details,
        )
    ]


def _meters(line: Line, price: PriceUsed) -> list[Charge]:
    tokens = tokens_of(line)
    if tokens is None:
        return []
    return [
        Charge(
            meter=meter,
            quantity=count,
            consumed_unit="Tokens",
            pricing_quantity=count.scaleb(-6),
            pricing_unit=PER_MILLION,
            unit_price=rate,
            cost=count.scaleb(-6) * rate,
            details={
                "x_ModelId": line.model,
                "x_TokenDirection": direction,
                "x_TokenCacheAction": action,
            },
        )
        for (meter, direction, action), count, rate in zip(
            METERS, tokens, rates_of(price), strict=True
        )
        if count
    ]


def _lump_charges(plan: Plan) -> Iterator[tuple[Charge, FinanceRow]]:
    for lump in list_lumps(plan):
        if not lump.amount:
            continue
        pool = next((pool for pool in plan.pools if pool.name == lump.model), None)
        gpus = None if pool is None else Decimal(pool.gpus)
        yield (
            Charge(
                meter="GPUs",
                quantity=gpus,
                consumed_unit="GPUs",
                pricing_quantity=gpus,
                pricing_unit="GPUs",
                unit_price=lump.amount / gpus if gpus else None,
                cost=lump.amount,
                details={"x_Pool": lump.model},
            ),
            lump,
        )


def _shared_cells(period: Period, provider: str, account: Account, shape: Shape) -> dict[str, str]:
    start, end = (f"{day.isoformat()}T00:00:00Z" for day in (period.start, period.end))
    vendor = provider or "own"
    tags = {"cost_center": account.cost_center, "gl_account": account.gl_account,
            "entity": account.entity}  # fmt: skip
    return {
        "BillingAccountId": shape.billing_account,
        "BillingAccountName": shape.billing_account,
        "BillingAccountType": "Organization",
        "BillingCurrency": "USD",
        "BillingPeriodStart": start,
        "BillingPeriodEnd": end,
        "ChargePeriodStart": start,
        "ChargePeriodEnd": end,
        "ChargeFrequency": "Usage-Based",
        "InvoiceIssuerName": vendor,
        "ProviderName": vendor,
        "PublisherName": vendor,
        "PricingCategory": "Standard",
        "PricingCurrency": "USD",
        "RegionId": "global",
        "RegionName": "Global",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": f"{vendor} API",
        "ServiceSubcategory": "Generative AI",
        "Tags": json.dumps({k: v for k, v in tags.items() if v}),
        "x_Scenario": shape.scenario,
    }


def _line_cells(part: Slice) -> dict[str, str]:
    line = part.line
    cells = {
        "ResourceId": part.model,
        "ResourceName": part.model,
        "ResourceType": "Model",
        "x_TaskClass": line.task_class,
        "x_ReasoningEffort": part.setting,
    }
    if line.team:
        cells |= {
            "SubAccountId": line.team,
            "SubAccountName": line.team,
            "SubAccountType": "Team",
        }
    return cells


def _charge_cells(charge: Charge, exact: Decimal, sku: str, subject: str) -> dict[str, str]:
    cost, price = _write(exact), _write(charge.unit_price)
    sku_id = f"{sku}-{charge.meter.lower().replace(' ', '-')}"
    return {
        "BilledCost": cost,
        "EffectiveCost": cost,
        "ListCost": cost,
        "ContractedCost": cost,
        "PricingCurrencyEffectiveCost": cost,
        "ListUnitPrice": price,
        "ContractedUnitPrice": price,
        "PricingCurrencyListUnitPrice": price,
        "PricingCurrencyContractedUnitPrice": price,
        "ChargeCategory": "Usage",
        "ChargeDescription": f"{charge.meter} of {sku}, {subject}",
        "ConsumedQuantity": _write(charge.quantity),
        "ConsumedUnit": charge.consumed_unit,
        "PricingQuantity": _write(charge.pricing_quantity),
        "PricingUnit": charge.pricing_unit,
        "SkuId": sku_id,
        "SkuMeter": charge.meter,
        "SkuPriceId": f"{sku_id}-{charge.pricing_unit.lower().replace(' ', '-')}",
        "SkuPriceDetails": json.dumps(charge.details),
    }


def _lump_cells(charge: Charge, cost: Decimal, lump: FinanceRow) -> dict[str, str]:
    if lump.cost_basis == "gpu":
        return _charge_cells(charge, cost, lump.model, "own GPUs") | {
            "ServiceCategory": "Compute",
            "ServiceSubcategory": "Other (Compute)",
            "ServiceName": "own GPUs",
        }
    said = _write(cost)
    return {
        "BilledCost": said,
        "EffectiveCost": said,
        "ContractedCost": said,
        "ListCost": "0.0",
        "PricingCurrencyEffectiveCost": said,
        "ChargeCategory": "Credit" if cost < 0 else "Adjustment",
        "ChargeDescription": "Tiers and commitments: the bill against list price",
        "PricingCategory": "",
        "ChargeFrequency": "Recurring",
    }


def _write(number: Decimal | None) -> str:
    """Write a decimal with a point and without exponent, as the specification asks."""
    if number is None:
        return ""
    text = f"{number.quantize(_PLACES):f}".rstrip("0")
    return f"{text}0" if text.endswith(".") else text

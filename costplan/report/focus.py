"""The plan in the shape of FOCUS, the FinOps Open Cost and Usage Specification.

FOCUS is for charges that were made and has no row type for a plan: rows are usage of future
periods, marked by `x_Scenario`. They must never share a table with actuals without that filter.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, localcontext

from costplan.domain.money import EXACT
from costplan.files.ledger import Account, Booking, Ledger
from costplan.plan.model import Line, Plan, PriceUsed
from costplan.report.csv import Neutralizer, leave, neutralize
from costplan.report.finance import FinanceRow, Period, period_of, tabulate

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
_NEAR = Decimal("1e-9")
"""How far tokens times price may be from a line's dollars, relative: tokens have 15 digits."""


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
    category: str = "Usage"


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
    """Write a plan as FOCUS-shaped CSV, one row per line and meter; costs are not rounded."""
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
    prices = _group_prices(plan)
    for line in plan.lines:
        if line.pool:
            continue
        account = (
            ledger.find(Booking(line.task_class, line.team or "", line.provider, line.model))
            or Account()
        )
        shared = _shared_cells(period_of(plan, line.month), line.provider, account, shape)
        shared |= _line_cells(line)
        for charge in _charges(line, prices.get((line.model, line.provider, line.batch), [])):
            yield shared | _charge_cells(charge, line.model, line.task_class)
    for lump in tabulate(plan).rows:
        if lump.cost_basis in {"gpu", "contract"} and lump.amount:
            yield from _lump_cells(plan, lump, ledger, shape)


def _group_prices(plan: Plan) -> dict[tuple[str, str, bool], list[PriceUsed]]:
    grouped: dict[tuple[str, str, bool], list[PriceUsed]] = {}
    for price in plan.prices:
        grouped.setdefault((price.model, price.provider, price.batch), []).append(price)
    return grouped


def _charges(line: Line, prices: list[PriceUsed]) -> list[Charge]:
    """Split a line into its meters; into requests where its dollars follow no token price."""
    for price in prices:
        charges = _meters(line, price)
        cost = sum((charge.cost for charge in charges), Decimal(0))
        if charges and abs(cost - line.usd) <= _NEAR * max(abs(line.usd), Decimal(1)):
            return charges
    return [
        Charge(
            meter="Requests",
            quantity=line.requests_planned,
            consumed_unit="Requests",
            pricing_quantity=line.requests_planned,
            pricing_unit="Requests",
            unit_price=line.usd_per_request,
            cost=line.usd,
            details={"x_ModelId": line.model},
        )
    ]


def _meters(line: Line, price: PriceUsed) -> list[Charge]:
    if line.input_tokens is None or line.output_tokens is None:
        return []
    cached = line.cached_input_tokens or Decimal(0)
    cached_price = price.cached_input_usd_per_mtok
    if cached_price is None:
        cached_price = price.input_usd_per_mtok
    meters = (
        ("Input Tokens", line.input_tokens - cached, price.input_usd_per_mtok, "Input", "Uncached"),
        ("Cached Input Tokens", cached, cached_price, "Input", "Read"),
        ("Output Tokens", line.output_tokens, price.output_usd_per_mtok, "Output", "Other"),
    )
    return [
        Charge(
            meter=meter,
            quantity=tokens,
            consumed_unit="Tokens",
            pricing_quantity=tokens.scaleb(-6),
            pricing_unit=PER_MILLION,
            unit_price=unit_price,
            cost=tokens.scaleb(-6) * unit_price,
            details={
                "x_ModelId": line.model,
                "x_TokenDirection": direction,
                "x_TokenCacheAction": action,
            },
        )
        for meter, tokens, unit_price, direction, action in meters
        if tokens
    ]


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


def _line_cells(line: Line) -> dict[str, str]:
    cells = {
        "ResourceId": line.model,
        "ResourceName": line.model,
        "ResourceType": "Model",
        "x_TaskClass": line.task_class,
        "x_ReasoningEffort": line.setting,
    }
    if line.team:
        cells |= {
            "SubAccountId": line.team,
            "SubAccountName": line.team,
            "SubAccountType": "Team",
        }
    return cells


def _charge_cells(charge: Charge, sku: str, subject: str) -> dict[str, str]:
    cost, price = _write(charge.cost), _write(charge.unit_price)
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
        "ChargeCategory": charge.category,
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


def _lump_cells(
    plan: Plan, lump: FinanceRow, ledger: Ledger, shape: Shape
) -> Iterator[dict[str, str]]:
    account = ledger.find(Booking("", "", lump.vendor, lump.model)) or Account()
    shared = _shared_cells(lump.period, lump.vendor, account, shape)
    if lump.cost_basis == "gpu":
        pool = next(pool for pool in plan.pools if pool.name == lump.model)
        gpus = Decimal(pool.gpus)
        charge = Charge(
            meter="GPUs",
            quantity=gpus,
            consumed_unit="GPUs",
            pricing_quantity=gpus,
            pricing_unit="GPUs",
            unit_price=lump.amount / gpus,
            cost=lump.amount,
            details={"x_Pool": pool.name},
        )
        yield (
            shared
            | _charge_cells(charge, pool.name, "own GPUs")
            | {
                "ServiceCategory": "Compute",
                "ServiceSubcategory": "Other (Compute)",
                "ServiceName": "own GPUs",
            }
        )
        return
    cost = _write(lump.amount)
    yield shared | {
        "BilledCost": cost,
        "EffectiveCost": cost,
        "ContractedCost": cost,
        "ListCost": "0.0",
        "PricingCurrencyEffectiveCost": cost,
        "ChargeCategory": "Credit" if lump.amount < 0 else "Adjustment",
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

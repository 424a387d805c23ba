"""The lines of a plan, its totals, and the prices and measurements it rests on."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

from costplan.domain.estimate import Estimate, Grade
from costplan.domain.money import EXACT
from costplan.domain.option import Option
from costplan.plan.allocation import Allocation
from costplan.plan.case import Case, ClassCase
from costplan.plan.insight import Accuracy, Interval
from costplan.plan.margin import usd_interval, usd_sd
from costplan.plan.model import EvidenceUsed, Line, PriceUsed, Totals, UsdInterval
from costplan.plan.problem import exact_accuracy

if TYPE_CHECKING:
    from costplan.evidence.belief import Forecast
    from costplan.solve.verify import Audit


def list_lines(allocation: Allocation) -> list[Line]:
    """Write a line for every class and chosen option."""
    with localcontext(EXACT):
        return [_line(part, option, share) for part, option, share in allocation.parts()]


def write_accuracy(estimate: Estimate) -> Accuracy:
    """Write an estimate as the plan holds it."""
    return Accuracy(
        mean=estimate.mean, low=estimate.low, high=estimate.high, grade=estimate.grade.value
    )


def _line(part: ClassCase, option: Option, share: Decimal) -> Line:
    task = part.task
    planned = task.requests * share

    def times(number: Decimal | None) -> Decimal | None:
        return None if number is None else number * planned

    return Line(
        task_class=task.name,
        month=part.month,
        team=task.team,
        requests=task.requests,
        option=option.name,
        model=option.model,
        provider=option.provider,
        setting=option.setting,
        policy=option.policy,
        share=share,
        requests_planned=planned,
        usd=planned * option.usd_per_request,
        usd_per_request=option.usd_per_request,
        value=planned * task.worth * exact_accuracy(option),
        accuracy=write_accuracy(option.accuracy),
        mean_latency_s=option.mean_latency_s,
        p95_latency_s=option.p95_latency_s,
        batch=option.price is not None and option.price.batch,
        input_tokens=times(option.input_tokens),
        cached_input_tokens=times(option.cached_input_tokens),
        output_tokens=times(option.output_tokens),
        reasoning_tokens=times(option.reasoning_tokens),
        pool=option.pool,
        notes=option.notes,
    )


def total_up(allocation: Allocation, audit: Audit, confidence: float) -> Totals:
    """Add the plan up, with intervals at a confidence."""
    low, high = usd_interval(audit.bill_usd, usd_sd(allocation), confidence)
    accuracy = 0.0 if audit.accuracy is None else float(audit.accuracy)
    forecast = forecast_accuracy(allocation, confidence)
    down, up = (
        (0.0, 0.0)
        if forecast is None
        else (forecast.mean - forecast.low, forecast.high - forecast.mean)
    )
    with localcontext(EXACT):
        return Totals(
            usd=audit.bill_usd,
            usd_list=sum(audit.list_usd.values(), Decimal(0)),
            requests=sum((part.task.requests for part in allocation.case.classes), Decimal(0)),
            value=audit.value,
            accuracy=Interval(
                mean=accuracy, low=max(0.0, accuracy - down), high=min(1.0, accuracy + up)
            ),
            mean_latency_s=audit.mean_latency_s,
            usd_interval=UsdInterval(low=low, high=high),
        )


def forecast_accuracy(
    allocation: Allocation, confidence: float, minus: Allocation | None = None
) -> Forecast | None:
    """Forecast the mean accuracy over all requests, or its difference to another allocation.

    Stated options are exact and left out of the forecast; None when nothing else is chosen.
    """
    shares, volumes = _uncertain_shares(allocation)
    others = None if minus is None else _uncertain_shares(minus)[0]
    if not shares and not others:
        return None
    requests = sum(float(part.task.requests) for part in allocation.case.classes)
    weights = {name: volume / requests for name, volume in volumes.items()}
    beliefs = allocation.case.beliefs
    return beliefs.forecast(shares, weights, confidence=confidence, minus=others)


def forecast_gain(allocation: Allocation, minus: Allocation) -> Forecast | None:
    """Forecast what an allocation brings more than another, as a share of all there is to win.

    Classes weigh as the objective weighs them: by requests, or by the worth of their answers.
    """
    case = allocation.case
    shares, volumes = _uncertain_shares(allocation)
    others, _ = _uncertain_shares(minus)
    if not shares and not others:
        return None
    by_worth = case.workload.objective.maximize == "value"
    worth = {part.task.name: float(part.task.worth) if by_worth else 1.0 for part in case.classes}
    whole = sum(volume * worth[name] for name, volume in volumes.items())
    if whole <= 0:
        return None
    weights = {name: volume * worth[name] / whole for name, volume in volumes.items()}
    return case.beliefs.forecast(shares, weights, minus=others)


def _uncertain_shares(
    allocation: Allocation,
) -> tuple[dict[str, dict[tuple[str, str], float]], dict[str, float]]:
    """Shares of estimated options by class, and requests by class, over all months."""
    volumes: dict[str, float] = {}
    for part in allocation.case.classes:
        if part.task.name in allocation.case.beliefs.classes:
            name = part.task.name
            volumes[name] = volumes.get(name, 0.0) + float(part.task.requests)
    shares: dict[str, dict[tuple[str, str], float]] = {}
    for part, option, share in allocation.parts():
        if option.accuracy.grade is not Grade.STATED and option.accuracy.low < option.accuracy.high:
            mine = shares.setdefault(part.task.name, {})
            key = (option.model, option.setting)
            whole = float(share * part.task.requests) / volumes[part.task.name]
            mine[key] = mine.get(key, 0.0) + whole
    return shares, volumes


def list_prices(case: Case) -> list[PriceUsed]:
    """List every price that an option of the case was computed from."""
    prices = {
        option.price: None
        for part in case.classes
        for option in part.options
        if option.price is not None
    }
    return [
        PriceUsed(
            model=price.model,
            provider=price.provider,
            as_of=price.as_of.isoformat(),
            input_usd_per_mtok=price.input_usd_per_mtok,
            cached_input_usd_per_mtok=price.cached_input_usd_per_mtok,
            output_usd_per_mtok=price.output_usd_per_mtok,
            batch=price.batch,
            source=price.source,
        )
        for price in prices
    ]


def list_evidence(allocation: Allocation) -> list[EvidenceUsed]:
    """List the measurements behind the chosen options."""
    return [
        EvidenceUsed(
            task_class=part.task.name,
            model=option.model,
            setting=option.setting,
            source=option.source.source,
            benchmark=option.source.benchmark,
            n_questions=option.source.n_questions,
            accuracy=option.source.accuracy,
            grade=option.accuracy.grade.value,
        )
        for part, option, _ in allocation.parts()
    ]

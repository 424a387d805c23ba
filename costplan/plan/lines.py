"""The lines of a plan, its totals, and the prices and measurements it rests on."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from itertools import chain
from typing import TYPE_CHECKING

from costplan.domain.estimate import Estimate
from costplan.domain.money import EXACT
from costplan.domain.option import Option
from costplan.plan.allocation import Allocation
from costplan.plan.borrowed import borrowed_by_class, widen_interval
from costplan.plan.case import Case, ClassCase
from costplan.plan.forecast import forecast_accuracy
from costplan.plan.insight import Accuracy, Interval
from costplan.plan.margin import usd_interval, usd_sd
from costplan.plan.model import EvidenceUsed, Line, PriceUsed, Totals, UsdInterval
from costplan.plan.problem import exact_accuracy
from costplan.plan.recipe import list_paths, list_stages, usd_per_right

if TYPE_CHECKING:
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
        usd_per_right=usd_per_right(option),
        calls=1.0 if option.recipe is None else option.recipe.calls,
        stages=list_stages(option),
        paths=list_paths(option),
        value=planned * task.worth * exact_accuracy(option),
        accuracy=write_accuracy(option.accuracy),
        mean_latency_s=option.mean_latency_s,
        p95_latency_s=option.p95_latency_s,
        batch=is_batch(option),
        input_tokens=times(option.input_tokens),
        cached_input_tokens=times(option.cached_input_tokens),
        output_tokens=times(option.output_tokens),
        reasoning_tokens=times(option.reasoning_tokens),
        pool=option.pool,
        notes=option.notes,
    )


def is_batch(option: Option) -> bool:
    """Tell whether the batch price is paid for all calls of an option."""
    if option.recipe is not None:
        return option.recipe.batch
    return option.price is not None and option.price.batch


def total_up(allocation: Allocation, audit: Audit, confidence: float) -> Totals:
    """Add the plan up, with intervals at a confidence."""
    sampled = usd_interval(audit.bill_usd, usd_sd(allocation), confidence)
    low, high = widen_interval(allocation, audit.bill_usd, sampled, confidence)
    accuracy = 0.0 if audit.accuracy is None else float(audit.accuracy)
    forecast = forecast_accuracy(allocation, confidence)
    sd = 0.0 if forecast is None else forecast.sd
    with localcontext(EXACT):
        return Totals(
            usd=audit.bill_usd,
            usd_list=sum(audit.list_usd.values(), Decimal(0)),
            requests=sum((part.task.requests for part in allocation.case.classes), Decimal(0)),
            value=audit.value,
            accuracy=spread_accuracy(accuracy, sd, confidence),
            mean_latency_s=audit.mean_latency_s,
            usd_interval=UsdInterval(low=low, high=high),
            usd_borrowed=sum(chain(*borrowed_by_class(allocation).values()), Decimal(0)),
        )


def spread_accuracy(mean: float, sd: float, confidence: float) -> Interval:
    """Give the interval of an accuracy, normal in logits: inside 0 to 1 without being cut off."""
    if sd <= 0 or not 0 < mean < 1:
        return Interval(mean=mean, low=mean, high=mean)
    from costplan.evidence.belief import two_sided

    reach = two_sided(confidence) * sd / (mean * (1 - mean))
    middle = math.log(mean / (1 - mean))
    low, high = (1 / (1 + math.exp(-(middle + way * reach))) for way in (-1, 1))
    return Interval(mean=mean, low=low, high=high)


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
        for part, option in _list_measured(allocation)
    ]


def _list_measured(allocation: Allocation) -> list[tuple[ClassCase, Option]]:
    """List the single settings behind the chosen options: a policy's are those it is made of."""
    found: dict[tuple[str, str], tuple[ClassCase, Option]] = {}
    for part, option, _ in allocation.parts():
        members = [option]
        if option.recipe is not None:
            made_of = {stage.setting for stage in option.recipe.stages}
            members = [
                single
                for single in part.options
                if single.recipe is None and (single.model, single.setting) in made_of
            ]
        found |= {(part.key, single.name): (part, single) for single in members}
    return list(found.values())

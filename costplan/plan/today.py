"""What a class does today where it may not go on with it: the option it has, or had."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace

from costplan.domain.errors import InputError
from costplan.domain.option import Exclusion, Option
from costplan.domain.workload import ModelFilter, TaskClass, Today
from costplan.plan.case import ClassCase
from costplan.plan.market import Market

Gatherer = Callable[[TaskClass, Market], Sequence[Option]]
"""Finds the options of a class on a market."""


def is_today(today: Today, option: Option) -> bool:
    """Tell whether an option is what is done today."""
    named = today.model == option.name or (option.recipe is None and today.model == option.model)
    return named and (today.setting is None or today.setting == option.setting)


def keep_today(part: ClassCase, market: Market, gather: Gatherer) -> ClassCase:
    """Keep what a class does today though it may not go on with it, and say why it may not.

    A model that ends by then has the price of its last day. The class stays as it is where today is
    one of its options, is not named, or cannot be found without a doubt.
    """
    today = part.task.today
    if today is None or any(is_today(today, option) for option in part.options):
        return part
    profile = market.profiles.get(today.model)
    if profile is None:
        return part
    models = ModelFilter(allow=(today.model,), insist=("*",))
    free = part.task.model_copy(update={"models": models, "policies": (), "options": ()})
    last_day = profile.ends and profile.ends - dt.timedelta(days=1)
    ended = last_day is not None and last_day < market.last_day
    there = market
    if last_day is not None and ended:
        there = replace(market, day=last_day, last_day=last_day, _found={})
    try:
        found = [option for option in gather(free, there) if is_today(today, option)]
    except InputError:
        return part
    if len(found) != 1:
        return part
    priced = f", at its prices of {last_day}" if ended else ""
    said = f"{found[0].name} in {part.task.name}: {_reason(part, found[0])}{priced}"
    return replace(part, today=found[0], today_note=said)


def _reason(part: ClassCase, option: Option) -> str:
    reasons: dict[str, Exclusion] = {e.name: e for e in part.exclusions}
    found = reasons.get(option.name) or reasons.get(option.model)
    return "it may not be used" if found is None else found.reason

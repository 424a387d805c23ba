"""Which stage of a policy a call was: told by its label, else by its model, else not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from costplan.domain.policy_text import split_policy
from costplan.plan.track_cells import Item
from costplan.plan.track_share import Share

Place = tuple[str, str | None]
"""Model, and its setting where calls tell it."""


def place_steps(shares: Sequence[Share], items: Sequence[Item]) -> tuple[list[Item], list[str]]:
    """Say of calls which are later steps of the class's cascades, where labels do not.

    Gives the items so, and the models whose calls may be the first step or a later one.
    """
    if not any(share.later or share.line.policy.startswith("cascade") for share in shares):
        # The buckets of a route are named as steps are, and are none.
        return [replace(item, later=False) for item in items], []
    if not any(share.later for share in shares):
        return list(items), []
    placed: list[Item] = []
    unplaced: dict[str, None] = {}
    for item in items:
        steps = {share.later for share in shares if _may_be(item, share)}
        if item.stepped or not item.cell.has_usage:
            placed.append(replace(item, later=item.later and steps != {False}))
            continue
        if len(steps) != 1:
            unplaced[item.model or "a model without a name"] = None
        placed.append(replace(item, later=steps == {True}))
    return placed, list(unplaced)


def _may_be(item: Item, share: Share) -> bool:
    if item.model != share.model:
        return False
    return item.setting is None or item.setting == share.setting


def count_requests(
    shares: Sequence[Share], items: Sequence[Item], told: Decimal | None, *, unplaced: Sequence[str]
) -> tuple[Decimal | None, bool]:
    """Count the requests of a class whose policies make several calls each.

    Says beside it whether the calls of some of them cannot be told from requests.
    """
    if unplaced:
        return told, True
    whole = [share for share in shares if share.line.requests_planned and not share.staged]
    kinds = {(split_policy(share.line.policy) or (share.line.policy,))[0] for share in whole}
    if not kinds & {"vote", "best_of", "cascade"}:
        return told, False
    counts = [item.cell.requests for item in items if not item.later and item.cell.has_usage]
    stepwise = kinds == {"cascade"} and any(item.later for item in items)
    if told is None and stepwise and None not in counts:
        told = Decimal(sum(count or 0 for count in counts))
    return told, True

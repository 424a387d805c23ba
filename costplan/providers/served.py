"""Whether the model and the tier that answered are the ones that were asked."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from costplan.providers.fault import CallError, Charge, FaultKind
from costplan.providers.reply import Answer
from costplan.providers.request import Request, Tier

TIERS = {
    "default": Tier.STANDARD,
    "standard": Tier.STANDARD,
    "on_demand": Tier.STANDARD,
    "flex": Tier.FLEX,
    "priority": Tier.PRIORITY,
    "fast": Tier.PRIORITY,
}
"""Every vendor's word for a tier."""

_DATED = re.compile(r"-(\d{8}|\d{4}-\d{2}-\d{2}|\d{3})$")


def check_served(request: Request, answer: Answer) -> None:
    """Raise CallError when another model or tier answered; unknown is accepted.

    A name is the same when it is equal, fits serves_as, or adds a date: "gpt-5-2025-08-07".
    """
    served = answer.served_model
    if served is not None and not _same(request, served):
        raise CallError(
            FaultKind.WRONG_MODEL,
            f"asked '{request.model}', but '{served}' answered",
            charge=Charge.CERTAIN,
        )
    tier = answer.served_tier
    if request.tier is None or tier is None:
        return
    if TIERS.get(tier.lower()) is not request.tier:
        raise CallError(
            FaultKind.WRONG_TIER,
            f"asked tier '{request.tier}' of {request.model}, but '{tier}' answered",
            charge=Charge.CERTAIN,
        )


def _same(request: Request, served: str) -> bool:
    """Compare names."""
    asked = request.model.removeprefix("models/")
    if served == asked or _DATED.sub("", served) == asked:
        return True
    return any(fnmatchcase(served, pattern) for pattern in request.serves_as)

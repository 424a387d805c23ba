"""What is expected of neighbouring settings of one model before anything is measured.

The next effort is taken to raise the accuracy of its model by 0.3 +- 0.5 logits: as if each step
had been measured once with that error. Measurements move it freely, down as well as up.
docs/method.md has what it was measured on.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from costplan.evidence.belief import Option
from costplan.evidence.logit import Anchor
from costplan.evidence.settings import EFFORTS, positions

RISE = 0.3
"""Expected rise from one measured setting to the next, in logits."""
RISE_SD = 0.5
"""How far a step may be from it, in logits."""
_NUMBER = re.compile(r"\d+(?:[.,_]\d+)*\s*k?\b", re.IGNORECASE)


def place_settings(options: Sequence[Option]) -> list[float | None]:
    """Place the settings of each model along its knob, from their names; None without an order.

    Settings that mix knobs, such as votes and thinking budgets, have no order.
    """
    places: list[float | None] = [None] * len(options)
    mine = defaultdict(list)
    for i, (model, _) in enumerate(options):
        mine[model].append(i)
    for at in mine.values():
        settings = [options[i][1] for i in at]
        found = positions(settings) if _one_knob(settings) else None
        for i, place in zip(at, found or (), strict=found is not None):
            places[i] = place
    return places


def tie_settings(
    options: Sequence[Option],
    places: Sequence[float | None],
    apart: frozenset[Option] = frozenset(),
) -> Anchor | None:
    """Give the expected steps as a Gaussian factor on the option effects; None without any.

    places: along each model's knob, None without an order. apart: options between which nothing
    is added, because their evidence holds the steps already.
    """
    levels: dict[str, dict[float, list[int]]] = defaultdict(lambda: defaultdict(list))
    for i, ((model, _), place) in enumerate(zip(options, places, strict=True)):
        if place is not None:
            levels[model][place].append(i)
    precision = np.zeros((len(options), len(options)))
    pull = np.zeros(len(options))
    for knob in levels.values():
        for below, above in pairwise(sorted(knob)):
            for i in knob[below]:
                for j in knob[above]:
                    if options[i] in apart and options[j] in apart:
                        continue
                    precision[[i, j], [i, j]] += 1 / RISE_SD**2
                    precision[[i, j], [j, i]] -= 1 / RISE_SD**2
                    pull[[i, j]] += np.array([-RISE, RISE]) / RISE_SD**2
    return Anchor(precision, pull) if precision.any() else None


def _one_knob(settings: Sequence[str]) -> bool:
    """Tell whether the settings are effort words or numbers of the same thing."""
    names = {" ".join(setting.lower().split()) for setting in settings}
    return len({_NUMBER.sub("#", name) for name in names if name not in EFFORTS}) <= 1

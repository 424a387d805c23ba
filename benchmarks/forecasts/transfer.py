"""Plan on one benchmark, judge on another that the same models answered.

    python -m benchmarks.forecasts.transfer outcomes.csv

Every class of the table is believed of every other one as if it were published: right answers and
counts only. The plan spends 10, 25, 50, 75 and 100 % of what the other class's best single option
costs, at that class's prices per question, and is judged on its answers. Points of accuracy, means
over ordered pairs and ceilings.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import numpy as np

from costplan.domain.measurement import Measurement
from costplan.evidence.belief import Belief
from costplan.evidence.cells import Cells, collect_answers, count_cells
from costplan.evidence.published import USUAL_TRANSFER, Transfer, read_curve
from costplan.files.outcomes import read_outcomes
from costplan.plan.backtest_fill import Ladder

CEILINGS = (0.1, 0.25, 0.5, 0.75, 1.0)
FEWEST = 15.0
"""Questions that both classes need of an option."""
CONFIDENCES = (0.8, 0.95)
LEVELS = (1.2, USUAL_TRANSFER.level)


@dataclass(frozen=True, slots=True)
class Judged:
    """A plan of one class, judged on another."""

    forecast: float
    """Accuracy that was forecast."""
    naive: float
    """What the first class's accuracies promise."""
    realised: float
    """Accuracy on the other class."""
    hindsight: float
    """Accuracy of the best plan of the other class itself."""
    alike: float
    """Mean accuracy over plans of one option each that the money pays for."""
    held: tuple[bool, ...]
    """Whether each confidence's interval held what came true."""


def judge_all(cells: Cells, transfer: Transfer) -> Iterator[Judged]:
    """Carry every class over to every other one."""
    for a, b in permutations(range(len(cells.classes)), 2):
        good = (cells.n[[a, b]] >= FEWEST).all(0) & np.isfinite(cells.usd[b])
        rows = [
            Measurement("own", "there", "", model, setting, int(cells.n[a, m]), cells.mean[a, m])
            for m, (model, setting) in enumerate(cells.options)
            if good[m]
        ]
        belief = read_curve(rows).carry_over(["here"], transfer).classes["here"]
        at = [cells.options.index(option) for option in belief.options]
        yield from _judge(
            belief, cells.mean[a, at], cells.mean[b, at], cells.usd[b, at], cells.n[b]
        )


def _judge(
    belief: Belief,
    there: np.ndarray[tuple[int], np.dtype[np.float64]],
    here: np.ndarray[tuple[int], np.dtype[np.float64]],
    usd: np.ndarray[tuple[int], np.dtype[np.float64]],
    n: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> Iterator[Judged]:
    one, usable = np.ones(1), np.ones((1, len(here)), dtype=bool)
    planned = Ladder(belief.mean[None], usd[None], usable, one)
    best = Ladder(here[None], usd[None], usable, one)
    for part in CEILINGS:
        ceiling = part * float(usd[int(here.argmax())])
        shares, known = planned.fill(ceiling), best.fill(ceiling)
        if shares is None or known is None:
            continue
        realised = float(shares[0] @ here)
        forecast = float(shares[0] @ belief.mean)
        held = []
        for confidence in CONFIDENCES:
            found = [
                belief.estimate(option, confidence, float(np.median(n)))
                for option in belief.options
            ]
            low = float(shares[0] @ [each.low for each in found])
            high = float(shares[0] @ [each.high for each in found])
            held.append(low <= realised <= high)
        yield Judged(
            forecast,
            float(shares[0] @ there),
            realised,
            float(known[0] @ here),
            float(here[usd <= ceiling].mean()),
            tuple(held),
        )


def main(path: Path) -> None:
    """Print one line per level that transfer is given."""
    cells = count_cells(collect_answers(read_outcomes(path)))
    print("level  plans  gap    |gap|  naive |gap|  realised  hindsight  any option  80 %   95 %")
    for level in LEVELS:
        judged = list(judge_all(cells, Transfer(level=level)))
        gap = np.array([each.forecast - each.realised for each in judged])
        naive = np.array([each.naive - each.realised for each in judged])
        held = np.array([each.held for each in judged]).mean(0)
        real, best, alike = (
            np.mean([getattr(each, name) for each in judged])
            for name in ("realised", "hindsight", "alike")
        )
        print(
            f"{level:5.1f} {len(judged):6} {100 * gap.mean():+6.1f} {100 * abs(gap).mean():7.1f} "
            f"{100 * abs(naive).mean():12.1f} {real:9.1%} {best:10.1%} {alike:11.1%} "
            f"{held[0]:6.0%} {held[1]:6.0%}"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""How far an option that answered few of the questions is from the others: plain means, and levels.

    python -m benchmarks.forecasts.levels

Of 40 questions of a class, drawn 200 times from the tables of real outcomes, half of the options
answer 10 and the others all. What is missed is the difference between one of the first and one of
the others on all questions of the table, as root mean square in points.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray

from benchmarks.probe.worlds import SHARED, World, keep_answers, list_answers, shared_worlds
from costplan.evidence.cells import Cells, count_cells
from costplan.evidence.logistic import Array

DRAWS = 200
QUESTIONS = 40
FEW = 10


def count_part(score: Array, few: NDArray[np.int64]) -> Cells:
    """Count answers to the questions, of which the options of few answered the first ones."""
    answers, place = list_answers([score], [np.zeros(score.shape)])
    return count_cells(keep_answers(answers, (place < FEW) | ~np.isin(answers.option, few)))


def measure_miss(world: World, draws: int, seed: int = 1) -> tuple[float, float]:
    """Give the root mean square error of plain means and of levels, 0 to 1."""
    rng = np.random.default_rng(seed)
    plain, level = [], []
    for block in world.score:
        if len(block) < QUESTIONS:
            continue
        whole = block.mean(0)
        for _ in range(draws):
            score = block[rng.permutation(len(block))[:QUESTIONS]]
            order = rng.permutation(score.shape[1])
            few, others = order[: len(order) // 2], order[len(order) // 2 :]
            cells = count_part(score, few)
            truth = whole[few][:, None] - whole[others]
            for found, errors in ((cells.mean[0], plain), (cells.level[0], level)):
                errors.append(((found[few][:, None] - found[others] - truth) ** 2).mean())
    return float(np.mean(plain) ** 0.5), float(np.mean(level) ** 0.5)


def main() -> None:
    """Print the table."""
    if not SHARED.exists():
        sys.exit("shared reference data is not beside the repository")
    print(f"{'':12} plain means    levels")
    for world in shared_worlds():
        plain, level = measure_miss(world, DRAWS)
        print(f"{world.name:12} {100 * plain:11.1f} {100 * level:9.1f}", flush=True)


if __name__ == "__main__":
    main()

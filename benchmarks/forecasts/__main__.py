"""How long forecasts and files take.

    python -m benchmarks.forecasts

Medians of five, in seconds, and as ratios to a named alternative in the same run.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from costplan.evidence.cells import Answers

SHARED = Path(__file__).parents[3] / "shared" / "data" / "outcomes" / "openhands_index.csv"
ROUNDS = 5


def measure(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Median seconds of a piece of work."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return median(taken)


def write_plainly(rows: int) -> str:
    """Write as many rows with the csv module alone."""
    out = io.StringIO()
    writer = csv.writer(out)
    for i in range(rows):
        writer.writerow([f"class {i}", "gpt-5.5", "high", i, f"{Decimal(i) / 3:.2f}"])
    return out.getvalue()


def draw_answers(classes: int = 57, options: int = 34, questions: int = 14_000) -> Answers:
    """Draw right-or-wrong answers of all options to all questions, with right-skewed costs."""
    import numpy as np

    from costplan.evidence.cells import Answers

    dice = np.random.default_rng(0)
    class_of = np.sort(np.arange(questions) % classes)
    question, option = np.divmod(np.arange(questions * options), options)
    logit = dice.normal(0, 1, (classes, options)) + dice.normal(0, 1.5, options)
    right = dice.random(len(question)) < 1 / (1 + np.exp(-logit[class_of[question], option]))
    usd = 0.01 * np.exp(0.1 * option + dice.normal(0, 0.7, len(question)))
    return Answers(
        classes=tuple(f"class {c:02}" for c in range(classes)),
        options=tuple((f"model {m:02}", "high") for m in range(options)),
        class_of=class_of,
        question=question,
        option=option,
        score=right.astype(float),
        usd=usd,
    )


def estimate_and_plan(answers: Answers) -> float:
    """Count, estimate and plan with its cost margin; the accuracy that is forecast."""
    import numpy as np

    from costplan.evidence.cells import count_cells
    from costplan.evidence.costs import margin_z, plan_usd
    from costplan.evidence.estimates import estimate_cells
    from costplan.plan.backtest_fill import Ladder, fill_with_margin

    cells = count_cells(answers)
    estimates = estimate_cells(cells)
    weights = np.full(len(answers.classes), 1 / len(answers.classes))
    ladder = Ladder(estimates.mean, cells.usd, estimates.usable, weights)
    ceiling = 0.5 * (ladder.base_usd + ladder.full_usd)
    z = margin_z(len(answers.options), 0.9, float(np.median(cells.questions)))
    shares, _ = fill_with_margin(
        ladder.fill,
        lambda x: plan_usd(x, weights, cells, estimates.cv2, cells.questions),
        ceiling,
        z,
        ladder.base_usd,
    )
    assert shares is not None
    return estimates.forecast(shares, weights).mean


def main() -> None:
    """Print the table."""
    print(f"{'work':44} {'median of 5':>12} {'ratio':>8}   against")
    answers = draw_answers()
    took = measure(lambda: estimate_and_plan(answers))
    print(
        f"{'34 options x 57 classes x 14,000 questions':44} {took:11.3f}s {took / 0.5:8.2f}   0.5 s"
    )
    if SHARED.exists():
        import pandas as pd

        from costplan.files.outcomes import read_outcomes
        from costplan.plan.backtest import run_backtest

        plain = measure(lambda: pd.read_csv(SHARED))
        read = measure(lambda: read_outcomes(SHARED))
        print(f"{'read 39,475 outcomes':44} {read:11.3f}s {read / plain:8.1f}   pandas.read_csv")
        outcomes = read_outcomes(SHARED)
        took = measure(lambda: run_backtest(outcomes, splits=20), rounds=3)
        print(f"{'backtest of 20 splits':44} {took:11.3f}s {took / read:8.1f}   reading the table")
    plain = measure(lambda: write_plainly(60_000))
    print(f"{'60,000 rows with csv alone':44} {plain:11.3f}s")


if __name__ == "__main__":
    main()

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


def main() -> None:
    """Print the table."""
    print(f"{'work':44} {'median of 5':>12} {'ratio':>8}   against")
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

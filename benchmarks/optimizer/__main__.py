"""Measure the optimizer against its bounds: python -m benchmarks.optimizer [--quick]."""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.optimizer.data import many_ceilings, problem
from costplan.solve import Problem, solve
from costplan.solve.amounts import list_spend
from costplan.solve.frontier import split_frontier

LIMIT_S = 60.0
"""Longest run of a rival; a ratio measured against a stopped one is a lower bound."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table."""

    name: str
    measured: str
    bound: str
    held: bool


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def rounds(n: int, works: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Time every work once per round, so that all of them see the same machine."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(n):
        for name, work in works.items():
            times[name].append(seconds(work))
    return times


def ratio(times: dict[str, list[float]], one: str, other: str) -> float:
    """Median over rounds of the ratio of two works."""
    return median(a / b for a, b in zip(times[one], times[other], strict=True))


def against_argsort(n_classes: int, n_rounds: int) -> Iterator[Line]:
    """Split plan, frontier and whole plan against one argsort of all options."""
    for kind in ("realistic", "weak", "strong"):
        whole = problem(kind, n_classes)
        split = replace(whole, splits=True)
        costs = list_spend(whole).floats(whole.first)
        works: dict[str, Callable[[], object]] = {
            "argsort": lambda costs=costs: np.argsort(costs),
            "split": lambda split=split: solve(split),
            "frontier": lambda split=split: split_frontier(split),
        }
        if kind == "realistic":
            works["whole"] = lambda whole=whole: solve(whole)
        times = rounds(n_rounds, works)
        size = f"{n_classes:,} x 20 {kind}"
        yield bounded(f"split plan / argsort, {size}", ratio(times, "split", "argsort"), 1.3)
        yield bounded(f"frontier / argsort, {size}", ratio(times, "frontier", "argsort"), 1.5)
        if kind == "realistic":
            yield bounded(f"whole plan / split plan, {size}", ratio(times, "whole", "split"), 3.0)
            gap = solve(whole).gap
            assert gap is not None
            yield Line(f"whole plan, gap, {size}", f"{gap:.1e}", "<= 1e-9", gap <= 1e-9)


def bounded(name: str, value: float, most: float) -> Line:
    return Line(name, f"{value:.2f}", f"<= {most}", value <= most)


def against_solvers(n_classes: int, limit_s: float, seeds: int) -> Iterator[Line]:
    """Whole plan, proven to 1e-9, against HiGHS and CBC at a gap of 1e-4: medians over seeds."""
    from benchmarks.optimizer.rivals import cbc_alone, highs_alone

    own, highs, cbc = [], [], []
    for seed in range(seeds):
        whole = problem("realistic", n_classes, seed=seed)
        gap = solve(whole).gap
        assert gap is not None
        assert gap <= 1e-9
        own.append(median(seconds(lambda whole=whole: solve(whole)) for _ in range(7)))
        highs.append(highs_alone(whole, 1e-4, limit_s)[0] / own[-1])
        cbc.append(cbc_alone(whole, 1e-4, limit_s)[0] / own[-1])
    size = f"{n_classes:,} x 20 realistic ({median(own) * 1000:.0f} ms)"
    for name, ratios, least in (("HiGHS", highs, 500), ("CBC", cbc, 200)):
        found = median(ratios)
        spread = f"{name} / whole plan, {size}, {min(ratios):.0f} to {max(ratios):.0f}"
        yield Line(spread, f"{found:.0f}", f">= {least}", found >= least)


def many(n_classes: int, limit_s: float, seeds: int) -> Iterator[Line]:
    """Six team budgets, two token capacities and a mean latency, to a gap of 1e-4."""
    from benchmarks.optimizer.rivals import highs_alone

    ratios, gaps = [], []
    for seed in range(seeds):
        case = many_ceilings(n_classes, seed=seed)
        start = time.perf_counter()
        found = solve(case, gap=1e-4, time_limit_s=limit_s)
        own = time.perf_counter() - start
        gaps.append(found.gap if found.gap is not None else float("inf"))
        ratios.append(own / highs_alone(case, 1e-4, limit_s)[0])
    size = f"{n_classes:,} x 20, 9 ceilings"
    yield bounded(f"plan / HiGHS alone, {size}", median(ratios), 1.0)
    yield Line(f"worst gap, {size}", f"{max(gaps):.1e}", "<= 1e-4", max(gaps) <= 1e-4)


def strongly_correlated(n_classes: int, most_s: float, most_gap: float) -> Iterator[Line]:
    """Time and proven gap where proofs are hard."""
    for kind in ("strong", "flat", "steep", "steep-volumes"):
        whole = problem(kind, n_classes)
        start = time.perf_counter()
        found = solve(whole)
        taken = time.perf_counter() - start
        assert found.gap is not None
        name = f"{n_classes:,} x 20 {kind}"
        yield Line(f"seconds, {name}", f"{taken:.2f}", f"<= {most_s:g}", taken <= most_s)
        held = found.gap <= most_gap
        yield Line(f"proven gap, {name}", f"{found.gap:.1e}", f"<= {most_gap:g}", held)


def memory_mb(n_classes: int) -> float:
    """Peak memory of a process of its own that plans with and without splits."""
    command = [sys.executable, "-m", "benchmarks.optimizer", "--peak", str(n_classes)]
    root = Path(__file__).parents[2]
    out = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    return float(json.loads(out)["mb"])


def peak(n_classes: int) -> None:
    """Plan and print the peak memory of this process, problem included, its builder not."""
    case: Problem = problem("realistic", n_classes)
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    solve(replace(case, splits=True))
    solve(case)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    kilobytes = int(status.split("VmHWM:")[1].split()[0])
    print(json.dumps({"mb": kilobytes / 1024}))


def lines(quick: bool) -> Iterator[Line]:
    size, middle = (20_000, 2_000) if quick else (100_000, 10_000)
    limit_s = 20.0 if quick else LIMIT_S
    yield from against_argsort(size, 3 if quick else 9)
    mb = memory_mb(size)
    yield Line(f"peak memory in MB, {size:,} x 20", f"{mb:.0f}", "<= 250", mb <= 250)
    yield from against_solvers(middle, limit_s, 1 if quick else 5)
    yield from many(middle, limit_s, 1 if quick else 3)
    yield from strongly_correlated(1_000, 2.0, 2e-7)
    if not quick:
        yield from strongly_correlated(10_000, 10.0, 4e-9)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.optimizer", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, no claim about bounds")
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        peak(options.peak)
        return
    print(f"{'measure':62} {'value':>9} {'bound':>9}", flush=True)
    for line in lines(options.quick):
        mark = "" if line.held else "  missed"
        print(f"{line.name:62} {line.measured:>9} {line.bound:>9}{mark}", flush=True)


if __name__ == "__main__":
    main()

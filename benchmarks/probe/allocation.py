"""How many dollars the schedule needs for as good a plan as even asking.

    python -m benchmarks.probe.allocation          # the tables of real outcomes
    python -m benchmarks.probe.allocation --drawn  # drawn tables: the ones to tune on

The constants of the schedule are chosen on drawn tables alone; what is reported are tables of
real outcomes, which no constant has seen since.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from multiprocessing import Pool

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: the work is split by processes

import numpy as np

from benchmarks.probe.race import Race, race
from benchmarks.probe.worlds import SHARED, World, drawn_world, parts, rough_world, shared_worlds

FRACTIONS = (0.3, 0.6)
"""Ceilings, as parts of what the best single option costs."""
OPTIONS = (2, 3, 5, 10, 20)
SEED = 20261125
MANY = 10
"""Options from which there are many."""
LOSS = 1.1
"""Ratio from which a comparison is lost by more than a tenth."""


def shared_parts(sets: int, seed: int) -> Iterator[World]:
    """Give the tables whole, and sets of their options."""
    for world in shared_worlds():
        yield world
        for options in OPTIONS:
            if options < world.score[0].shape[1]:
                yield from parts(world, options, sets, seed)


def drawn(sets: int, seed: int) -> Iterator[World]:
    """Give drawn tables, smooth and rough ones."""
    for options in (*OPTIONS, 32):
        for number in range(sets):
            yield drawn_world(seed + number, options)
            yield rough_world(seed + number, options)


def run(job: tuple[World, float, int, int, int]) -> Race:
    """Run a race."""
    world, fraction, reps, seed, at_once = job
    return race(world, fraction, reps, seed, at_once=at_once)


def spread(values: list[float]) -> str:
    """Give median and quartiles over races, and how many are lost."""
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    return f"{middle:6.2f} {low:5.2f}-{high:4.2f} {np.mean(np.array(values) > LOSS):6.0%}"


def line(name: str, races: list[Race]) -> str:
    """Sum up races: each counts with the median over its amounts of dollars."""
    told = [found for found in races if found.ratios]
    stops = [found.stop for found in races]
    if not told:
        return f"{name:24}  even asking gains nothing after 15 questions"
    return (
        f"{name:24} {len(told):5} {spread([float(np.median(f.ratios)) for f in told])} |"
        f" {spread([float(np.median(f.control)) for f in told])} |"
        f" {np.mean([stop.usd for stop in stops]):8.3f}"
        f" {np.mean([stop.usd_part for stop in stops]):5.0%}"
        f" {100 * np.mean([stop.lost for stop in stops]):6.2f}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--drawn", action="store_true")
    parser.add_argument("--reps", type=int, default=10)
    parser.add_argument("--sets", type=int, default=1)
    parser.add_argument("--options", type=int, nargs="+")
    parser.add_argument("--at-once", type=int, default=1, help="rounds under way, 1 or 2")
    parser.add_argument("--seed", type=int, default=SEED, help="of sets of options and of orders")
    parser.add_argument("--cores", type=int, default=2)
    chosen = parser.parse_args()
    if not chosen.drawn and not SHARED.exists():
        sys.exit("shared reference data is not beside the repository")
    worlds = list((drawn if chosen.drawn else shared_parts)(chosen.sets, chosen.seed))
    if chosen.options:
        worlds = [world for world in worlds if world.score[0].shape[1] in chosen.options]
    jobs = [
        (world, fraction, chosen.reps, chosen.seed, chosen.at_once)
        for world in worlds
        for fraction in FRACTIONS
    ]
    print(
        f"{'':24} races  ratio  middle half  lost |  even in other orders  |"
        "  stop: usd, of all, points lost",
        flush=True,
    )
    races: list[Race] = []
    with Pool(chosen.cores) as pool:
        for found in pool.imap(run, jobs):
            races.append(found)
            print(line(f"{found.world} at {found.fraction}", [found]), file=sys.stderr, flush=True)
    for options in sorted({found.options for found in races}):
        print(line(f"{options} options", [f for f in races if f.options == options]))
    many = [found for found in races if found.options >= MANY]
    if many:
        print(line(f"{MANY} options or more", many))
    for name in dict.fromkeys(found.world for found in races):
        if " of " not in name and not chosen.drawn:
            print(line(name, [f for f in races if f.world == name]))


if __name__ == "__main__":
    main()

"""Every kind of ceiling, alone, in pairs and in triples, through a workload as a user writes it.

The judge knows neither solver: it tries all plans of one option per class in fractions, and for
splits all corners of the linear program, once per purchase of GPUs, tier and signed commitment.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import yaml

from costplan.plan.build import build_plan
from costplan.plan.load import load
from costplan.plan.problem import pose
from costplan.solve import Solution, solve

KINDS = (
    "usd",
    "team_usd",
    "provider_usd",
    "tokens",
    "min_share",
    "max_share",
    "latency",
    "team_latency",
    "p95",
    "min_accuracy",
    "pool",
    "tiers",
    "commitment",
)
GOALS = ("value", "accuracy", "net_value", "cost")
CLASSES, OPTIONS = 3, 3
Plan = tuple[int, ...]


@dataclass(frozen=True)
class Row:
    """A linear limit over all shares: sum of amounts is at most (or at least) a limit."""

    amounts: tuple[Fraction, ...]
    limit: Fraction
    at_least: bool = False


@dataclass(frozen=True)
class Way:
    """What holds once GPUs, tier and commitment are settled: dollars per share, more rows."""

    usd: tuple[Fraction, ...]
    fixed: Fraction
    rows: tuple[Row, ...]


def number(value: object) -> Fraction:
    """Read a number as it stands in the file."""
    return Fraction(str(value))


class World:
    """A workload with the arithmetic of its format, in fractions."""

    def __init__(self, kinds: tuple[str, ...], goal: str, splits: bool, seed: int) -> None:
        draw = self.draw = random.Random(f"{kinds} {goal} {splits} {seed}")
        self.kinds, self.goal, self.splits = kinds, goal, splits
        self.worth_key = "value_usd" if goal == "net_value" else "weight"
        self.classes = [
            {
                "name": f"c{c}",
                "team": draw.choice("ab"),
                "requests": draw.choice([20, 300, 7001]),
                self.worth_key: draw.choice([0.5, 1, 12]),
                "options": [self.option(o) for o in range(OPTIONS)],
            }
            for c in range(CLASSES)
        ]
        self.flat = [(c, option) for c in self.classes for option in c["options"]]
        self.volume = [number(c["requests"]) for c, _ in self.flat]
        self.worth = [
            n * number(c[self.worth_key]) * number(o["accuracy"])
            for n, (c, o) in zip(self.volume, self.flat, strict=True)
        ]
        self.all = sum((number(c["requests"]) for c in self.classes), Fraction(0))
        self.rows: list[Row] = []
        self.shut: set[int] = set()
        self.text: dict = {
            "name": "sweep",
            "period": "month",
            "splits": splits,
            "ceilings": {},
            "classes": self.classes,
        }
        self.pool = self.tiers = self.signed = None
        for kind in sorted(kinds, key=lambda k: k not in {"pool", "tiers", "commitment"}):
            getattr(self, f"set_{kind}")()
        self.set_goal()

    def option(self, o: int) -> dict:
        draw = self.draw
        pooled = "pool" in self.kinds and o == 2
        return {
            "name": f"o{o}",
            "model": f"m{o}",
            "provider": draw.choice("pq"),
            "accuracy": round(0.2 + 0.25 * o + draw.randint(0, 30) / 100, 2),
            "usd_per_request": round(0.01 * 4**o * draw.uniform(0.6, 1.6), 4),
            "mean_latency_s": draw.choice([0.5, 2, 3.5, 9]) + o,
            "p95_latency_s": draw.choice([12, 18, 31]),
            "tokens_per_request": draw.choice([120, 450, 2000]),
        } | ({"pool": "g"} if pooled else {})

    def per(self, read, keep=lambda c, o: True) -> tuple[Fraction, ...]:
        """List what the whole class on each option uses of something."""
        return tuple(
            n * read(o) if keep(c, o) else Fraction(0)
            for n, (c, o) in zip(self.volume, self.flat, strict=True)
        )

    def near(self, amounts: tuple[Fraction, ...], places: int = 2, per: Fraction = Fraction(1)):
        """Draw a limit that some plan just meets, or misses a little, or keeps with room."""
        picks = [c * OPTIONS + self.draw.randrange(OPTIONS) for c in range(CLASSES)]
        used = sum(amounts[o] for o in picks) / per
        used *= Fraction(self.draw.choice(["1", "1", "0.9", "1.1", "1.3"]))
        scaled = used * 10**places
        return Decimal(math.ceil(scaled)).scaleb(-places)

    def limit(self, place: tuple[str, ...], amounts, value: Decimal, *, floor=False, per=1) -> None:
        node = self.text["ceilings"]
        for key in place[:-1]:
            node = node.setdefault(key, {})
        node[place[-1]] = float(value)
        self.rows.append(Row(amounts, number(float(value)) * per, floor))

    def list_usd(self, keep=lambda c, o: True) -> tuple[Fraction, ...]:
        return self.per(
            lambda o: number(o["usd_per_request"]), lambda c, o: "pool" not in o and keep(c, o)
        )

    def set_usd(self) -> None:
        spend = self.list_usd()
        self.text["ceilings"]["usd"] = float(self.near(spend) + (50 if self.pool else 0))

    def set_team_usd(self) -> None:
        spend = self.list_usd(lambda c, o: c["team"] == "a")
        self.limit(("teams", "a", "usd"), spend, self.near(spend))

    def set_provider_usd(self) -> None:
        spend = self.list_usd(lambda c, o: o["provider"] == "p")
        self.limit(("providers", "p", "usd"), spend, self.near(spend))

    def set_tokens(self) -> None:
        used = self.per(
            lambda o: number(o["tokens_per_request"]),
            lambda c, o: o["provider"] == "q" and "pool" not in o,
        )
        self.limit(("providers", "q", "tokens"), used, self.near(used, 0))

    def share(self, provider: str) -> tuple[Fraction, ...]:
        return self.per(lambda o: Fraction(1), lambda c, o: o["provider"] == provider)

    def set_min_share(self) -> None:
        least = self.draw.choice([Decimal("0.02"), Decimal("0.3"), Decimal("0.6")])
        self.limit(
            ("providers", "q", "min_share"), self.share("q"), least, floor=True, per=self.all
        )

    def set_max_share(self) -> None:
        most = self.draw.choice([Decimal("0.2"), Decimal("0.5"), Decimal("0.97")])
        self.limit(("providers", "p", "max_share"), self.share("p"), most, per=self.all)

    def set_latency(self) -> None:
        used = self.per(lambda o: number(o["mean_latency_s"]))
        self.limit(("mean_latency_s",), used, self.near(used, 3, self.all), per=self.all)

    def set_team_latency(self) -> None:
        mine = sum((number(c["requests"]) for c in self.classes if c["team"] == "a"), Fraction(0))
        if not mine:
            return
        used = self.per(lambda o: number(o["mean_latency_s"]), lambda c, o: c["team"] == "a")
        place = ("teams", "a", "mean_latency_s")
        self.limit(place, used, self.near(used, 3, mine), per=mine)

    def set_p95(self) -> None:
        most = self.classes[1]["max_p95_latency_s"] = self.draw.choice([12, 18, 20])
        self.shut |= {
            i
            for i, (c, o) in enumerate(self.flat)
            if c is self.classes[1] and o["p95_latency_s"] > most
        }

    def set_min_accuracy(self) -> None:
        floor = self.classes[0]["min_accuracy"] = self.draw.choice([0.3, 0.55, 0.8])
        mine = [c is self.classes[0] for c, _ in self.flat]
        if self.splits:
            amounts = tuple(
                number(o["accuracy"]) if m else Fraction(0)
                for m, (_, o) in zip(mine, self.flat, strict=True)
            )
            self.rows.append(Row(amounts, number(floor), at_least=True))
            return
        self.shut |= {i for i, (_, o) in enumerate(self.flat) if mine[i] and o["accuracy"] < floor}

    def set_pool(self) -> None:
        used = self.per(lambda o: number(o["tokens_per_request"]), lambda c, o: "pool" in o)
        size = max(1, round(float(max(used)) / 2))
        self.text["pools"] = {"g": {"usd_per_gpu": 25, "tokens_per_gpu": size, "max_gpus": 3}}
        self.pool = (used, Fraction(25), Fraction(size), 3)

    def contract(self) -> dict:
        return self.text.setdefault("contracts", {}).setdefault("p", {})

    def set_tiers(self) -> None:
        ends = [40, 200, None]
        rates = self.draw.choice([["1", "0.8", "0.5"], ["1", "1.25", "0.75"]])
        self.contract()["tiers"] = [
            {"up_to_usd": e, "multiplier": float(r)} for e, r in zip(ends, rates, strict=True)
        ]
        self.tiers = [
            (None if e is None else Fraction(e), Fraction(r))
            for e, r in zip(ends, rates, strict=True)
        ]

    def set_commitment(self) -> None:
        self.contract()["commitment"] = {"usd": 60, "multiplier": 0.7}
        self.signed = (Fraction(60), Fraction("0.7"))

    def set_goal(self) -> None:
        if self.goal != "cost":
            self.text["objective"] = {"maximize": self.goal}
            return
        target = self.near(tuple(self.worth), 1)
        self.text["objective"] = {"minimize": "cost", "target_value": float(target)}
        self.rows.append(Row(tuple(self.worth), number(float(target)), at_least=True))

    def ways(self) -> Iterator[Way]:
        """Run through the purchases of GPUs and what p's list spend may be billed as."""
        mine = self.list_usd(lambda c, o: o["provider"] == "p")
        rest = self.list_usd(lambda c, o: o["provider"] != "p")
        for (bought, gpus), (rate, fixed, rows) in itertools.product(
            self.purchases(), self.bills(mine)
        ):
            usd = tuple(a * rate + b for a, b in zip(mine, rest, strict=True))
            every = (*gpus, *rows)
            if "usd" in self.text["ceilings"]:
                most = number(self.text["ceilings"]["usd"])
                every = (*every, Row(usd, most - fixed - bought))
            yield Way(usd, fixed + bought, every)

    def purchases(self) -> Iterator[tuple[Fraction, tuple[Row, ...]]]:
        if self.pool is None:
            yield Fraction(0), ()
            return
        used, price, size, most = self.pool
        for n in range(most + 1):
            yield n * price, (Row(used, n * size),)

    def bills(self, mine) -> Iterator[tuple[Fraction, Fraction, tuple[Row, ...]]]:
        """Give rate, fixed dollars and the range of list spend of every way to bill it.

        Being billed dearer than need be is never better, so ways may overlap.
        """
        low, paid = Fraction(0), Fraction(0)
        for end, rate in self.tiers or [(None, Fraction(1))]:
            above = (Row(mine, low, at_least=True),) if low else ()
            below = () if end is None else (Row(mine, end),)
            yield rate, paid - rate * low, (*above, *below)
            if end is not None:
                low, paid = end, paid + rate * (end - low)
        if self.signed is not None:
            least, rate = self.signed
            yield Fraction(0), least, (Row(mine, least / rate),)
            yield rate, Fraction(0), (Row(mine, least / rate, at_least=True),)

    def costs(self, way: Way) -> tuple[list[Fraction], Fraction]:
        """What is made small, per share, and its fixed part."""
        if self.goal == "cost":
            return list(way.usd), way.fixed
        if self.goal == "accuracy":
            right = self.per(lambda o: number(o["accuracy"]))
            return [-x / self.all for x in right], Fraction(0)
        if self.goal == "value":
            return [-x for x in self.worth], Fraction(0)
        return [u - x for u, x in zip(way.usd, self.worth, strict=True)], way.fixed

    def whole_best(self) -> Fraction | None:
        """Try every plan of one option per class."""
        best = None
        ways = [(way, *self.costs(way)) for way in self.ways()]
        for plan in itertools.product(range(OPTIONS), repeat=CLASSES):
            at = [c * OPTIONS + o for c, o in enumerate(plan)]
            if self.shut & set(at):
                continue
            for way, costs, fixed in ways:
                if all(keeps(row, at) for row in (*self.rows, *way.rows)):
                    found = sum(costs[i] for i in at) + fixed
                    best = found if best is None else min(best, found)
        return best

    def split_best(self, slack: float = 0.0) -> float | None:
        """Try every corner of every way's linear program."""
        best = None
        for way in self.ways():
            costs, fixed = self.costs(way)
            found = best_corner(costs, (*self.rows, *way.rows), self.shut, slack)
            if found is not None:
                total = found + float(fixed)
                best = total if best is None else min(best, total)
        return best


def keeps(row: Row, at: list[int]) -> bool:
    used = sum(row.amounts[i] for i in at)
    return used >= row.limit if row.at_least else used <= row.limit


def holds(world: World, found: Solution) -> bool:
    """Tell whether a plan keeps every limit to the last digit, billed in one of the ways."""
    shares = [Fraction(0)] * len(world.flat)
    for picks in found.picks:
        for option, share in picks:
            shares[option] = Fraction(share)

    def fits(row: Row) -> bool:
        used = sum(a * s for a, s in zip(row.amounts, shares, strict=True))
        return used >= row.limit if row.at_least else used <= row.limit

    each = [sum(shares[c * OPTIONS : (c + 1) * OPTIONS]) for c in range(CLASSES)]
    shut = any(shares[i] for i in world.shut)
    return (
        each == [1] * CLASSES
        and not shut
        and any(all(fits(row) for row in (*world.rows, *way.rows)) for way in world.ways())
    )


def best_corner(costs, rows, shut: set[int], slack: float) -> float | None:
    """Find the least cost over all corners: every basis is tried."""
    open_at = [i for i in range(len(costs)) if i not in shut]
    n, k = len(open_at), len(rows)
    a = np.zeros((CLASSES + k, n + k))
    b = np.ones(CLASSES + k)
    for j, i in enumerate(open_at):
        a[i // OPTIONS, j] = 1.0
    for r, row in enumerate(rows):
        sign = -1.0 if row.at_least else 1.0
        size = float(max((abs(x) for x in row.amounts), default=0)) or 1.0
        a[CLASSES + r, :n] = [sign * float(row.amounts[i]) / size for i in open_at]
        a[CLASSES + r, n + r] = 1.0
        b[CLASSES + r] = sign * float(row.limit) / size + slack
    bases = np.array(list(itertools.combinations(range(n + k), CLASSES + k)))
    if bases.size == 0:
        return None
    squares = np.moveaxis(a[:, bases], 1, 0)
    sound = np.abs(np.linalg.det(squares)) > 1e-12
    x = np.linalg.solve(squares[sound], np.broadcast_to(b[:, None], (int(sound.sum()), len(b), 1)))
    x = x[:, :, 0]
    fits = (x >= -1e-10).all(axis=1)
    if not fits.any():
        return None
    value = np.append([float(costs[i]) for i in open_at], np.zeros(k))
    return float((value[bases[sound][fits]] * x[fits]).sum(axis=1).min())


def draw_worlds(n: int, seed: int) -> Iterator[World]:
    """Draw kinds alone, in pairs and in triples, each with a goal, with and without splits."""
    draw = random.Random(seed)
    sets = [(kind,) for kind in KINDS]
    sets += [tuple(draw.sample(KINDS, draw.choice([2, 3]))) for _ in range(max(0, n - len(sets)))]
    for i, kinds in enumerate(sets[:n]):
        yield World(kinds, draw.choice(GOALS), bool(i % 2) ^ bool(seed % 2), seed)


def check(world: World, file: Path, *, whole_command: bool) -> str:
    """Plan a world through its file and hold status, objective and limits against the judge."""
    file.write_text(yaml.safe_dump(world.text, sort_keys=False), encoding="utf-8")
    case = load(file)
    if whole_command:
        plan = build_plan(case)
        status, value = plan.status, plan.objective.value
    else:
        found = solve(pose(case))
        assert not found.has_plan or holds(world, found)
        status = found.status.value
        value = None if found.objective is None else float(found.objective)
    if world.splits:
        truth, tight, wide = (world.split_best(slack) for slack in (0.0, -1e-8, 1e-8))
        if (tight is None) != (wide is None):
            return "edge"
    else:
        exact = world.whole_best()
        truth = None if exact is None else float(exact)
    said = (world.kinds, world.goal, world.splits, file.read_text(encoding="utf-8"))
    if truth is None:
        assert status == "infeasible", said
        return "infeasible"
    assert status == "optimal", said
    aimed = truth if world.goal == "cost" else -truth
    assert value == pytest.approx(aimed, rel=1e-7 if world.splits else 1e-12, abs=1e-7), said
    return "optimal"


@pytest.mark.parametrize("seed", [0, 1])
def test_every_ceiling_alone_and_together_gives_the_true_optimum(tmp_path, seed):
    """Status and objective are the judge's for every kind of ceiling, alone and combined."""
    ends = [
        check(world, tmp_path / "workload.yaml", whole_command=i % 12 == 0)
        for i, world in enumerate(draw_worlds(30, seed))
    ]
    assert ends.count("optimal") > 12
    assert ends.count("infeasible") > 1

"""The bill where it is not plain list spend: discount curves and GPUs in whole numbers."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from costplan.solve.amounts import Amount, Combination, Row, per_request
from costplan.solve.decimals import Floats, Ints
from costplan.solve.linear import LinearProgram, Usable
from costplan.solve.pricing import Segment, segments
from costplan.solve.problem import Problem
from costplan.solve.shared import pool_tokens_at, usd_at, usd_outside
from costplan.solve.sheet import Sheet, scale_of


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A provider's list spend and what it costs, piece by piece."""

    provider: str
    spend: Amount
    most: Fraction
    """No plan spends more with it."""
    pieces: list[Segment]


@dataclass(frozen=True, slots=True, eq=False)
class Bill:
    """All parts of the bill."""

    plain: Amount
    """List spend of providers without a contract."""
    curves: tuple[Curve, ...]
    pool_tokens: tuple[Amount, ...]

    @classmethod
    def of(cls, problem: Problem, usable: Usable) -> Bill:
        """Take the bill of a problem apart."""
        names = [name for name in problem.provider_names if name in problem.contracts]
        curves = []
        for name in names:
            spend = per_request(problem, *usd_at(problem, name))
            most = _most(problem, spend, usable)
            curves.append(Curve(name, spend, most, segments(problem.contracts[name], most)))
        pools = () if problem.pool is None else tuple(
            per_request(problem, *pool_tokens_at(problem, g)) for g in range(len(problem.pools))
        )  # fmt: skip
        plain = per_request(problem, *usd_outside(problem, names))
        return cls(plain, tuple(curves), pools)


@dataclass(frozen=True, slots=True)
class Choice:
    """The whole-number part of a plan: GPUs bought, and the piece of each curve."""

    gpus: tuple[int, ...]
    pieces: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class BillColumns:
    """Columns that carry the bill in a program for HiGHS."""

    switches: tuple[tuple[int, ...], ...]
    """Column that switches each piece on, by curve."""
    gpus: tuple[int, ...]

    def choice(self, x: Floats) -> Choice:
        """Read the whole-number part of a point."""
        pieces = tuple(int(np.argmax(x[list(s)])) for s in self.switches)
        return Choice(tuple(round(float(x[g])) for g in self.gpus), pieces)


def add_bill(
    sheet: Sheet, program: LinearProgram, bill: Bill, *, weight: float, ceiling: Fraction | None
) -> BillColumns:
    """Add curves, pools and the dollar ceiling to a program; weight is the bill's cost."""
    problem, at = program.problem, program.usable.options
    index = [np.arange(len(at))]
    plain = bill.plain.floats(problem.first)[at]
    value = [plain]
    sheet.cost[0] = sheet.cost[0] + weight * plain
    switches = []
    for curve in bill.curves:
        spend = curve.spend.floats(problem.first)[at]
        on, columns, dollars = _add_curve(sheet, curve, spend, weight)
        switches.append(on)
        index.append(columns)
        value.append(dollars)
    gpus = []
    for pool, tokens in zip(problem.pools, bill.pool_tokens, strict=True):
        usd = float(pool.usd_per_gpu)
        g = sheet.column(weight * usd, 0.0, float(pool.max_gpus), True)
        gpus.append(g)
        index.append(np.array([g]))
        value.append(np.array([usd]))
        _add_pool(sheet, tokens.floats(problem.first)[at], float(pool.tokens_per_gpu), g)
    if ceiling is not None:
        values = np.concatenate(value)
        limit = float(ceiling)
        scale = scale_of(values, limit)
        sheet.row(np.concatenate(index), values * scale, -np.inf, limit * scale)
    return BillColumns(tuple(switches), tuple(gpus))


def _add_curve(
    sheet: Sheet, curve: Curve, spend: Floats, weight: float
) -> tuple[tuple[int, ...], Ints, Floats]:
    """Add one discount curve; return its switches, and its columns with their dollars."""
    unit = float(curve.most) or 1.0
    on, columns, dollars = [], [], []
    for piece in curve.pieces:
        slope = float(piece.multiplier)
        fixed = float(piece.base_usd - piece.multiplier * piece.start_usd)
        end = float(piece.end_usd if piece.end_usd is not None else piece.start_usd)
        y = sheet.column(weight * fixed, 0.0, 1.0, True)
        s = sheet.column(weight * slope * unit, 0.0, 1.0, False)
        sheet.row(np.array([s, y]), np.array([1.0, -float(piece.start_usd) / unit]), 0.0, np.inf)
        sheet.row(np.array([s, y]), np.array([1.0, -end / unit]), -np.inf, 0.0)
        on.append(y)
        columns += [y, s]
        dollars += [fixed, slope * unit]
    mine = np.flatnonzero(spend)
    link = np.concatenate([np.array(columns[1::2]), mine])
    sheet.row(link, np.concatenate([np.ones(len(on)), -spend[mine] / unit]), 0.0, 0.0)
    sheet.row(np.array(on), np.ones(len(on)), 1.0, 1.0)
    return tuple(on), np.array(columns), np.array(dollars)


def _add_pool(sheet: Sheet, tokens: Floats, tokens_per_gpu: float, gpu: int) -> None:
    """Add the row that the GPUs bought carry the tokens of their options."""
    mine = np.flatnonzero(tokens)
    unit = tokens_per_gpu or float(tokens.max(initial=1.0)) or 1.0
    values = np.concatenate([tokens[mine] / unit, [-tokens_per_gpu / unit]])
    sheet.row(np.concatenate([mine, [gpu]]), values, -np.inf, 0.0)


def fixed_rows(
    problem: Problem, bill: Bill, choice: Choice, ceiling: Fraction | None
) -> tuple[list[Row], Combination, Fraction]:
    """Return the rows of a plan whose whole-number part is fixed, its bill and the fixed dollars.

    The bill is then linear: plain spend, and on each curve the line of the chosen piece.
    """
    terms: list[tuple[Amount, Fraction]] = [(bill.plain, Fraction(1))]
    constant, found = Fraction(0), []
    for curve, k in zip(bill.curves, choice.pieces, strict=True):
        piece = curve.pieces[k]
        terms.append((curve.spend, piece.multiplier))
        constant += piece.base_usd - piece.multiplier * piece.start_usd
        name = f"contracts.{curve.provider}"
        if piece.start_usd > 0:
            found.append(Row(name, curve.spend, piece.start_usd, at_least=True))
        if piece.end_usd is not None and k < len(curve.pieces) - 1:
            found.append(Row(name, curve.spend, piece.end_usd))
    for pool, tokens, n in zip(problem.pools, bill.pool_tokens, choice.gpus, strict=True):
        constant += n * Fraction(pool.usd_per_gpu)
        found.append(Row(f"pools.{pool.name}", tokens, n * Fraction(pool.tokens_per_gpu)))
    total = Combination(tuple(terms))
    if ceiling is not None:
        found.append(Row("usd", total, ceiling - constant))
    return found, total, constant


def _most(problem: Problem, spend: Amount, usable: Usable) -> Fraction:
    """Return the most list spend that any plan has, rounded up a little."""
    coefficients = spend.floats(problem.first)[usable.options]
    most = np.zeros(problem.n_classes)
    np.maximum.at(most, usable.classes, coefficients)
    return Fraction(float(most.sum()) * (1 + 1e-9))

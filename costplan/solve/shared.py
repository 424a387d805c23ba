"""What each provider and pool sees of the options: of one alone, and of one that several share.

A policy may ask several providers, or own GPUs beside them: its numbers are then those of its
parts. All other options lie with their provider or pool alone. Everything stays exact.
"""

from __future__ import annotations

import numpy as np

from costplan.solve.decimals import Bools, DecimalColumn, Ints
from costplan.solve.problem import Parts, Problem

Counted = tuple[DecimalColumn | None, Bools | None]
"""Numbers per request of the options (None: 1 each), and the options that count (None: all)."""


def usd_at(problem: Problem, provider: str) -> Counted:
    """Give the list dollars per request that a provider is paid, without pools."""
    code = _code(problem, provider)
    alone = np.asarray((problem.provider == code) & ~problem.in_pool())
    if problem.parts is None:
        return problem.usd, alone
    parts = problem.parts
    return _gather(problem.usd, alone, parts, parts.usd, parts.provider == code), None


def usd_outside(problem: Problem, providers: list[str]) -> Counted:
    """Give the list dollars per request that all but some providers are paid, without pools."""
    codes = [_code(problem, name) for name in providers]
    alone = ~np.isin(problem.provider, codes) & ~problem.in_pool()
    if problem.parts is None:
        return problem.usd, alone
    parts = problem.parts
    # An option with parts has no provider of its own: what counts of it are its parts alone.
    alone &= problem.provider >= 0
    return _gather(problem.usd, alone, parts, parts.usd, ~np.isin(parts.provider, codes)), None


def tokens_at(problem: Problem, provider: str) -> Counted:
    """Give the tokens per request that a provider serves, without pools; perhaps unknown."""
    code = _code(problem, provider)
    alone = np.asarray((problem.provider == code) & ~problem.in_pool())
    parts = problem.parts
    if parts is None or problem.tokens is None:
        return problem.tokens, alone
    mine = (parts.provider == code) & (parts.pool < 0)
    return _gather(problem.tokens, alone, parts, parts.tokens, mine), None


def requests_at(problem: Problem, provider: str) -> Counted:
    """Give the share of an option's requests that reach a provider, pools included."""
    code = _code(problem, provider)
    alone = np.asarray(problem.provider == code)
    if problem.parts is None:
        return None, alone
    parts = problem.parts
    ones = DecimalColumn(
        np.full(problem.n_options, 10**parts.reach.exponent, dtype=parts.reach.units.dtype),
        parts.reach.exponent,
    )
    return _gather(ones, alone, parts, parts.reach, parts.provider == code), None


def pool_tokens_at(problem: Problem, pool: int) -> Counted:
    """Give the tokens per request that a pool of own GPUs serves; perhaps unknown."""
    alone = np.zeros(problem.n_options, dtype=np.bool_)
    if problem.pool is not None:
        alone = np.asarray(problem.pool == pool)
    parts = problem.parts
    if parts is None or problem.tokens is None:
        return problem.tokens, alone
    return _gather(problem.tokens, alone, parts, parts.tokens, parts.pool == pool), None


def unknown_at(problem: Problem, counted: Counted) -> Bools:
    """Mark the options that count and whose number is unknown, shape (n_options,)."""
    column, keep = counted
    if column is None:
        gaps = np.ones(problem.n_options, dtype=np.bool_)
    elif column.missing is None:
        gaps = np.zeros(problem.n_options, dtype=np.bool_)
    else:
        gaps = column.missing
    return gaps if keep is None else np.asarray(gaps & keep)


def take_parts(parts: Parts | None, options: Ints) -> Parts | None:
    """Keep the parts of some options, which are numbered anew in their order."""
    if parts is None:
        return None
    place = {int(option): number for number, option in enumerate(options)}
    at = np.array([i for i, o in enumerate(parts.option.tolist()) if o in place], dtype=np.int64)
    if len(at) == 0:
        return None
    return Parts(
        option=np.array([place[int(o)] for o in parts.option[at]], dtype=np.int64),
        provider=parts.provider[at],
        pool=parts.pool[at],
        usd=parts.usd.part(at),
        tokens=parts.tokens.part(at),
        reach=parts.reach.part(at),
    )


def _code(problem: Problem, provider: str) -> int:
    known = provider in problem.provider_names
    return problem.provider_names.index(provider) if known else -2


def _gather(
    base: DecimalColumn, alone: Bools, parts: Parts, numbers: DecimalColumn, mine: Bools
) -> DecimalColumn:
    """Take the numbers of options that lie there alone, and add the parts that do."""
    assert base.exponent == numbers.exponent, "parts are held at the places of their column"
    at = np.flatnonzero(mine)
    units = np.where(alone, base.units, 0)
    np.add.at(units, parts.option[at], numbers.units[at])
    gaps = np.zeros(len(units), dtype=np.bool_)
    if base.missing is not None:
        gaps |= base.missing & alone
    if numbers.missing is not None:
        gaps[parts.option[at][numbers.missing[at]]] = True
    return DecimalColumn(units, base.exponent, gaps if gaps.any() else None)

"""Options that several providers and own GPUs share, against plain enumeration in decimals."""

from __future__ import annotations

import itertools
import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costplan.solve.build import ClassRow, OptionRow, PartRow, build_problem
from costplan.solve.conflict import one_class
from costplan.solve.prices import with_splits
from costplan.solve.problem import Commitment, Contract, Limits, Objective, Pool, Tier
from costplan.solve.room import solve

NAMES = ("north", "south")


def numbers(low, high, places):
    return st.integers(low, high).map(lambda n: Decimal(n).scaleb(-places))


@st.composite
def part_rows(draw, name):
    """Draw what a provider, perhaps by its own GPUs, has of an option."""
    pool = draw(st.sampled_from([None, None, "g"]))
    usd = Decimal(0) if pool and draw(st.booleans()) else draw(numbers(0, 400, 4))
    return PartRow(name, usd, Decimal(draw(st.integers(0, 900))), draw(numbers(0, 100, 2)), pool)


@st.composite
def rows(draw):
    """Draw classes with shared options beside ones of a single provider or pool."""
    classes = []
    for c in range(draw(st.integers(1, 3))):
        options = []
        for o in range(draw(st.integers(1, 3))):
            accuracy = draw(numbers(0, 100, 2))
            if draw(st.booleans()):
                parts = [draw(part_rows(name)) for name in NAMES]
                usd = sum((part.usd for part in parts), Decimal(0))
                options.append(OptionRow(f"o{o}", "", accuracy, usd, parts=parts))
            else:
                pool = draw(st.sampled_from([None, "g"]))
                tokens = Decimal(draw(st.integers(0, 900)))
                options.append(
                    OptionRow(f"o{o}", draw(st.sampled_from(NAMES)), accuracy,
                              draw(numbers(0, 400, 4)), tokens=tokens, pool=pool)
                )  # fmt: skip
        classes.append(ClassRow(f"c{c}", Decimal(draw(st.integers(0, 500))), Decimal(1), options))
    return classes


@st.composite
def terms(draw):
    """Draw limits, GPUs and a contract."""
    usd, tokens = numbers(0, 60_000, 2), st.integers(0, 400_000).map(Decimal)
    limits = Limits(
        usd=draw(st.none() | usd),
        provider_usd=draw(st.dictionaries(st.just("north"), usd, max_size=1)),
        provider_tokens=draw(st.dictionaries(st.just("south"), tokens, max_size=1)),
        provider_min_share=draw(st.dictionaries(st.just("south"), numbers(0, 60, 2), max_size=1)),
        provider_max_share=draw(st.dictionaries(st.just("north"), numbers(40, 100, 2), max_size=1)),
    )
    pool = Pool("g", draw(numbers(0, 30, 0)), Decimal(draw(st.integers(1, 10**5))), 4)
    tiers = (Tier(Decimal(5), Decimal(1)), Tier(None, Decimal("0.5")))
    contract = draw(
        st.sampled_from([None, Contract(tiers), Contract((), Commitment(Decimal(9), Decimal(0)))])
    )
    return limits, pool, {} if contract is None else {"north": contract}


def shares_of(option):
    """List provider, pool, dollars, tokens and reach of an option's parts."""
    if option.parts:
        return [(p.provider, p.pool, p.usd, p.tokens, p.reach) for p in option.parts]
    usd = Decimal(0) if option.pool else option.usd
    return [(option.provider, option.pool, usd, option.tokens, Decimal(1))]


def bill_of(contract, spend):
    """Apply the contract by hand."""
    if contract is None:
        return spend
    if contract.commitment is not None:
        return min(spend, max(contract.commitment.usd, contract.commitment.multiplier * spend))
    return min(spend, Decimal(5)) + max(spend - 5, Decimal(0)) / 2


def best_by_hand(classes, limits, pool, contracts):
    """Try every whole plan in decimals; None where none keeps the limits."""
    best = None
    whole = sum((row.requests for row in classes), Decimal(0))
    for picks in itertools.product(*(row.options for row in classes)):
        usd, tokens, seen = ({name: Decimal(0) for name in NAMES} for _ in range(3))
        own = Decimal(0)
        for row, option in zip(classes, picks, strict=True):
            for provider, where, dollars, count, reach in shares_of(option):
                usd[provider] += row.requests * dollars
                seen[provider] += row.requests * reach
                if where is None:
                    tokens[provider] += row.requests * count
                else:
                    own += row.requests * count
        gpus = math.ceil(own / pool.tokens_per_gpu)
        bill = sum((bill_of(contracts.get(n), usd[n]) for n in NAMES), gpus * pool.usd_per_gpu)
        kept = gpus <= pool.max_gpus and (limits.usd is None or bill <= limits.usd)
        kept &= all(usd[n] <= most for n, most in limits.provider_usd.items())
        kept &= all(tokens[n] <= most for n, most in limits.provider_tokens.items())
        kept &= all(seen[n] >= s * whole for n, s in limits.provider_min_share.items())
        kept &= all(seen[n] <= s * whole for n, s in limits.provider_max_share.items())
        if kept:
            value = sum(
                (r.requests * o.accuracy for r, o in zip(classes, picks, strict=True)), Decimal(0)
            )
            best = value if best is None else max(best, value)
    return best


@settings(max_examples=150, deadline=None)
@given(rows(), terms())
def test_shared_options_are_planned_as_enumerated(classes, stated):
    """Dollars, tokens, shares and whole GPUs of every part count where they belong."""
    limits, pool, contracts = stated
    problem = build_problem(classes, limits=limits, pools=[pool], contracts=contracts)
    truth = best_by_hand(classes, limits, pool, contracts)
    for solver in (None, "enumerate"):
        found = solve(problem) if solver is None else solve(problem, solver=solver)
        assert found.has_plan == (truth is not None)
        if truth is not None:
            assert found.objective == truth
            assert found.audit.ok


@settings(max_examples=60, deadline=None)
@given(rows(), terms())
def test_splits_over_shared_options_are_never_worse(classes, stated):
    """A split plan is audited exactly and is at least as good as the best whole one."""
    limits, pool, contracts = stated
    problem = build_problem(classes, limits=limits, pools=[pool], contracts=contracts, splits=True)
    truth = best_by_hand(classes, limits, pool, contracts)
    found = solve(problem)
    if truth is not None:
        assert found.has_plan
        assert found.audit.ok
        assert float(found.objective) >= float(truth) * (1 - 1e-9) - 1e-9


def test_a_part_of_a_problem_keeps_the_parts_of_its_options():
    """One class, or the usable options alone, still say what each provider has."""
    shared = OptionRow(
        "both", "", Decimal("0.9"), Decimal("0.3"),
        parts=[PartRow("north", Decimal("0.1"), Decimal(5), Decimal(1)),
               PartRow("south", Decimal("0.2"), None, Decimal("0.25"))],
    )  # fmt: skip
    slow = OptionRow("slow", "north", Decimal("0.5"), p95_latency_s=Decimal(9))
    row = ClassRow("a", Decimal(10), Decimal(1), [slow, shared])
    problem = build_problem([row, ClassRow("b", Decimal(10), Decimal(1), [shared])])
    part = one_class(problem, 1)
    assert part.parts is not None
    assert part.parts.option.tolist() == [0, 0]
    loose = with_splits(problem)
    assert loose.parts.option.tolist() == [1, 1, 2, 2]
    assert np.array_equal(loose.parts.tokens.known, [True, False, True, False])


def test_parts_that_do_not_add_up_are_refused():
    """Dollars of an option that are not the sum of its parts are an error."""
    parts = [PartRow("north", Decimal("0.1"), None, Decimal(1))]
    option = OptionRow("o", "", Decimal("0.9"), Decimal("0.3"), parts=parts)
    with pytest.raises(ValueError, match="do not add up"):
        build_problem([ClassRow("a", Decimal(1), Decimal(1), [option])], objective=Objective())

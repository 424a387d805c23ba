"""The own solver: exact ceilings, traps, ties, hulls, stated proofs."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Context, Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest

from costplan.solve import (
    ClassRow,
    Commitment,
    Contract,
    DecimalColumn,
    Goal,
    Limits,
    Objective,
    OptionRow,
    Problem,
    Status,
    Tier,
    build_problem,
    solve,
    verify,
)
from costplan.solve.decimals import exact_dot, exact_sum, products
from costplan.solve.hull import ordered, steps_of, upper_hulls
from costplan.solve.pricing import billed_usd, segments
from costplan.solve.room import SOLVERS, chosen_solver
from costplan.solve.vertex import decimal_shares, solve_exactly


def rows(*classes):
    return [
        ClassRow(
            f"c{i}",
            Decimal(requests),
            Decimal(weight),
            [OptionRow(f"o{k}", "p", Decimal(a), Decimal(u)) for k, (a, u) in enumerate(options)],
        )
        for i, (requests, weight, options) in enumerate(classes)
    ]


def test_a_ceiling_met_with_equality_is_met_to_the_last_of_thirty_digits():
    """A plan that costs exactly the ceiling is taken; a trifle less is too little."""
    price = Decimal("0.123456789012345678901234567891")
    classes = rows((7, 1, [("0.1", "0"), ("0.9", price)]), (3, 1, [("0.5", "0")]))
    ceiling = Decimal("0.864197523086419752308641975237")
    at = solve(build_problem(classes, limits=Limits(usd=ceiling)))
    assert at.objective == Decimal("7.8")
    assert at.audit.bill_usd == ceiling
    below = solve(build_problem(classes, limits=Limits(usd=ceiling.next_minus(Context(prec=30)))))
    assert below.objective == Decimal("2.2")


def test_many_digits_do_not_lose_the_optimum():
    """Prices of twenty digits, whose sums fill a ceiling exactly, are told apart."""
    generator = random.Random(4)
    for _ in range(4):
        classes = []
        for _ in range(6):
            options = [
                (Decimal(generator.randint(0, 100)) / 100,
                 Decimal(generator.randint(1, 10**20)).scaleb(-20))
                for _ in range(3)
            ]  # fmt: skip
            classes.append((10**9, 1, options))
        probe = build_problem(rows(*classes))
        pick = [int(probe.first[c]) + generator.randrange(3) for c in range(6)]
        with localcontext(Context(prec=60)):
            exact = sum(probe.usd.at(o) * 10**9 for o in pick)
        problem = replace(probe, limits=Limits(usd=exact))
        truth = solve(problem, solver="enumerate")
        assert solve(problem).objective == truth.objective


def test_the_fill_stops_after_its_fractional_step():
    """Rounding the share down leaves a trifle of money that starts no other step."""
    classes = rows((3, 1, [("0", "0"), ("0.9", "1")]), (1, 1, [("0", "0"), ("0.001", "0.000001")]))
    found = solve(build_problem(classes, limits=Limits(usd=Decimal(1)), splits=True))
    assert len(found.splits) == 1
    assert found.audit.bill_usd <= 1
    assert 1 - found.audit.bill_usd < Decimal("1e-14")


def test_volumes_from_one_to_a_billion_fit_one_ceiling():
    """A class of one request is still decided rightly beside one of a billion."""
    classes = rows(
        (10**9, 1, [("0.5", "0.000001"), ("0.6", "0.000002")]),
        (1, 1, [("0.1", "0.001"), ("0.9", "0.002")]),
    )
    found = solve(build_problem(classes, limits=Limits(usd=Decimal("2000.001999"))))
    assert found.main.tolist() == [1, 2]
    more = solve(build_problem(classes, limits=Limits(usd=Decimal("2000.002"))))
    assert more.main.tolist() == [1, 3]


def test_equal_options_give_the_first_of_them():
    """Of equal options, the first one is taken, with and without splits."""
    classes = rows((10, 1, [("0.5", "1"), ("0.5", "1"), ("0.9", "3"), ("0.9", "3")]))
    for splits in (False, True):
        for usd, option in ((10, 0), (30, 2)):
            found = solve(build_problem(classes, limits=Limits(usd=Decimal(usd)), splits=splits))
            assert found.main.tolist() == [option]


def test_without_a_ceiling_the_best_option_of_each_class_is_taken():
    """With no limit at all the plan is the best option class by class."""
    classes = rows((1, 1, [("0.5", "1"), ("0.7", "9")]), (1, 1, [("0.4", "1")]))
    assert solve(build_problem(classes)).main.tolist() == [1, 2]


def test_least_cost_without_a_target_is_the_cheapest_plan():
    """Least cost with nothing to reach takes the cheapest options."""
    classes = rows((2, 1, [("0.5", "1"), ("0.7", "0.25")]))
    found = solve(build_problem(classes, objective=Objective(Goal.COST)))
    assert found.objective == Decimal("0.5")


@pytest.mark.parametrize("seed", range(6))
def test_own_proves_what_highs_proves_on_larger_problems(seed):
    """On sixty classes of twelve options own solver and HiGHS prove the same optimum to 1e-9."""
    rng = np.random.default_rng(seed)
    problem = drawn(rng, 60, 12, exponent=4 if seed % 2 else 2)
    own, other = solve(problem, solver="own"), solve(problem, solver="highs")
    assert own.status is Status.OPTIMAL
    assert float(own.objective) == pytest.approx(float(other.objective), rel=1e-9)


def drawn(rng, n, m, *, exponent):
    price = rng.integers(1, 10**5, n * m)
    accuracy = np.clip(0.2 + 0.07 * np.log(price) + rng.normal(0, 0.08, n * m), 0, 1)
    accuracy = (accuracy * 10**exponent).astype(int)
    requests = rng.integers(1, 10**5, n)
    cost = (np.repeat(requests, m) * price).reshape(n, m)
    low, high = int(cost.min(axis=1).sum()), int(cost.max(axis=1).sum())
    return Problem(
        class_names=[f"c{i}" for i in range(n)],
        requests=DecimalColumn(requests, 0),
        weight=DecimalColumn(rng.integers(1, 100, n), 1),
        team=np.full(n, -1),
        team_names=(),
        first=np.arange(0, n * m + 1, m),
        option_names=[f"o{i}" for i in range(n * m)],
        provider=np.zeros(n * m, dtype=np.int64),
        provider_names=("p",),
        accuracy=DecimalColumn(accuracy, exponent),
        usd=DecimalColumn(price, 6),
        limits=Limits(usd=Decimal(low + (high - low) // 3).scaleb(-6)),
    )


def test_a_large_whole_plan_is_proven_to_1e_9():
    """Ten thousand classes are proven to 1e-9, and the plan keeps its ceiling."""
    found = solve(drawn(np.random.default_rng(1), 10_000, 10, exponent=4))
    assert found.status is Status.OPTIMAL
    assert found.gap <= 1e-9
    assert found.audit.ok


def test_a_hard_core_states_its_gap_and_keeps_every_run_the_same():
    """Where the search gives up the plan says how far it may be off, the same in every run."""
    rng = np.random.default_rng(2)
    problem = drawn(rng, 120, 20, exponent=4)
    steps = np.sort(rng.integers(1, 1001, (120, 20)), axis=1)
    cost, value = steps.cumsum(axis=1).ravel(), (steps + 100).cumsum(axis=1).ravel()
    problem = replace(
        problem,
        requests=DecimalColumn(np.full(120, 1), 0),
        weight=DecimalColumn(np.full(120, 1), 0),
        usd=DecimalColumn(cost, 0),
        accuracy=DecimalColumn(value, 0),
        limits=Limits(usd=Decimal(int(cost.reshape(120, 20)[:, 7].sum()) + 217)),
    )
    one, other = solve(problem), solve(problem)
    assert one.main.tolist() == other.main.tolist()
    assert one.bound >= one.objective
    assert one.audit.ok


def test_a_floor_met_by_the_mix_is_kept_exactly():
    """With splits a class floor is met by the mix, to the last digit."""
    classes = [
        ClassRow(
            "c",
            Decimal(3),
            Decimal(1),
            [OptionRow("x", "p", Decimal("0.1"), Decimal(1)),
             OptionRow("y", "p", Decimal("0.8"), Decimal(2))],
            min_accuracy=Decimal("0.3"),
        )
    ]  # fmt: skip
    problem = build_problem(classes, objective=Objective(Goal.COST), splits=True)
    assert chosen_solver(problem) == "own"
    found = solve(problem)
    mixed = sum(problem.accuracy.at(o) * share for o, share in found.picks_of(0))
    assert mixed >= Decimal("0.3")
    assert mixed - Decimal("0.3") < Decimal("1e-13")


def test_the_own_solver_refuses_what_it_cannot_take():
    """Asked for by name, the own solver says that it takes one ceiling only."""
    problem = build_problem(
        rows((1, 1, [("0.5", "1")])),
        limits=Limits(usd=Decimal(1), provider_usd={"p": Decimal(1)}),
    )
    with pytest.raises(ValueError, match="one ceiling"):
        solve(problem, solver="own")


def test_an_unknown_solver_is_refused_with_the_known_ones():
    """A solver name that is not in the table is refused with the names that are."""
    with pytest.raises(ValueError, match=", ".join(SOLVERS)):
        solve(build_problem(rows((1, 1, [("0.5", "1")]))), solver="guess")


def test_hulls_of_classes_of_any_size_hold_the_corners_of_each():
    """For classes of different sizes the corners are those of a plain hull of each class."""
    rng = np.random.default_rng(3)
    counts = rng.integers(1, 9, 200)
    first = np.concatenate([[0], np.cumsum(counts)])
    weight = rng.integers(0, 30, first[-1]).astype(float)
    gain = rng.integers(0, 30, first[-1]).astype(float)
    keep = rng.random(first[-1]) < 0.8
    keep[first[:-1]] = True
    hulls = upper_hulls(weight, gain, first, keep)
    for c in range(200):
        mine = [o for o in range(first[c], first[c + 1]) if keep[o]]
        corners = hulls.option[hulls.start[c] : hulls.start[c + 1]].tolist()
        assert corners == plain_hull(mine, weight, gain)


def plain_hull(options, weight, gain):
    lightest = min(options, key=lambda o: (weight[o], -gain[o], o))
    corners = [lightest]
    while True:
        at = corners[-1]
        better = [o for o in options if gain[o] > gain[at]]
        if not better:
            return corners
        corners.append(
            min(
                better,
                key=lambda o: (
                    -Fraction(int(gain[o] - gain[at]), int(weight[o] - weight[at])),
                    -weight[o],
                    o,
                ),
            )
        )


def test_steps_are_in_order_of_slope_then_place():
    """Counting sort and putting right give the order of a stable sort."""
    rng = np.random.default_rng(5)
    for slope in (
        np.exp(rng.normal(0, 3, 30_000)),
        np.round(np.exp(rng.normal(0, 2, 30_000)), 1) + 0.1,
        1 + 1e-9 * rng.random(30_000),
    ):
        order = np.argsort(-slope, kind="stable")
        assert ordered(np.arange(len(slope)), slope).corner.tolist() == order.tolist()
    assert len(steps_of(upper_hulls(np.ones(3), np.ones(3), np.array([0, 3]))).corner) == 0


@pytest.mark.parametrize("most", [10, 2**20, 2**40, 2**62])
def test_sums_and_products_are_exact_at_any_size(most):
    """Sums of products of int64 equal those of Python's integers."""
    rng = np.random.default_rng(6)
    left, right = rng.integers(-most, most, 500), rng.integers(-most, most, 500)
    assert exact_dot(left, right) == sum(int(a) * int(b) for a, b in zip(left, right, strict=True))
    assert exact_sum(left) == sum(int(a) for a in left)
    pairs = zip(left, right, strict=True)
    assert [int(p) for p in products(left, right)] == [int(a) * int(b) for a, b in pairs]


def test_a_discount_curve_is_straight_between_its_cuts():
    """At every spend the bill lies on the segment that holds it."""
    contract = Contract(
        (
            Tier(Decimal(10), Decimal(1)),
            Tier(Decimal(30), Decimal("1.5")),
            Tier(None, Decimal("0.2")),
        ),
        Commitment(Decimal(18), Decimal("0.6")),
    )
    pieces = segments(contract, Fraction(100))
    for n in range(1001):
        spend = Fraction(n, 10)
        piece = next(p for p in pieces if p.start_usd <= spend <= (p.end_usd or spend))
        on_line = piece.base_usd + (spend - piece.start_usd) * piece.multiplier
        assert on_line == billed_usd(contract, spend)


def test_linear_systems_are_solved_in_fractions():
    """A sparse system is solved exactly, and a contradiction is none."""
    third = Fraction(1, 3)
    equations = [
        ({0: Fraction(1), 1: Fraction(1)}, Fraction(1)),
        ({1: Fraction(3), 2: Fraction(1)}, Fraction(2)),
        ({0: Fraction(1), 2: Fraction(-1)}, third),
    ]
    found = solve_exactly(equations)
    for row, rhs in equations:
        assert sum(value * found[u] for u, value in row.items()) == rhs
    assert solve_exactly([({0: Fraction(1)}, Fraction(1)), ({0: Fraction(1)}, Fraction(2))]) is None


def test_decimal_shares_add_up_to_one():
    """Thirds become decimals that add up to exactly 1, and nothing is negative."""
    units = decimal_shares([Fraction(1, 3), Fraction(1, 3), Fraction(1, 3)], 15)
    assert sum(units) == 10**15
    assert decimal_shares([Fraction(-1, 10**20), Fraction(1)], 15) == [0, 10**15]


def test_the_audit_finds_what_is_no_plan():
    """Foreign options, shares that miss 1 and splits where none are allowed are faults."""
    problem = build_problem(rows((1, 1, [("0.5", "1"), ("0.6", "2")]), (1, 1, [("0.5", "1")])))
    half = Decimal("0.5")
    assert verify(problem, np.array([2, 2]), {}).faults
    assert verify(problem, np.array([0, 2]), {0: ((0, half), (1, half))}).faults
    loose = replace(problem, splits=True)
    assert not verify(loose, np.array([0, 2]), {0: ((0, half), (1, half))}).faults
    assert verify(loose, np.array([0, 2]), {0: ((0, half), (1, Decimal("0.4")))}).faults


def test_unknown_latency_cannot_be_used_where_a_limit_needs_it():
    """An option of unknown latency is shut out under a latency limit, and only there."""
    classes = [
        ClassRow(
            "c",
            Decimal(1),
            Decimal(1),
            [OptionRow("known", "p", Decimal("0.5"), Decimal(1), Decimal(3)),
             OptionRow("unknown", "p", Decimal("0.9"), Decimal(1))],
        )
    ]  # fmt: skip
    assert solve(build_problem(classes)).main.tolist() == [1]
    limited = build_problem(classes, limits=Limits(mean_latency_s=Decimal(10)))
    assert solve(limited).main.tolist() == [0]
    assert not verify(limited, np.array([1]), {}).ok


def test_impossible_numbers_are_refused_by_name():
    """Negative requests, an accuracy above 1 or an empty class are refused and named."""
    with pytest.raises(ValueError, match="c0: requests"):
        build_problem(rows((-1, 1, [("0.5", "1")])))
    with pytest.raises(ValueError, match="c0/o0: accuracy"):
        build_problem(rows((1, 1, [("1.5", "1")])))
    with pytest.raises(ValueError, match="'c0' has no option"):
        build_problem(rows((1, 1, [])))

"""The dollar ceiling kept with confidence."""

from __future__ import annotations

import math
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from costplan.plan.margin import keep, usd_interval, z_of


def test_the_margin_grows_with_confidence_and_choice(case, profile, row, stated):
    """Exact numbers need none; more options and more confidence need more."""

    def made(count: int):
        rows = tuple(row(f"model-{i}", "none", 0.5) for i in range(count))
        task = {
            "name": "questions",
            "requests": 10,
            "input_tokens": 10,
            "output_tokens": 10,
            "evidence": {"benchmark": "quiz"},
        }
        return case([task], profiles={r.model: profile() for r in rows}, rows=rows)

    exact = [{"name": "a", "requests": 1, "options": [stated("only", "0.5", "1")]}]
    assert z_of(case(exact)) == 0
    assert 1.1 < z_of(made(2)) < z_of(made(8)) < z_of(made(40)) == z_of(made(50))
    assert z_of(made(8), 0.8) < z_of(made(8)) < z_of(made(8), 0.99)


def test_certain_dollars_have_no_interval():
    """What nothing is uncertain about is known."""
    assert usd_interval(Decimal(100), 0.0, 0.9) == (Decimal(100), Decimal(100))


@given(
    ceiling=st.decimals(10, 10**7, places=2),
    relative=st.floats(0, 0.5),
    z=st.floats(0.1, 4),
)
def test_the_plan_kept_fills_the_ceiling_with_its_margin(ceiling, relative, z):
    """Where dollars may be anything up to the budget, the margin ends just under the ceiling."""
    kept = keep(ceiling, lambda budget: budget, lambda usd: (usd, relative * float(usd)), z)
    assert kept is not None
    assert kept.sure
    needed = float(kept.planned) * math.exp(z * relative)
    assert needed <= float(ceiling) * (1 + 1e-9)
    assert needed >= float(ceiling) * 0.999


def test_no_plan_in_the_whole_ceiling_is_none():
    """When the whole ceiling allows no plan, there is nothing to keep."""
    assert keep(Decimal(5), lambda _: None, lambda _: (Decimal(1), 0.0), 2.5) is None


def test_a_margin_that_cannot_be_kept_is_admitted():
    """When only the whole ceiling allows a plan, it is returned as unsure."""
    kept = keep(
        Decimal(100),
        lambda budget: Decimal(99) if budget >= 99 else None,
        lambda usd: (usd, 20.0),
        2.5,
    )
    assert kept is not None
    assert (kept.planned, kept.sure) == (Decimal(99), False)

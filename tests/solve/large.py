"""Problems of many classes under four ceilings, which take long to prove."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from costplan.solve import DecimalColumn, Limits, Problem

N_OPTIONS = 10


def four_ceilings(n_classes: int, seed: int) -> Problem:
    """Build classes of two teams and two providers under dollars, a team's, latency and tokens."""
    rng = np.random.default_rng(seed)
    n = n_classes * N_OPTIONS
    price = rng.integers(100, 50_000, n)
    accuracy = np.minimum(9_999, 2_500 + 600 * np.log(price) + rng.normal(0, 600, n)).astype(int)
    requests = rng.integers(10, 10_000, n_classes)
    cost = np.repeat(requests, N_OPTIONS) * price / 1e6
    mean = Decimal(f"{0.4 * cost.sum() / N_OPTIONS:.2f}")
    return Problem(
        class_names=[f"c{i}" for i in range(n_classes)],
        requests=DecimalColumn(requests, 0),
        weight=DecimalColumn(rng.integers(1, 50, n_classes), 1),
        team=rng.integers(0, 2, n_classes),
        team_names=("a", "b"),
        first=np.arange(0, n + 1, N_OPTIONS),
        option_names=[f"o{i}" for i in range(n)],
        provider=rng.integers(0, 2, n),
        provider_names=("p", "q"),
        accuracy=DecimalColumn(accuracy, 4),
        usd=DecimalColumn(price, 6),
        mean_latency_s=DecimalColumn(rng.integers(1, 300, n), 1),
        tokens=DecimalColumn(price * 3, 0),
        limits=Limits(
            usd=mean,
            team_usd={"a": (mean / 3).quantize(Decimal("0.01"))},
            mean_latency_s=Decimal(11),
            provider_tokens={"q": Decimal(int(30 * (cost * 1e6).sum() / 100))},
        ),
    )

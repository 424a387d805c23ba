"""What answers would do to what is believed, quickly: for forecasts that draw many of them.

Truth is drawn from the beliefs of today, which are Gaussian in logits, so answers are weighed into
just those: Newton's method for the binomial likelihood (Rasmussen & Williams, Gaussian Processes,
2006, section 3.4), one class at a time. The probe itself estimates all classes together.
Arrays are (M,) over options.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from costplan.plan.probing_beliefs import Believed
from costplan.probe.schedule import Posterior

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

STEPS = 8
"""Steps of Newton's method at most."""
NEAR = 1e-3
"""Logits below which a step is the last."""
EDGE = 1e-4
"""Nearest that an accuracy comes to 0 and 1 inside a step."""


def update_beliefs(prior: Believed, n: Array, right: Array) -> Believed:
    """Weigh answers into beliefs; n answers and right ones among them, both (C, M)."""
    import numpy as np

    logit, covariance = prior.posterior.logit.copy(), prior.posterior.covariance.copy()
    for c in range(len(logit)):
        asked = np.flatnonzero(n[c])
        if len(asked):
            logit[c], covariance[c] = update(
                logit[c], covariance[c], asked, n[c, asked], right[c, asked]
            )
    return replace(prior, posterior=Posterior(logit, covariance), n=prior.n + n)


def update(
    mean: Array, covariance: Array, asked: NDArray[np.int64], n: Array, right: Array
) -> tuple[Array, Array]:
    """Give mean and covariance of logits after answers to the options at these places."""
    import numpy as np

    across = covariance[:, asked]
    among = across[asked]
    at = mean[asked]
    inverse: Array = np.zeros_like(among)
    for _ in range(STEPS):
        p = np.clip(1 / (1 + np.exp(-at)), EDGE, 1 - EDGE)
        weight = n * p * (1 - p)
        response = at + (right - n * p) / weight
        inverse = np.asarray(np.linalg.inv(among + np.diag(1 / weight)))
        moved = mean[asked] + among @ (inverse @ (response - mean[asked]))
        # a long step overshoots where the curve is flat
        step = np.clip(moved - at, -1.0, 1.0)
        at = at + step
        if np.abs(step).max() < NEAR:
            break
    gain = across @ inverse
    after = mean + gain @ (response - mean[asked])
    reduced = covariance - gain @ across.T
    return after, 0.5 * (reduced + reduced.T)

"""The accuracy model: option effect + class effect + interaction in logits, seen through noise.

    z[c,m] = o[m] + r[c] + i[c,m] + e[c,m]
    o ~ N(mu, b^2),  mu ~ N(0, 3^2),  r ~ N(0, a^2),  i ~ N(0, t^2),  e ~ N(0, phi / (n p (1-p)))

Everything is Gaussian once the binomial noise is linearised at the current p (four rounds of
iteratively reweighted least squares), so posterior and marginal likelihood are closed form
(Rasmussen & Williams, Gaussian Processes, 2006, section 2.7 and 3.4; the class effect is
integrated by Sherman-Morrison). The three spreads maximise the marginal likelihood on a grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SPREADS = np.array([0.03, 0.06, 0.1, 0.16, 0.25, 0.35, 0.5, 0.7, 1.0, 1.5, 2.5, 4.0])
MU_SD = 3.0
ROUNDS = 4
SWEEPS = 6
EDGE = 1e-3
_HERMITE_X, _HERMITE_W = np.polynomial.hermite_e.hermegauss(15)
_HERMITE_W = _HERMITE_W / _HERMITE_W.sum()


@dataclass(frozen=True, slots=True)
class Spreads:
    """Standard deviations of the three effects, in logits."""

    of_classes: float
    """a: how much the classes differ in level."""
    of_interactions: float
    """t: how much an option departs from its level in one class."""
    of_options: float
    """b: how much the options differ."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """What is known of the option effects from elsewhere, as a Gaussian factor."""

    precision: Array
    """Inverse covariance, (M, M), positive semidefinite."""
    pull: Array
    """Precision times the mean, (M,)."""


@dataclass(frozen=True, slots=True)
class LogitFit:
    """Posterior of all (class, option) logits."""

    logit: Array
    """Posterior means, (C, M)."""
    own: Array
    """Posterior covariance inside a class given the option effects, (C, M, M)."""
    loading: Array
    """How a class's logits move with the option effects, (C, M, M)."""
    shared: Array
    """Posterior covariance of the option effects, (M, M)."""
    spreads: Spreads
    """The fitted spreads."""
    effects: Array
    """Posterior means of the option effects, (M,)."""

    @property
    def variance(self) -> Array:
        """Posterior variances of the logits, (C, M)."""
        own = np.diagonal(self.own, axis1=1, axis2=2)
        through = np.einsum("cij,cij->ci", self.loading @ self.shared, self.loading)
        return np.asarray(np.maximum(own + through, 0.0))


def sigmoid(x: Array) -> Array:
    """Map logits to shares without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * np.asarray(x, dtype=float))))


def logit(p: Array) -> Array:
    """Map shares inside (0, 1) to logits."""
    p = np.asarray(p, dtype=float)
    return np.asarray(np.log(p) - np.log1p(-p))


def moments(mean: Array, variance: Array) -> tuple[Array, Array]:
    """Give mean and standard deviation of sigmoid(N(mean, variance)), by Gauss-Hermite.

    Where the variance is small they tend to sigmoid(mean) and p (1 - p) sd.
    """
    sd = np.sqrt(variance)
    p = sigmoid(mean[..., None] + sd[..., None] * _HERMITE_X)
    first = p @ _HERMITE_W
    second = ((p - first[..., None]) ** 2) @ _HERMITE_W
    return first, np.sqrt(second)


def fit_logits(
    n: Array, mean: Array, phi: Array | float = 1.0, anchor: Anchor | None = None
) -> LogitFit:
    """Fit the model to cells of n questions with these mean scores; shapes (C, M).

    A cell with n = 0 is missing. phi is the variance of one question's score divided by p(1-p):
    1 for single right-or-wrong answers, less for averaged or partial ones.
    """
    n = np.asarray(n, dtype=float)
    seen = n > 0
    y = np.where(seen, mean, 0.5)
    p = _start(n, y, seen)
    spreads = np.array([0.5, 0.35, 0.7])
    free = _free_spreads(seen, spreads, anchor)
    for round_ in range(ROUNDS):
        p = np.clip(p, EDGE, 1 - EDGE)
        d = p * (1 - p)
        z = np.where(seen, logit(p) + (y - p) / d, 0.0)
        noise = np.where(seen, phi / (np.where(seen, n, 1.0) * d), 1.0)
        spreads = _maximise(z, noise, seen, spreads, free, anchor)
        if round_ < ROUNDS - 1:
            p = sigmoid(_posterior_mean(z, noise, seen, spreads, anchor)[0])
    return _posterior(z, noise, seen, spreads, anchor)


def _start(n: Array, y: Array, seen: NDArray[np.bool_]) -> Array:
    """Start halfway between an additive fit and the raw shares."""
    raw = (n * y + 0.5) / (n + 1.0)
    z = logit(raw)
    rows = np.zeros((len(n), 1))
    columns = np.zeros((1, n.shape[1]))
    for _ in range(3):
        columns = ((z - rows) * n).sum(0, keepdims=True) / (n.sum(0, keepdims=True) + 1.0)
        rows = ((z - columns) * n).sum(1, keepdims=True) / (n.sum(1, keepdims=True) + 1.0)
    additive = sigmoid(rows + columns)
    return np.asarray(np.where(seen, 0.5 * (additive + raw), additive))


def _free_spreads(seen: NDArray[np.bool_], spreads: Array, anchor: Anchor | None) -> list[int]:
    """Name the spreads that the data can tell apart; hold the others at the grid's smallest."""
    free = []
    classes, options = int(seen.any(1).sum()), int(seen.any(0).sum())
    if classes > 1:
        free.append(0)
    else:
        spreads[0] = SPREADS[0]
    if (classes > 1 and options > 1) or anchor is not None:
        free.append(1)
    elif classes > 1:
        free.append(1)
        free.remove(0)
        spreads[0] = SPREADS[0]
    else:
        spreads[1] = SPREADS[0]
    if options > 1:
        free.append(2)
    else:
        spreads[2] = SPREADS[0]
    return free


def _maximise(
    z: Array,
    noise: Array,
    seen: NDArray[np.bool_],
    spreads: Array,
    free: list[int],
    anchor: Anchor | None,
) -> Array:
    """Climb the marginal likelihood by coordinates on the grid."""
    spreads = spreads.copy()
    settled = 0
    for step in range(SWEEPS * max(len(free), 1)):
        if settled >= len(free):
            break
        which = free[step % len(free)]
        trial = np.tile(spreads, (len(SPREADS), 1))
        trial[:, which] = SPREADS
        best = SPREADS[int(np.argmin(_deviance(z, noise, seen, trial, anchor)))]
        settled = settled + 1 if best == spreads[which] else 1
        spreads[which] = best
    return spreads


def _weights(noise: Array, seen: NDArray[np.bool_], trial: Array) -> tuple[Array, Array, Array]:
    """Give w, sum w and the Sherman-Morrison factor g for each of K trial spreads."""
    t2 = trial[:, 1, None, None] ** 2
    w = np.where(seen, 1.0 / (noise + t2), 0.0)
    total = w.sum(2)
    a2 = trial[:, 0, None] ** 2
    return w, total, a2 / (1.0 + a2 * total)


def _deviance(
    z: Array, noise: Array, seen: NDArray[np.bool_], trial: Array, anchor: Anchor | None
) -> Array:
    """Give -2 log marginal likelihood, up to a constant, for K trial spreads (K, 3)."""
    w, total, g = _weights(noise, seen, trial)
    options = z.shape[1]
    b2 = trial[:, 2] ** 2
    a2 = trial[:, 0, None] ** 2
    wz = w * z
    pulled = wz.sum(2)
    h = wz.sum(1) - np.einsum("kc,kcm->km", g * pulled, w)
    square = (wz * z).sum((1, 2)) - (g * pulled**2).sum(1)
    log_v = -np.log(np.where(seen, w, 1.0)).sum((1, 2)) + np.log1p(a2 * total).sum(1)
    if anchor is not None:
        h = h + anchor.pull
    right = np.stack([h, np.ones_like(h)], axis=2)
    solved, log_q = _solve_effects(w, g, b2, right, anchor)
    one_h = solved[:, :, 0].sum(1)
    one_one = solved[:, :, 1].sum(1)
    h_h = (h * solved[:, :, 0]).sum(1)
    den = options / b2 - one_one / b2**2 + 1.0 / MU_SD**2
    fit = h_h + (one_h / b2) ** 2 / den
    return np.asarray(log_v + square - fit + options * np.log(b2) + log_q + np.log(den))


def _solve_effects(
    w: Array, g: Array, b2: Array, right: Array, anchor: Anchor | None
) -> tuple[Array, Array]:
    """Solve (sum V^-1 + I/b^2 [+ anchor]) x = right and give the log determinant.

    With fewer classes than options the Woodbury identity keeps the matrix at (C, C).
    """
    diagonal = w.sum(1) + 1.0 / b2[:, None]
    classes, options = w.shape[1:]
    if anchor is None and classes < options:
        scaled = w / diagonal[:, None, :]
        root = np.sqrt(g)
        inner = np.eye(classes) - root[:, :, None] * (scaled @ w.transpose(0, 2, 1)) * root[:, None]
        plain = right / diagonal[:, :, None]
        middle = np.linalg.solve(inner, root[:, :, None] * (w @ plain))
        solved = plain + scaled.transpose(0, 2, 1) @ (root[:, :, None] * middle)
        return solved, np.asarray(np.log(diagonal).sum(1) + np.linalg.slogdet(inner)[1])
    matrix = -(w * g[:, :, None]).transpose(0, 2, 1) @ w
    index = np.arange(options)
    matrix[:, index, index] += diagonal
    if anchor is not None:
        matrix += anchor.precision
    solved = np.asarray(np.linalg.solve(matrix, right))
    return solved, np.asarray(np.linalg.slogdet(matrix)[1])


def _posterior_mean(
    z: Array, noise: Array, seen: NDArray[np.bool_], spreads: Array, anchor: Anchor | None
) -> tuple[Array, Array]:
    """Give the posterior means of the logits (C, M) and of the option effects (M,)."""
    w3, _, g3 = _weights(noise, seen, spreads[None])
    w, g = w3[0], g3[0]
    a2, t2, b2 = spreads**2
    h = (w * z).sum(0) - (g * (w * z).sum(1)) @ w
    if anchor is not None:
        h = h + anchor.pull
    right = np.stack([h, np.ones_like(h)], axis=1)[None]
    solved = _solve_effects(w3, g3, np.array([b2]), right, anchor)[0][0]
    den = len(h) / b2 - solved[:, 1].sum() / b2**2 + 1.0 / MU_SD**2
    effects = solved[:, 0] + solved[:, 1] * (solved[:, 0].sum() / b2 / den) / b2
    residual = w * (z - effects)
    u = residual - (g * residual.sum(1))[:, None] * w
    return effects + a2 * u.sum(1, keepdims=True) + t2 * u, effects


def _posterior(
    z: Array, noise: Array, seen: NDArray[np.bool_], spreads: Array, anchor: Anchor | None
) -> LogitFit:
    """Give means and covariances at the fitted spreads."""
    mean, effects = _posterior_mean(z, noise, seen, spreads, anchor)
    w3, _, g3 = _weights(noise, seen, spreads[None])
    w, g = w3[0], g3[0]
    a2, t2, b2 = spreads**2
    options = z.shape[1]
    eye = np.eye(options)
    inverse = np.einsum("ci,ij->cij", w, eye) - np.einsum("c,ci,cj->cij", g, w, w)
    prior = a2 * np.ones((options, options)) + t2 * eye
    gain = prior @ inverse
    own = prior - gain @ prior
    matrix = inverse.sum(0) + eye / b2
    if anchor is not None:
        matrix = matrix + anchor.precision
    shared = np.linalg.inv(matrix)
    line = shared.sum(1) / b2
    den = options / b2 - line.sum() / b2 + 1.0 / MU_SD**2
    shared = shared + np.outer(line, line) / den
    return LogitFit(
        logit=mean,
        own=0.5 * (own + own.transpose(0, 2, 1)),
        loading=eye - gain,
        shared=0.5 * (shared + shared.T),
        spreads=Spreads(*(float(s) for s in spreads)),
        effects=effects,
    )

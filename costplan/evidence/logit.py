"""The accuracy model: option effect + class effect + interaction in logits, seen through noise.

    z[c,m] = o[m] + r[c] + i[c,m] + e[c,m]
    o ~ N(mu, b^2),  mu ~ N(0, 2^2),  r ~ N(0, a^2),  i ~ N(0, t^2)
    e[c,:] ~ N(0, S),  S[m,m] = s[m] = phi / (n p (1-p)),  S[m,k] = sqrt(q[m] s[m] q[k] s[k])

Options answer the same questions, so a part q of their errors is common: a hard sample lowers all.
Taken as independent they would look more alike than chance allows and be shrunken too far.
o and i have Student tails (2 degrees of freedom, as scale mixtures by EM: Lange, Little & Taylor,
JASA 1989), so that one outstanding model or one broken harness run keeps its distance.

Everything is Gaussian once the binomial likelihood of each cell is: five rounds linearise it at
the current p (iteratively reweighted least squares), three more match its moments (expectation
propagation, without which high accuracies on few questions are forecast one to two points too
low). Posterior and marginal likelihood are then closed form (Rasmussen & Williams, Gaussian
Processes, 2006, sections 2.7, 3.4 and 3.6); class effect and common error have rank two and are
integrated by the Woodbury identity. The three spreads maximise the likelihood on a grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from costplan.evidence.logistic import HERMITE_W, HERMITE_X, Array, logit, sigmoid

__all__ = ["Anchor", "LogitFit", "Spreads", "fit_logits", "logit", "sigmoid"]

SPREADS = np.array([0.03, 0.06, 0.1, 0.16, 0.25, 0.35, 0.5, 0.7, 1.0, 1.5, 2.5, 4.0])
MU_SD = 2.0
ROUNDS = 5
MATCHES = 3
WIDER = 1.2
"""Width of the quadrature relative to the marginal it refines."""
DEGREES = 2.0
"""Degrees of freedom of the Student prior on option effects and interactions."""
SWEEPS = 6
EDGE = 1e-3
LONGEST = 4.0
"""Logits by which a working response leaves the current value at most: longer steps overshoot where
few answers contradict what all the others suggest, and each round then makes it worse."""


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

    def __add__(self, other: Anchor) -> Anchor:
        """Know both."""
        return Anchor(self.precision + other.precision, self.pull + other.pull)


@dataclass(frozen=True, slots=True)
class _Noise:
    """Error of the working response."""

    variance: Array
    """s, (C, M)."""
    seen: NDArray[np.bool_]
    """Cells with questions, (C, M)."""
    paired: Array | float
    """Part of each error that the options of a class have in common, (C, M) or one for all."""


@dataclass(frozen=True, slots=True)
class _Tails:
    """Variance multipliers that make the Gaussian effects Student: large for outliers."""

    of_options: Array
    """(M,)."""
    of_cells: Array
    """(C, M)."""


@dataclass(frozen=True, slots=True)
class _State:
    """Posterior means, and what the covariances are made of."""

    logit: Array
    """(C, M)."""
    effects: Array
    """(M,)."""
    shared: Array
    """Covariance of the effects, (M, M)."""
    pulled: Array
    """V_c^-1 (z_c - o), (C, M)."""
    w: Array
    """Diagonal part of V_c^-1, (C, M)."""
    rows: Array
    """B_c with V_c^-1 = diag(w_c) - B_c' B_c, (2, C, M)."""


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


def fit_logits(
    n: Array,
    mean: Array,
    phi: Array | float = 1.0,
    *,
    paired: Array | float = 0.0,
    anchor: Anchor | None = None,
    steps: Anchor | None = None,
    known: Spreads | None = None,
) -> LogitFit:
    """Fit the model to cells of n questions with these mean scores; shapes (C, M).

    A cell with n = 0 is missing. phi is the variance of one question's score divided by p(1-p):
    1 for single right-or-wrong answers, less for averaged or partial ones. paired, (C, M) or one
    for all, is the part of a mean's variance that the options of a class have in common, as hard
    questions are hard for all: 0 where they answered different ones.
    anchor: what is known of the effects and their level; steps: of their differences alone.
    known: spreads to take as they are.
    """
    n = np.asarray(n, dtype=float)
    seen = n > 0
    y = np.where(seen, mean, 0.5)
    p = _start(n, y, seen)
    spreads = np.array([0.5, 0.35, 0.7])
    tails = _Tails(np.ones(n.shape[1]), np.ones(n.shape))
    if known is None:
        free = _free_spreads(seen, spreads, anchor)
    else:
        free, spreads = [], np.array([known.of_classes, known.of_interactions, known.of_options])
    if steps is not None:
        anchor = steps if anchor is None else anchor + steps
    answers = np.where(seen, n / phi, 0.0)
    z, variance = _linearised(p, y, answers)
    for _ in range(ROUNDS):
        noise = _Noise(variance, seen, paired)
        spreads = _maximise(z, noise, tails, spreads, free, anchor)
        state = _solve(z, noise, tails, spreads, anchor)
        tails = _heavier(state, tails, spreads)
        z, variance = _linearised(sigmoid(state.logit), y, answers)
    for _ in range(MATCHES):
        noise = _Noise(variance, seen, paired)
        spreads = _maximise(z, noise, tails, spreads, free, anchor)
        fit = _posterior(z, noise, tails, spreads, anchor)
        z, variance = _matched(fit, z, variance, y, answers)
    return _posterior(z, _Noise(variance, seen, paired), tails, spreads, anchor)


def _linearised(p: Array, y: Array, answers: Array) -> tuple[Array, Array]:
    """Give working response and its variance at the current accuracies."""
    p = np.clip(p, EDGE, 1 - EDGE)
    d = p * (1 - p)
    seen = answers > 0
    z = np.where(seen, logit(p) + np.clip((y - p) / d, -LONGEST, LONGEST), 0.0)
    return z, np.where(seen, 1.0 / (np.where(seen, answers, 1.0) * d), 0.0)


def _matched(
    fit: LogitFit, z: Array, variance: Array, y: Array, answers: Array
) -> tuple[Array, Array]:
    """Give the response that matches each cell's exact posterior moments.

    The cell's own Gaussian factor is taken out of its marginal, the binomial likelihood is put in
    its place, and mean and variance of the product, by quadrature, are given a Gaussian factor
    again: one pass of expectation propagation.
    """
    seen = answers > 0
    s = np.where(seen, variance, 1.0)
    marginal = np.maximum(fit.variance, 1e-9)
    cavity = np.maximum(1.0 / marginal - 1.0 / s, 0.05 / marginal)
    centre = (fit.logit / marginal - z / s) / cavity
    theta = fit.logit[..., None] + WIDER * np.sqrt(marginal)[..., None] * HERMITE_X
    p = np.clip(sigmoid(theta), 1e-12, 1 - 1e-12)
    right = (answers * y)[..., None]
    log_f = right * np.log(p) + (answers[..., None] - right) * np.log1p(-p)
    log_f += 0.5 * HERMITE_X**2 - 0.5 * cavity[..., None] * (theta - centre[..., None]) ** 2
    weight = HERMITE_W * np.exp(log_f - log_f.max(axis=-1, keepdims=True))
    weight /= weight.sum(axis=-1, keepdims=True)
    mean = (weight * theta).sum(-1)
    spread = (weight * (theta - mean[..., None]) ** 2).sum(-1)
    precision = np.maximum(1.0 / spread - cavity, 0.05 / s)
    response = (mean / spread - cavity * centre) / precision
    return np.where(seen, response, 0.0), np.where(seen, 1.0 / precision, 0.0)


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
    """Name the spreads that the data can tell apart; hold the others at the grid's smallest.

    One class has no level of its own and no interactions; one option has neither effect nor
    level, only interactions.
    """
    classes, options = int(seen.any(1).sum()), int(seen.any(0).sum())
    free = []
    if classes > 1 and options > 1:
        free.append(0)
    if classes > 1 or anchor is not None:
        free.append(1)
    if options > 1:
        free.append(2)
    for which in range(3):
        if which not in free:
            spreads[which] = SPREADS[0]
    return free


def _heavier(state: _State, tails: _Tails, spreads: Array) -> _Tails:
    """Give the expected variance multipliers of the effects: one EM step of a Student prior."""
    _, t2, b2 = spreads**2
    q = 1.0 / (b2 * tails.of_options)
    mu = (q * state.effects).sum() / (q.sum() + 1.0 / MU_SD**2)
    square = (state.effects - mu) ** 2 + np.diagonal(state.shared)
    options = (DEGREES + square / b2) / (DEGREES + 1.0)
    prior = t2 * tails.of_cells
    inverse = state.w - (state.rows**2).sum(0)
    square = (prior * state.pulled) ** 2 + prior * (1.0 - prior * inverse)
    return _Tails(options, (DEGREES + square / t2) / (DEGREES + 1.0))


def _maximise(
    z: Array, noise: _Noise, tails: _Tails, spreads: Array, free: list[int], anchor: Anchor | None
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
        best = SPREADS[int(np.argmin(_deviance(z, noise, tails, trial, anchor)))]
        settled = settled + 1 if best == spreads[which] else 1
        spreads[which] = best
    return spreads


def _whiten(noise: _Noise, tails: _Tails, trial: Array) -> tuple[Array, Array, Array]:
    """Write V_c^-1 = diag(w_c) - B_c' B_c for K trial spreads.

    Gives w (K, C, M), B (K, 2, C, M) and the sum over classes of log |V_c| (K,).
    """
    a, t2 = trial[:, 0, None, None], trial[:, 1, None, None] ** 2 * tails.of_cells
    alone = noise.variance * (1.0 - noise.paired)
    w = noise.seen / (alone + t2)
    error = np.sqrt(noise.variance * noise.paired)
    level, shared = a * w, error * w
    p = 1.0 + (a * level).sum(2, keepdims=True)
    q = (a * shared).sum(2, keepdims=True)
    r = 1.0 + (error * shared).sum(2, keepdims=True)
    det = p * r - q * q
    first = (level * r - shared * q) / np.sqrt(r * det)
    second = shared / np.sqrt(r)
    log_v = np.log(np.where(noise.seen, alone + t2, 1.0)).sum((1, 2))
    return w, np.stack([first, second], axis=1), log_v + np.log(det).sum((1, 2))


def _deviance(z: Array, noise: _Noise, tails: _Tails, trial: Array, anchor: Anchor | None) -> Array:
    """Give -2 log marginal likelihood, up to a constant, for K trial spreads (K, 3)."""
    w, rows, log_v = _whiten(noise, tails, trial)
    q = 1.0 / (trial[:, 2, None] ** 2 * tails.of_options)
    h, square = _pull(z, w, rows)
    if anchor is not None:
        h = h + anchor.pull
    right = np.stack([h, q], axis=2)
    solved, log_q = _solve_effects(w, rows, q, right, anchor)
    den = q.sum(1) - (q * solved[:, :, 1]).sum(1) + 1.0 / MU_SD**2
    fit = (h * solved[:, :, 0]).sum(1) + (q * solved[:, :, 0]).sum(1) ** 2 / den
    return np.asarray(log_v + square - fit - np.log(q).sum(1) + log_q + np.log(den))


def _pull(z: Array, w: Array, rows: Array) -> tuple[Array, Array]:
    """Give sum_c V_c^-1 z_c (K, M) and sum_c z_c' V_c^-1 z_c (K,)."""
    along = (rows * z).sum(3)
    flat = rows.reshape(len(rows), -1, z.shape[1])
    h = (w * z).sum(1) - (along.reshape(len(rows), 1, -1) @ flat)[:, 0]
    return h, (w * z * z).sum((1, 2)) - (along**2).sum((1, 2))


def _solve_effects(
    w: Array, rows: Array, q: Array, right: Array, anchor: Anchor | None
) -> tuple[Array, Array]:
    """Solve (sum V^-1 + diag q [+ anchor]) x = right and give the log determinant.

    With few classes and many options the Woodbury identity keeps the matrix small.
    """
    diagonal = w.sum(1) + q
    options = w.shape[2]
    flat = rows.reshape(len(rows), -1, options)
    if anchor is None and flat.shape[1] < options:
        scaled = flat / diagonal[:, None, :]
        inner = np.eye(flat.shape[1]) - scaled @ flat.transpose(0, 2, 1)
        plain = right / diagonal[:, :, None]
        solved = plain + scaled.transpose(0, 2, 1) @ np.linalg.solve(inner, flat @ plain)
        return solved, np.asarray(np.log(diagonal).sum(1) + np.linalg.slogdet(inner)[1])
    matrix = -(flat.transpose(0, 2, 1) @ flat)
    index = np.arange(options)
    matrix[:, index, index] += diagonal
    if anchor is not None:
        matrix += anchor.precision
    return np.asarray(np.linalg.solve(matrix, right)), np.asarray(np.linalg.slogdet(matrix)[1])


def _solve(z: Array, noise: _Noise, tails: _Tails, spreads: Array, anchor: Anchor | None) -> _State:
    """Give the posterior means at these spreads."""
    w3, rows3, _ = _whiten(noise, tails, spreads[None])
    w, rows = w3[0], rows3[0]
    a2, t2, b2 = spreads**2
    q = 1.0 / (b2 * tails.of_options)
    h = _pull(z, w3, rows3)[0][0]
    if anchor is not None:
        h = h + anchor.pull
    shared = _effects_covariance(w, rows, q, anchor)
    line = shared @ q
    shared = shared + np.outer(line, line) / (q.sum() - q @ line + 1.0 / MU_SD**2)
    effects = shared @ h
    residual = z - effects
    pulled = w * residual - ((rows * residual).sum(2, keepdims=True) * rows).sum(0)
    logits = effects + a2 * pulled.sum(1, keepdims=True) + t2 * tails.of_cells * pulled
    return _State(logits, effects, 0.5 * (shared + shared.T), pulled, w, rows)


def _effects_covariance(w: Array, rows: Array, q: Array, anchor: Anchor | None) -> Array:
    """Invert sum V^-1 + diag q [+ anchor], (M, M); small where classes are few."""
    diagonal = w.sum(0) + q
    flat = rows.reshape(-1, len(q))
    if anchor is None and len(flat) < len(q):
        scaled = flat / diagonal
        inner = np.eye(len(flat)) - scaled @ flat.T
        return np.asarray(np.diag(1.0 / diagonal) + scaled.T @ np.linalg.solve(inner, scaled))
    matrix = np.diag(diagonal) - flat.T @ flat
    return np.asarray(np.linalg.inv(matrix if anchor is None else matrix + anchor.precision))


def _posterior(
    z: Array, noise: _Noise, tails: _Tails, spreads: Array, anchor: Anchor | None
) -> LogitFit:
    """Give means and covariances at these spreads."""
    state = _solve(z, noise, tails, spreads, anchor)
    a2, t2, _ = spreads**2
    prior = t2 * tails.of_cells
    eye = np.eye(z.shape[1])
    inverse = state.w[:, :, None] * eye - np.einsum("rci,rcj->cij", state.rows, state.rows)
    gain = a2 * inverse.sum(1)[:, None, :] + prior[:, :, None] * inverse
    own = a2 + prior[:, :, None] * eye - a2 * gain.sum(2)[:, :, None] - gain * prior[:, None, :]
    return LogitFit(
        logit=state.logit,
        own=0.5 * (own + own.transpose(0, 2, 1)),
        loading=eye - gain,
        shared=state.shared,
        spreads=Spreads(*(float(s) for s in spreads)),
        effects=state.effects,
    )

"""Published curve and own outcomes together.

The published logit of an option is a pseudo-measurement of its effect plus a level of its own:

    z_pub[m] = o[m] + L + d[m] + e[m],   L ~ N(0, level^2),  d ~ N(0, departures),  e ~ binomial

so it enters the fit of the local cells as a Gaussian factor on the option effects. It is worth
about 20 local questions per option; the level comes from the local questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from costplan.domain.estimate import Grade
from costplan.evidence.belief import Beliefs, Option
from costplan.evidence.cells import Cells
from costplan.evidence.estimates import Estimates, estimate_cells
from costplan.evidence.logistic import Array
from costplan.evidence.logit import Anchor
from costplan.evidence.published import USUAL_TRANSFER, PublishedCurve, Transfer


def combine_evidence(
    cells: Cells,
    curve: PublishedCurve,
    transfer: Transfer = USUAL_TRANSFER,
) -> Beliefs:
    """Believe the cells and the curve together, for every class of the cells.

    Options that only the curve knows are graded "published", those that nobody measured
    "assumed". With transfer zero the curve must be of the classes' own kind of question.
    """
    estimates = estimate_combined(cells, curve, transfer)
    published = {
        option for option, extra in zip(curve.options, curve.bridge, strict=True) if extra == 0
    }
    classes = {}
    for name, belief in estimates.beliefs().classes.items():
        grades = tuple(
            Grade.PUBLISHED if grade is Grade.ASSUMED and option in published else grade
            for option, grade in zip(belief.options, belief.grades, strict=True)
        )
        classes[name] = replace(belief, grades=grades, notes=(*belief.notes, *curve.notes))
    return Beliefs(classes)


def estimate_combined(cells: Cells, curve: PublishedCurve, transfer: Transfer) -> Estimates:
    """Estimate the cells with the curve as an anchor of the option effects.

    The spreads come from the options of the cells; the others have nothing to say about them.
    """
    stepped = frozenset(curve.options)
    local = estimate_cells(cells, _anchor(curve, cells.options, transfer), stepped=stepped)
    options = tuple(sorted({*cells.options, *curve.options}))
    if options == cells.options:
        return local
    anchor = _anchor(curve, options, transfer)
    return estimate_cells(_with_options(cells, options), anchor, local.fit.spreads, stepped)


def _anchor(curve: PublishedCurve, options: Sequence[Option], transfer: Transfer) -> Anchor:
    """Turn the curve into a Gaussian factor on the effects of these options."""
    covariance = (
        transfer.covariance(curve.options, curve.places)
        + np.diag(curve.bridge)
        + curve.mixing @ curve.covariance @ curve.mixing.T
    )
    place = {option: i for i, option in enumerate(options)}
    known = [i for i, option in enumerate(curve.options) if option in place]
    at = [place[curve.options[i]] for i in known]
    inverse = np.linalg.inv(covariance[np.ix_(known, known)])
    precision = np.zeros((len(options), len(options)))
    precision[np.ix_(at, at)] = 0.5 * (inverse + inverse.T)
    pull = np.zeros(len(options))
    pull[at] = inverse @ curve.logit[known]
    return Anchor(precision, pull)


def _with_options(cells: Cells, options: tuple[Option, ...]) -> Cells:
    """Widen the cells by options without questions."""
    at = np.array([options.index(option) for option in cells.options])

    def widen(values: Array, blank: float) -> Array:
        out = np.full((len(cells.classes), len(options)), blank)
        out[:, at] = values
        return out

    return replace(
        cells,
        options=options,
        n=widen(cells.n, 0.0),
        mean=widen(cells.mean, 0.0),
        level=widen(cells.level, 0.0),
        worth=widen(cells.worth, 0.0),
        together=widen(cells.together, 0.0),
        phi=widen(cells.phi, 1.0),
        usd=widen(cells.usd, np.nan),
        usd_n=widen(cells.usd_n, 0.0),
        usd_cv2=widen(cells.usd_cv2, np.nan),
    )

"""The fitted curves of an outcomes table."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from costplan.domain.measurement import Measurement
from costplan.domain.outcomes import Outcomes
from costplan.plan.curve_fit import CurveFit, FitPoint, choose_classes, put_in_order

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from costplan.evidence.belief import Belief
    from costplan.evidence.cells import Usage
    from costplan.evidence.diagnosis import CurvePoint, Finding
    from costplan.evidence.estimates import Estimates

    Array = NDArray[np.float64]

Option = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """An outcomes table, counted and estimated."""

    estimates: Estimates
    """What is believed of every class and option."""
    usage: Usage
    """Time and tokens."""
    cut_off: Array
    """Share of answers cut off, (C, M)."""
    cut_at: Array
    """Tokens at which they end, (C, M); NaN unknown."""

    def diagnose(self, name: str, options: Container[Option]) -> list[Finding]:
        """Look at a class, as far as these options go."""
        from costplan.evidence.diagnosis import diagnose, find_outliers

        cells = self.estimates.cells
        c = cells.classes.index(name)
        points = [
            self._point(c, m)
            for m, option in enumerate(cells.options)
            if cells.n[c, m] and option in options
        ]
        odd = [
            finding
            for finding in find_outliers(self.estimates, c)
            if any((finding.model, setting) in options for setting in finding.settings)
        ]
        return [*odd, *diagnose(points, cells.paired)]

    def _point(self, c: int, m: int) -> CurvePoint:
        from costplan.evidence.diagnosis import CurvePoint

        return CurvePoint.of_cell(
            self.estimates.cells, self.usage, c, m, self.cut_off[c, m], self.cut_at[c, m]
        )

    def fit(self, name: str, belief: Belief, confidence: float, evidence: str) -> CurveFit:
        """Give the curve of a class as this belief sees it."""
        from costplan.evidence.diagnosis import CurvePoint

        cells = self.estimates.cells
        c = cells.classes.index(name)
        points = []
        place = {option: m for m, option in enumerate(cells.options)}
        for option in belief.options:
            m = place.get(option)
            n = 0 if m is None else int(cells.n[c, m])
            seen = CurvePoint(*option, 0.0) if m is None else self._point(c, m)
            points.append(
                FitPoint(
                    model=option[0],
                    setting=option[1],
                    n_questions=n,
                    measured=float(cells.mean[c, m]) if m is not None and n else None,
                    fitted=belief.estimate(option, confidence),
                    usd=None if seen.usd is None else Decimal(f"{seen.usd:.9f}"),
                    output_tokens=seen.output_tokens,
                    reasoning_tokens=seen.reasoning_tokens,
                )
            )
        return CurveFit(
            name=name,
            evidence=evidence,
            unit="question",
            confidence=confidence,
            points=put_in_order(points),
            findings=tuple(self.diagnose(name, set(cells.options))),
            notes=tuple(dict.fromkeys(belief.notes)),
        )


def read_table(path: Path) -> Table:
    """Read, count and estimate a table; InputError has all its faults."""
    from costplan.files.outcomes import read_outcomes

    return count_table(read_outcomes(path))


def count_table(outcomes: Outcomes) -> Table:
    """Count and estimate a table."""
    from costplan.evidence.cells import collect_answers, count_cells, measure_usage
    from costplan.evidence.diagnosis import measure_cut_off
    from costplan.evidence.estimates import estimate_cells

    answers = collect_answers(outcomes)
    share, end = measure_cut_off(outcomes, answers)
    return Table(
        estimates=estimate_cells(count_cells(answers)),
        usage=measure_usage(outcomes, answers),
        cut_off=share,
        cut_at=end,
    )


def fit_outcomes(
    path: Path, names: Sequence[str], confidence: float, rows: Sequence[Measurement] = ()
) -> list[CurveFit]:
    """Fit classes of an outcomes table, all without names; rows of one curve are weighed in.

    Raises InputError for faults of the table and for a class that it does not have.
    """
    from costplan.evidence.combined import combine_evidence
    from costplan.evidence.published import read_curve

    table = read_table(path)
    cells = table.estimates.cells
    chosen = choose_classes(names, cells.classes, str(path))
    if rows:
        curve = read_curve(rows)
        beliefs, evidence = combine_evidence(cells, curve), f"{path} and {curve.key}"
    else:
        beliefs, evidence = table.estimates.beliefs(), str(path)
    return [table.fit(name, beliefs.classes[name], confidence, evidence) for name in chosen]

"""Outcomes of several classes, halved at random: one half to plan on, the other to judge on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from costplan.domain.errors import Fault, InputError
from costplan.domain.outcomes import Outcomes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from costplan.evidence.cells import Answers
    from costplan.evidence.estimates import Estimates
    from costplan.policies.measured import Evidence
    from costplan.policies.table import Table

    Array = NDArray[np.float64]

FEWEST = 8
"""Questions of a class from which its halves are planned on and judged."""


@dataclass(frozen=True, slots=True)
class Half:
    """One half to plan on, and the other to judge on."""

    estimates: Estimates
    seen: Sequence[Table]
    held: Sequence[Table]


@dataclass(frozen=True, slots=True)
class Halves:
    """Outcomes by class, halved again and again."""

    answers: Answers
    places: Sequence[int]
    """Place of each class among those of the answers."""
    tables: Sequence[Table]
    weights: Array
    rng: np.random.Generator

    @classmethod
    def of(cls, outcomes: Outcomes, seed: int) -> Halves:
        """Lay the classes out; every table has a column for every setting of any class."""
        import numpy as np

        from costplan.evidence.cells import collect_answers
        from costplan.policies.table import lay_out

        answers = collect_answers(outcomes)
        laid = [_widen(lay_out(outcomes, name), answers) for name in answers.classes]
        places = [c for c, table in enumerate(laid) if len(table.questions) >= FEWEST]
        if not places:
            said = f"no class has {FEWEST} questions: there is nothing to halve"
            raise InputError([Fault(said)])
        sizes = np.array([len(laid[c].questions) for c in places], dtype=float)
        rng = np.random.default_rng(seed)
        tables = [laid[c] for c in places]
        return cls(answers, places, tables, sizes / sizes.sum(), rng)

    def draw(self) -> Iterator[Half]:
        """Halve every class at random; each half is planned on once."""
        import numpy as np

        from costplan.evidence.cells import count_cells
        from costplan.evidence.estimates import estimate_cells

        orders = [self.rng.permutation(len(table.questions)) for table in self.tables]
        for way in (1, -1):
            keep = np.zeros(len(self.answers.class_of), dtype=bool)
            seen, held = [], []
            for c, table, order in zip(self.places, self.tables, orders, strict=True):
                mine, half = order[::way], len(order) // 2
                keep[np.flatnonzero(self.answers.class_of == c)[mine[:half]]] = True
                seen.append(table.take(np.sort(mine[:half])))
                held.append(table.take(np.sort(mine[half:])))
            yield Half(estimate_cells(count_cells(self.answers, keep)), seen, held)

    def name(self, table: Table) -> Evidence:
        """Take one half of a class as it came: settings are named by their place."""
        from costplan.policies.measured import Evidence

        return Evidence(table, {str(m): s for m, s in enumerate(self.answers.options)})

    def believe(self, half: Half, c: int, confidence: float) -> Evidence:
        """Believe what the planning half shows of a class, for questions as many as the other."""
        from costplan.evidence.belief import widening
        from costplan.policies.estimate import Trust
        from costplan.policies.joint import measure_dependence

        seen, row = half.seen[c], self.places[c]
        mean, usable = half.estimates.mean[row], half.estimates.usable[row]
        believed = {
            setting: float(mean[m]) for m, setting in enumerate(self.answers.options) if usable[m]
        }
        return replace(
            self.name(seen),
            believed=believed,
            dependence=measure_dependence(seen),
            trust=Trust(confidence, widening(len(seen.questions))),
            future_questions=float(len(half.held[c].questions)),
        )


def _widen(table: Table, answers: Answers) -> Table:
    """Give a table a column for every setting of any class."""
    import numpy as np

    from costplan.policies.table import AMOUNTS

    columns = [answers.options.index(setting) for setting in table.settings]
    size = len(answers.options)

    def spread(values: Any, blank: float) -> Any:  # noqa: ANN401 - any kind of array
        wide = np.full((len(values), size), blank, dtype=values.dtype)
        wide[:, columns] = values
        return wide

    filled = np.zeros(size)
    filled[columns] = table.filled_usd
    return replace(
        table,
        settings=answers.options,
        count=spread(table.count, 0),
        first=spread(table.first, 0),
        score=spread(table.score, np.nan),
        filled_usd=filled,
        **{name: spread(getattr(table, name), np.nan) for name in AMOUNTS},
    )

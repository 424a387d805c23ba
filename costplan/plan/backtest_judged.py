"""What of a table a backtest can judge, and what its ceilings are fractions of."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from costplan.domain.errors import Fault, InputError
from costplan.domain.outcomes import Note

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from costplan.evidence.cells import Answers, Cells

    Array = NDArray[np.float64]


def keep_judgeable(answers: Answers) -> tuple[Answers, list[Note]]:
    """Keep the classes that can be split and priced; say what is left out."""
    import numpy as np

    from costplan.evidence.cells import count_cells

    cells = count_cells(answers)
    notes: list[Note] = []
    keep = []
    for c, name in enumerate(cells.classes):
        if cells.questions[c] < 2:
            notes.append(_left_out(name, "has one question, which cannot be split"))
        elif not (cells.usd_n[c] > 1).any():
            notes.append(_left_out(name, "has no option with known costs"))
        else:
            keep.append(c)
    for m, (model, setting) in enumerate(cells.options):
        if not np.isfinite(cells.usd[:, m]).any():
            text = f"{model} {setting} has no known cost: it informs the estimates, is not planned"
            notes.append(Note("unpriced", text))
    if not keep:
        raise InputError([Fault("no class can be judged: " + "; ".join(n.message for n in notes))])
    if len(keep) == len(cells.classes):
        return answers, notes
    place = np.full(len(cells.classes), -1)
    place[keep] = np.arange(len(keep))
    good = np.isin(answers.class_of, keep)
    renumbered = np.cumsum(good) - 1
    rows = good[answers.question]
    kept = replace(
        answers,
        classes=tuple(cells.classes[c] for c in keep),
        class_of=place[answers.class_of[good]],
        question=renumbered[answers.question[rows]],
        option=answers.option[rows],
        score=answers.score[rows],
        usd=answers.usd[rows],
    )
    return kept, notes


def _left_out(name: str, why: str) -> Note:
    return Note("class-left-out", f"class {name!r} {why}; it is left out", name)


def note_left_out(count: int, splits: int) -> list[Note]:
    """Say how many splits could not be planned."""
    text = (
        f"{count} of {splits} splits leave a class without a measured and priced option; they are "
        "left out"
    )
    return [Note("splits-left-out", text)] if count else []


def find_reference(cells: Cells, weights: Array) -> tuple[int | None, float]:
    """Find the best single option and the dollars per question that ceilings are fractions of."""
    import numpy as np

    priced = (cells.n > 0) & np.isfinite(cells.usd)
    everywhere = priced.all(0)
    if everywhere.any():
        best = int(np.where(everywhere, weights @ cells.mean, -1.0).argmax())
        return best, float(weights @ cells.usd[:, best])
    pick = np.where(priced, cells.mean, -1.0).argmax(1)
    return None, float(weights @ cells.usd[np.arange(len(pick)), pick])

"""Rows of outcomes as one table: spellings joined, repeats counted once, contradictions found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from costplan.domain.errors import Fault
from costplan.domain.outcomes import Labels, Note, Outcomes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_CONTRADICTIONS = 20
"""Contradicting questions that are listed."""


def join_spellings(outcomes: Outcomes) -> Outcomes:
    """Join spellings that differ only in case or spaces under the most frequent one."""
    notes: list[Note] = list(outcomes.notes)
    task_class, found = _respell(outcomes.task_class)
    notes += [Note("spelling", f"class {text}", keep) for text, keep in found]
    model, found = _respell(outcomes.model)
    notes += [Note("spelling", f"model {text}") for text, _ in found]
    setting, found = _respell(outcomes.setting)
    notes += [Note("spelling", f"setting {text}") for text, _ in found]
    known = {}
    for name, labels in outcomes.known.items():
        known[name], found = _respell(labels)
        notes += [Note("spelling", f"{name} {text}") for text, _ in found]
    return replace(
        outcomes,
        task_class=task_class,
        model=model,
        setting=setting,
        known=known,
        notes=tuple(notes),
    )


def _respell(labels: Labels) -> tuple[Labels, list[tuple[str, str]]]:
    """Join spellings; give the message and the kept name of each join."""
    import numpy as np

    groups: dict[str, list[int]] = {}
    for i, name in enumerate(labels.names):
        groups.setdefault(" ".join(name.split()).casefold(), []).append(i)
    if len(groups) == len(labels.names):
        return labels, []
    counts = np.bincount(labels.codes, minlength=len(labels.names))
    to = np.arange(len(labels.names))
    found = []
    for members in groups.values():
        keep = max(members, key=lambda i: (counts[i], labels.names[i]))
        for i in members:
            to[i] = keep
            if i != keep:
                text = (
                    f"{labels.names[i]!r} ({counts[i]} rows) is counted as "
                    f"{labels.names[keep]!r} ({counts[keep]} rows)"
                )
                found.append((text, labels.names[keep]))
    kept = sorted(set(to.tolist()))
    place = np.zeros(len(labels.names), dtype=np.int64)
    place[kept] = np.arange(len(kept))
    names = tuple(labels.names[i] for i in kept)
    return Labels(names, place[to[labels.codes]]), found


def find_contradictions(outcomes: Outcomes, file: str) -> list[Fault]:
    """List questions whose rows disagree on what is known of them before the call."""
    found = list(_list_contradictions(outcomes, file))
    rest = len(found) - MOST_CONTRADICTIONS
    if rest <= 0:
        return found
    return [*found[:MOST_CONTRADICTIONS], Fault(f"{rest} more contradictions", file)]


def _list_contradictions(outcomes: Outcomes, file: str) -> Iterator[Fault]:
    import numpy as np

    for name, labels in outcomes.known.items():
        said = np.array([bool(value) for value in labels.names], dtype=bool)[labels.codes]
        rows = np.flatnonzero(said)
        key = np.stack(
            [
                outcomes.dataset.codes[rows],
                outcomes.task_class.codes[rows],
                outcomes.question.codes[rows],
                labels.codes[rows],
            ]
        )
        pairs = np.unique(key, axis=1)
        same = np.flatnonzero((pairs[:3, 1:] == pairs[:3, :-1]).all(axis=0))
        for at in same.tolist():
            _, task, question, first = pairs[:, at].tolist()
            yield Fault(
                f"question {outcomes.question.names[question]!r} of class "
                f"{outcomes.task_class.names[task]!r} has {name} {labels.names[first]!r} and "
                f"{labels.names[int(pairs[3, at + 1])]!r}",
                file,
                advice="what is known before the call is one value a question",
            )


def count_once(outcomes: Outcomes) -> Outcomes:
    """Count equal rows once, and note rows that answer the same thing differently."""
    import numpy as np

    key = _row_keys(outcomes)
    order = np.argsort(key, kind="stable")
    same = np.flatnonzero(key[order][1:] == key[order][:-1]) + 1
    if not len(same):
        return outcomes
    values = np.stack(
        [outcomes.correct, outcomes.input_tokens, outcomes.output_tokens, outcomes.usd,
         outcomes.latency_s, *outcomes.extra.values()]
    )  # fmt: skip
    first: dict[int, list[int]] = {}
    for i in sorted({*same.tolist(), *(same - 1).tolist()}):
        first.setdefault(int(key[order[i]]), []).append(int(order[i]))
    drop: list[int] = []
    differing: dict[int, int] = {}
    for rows in first.values():
        seen: list[int] = []
        for row in sorted(rows):
            if any(np.array_equal(values[:, row], values[:, s], equal_nan=True) for s in seen):
                drop.append(row)
            else:
                seen.append(row)
        if len(seen) > 1:
            code = int(outcomes.task_class.codes[seen[0]])
            differing[code] = differing.get(code, 0) + 1
    notes = list(outcomes.notes)
    if drop:
        notes.append(Note("duplicate-rows", f"{len(drop)} rows are repeated and count once"))
    for code, count in sorted(differing.items()):
        name = outcomes.task_class.names[code]
        notes.append(
            Note(
                "conflicting-rows",
                f"{count} answers of class {name!r} are given more than once with different "
                "values; they are averaged as repeated samples",
                name,
            )
        )
    keep = np.setdiff1d(np.arange(len(outcomes)), np.array(drop, dtype=np.int64))
    return replace(outcomes.take(keep), notes=tuple(notes))


def _row_keys(outcomes: Outcomes) -> NDArray[np.int64]:
    """Number the distinct (question, option, sample) of the rows."""
    import numpy as np

    key = outcomes.dataset.codes
    for codes in (
        outcomes.task_class.codes,
        outcomes.question.codes,
        outcomes.model.codes,
        outcomes.setting.codes,
        np.unique(outcomes.sample, return_inverse=True)[1],
    ):
        joined = key * (int(codes.max()) + 1) + codes
        key = np.unique(joined, return_inverse=True)[1] if joined.max() > 1 << 40 else joined
    return np.asarray(key, dtype=np.int64)

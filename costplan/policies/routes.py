"""Routes: a class split by what is known of a request before the call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np  # noqa: TID253 - this room is about arrays

from costplan.domain.figures import write_percent
from costplan.domain.policy import Route
from costplan.domain.recipe import Spend, Stage
from costplan.policies.estimate import standard_error
from costplan.policies.facts import NotMeasured, times_of
from costplan.policies.known import read_numbers, read_texts
from costplan.policies.learned import Learned, find_difficulty
from costplan.policies.measured import FEWEST_QUESTIONS, Evidence, Played
from costplan.policies.points import Points, mix
from costplan.policies.table import Array, Index, Table

LEAST_SPREAD = 0.03
"""How far buckets are taken to differ at least in a setting's accuracy, as a standard deviation."""
EDGE = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A sub-class of a class."""

    name: str
    """Name of the bucket."""
    share: float
    """Share of the class's requests."""
    questions: Index
    """Questions of the table that belong to it."""
    rule: str = ""
    """Which requests belong to it, where its name does not say it."""
    notes: tuple[str, ...] = ()
    """What a reader must know of how it was found."""


def split_class(route: Route, evidence: Evidence) -> tuple[Part, ...]:
    """Split a class by what its outcomes know: a column, or a difficulty learned from them all.

    Shares are the route's, or counted from the questions. NotMeasured for anything else.
    """
    if route.by == "learned":
        return _by_learning(route, evidence)
    bucket = place_questions(route, evidence.table)
    counted = np.bincount(bucket, minlength=len(route.buckets)) / max(len(bucket), 1)
    return tuple(
        Part(
            name,
            float(counted[i]) if stated.share is None else float(stated.share),
            np.flatnonzero(bucket == i),
        )
        for i, (name, stated) in enumerate(route.buckets.items())
    )


def place_questions(route: Route, table: Table) -> Index:
    """Give the bucket of every question by a column of the table, (Q,); NotMeasured without."""
    ends = [float(b.up_to) for b in route.buckets.values() if b.up_to is not None]
    if ends:
        numbers = read_numbers(table, route.by)
        if numbers is None:
            raise NotMeasured(f"the outcomes do not say {route.by} for every question")
        return np.asarray(np.searchsorted(ends, numbers, side="left"))
    texts = read_texts(table, route.by)
    if texts is None:
        raise NotMeasured(f"the outcomes do not know {route.by} of a question")
    names = list(route.buckets)
    if strange := sorted(set(texts) - set(names)):
        raise NotMeasured(f"no bucket for {route.by} {strange[0] or 'blank'}")
    return np.array([names.index(text) for text in texts], dtype=np.int64)


def believe_route(route: Route, evidence: Evidence) -> Callable[[Array], float]:
    """Give the accuracy of a route by what is believed of its settings.

    What it gains over the same shares drawn blindly is pulled to 0: each setting's lean in a bucket
    as far as its buckets differ by chance alone, and their sum by its standard error (the positive
    part of James and Stein), since routes are looked for where gains look large.
    """
    parts = split_class(route, evidence)
    columns = [evidence.column(bucket.option) for bucket in route.buckets.values()]
    settings = sorted(set(columns))
    gain = variance = 0.0
    for b, (part, column) in enumerate(zip(parts, columns, strict=True)):
        lean, noise = _lean(evidence.table, column, parts)
        gain += part.share * float(lean[b])
        variance += part.share**2 * float(noise[b])
    if gain > 0:
        gain *= max(1 - variance / gain**2, 0.0)

    def believe(accuracy: Array) -> float:
        drawn = sum(
            part.share * float(accuracy[settings.index(column)])
            for part, column in zip(parts, columns, strict=True)
        )
        return drawn + gain

    return believe


def _lean(table: Table, column: int, parts: Sequence[Part]) -> tuple[Array, Array]:
    """Give how much better than its mean a setting is in each bucket, pulled to 0, and its noise.

    Noise is a variance.
    """
    score = [
        table.score[part.questions[table.count[part.questions, column] > 0], column]
        for part in parts
    ]
    n = np.array([len(values) for values in score], dtype=float)
    some = n > 0
    mean = np.array([values.mean() if len(values) else 0.0 for values in score])
    whole = float(np.concatenate(score).mean())
    noise = max(whole * (1 - whole), EDGE) / np.maximum(n, 1.0)
    apart = (mean - whole) ** 2 - noise * (1 - n / n.sum())
    spread = max(float(np.average(apart[some], weights=n[some])), LEAST_SPREAD**2)
    return np.where(some, (mean - whole) * spread / (spread + noise), 0.0), noise


def play_route(route: Route, evidence: Evidence) -> Played:
    """Play a route on the questions of its buckets, weighted by the buckets' shares."""
    table = evidence.table
    columns, taken, weights, stages = [], [], [], []
    lean: dict[int, float] = {}
    variance = 0.0
    parts = split_class(route, evidence)
    for part, bucket in zip(parts, route.buckets.values(), strict=True):
        column = evidence.column(bucket.option)
        mine = part.questions[table.count[part.questions, column] > 0]
        if len(mine) < FEWEST_QUESTIONS and part.share > 0:
            raise NotMeasured(f"bucket {part.name}: only {len(mine)} questions")
        lean[column] = lean.get(column, 0.0) + part.share
        variance += (part.share * standard_error(table.score[mine, column])) ** 2
        columns.append(np.full(len(mine), column))
        taken.append(mine)
        weights.append(np.full(len(mine), part.share / max(len(mine), 1)))
        rule = part.rule or f"{route.by} {part.name}"
        spend = _spend(table, mine, column, part.share)
        stages.append(Stage(table.settings[column], 1.0, "", rule, part.share, spend))
    asked, questions = np.concatenate(columns), np.concatenate(taken)
    # A question stands for its bucket's share: its values are scaled so that the plain mean over
    # questions is the mean over requests.
    weight = np.concatenate(weights) * len(questions)
    played = _assemble(table, asked, questions, weight, tuple(stages))
    return replace(
        played,
        lean=np.array([lean[c] for c in played.columns]),
        sd=float(variance**0.5),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )


def _spend(table: Table, questions: Index, column: int, share: float) -> Spend:
    """Give what a bucket takes of the dollars and tokens of a mean request."""

    def mean(name: str) -> float | None:
        found = getattr(table, name)[questions, column]
        return share * float(found.mean()) if len(found) and np.isfinite(found).all() else None

    tokens = (mean(name) for name in ("input_tokens", "output_tokens", "reasoning_tokens"))
    return Spend(mean("usd") or 0.0, *tokens)


def learn_route(route: Route, evidence: Evidence) -> tuple[Index, Learned]:
    """Learn how likely the first bucket's setting is right, from the questions it answered."""
    column = evidence.column(next(iter(route.buckets.values())).option)
    shares = tuple(float(bucket.share or 0) for bucket in route.buckets.values())
    return find_difficulty(evidence.table, column, shares)


def _by_learning(route: Route, evidence: Evidence) -> tuple[Part, ...]:
    """Split by the chance that the first bucket's setting is right; the surest requests first."""
    names = list(route.buckets)
    first = route.buckets[names[0]].option
    asked, learned = learn_route(route, evidence)
    above = [f"chance from {cut:.3g}" for cut in learned.thresholds] + ["the rest"]
    said = (
        f"chance that {first} is right: {learned.formula}; on questions not seen it saves "
        f"{write_percent(learned.saved)} of the log loss of the plain share, and its slope "
        f"before calibration was {learned.slope:.2f}"
    )
    return tuple(
        Part(
            name, float(route.buckets[name].share or 0), asked[learned.buckets == i], above[i],
            (said,),
        )
        for i, name in enumerate(names)
    )  # fmt: skip


def _assemble(
    table: Table, column: Index, questions: Index, weight: Array, stages: tuple[Stage, ...]
) -> Played:
    right = table.score[questions, column] * weight
    usd = table.usd[questions, column] * weight
    seconds = _times(table, column, questions, weight)
    return Played(
        columns=sorted(set(column.tolist())),
        questions=questions,
        right=right,
        accepted=np.ones(len(questions)),
        accepted_right=right,
        usd=usd,
        calls=weight,
        stages=stages,
        paths=[(weight, table.usd[questions, column], seconds)],
        tokens={
            name: getattr(table, name)[questions, column] * weight
            for name in ("input_tokens", "output_tokens", "reasoning_tokens")
        },
    )


def _times(table: Table, column: Index, questions: Index, weight: Array) -> Points | None:
    parts = []
    for c, q, w in zip(column.tolist(), questions.tolist(), weight.tolist(), strict=True):
        found = times_of(table, c, [q], 1)
        if found is None:
            return None
        parts.append((w, found[0]))
    return mix(parts)

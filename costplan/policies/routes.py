"""Routes: a class split by what is known of a request before the call."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np  # noqa: TID253 - this room is about arrays

from costplan.domain.figures import write_percent
from costplan.domain.policy import Route
from costplan.domain.recipe import Spend, Stage
from costplan.policies.estimate import standard_error
from costplan.policies.facts import NotMeasured, times_of
from costplan.policies.measured import FEWEST_QUESTIONS, Evidence, Played
from costplan.policies.points import Points, mix
from costplan.policies.table import Array, Index, Table


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


def split_class(route: Route, table: Table) -> tuple[Part, ...]:
    """Split a class by what its outcomes know: input_tokens, dataset, or a learned difficulty.

    Shares are the route's, or counted from the questions. NotMeasured for anything else.
    """
    if route.by == "input_tokens":
        bucket = _by_length(route, table)
    elif route.by == "dataset":
        names = list(route.buckets)
        sources = {source for source, _ in table.questions}
        if sources - set(names):
            raise NotMeasured(f"no bucket for dataset {min(sources - set(names))}")
        bucket = np.array([names.index(source) for source, _ in table.questions])
    elif route.by == "learned":
        return _by_learning(route, table)
    else:
        raise NotMeasured(f"the outcomes do not know {route.by} of a question")
    counted = np.bincount(bucket, minlength=len(route.buckets)) / max(len(bucket), 1)
    return tuple(
        Part(
            name,
            float(counted[i]) if stated.share is None else float(stated.share),
            np.flatnonzero(bucket == i),
        )
        for i, (name, stated) in enumerate(route.buckets.items())
    )


def play_route(route: Route, evidence: Evidence) -> Played:
    """Play a route on the questions of its buckets, weighted by the buckets' shares."""
    table = evidence.table
    columns, taken, weights, stages = [], [], [], []
    lean: dict[int, float] = {}
    variance = 0.0
    parts = split_class(route, table)
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


def _by_learning(route: Route, table: Table) -> tuple[Part, ...]:
    """Split by the chance that the first bucket's setting is right; the surest requests first."""
    from costplan.policies.learned import learn_difficulty

    names = list(route.buckets)
    first = route.buckets[names[0]].option
    model, _, knob = first.rpartition("/")
    setting = (model, knob) if (model, knob) in table.settings else (first, "")
    if setting not in table.settings:
        raise NotMeasured(f"the outcomes of the class do not hold {first}")
    column = table.place(setting)
    asked = np.flatnonzero(table.count[:, column] > 0)
    shares = tuple(float(bucket.share or 0) for bucket in route.buckets.values())
    learned = learn_difficulty(table, column, asked, shares)
    above = [f"chance from {cut:.3g}" for cut in learned.thresholds] + ["the rest"]
    said = (
        f"chance that {first} is right: {learned.formula}; on questions not seen it saves "
        f"{write_percent(learned.saved)} of the log loss of the plain share, and its slope "
        f"before calibration was {learned.slope:.2f}"
    )
    return tuple(
        Part(f"{name}", share, asked[learned.buckets == i], above[i], (said,))
        for i, (name, share) in enumerate(zip(names, shares, strict=True))
    )


def _by_length(route: Route, table: Table) -> Index:
    with np.errstate(invalid="ignore"):
        length = _mean_known(table.input_tokens)
    if not np.isfinite(length).all():
        raise NotMeasured("the outcomes do not say input_tokens for every question")
    ends = [float(b.up_to) for b in route.buckets.values() if b.up_to is not None]
    return np.asarray(np.searchsorted(ends, length, side="left"))


def _mean_known(values: Array) -> Array:
    known = np.isfinite(values)
    number = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


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

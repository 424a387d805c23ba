"""From the journal to evidence: question-level outcomes, curves, latencies."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from itertools import pairwise
from math import exp, lgamma, log, log1p, sqrt
from pathlib import Path
from statistics import NormalDist, median

from costplan.domain.money import EXACT
from costplan.domain.outcomes import COLUMNS, OPTIONAL_COLUMNS
from costplan.probe.judge import wilson
from costplan.probe.questions import Question
from costplan.probe.records import Kept, Tally

Option = tuple[str, str]
"""Model and setting."""


def outcome_rows(
    dataset: str, replies: Iterable[Kept], questions: Iterable[Question] = ()
) -> list[dict[str, str]]:
    """Make the rows of outcomes.csv, sorted; unknown is empty, never zero.

    A reply without a mark is left out, and so is a call without a reply: neither is an outcome.
    Columns known_... are those of the questions.
    """
    known = {question.key: dict(question.known) for question in questions if question.known}
    rows = [
        {**_reply_row(dataset, kept), **known.get(kept.key[:2], {})}
        for kept in replies
        if kept.score is not None
    ]
    names = sorted({name for cells in known.values() for name in cells})
    columns = (*COLUMNS, *OPTIONAL_COLUMNS, *names)
    complete = [{name: row.get(name, "") for name in columns} for row in rows]
    return sorted(complete, key=lambda row: [row[name] for name in COLUMNS[:6]])


def _names(
    dataset: str, task_class: str, question: str, model: str, setting: str, sample: int
) -> dict[str, str]:
    return {
        "dataset": dataset,
        "task_class": task_class,
        "question_id": question,
        "model": model,
        "budget_or_effort": setting,
        "sample": str(sample),
    }


def _reply_row(dataset: str, kept: Kept) -> dict[str, str]:
    asked, made, cached, reasoning = kept.tokens
    return {
        **_names(dataset, *kept.key),
        "correct": _cell(kept.score),
        "input_tokens": _cell(asked),
        "output_tokens": _cell(made),
        "cost_usd": f"{kept.usd:f}",
        "latency_s": _cell(round(kept.total_s, 4)),
        "reasoning_tokens": _cell(reasoning),
        "cached_input_tokens": _cell(cached),
        "truncated": str(int(kept.finish == "length")),
        "refused": str(int(kept.finish == "refusal")),
    }


def _cell(value: float | None) -> str:
    """Write a number; whole ones without a point, unknown as nothing."""
    if value is None:
        return ""
    return str(int(value)) if value == int(value) else repr(value)


def write_outcomes(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write the table in one go, so that a reader never finds half of it."""
    text = io.StringIO(newline="")
    columns = (*COLUMNS, *OPTIONAL_COLUMNS)
    known = [name for name in (rows[0] if rows else ()) if name not in columns]
    writer = csv.DictWriter(text, (*columns, *known), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    part = path.with_name(path.name + ".part")
    part.write_text(text.getvalue(), encoding="utf-8", newline="")
    part.replace(path)


@dataclass(frozen=True, slots=True)
class Span:
    """A figure with its interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured of one option on one class."""

    task_class: str
    option: Option
    n: int
    """Marked replies, at least 1."""
    accuracy: Span
    """Mean mark, with the Wilson interval."""
    usd: Decimal
    """Mean dollars of a call, by the probe's own prompts and caches."""
    input_tokens: float
    output_tokens: float
    reasoning_tokens: float | None
    """Mean; None where any reply did not say."""
    p50_s: Span
    """Median seconds of the attempt that was answered, waiting apart."""
    p95_s: Span
    """95th percentile; high is infinite where too few replies can say."""
    first_s: Span | None
    """Median seconds to the first visible token, of replies that had one; None where none had."""
    waited_s: float
    """Mean seconds that a question waited for limits and between attempts, beside the above."""
    truncated: float
    """Share of replies that the cap cut off."""
    refused: float
    """Share of replies that were refusals."""


def points(tally: Tally, confidence: float = 0.9) -> list[Point]:
    """Sum the marked replies up by class and option, sorted."""
    groups: dict[tuple[str, str, str], list[Kept]] = {}
    for kept in tally.replies.values():
        if kept.score is not None:
            task_class, _, model, setting, _ = kept.key
            groups.setdefault((task_class, model, setting), []).append(kept)
    return [_point(name, group, confidence) for name, group in sorted(groups.items())]


def _point(name: tuple[str, str, str], group: Sequence[Kept], confidence: float) -> Point:
    n = len(group)
    right = sum(kept.score or 0.0 for kept in group)
    low, high = wilson(right, n, confidence)
    times = sorted(kept.total_s for kept in group)
    firsts = sorted(kept.first_visible_s for kept in group if kept.first_visible_s is not None)
    reasoning = [kept.tokens[3] for kept in group]
    known = [count for count in reasoning if count is not None]
    with localcontext(EXACT):
        usd = sum((kept.usd for kept in group), Decimal(0)) / n
    return Point(
        task_class=name[0],
        option=(name[1], name[2]),
        n=n,
        accuracy=Span(right / n, low, high),
        usd=usd,
        input_tokens=sum(kept.tokens[0] or 0 for kept in group) / n,
        output_tokens=sum(kept.tokens[1] or 0 for kept in group) / n,
        reasoning_tokens=sum(known) / n if len(known) == n else None,
        p50_s=percentile(times, 0.5, confidence),
        p95_s=percentile(times, 0.95, confidence),
        first_s=percentile(firsts, 0.5, confidence) if firsts else None,
        waited_s=sum(kept.waited_s for kept in group) / n,
        truncated=sum(kept.finish == "length" for kept in group) / n,
        refused=sum(kept.finish == "refusal" for kept in group) / n,
    )


def percentile(ordered: Sequence[float], share: float, confidence: float = 0.9) -> Span:
    """Give a percentile of sorted values with its distribution-free interval.

    Order statistics with binomial ranks; an end that no rank reaches is 0 or infinite.
    """
    n = len(ordered)
    at = share * (n - 1)
    floor = int(at)
    above = ordered[min(floor + 1, n - 1)]
    middle = ordered[floor] + (at - floor) * (above - ordered[floor])
    tail = (1 - confidence) / 2
    below = _binomial_rank(n, share, tail)
    over = n - _binomial_rank(n, 1 - share, tail)
    low = ordered[below - 1] if below >= 1 else 0.0
    high = ordered[over] if over < n else float("inf")
    return Span(middle, min(low, middle), max(high, middle))


def _binomial_rank(n: int, share: float, tail: float) -> int:
    """Largest k with P(Binomial(n, share) <= k - 1) <= tail."""
    total = 0.0
    for k in range(n + 1):
        ways = lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
        total += exp(ways + k * log(share) + (n - k) * log1p(-share))
        if total > tail:
            return k
    return n


@dataclass(frozen=True, slots=True)
class SameSpend:
    """Two neighbouring settings of a model that spend alike: the knob may not have moved."""

    model: str
    lower: str
    higher: str
    median_lower: float
    """Median output tokens at the lower setting."""
    median_higher: float
    """Median output tokens at the higher setting."""


LEAST_ANSWERS = 3
ALIKE = 1.1
"""Medians within this factor are alike."""


def same_spend(tally: Tally, settings: Mapping[str, Sequence[str]]) -> list[SameSpend]:
    """Find neighbouring settings, least thinking first by model, that spend alike.

    Paired by question, at least three that both answered: medians within a tenth, or the higher
    one spent more on no more questions than chance gives (sign test, 20 %).
    """
    spent: dict[tuple[str, str], dict[tuple[str, str, int], int]] = {}
    for kept in tally.replies.values():
        task_class, question, model, setting, sample = kept.key
        if kept.tokens[1] is not None:
            where = spent.setdefault((model, setting), {})
            where[task_class, question, sample] = kept.tokens[1]
    found = []
    for model, labels in settings.items():
        for lower, higher in pairwise(labels):
            one, two = spent.get((model, lower), {}), spent.get((model, higher), {})
            both = sorted(one.keys() & two.keys())
            if len(both) < LEAST_ANSWERS:
                continue
            pairs = [(one[key], two[key]) for key in both]
            low, high = (median(side) for side in zip(*pairs, strict=True))
            if high < ALIKE * max(low, 1) or not _clearly_more(pairs):
                found.append(SameSpend(model, lower, higher, low, high))
    return found


def _clearly_more(pairs: Sequence[tuple[int, int]]) -> bool:
    """Whether the second spends more than chance gives (normal sign test, one-sided 20 %)."""
    more, less = sum(b > a for a, b in pairs), sum(b < a for a, b in pairs)
    if more + less == 0:
        return False
    return more - less - 1 > NormalDist().inv_cdf(0.8) * sqrt(more + less)

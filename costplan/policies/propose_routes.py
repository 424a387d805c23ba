"""Routes worth a look: what is known before the call, and who is best at its kinds for their money.

Only routes whose gain over the same shares drawn blindly is no chance: where nothing known before
the call tells difficulty, none is proposed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

import numpy as np  # noqa: TID253 - this room is about arrays

from costplan.domain.policy import Policy
from costplan.policies.facts import NotMeasured
from costplan.policies.known import (
    MOST_VALUES,
    Feature,
    is_scale,
    list_columns,
    list_features,
    read_numbers,
    read_texts,
)
from costplan.policies.learned import find_difficulty
from costplan.policies.measured import Evidence
from costplan.policies.table import Array, Index, Table

FEWEST_IN_BUCKET = 12
"""Questions of a bucket from which routes are proposed."""
SURE = 2.5
"""Standard errors from which a feature alone goes with being right."""
ONE_IN_100 = 2.3263478740408408
"""Standard normal deviate that 1 in 100 passes."""
PULL = 10.0
"""Questions' worth of pull to a setting's accuracy in the class when choosing who serves a kind."""
SHARES = ("0.3", "0.5", "0.7")
"""Shares of requests that a learned route leaves with its first setting."""
MOST_LETTERS = 200
"""Letters of a policy's name."""
CUTS = ((0.5,), (1 / 3, 2 / 3))
"""Where numbers are cut into buckets, as shares of the questions."""


def list_routes(evidence: Evidence, names: Sequence[str]) -> Iterator[Policy]:
    """List routes among these options, cheapest first, by every column that the outcomes know."""
    table = evidence.table
    columns = [evidence.column(name) for name in names]
    if len(columns) < 2:
        return
    for by, (bucket, kinds), ends in _list_splits(table):
        if np.bincount(bucket, minlength=len(kinds)).min() < FEWEST_IN_BUCKET:
            continue
        for chosen in _assign(table, columns, bucket, len(kinds)):
            if _is_sure(table, [columns[m] for m in chosen], bucket):
                yield _write(by, kinds, ends, [names[m] for m in chosen])
    yield from _list_learned(evidence, names, columns)


_Buckets = tuple[Index, tuple[str, ...]]
"""Bucket of each question, and the buckets' names."""


def _list_splits(table: Table) -> Iterator[tuple[str, _Buckets, tuple[float, ...]]]:
    """List the ways to cut a class by one column: buckets, names and upper ends."""
    for by in list_columns(table):
        if is_scale(table, by):
            numbers = read_numbers(table, by)
            assert numbers is not None
            for cuts in CUTS:
                ends = tuple(_round(float(np.quantile(numbers, cut))) for cut in cuts)
                if len(set(ends)) == len(ends) and ends[0] > 0:
                    names = [f"to {end:g}" for end in ends]
                    bucket = np.searchsorted(ends, numbers, side="left")
                    yield by, (bucket, (*names, f"above {ends[-1]:g}")), ends
            continue
        texts = read_texts(table, by)
        kinds = Counter(texts or ())
        if texts is None or not 2 <= len(kinds) <= MOST_VALUES or "" in kinds:
            continue
        kind = tuple(sorted(kinds))
        yield by, (np.array([kind.index(text) for text in texts]), kind), ()


def _round(number: float) -> float:
    """Round to three leading digits."""
    return float(f"{number:.3g}")


def _assign(
    table: Table, columns: Sequence[int], bucket: Index, size: int
) -> Iterator[tuple[int, ...]]:
    """List who serves each bucket, for every price of a right answer."""
    accuracy, usd = np.empty((size, len(columns))), np.empty((size, len(columns)))
    for m, column in enumerate(columns):
        asked = table.count[:, column] > 0
        whole, spent = table.score[asked, column].mean(), table.usd[asked, column].mean()
        for b in range(size):
            mine = asked & (bucket == b)
            n = int(mine.sum())
            total = table.score[mine, column].sum()
            accuracy[b, m] = (total + PULL * whole) / (n + PULL)
            usd[b, m] = table.usd[mine, column].mean() if n else spent
    seen: set[tuple[int, ...]] = set()
    for price in _prices(accuracy, usd):
        best = tuple((accuracy - price * usd).argmax(axis=1).tolist())
        if len(set(best)) > 1 and best not in seen:
            seen.add(best)
            yield best


def _prices(accuracy: Array, usd: Array) -> list[float]:
    """List accuracy per dollar at which the best setting of some bucket changes, and between."""
    more = (accuracy[:, :, None] - accuracy[:, None, :]).ravel()
    paid = (usd[:, :, None] - usd[:, None, :]).ravel()
    turns = np.unique(more[paid > 0] / paid[paid > 0])
    turns = turns[turns > 0]
    if not len(turns):
        return [0.0]
    between = np.sqrt(turns[1:] * turns[:-1])
    return [0.0, float(turns[0] / 2), *between.tolist(), float(turns[-1] * 2)]


def _is_sure(table: Table, chosen: Sequence[int], bucket: Index) -> bool:
    """Tell whether a route beats the same shares drawn blindly by more than chance."""
    share = np.bincount(bucket, minlength=len(chosen)) / len(bucket)
    needed = sorted(set(chosen))
    asked = (table.count[:, needed] > 0).all(axis=1)
    if asked.sum() < 2 * FEWEST_IN_BUCKET:
        return False
    score = table.score[asked]
    taken = score[np.arange(len(score)), np.array(chosen)[bucket[asked]]]
    blind = sum(s * score[:, c] for s, c in zip(share.tolist(), chosen, strict=True))
    more = taken - blind
    sure = _least_sure(len(chosen))
    return bool(more.mean() > sure * more.std(ddof=1) / math.sqrt(len(more)) > 0)


def _least_sure(buckets: int) -> float:
    """Give the standard errors that chance passes once in a hundred, served as looks best.

    Who serves each bucket was chosen on the same questions, so that the gain's square is up to
    chi-square with a degree of freedom less than there are buckets (Wilson and Hilferty's cube).
    """
    df = max(buckets - 1, 1)
    part = 2 / (9 * df)
    return math.sqrt(df * (1 - part + ONE_IN_100 * math.sqrt(part)) ** 3)


def _write(by: str, names: Sequence[str], ends: Sequence[float], options: Sequence[str]) -> Policy:
    """Write a route; neighbouring buckets of numbers that one option serves are joined."""
    buckets: dict[str, dict[str, object]] = {}
    below = ""
    for place, option in enumerate(options):
        last = place + 1 == len(options)
        if ends and not last and options[place + 1] == option:
            continue
        name = f"above {below}" if ends and last else names[place]
        buckets[name] = {"option": option}
        if ends and not last:
            buckets[name]["up_to"] = Decimal(repr(ends[place]))
            below = f"{ends[place]:g}"
    said = ", ".join(f"{name}: {bucket['option']}" for name, bucket in buckets.items())
    return _named(f"route {by}({said})", by, buckets)


def _named(name: str, by: str, buckets: Mapping[str, Mapping[str, object]]) -> Policy:
    content = {"route": {"by": by, "buckets": buckets}}
    if len(name) <= MOST_LETTERS:
        content["name"] = name  # type: ignore[assignment]
    return Policy.model_validate(content)


def _list_learned(
    evidence: Evidence, names: Sequence[str], columns: Sequence[int]
) -> Iterator[Policy]:
    """List routes by the chance that a cheap setting is right, the rest to a dearer one."""
    table = evidence.table
    for place, (first, column) in enumerate(zip(names[:2], columns[:2], strict=True)):
        asked = np.flatnonzero(table.count[:, column] > 0)
        # A look at each feature alone is quick; scikit-learn takes seconds to load.
        if not any(_tells(table, column, asked, f) for f in list_features(table, asked)):
            continue
        for share in SHARES:
            part = Decimal(share)
            try:
                _, learned = find_difficulty(table, column, (float(part), float(1 - part)))
            except NotMeasured:
                continue
            bucket = np.ones(len(table.questions), dtype=np.int64)
            bucket[asked] = learned.buckets
            for other, second in zip(names[place + 1 :], columns[place + 1 :], strict=True):
                if _is_sure(table, [column, second], bucket):
                    easy = {"option": first, "share": part}
                    hard = {"option": other, "share": 1 - part}
                    name = f"route learned({first} {part * 100:f} %, {other} the rest)"
                    yield _named(name, "learned", {"easy": easy, "hard": hard})


def _tells(table: Table, column: int, asked: Index, feature: Feature) -> bool:
    """Tell whether a feature alone goes with being right by more than chance."""
    score, value = table.score[asked, column], feature.read(table, asked)
    if not (score.std() > 0 and value.std() > 0):
        return False
    return bool(abs(np.corrcoef(score, value)[0, 1]) * math.sqrt(len(asked)) > SURE)

"""Settings between two measured ones of the same curve: their tokens, dollars and seconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from costplan.domain.measurement import Measurement
from costplan.domain.profile import Profile


def find_between(
    rows: Sequence[Measurement], profiles: dict[str, Profile]
) -> list[tuple[str, str]]:
    """Find settings of profiled models that a curve brackets but did not measure."""
    measured: dict[str, set[str]] = {}
    for row in rows:
        measured.setdefault(row.model, set()).add(row.setting)
    return [
        (model, label)
        for model, labels in sorted(measured.items())
        if model in profiles and len(labels) > 1
        for label in profiles[model].settings
        if label not in labels
    ]


def interpolate(rows: Iterable[Measurement], model: str, setting: str) -> Measurement | None:
    """Interpolate along a model's own curve, geometrically per effort step; None outside it.

    The accuracy of the result is a place holder between its neighbours: the estimate comes from
    the evidence, which knows the uncertainty.
    """
    from costplan.evidence.settings import positions

    mine = {row.setting: row for row in rows if row.model == model}
    placed = positions([*mine, setting])
    if placed is None:
        return None
    at = placed.pop()
    along = sorted(zip(placed, mine.values(), strict=True), key=lambda pair: pair[0])
    below = [pair for pair in along if pair[0] < at]
    above = [pair for pair in along if pair[0] > at]
    if not below or not above:
        return None
    (low, left), (high, right) = below[-1], above[0]
    way = (at - low) / (high - low)
    usd = _between(_float(left.usd), _float(right.usd), way)
    return replace(
        left,
        setting=setting,
        accuracy=left.accuracy + way * (right.accuracy - left.accuracy),
        n_questions=None,
        input_tokens=_between(left.input_tokens, right.input_tokens, way),
        output_tokens=_between(left.output_tokens, right.output_tokens, way),
        reasoning_tokens=_between(left.reasoning_tokens, right.reasoning_tokens, way),
        usd=None if usd is None else Decimal(str(round(usd, 9))),
        seconds=_between(left.seconds, right.seconds, way),
        note=f"interpolated between {left.setting} and {right.setting}",
    )


def _between(left: float | None, right: float | None, way: float) -> float | None:
    if left is None or right is None:
        return None
    if left <= 0 or right <= 0:
        return left + way * (right - left)
    return float(left ** (1 - way) * right**way)


def _float(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)

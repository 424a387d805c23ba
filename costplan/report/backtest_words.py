"""What a backtest means, in words for whoever will trust the plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from statistics import fmean

from costplan.domain.figures import UNKNOWN, write_percent, write_points
from costplan.plan.backtest import Backtest

FEW_QUESTIONS = 25
"""Planning questions per class up to which wider gaps are to be expected."""
GOOD_GAP = 0.015
FAIR_GAP = 0.025
LITTLE_GAIN = 0.005


def write_gap(gap: float | None) -> str:
    """Write a difference of shares in points, bare: "+2.1"."""
    return UNKNOWN if gap is None else write_points(gap).removesuffix(" points")


def say_meaning(backtest: Backtest) -> list[str]:
    """Say in sentences whether forecast, ceiling and choice held, and how naive plans did."""
    if not backtest.trials:
        return ["No plan meets any of these ceilings: try a larger --ceiling."]
    return [
        *_say_forecast(backtest),
        *_say_intervals(backtest),
        *_say_ceilings(backtest),
        *_say_gain(backtest),
        *_say_naive(backtest),
        *_say_limits(backtest),
    ]


def _say_forecast(backtest: Backtest) -> Iterator[str]:
    summary = backtest.summary
    mean, size, worst = summary.mean_gap, summary.mean_abs_gap, summary.worst_gap
    if mean is None or size is None or worst is None:
        return
    low, high = _sizes(row.gap_sd for row in backtest.ceilings)
    spread = "" if high is None else f"; single plans scatter by {_range(low, high)} points (sd)"
    measured = (
        f"forecasts missed by {size * 100:.1f} points on average over the ceilings "
        f"({write_gap(mean)} with their signs, worst {write_gap(worst)}){spread}"
    )
    if size <= GOOD_GAP:
        yield f"The forecast holds: {measured}."
    elif size <= FAIR_GAP:
        yield f"The forecast nearly holds: {measured}."
    else:
        side = "too high" if mean > 0 else "too low"
        yield f"The forecast does not hold here, it is {side}: {measured}. Measure more questions."


def _say_intervals(backtest: Backtest) -> Iterator[str]:
    summary = backtest.summary
    if summary.covered_80 is None or summary.covered_95 is None:
        return
    said = (
        f"The 80 % interval held what came true in {write_percent(summary.covered_80, 0)} of the "
        f"plans, the 95 % interval in {write_percent(summary.covered_95, 0)}"
    )
    if summary.covered_80 < 0.7 or summary.covered_95 < 0.88:
        yield said + ": too narrow here; read them as smaller promises than they are named for."
    else:
        yield said + "."


def _say_ceilings(backtest: Backtest) -> Iterator[str]:
    one, five = backtest.summary.ceilings_held_1pct, backtest.summary.ceilings_held_5pct
    promised = [t for t in backtest.trials if t.promised]
    if one is not None and five is not None:
        yield (
            f"Ceilings held within 1 % in {write_percent(one, 0)} of {len(promised)} plans and "
            f"within 5 % in {write_percent(five, 0)}, because plans leave room below them."
        )
    warned = len(backtest.trials) - len(promised)
    if warned:
        yield (
            f"{warned} of {len(backtest.trials)} plans had no room to leave and warned of it; "
            "they are not counted as promises."
        )
    missing = [row for row in backtest.ceilings if row.planned < backtest.splits]
    if missing:
        named = ", ".join(f"{row.fraction * 100:.4g} %" for row in missing)
        yield f"At {named} some or all splits had no plan that cheap; they are left out there."


def _say_gain(backtest: Backtest) -> Iterator[str]:
    gain, worst = backtest.summary.mean_gain_over_mix, backtest.summary.worst_gain_over_mix
    if gain is None or worst is None:
        yield (
            "No option was measured in every class, so there is no single best and no mix to "
            "compare with. --by-dataset judges each dataset on its own."
        )
        return
    yield _word_gain(backtest, gain, worst)
    if backtest.money_to_keep_95 is not None:
        yield (
            "95 % of the best single option's accuracy took "
            f"{write_percent(backtest.money_to_keep_95, 0)} of its money."
        )


def _word_gain(backtest: Backtest, gain: float, worst: float) -> str:
    free = [
        row.unmargined_gain_over_mix
        for row in backtest.ceilings
        if row.unmargined_gain_over_mix is not None
    ]
    room = f"{write_gap(fmean(free))} without the room that plans leave below ceilings"
    if backtest.classes == 1:
        return (
            f"With one class the plan is the mix, less that room: {write_gap(gain)} points on "
            f"average, {write_gap(worst)} where most."
        )
    said = (
        f"the best class-blind mix, which leaves no room: {write_gap(gain)} points on average, "
        f"{write_gap(worst)} where least, {room}."
    )
    if gain >= LITTLE_GAIN:
        return f"Choosing class by class was better than {said}"
    if fmean(free) >= LITTLE_GAIN:
        return f"What choosing class by class gains is paid for the room, against {said}"
    back = fmean(trial.fell_back for trial in backtest.trials)
    return (
        f"These data hardly tell the classes apart; against {said} Plans fell back to the mix in "
        f"{write_percent(back, 0)} of the cases."
    )


def _say_naive(backtest: Backtest) -> Iterator[str]:
    gap, held = backtest.summary.naive_mean_gap, backtest.summary.naive_ceilings_held_1pct
    if gap is None or held is None:
        return
    side = "too much" if gap >= 0 else "too little"
    yield (
        f"Measurements taken at their word would have promised {abs(gap) * 100:.1f} points {side} "
        f"and broken their ceiling in {write_percent(1 - held, 0)} of the plans."
    )


def _say_limits(backtest: Backtest) -> Iterator[str]:
    more = [
        row.hindsight - row.realised
        for row in backtest.ceilings
        if row.hindsight is not None and row.realised is not None
    ]
    if more:
        yield (
            f"With perfect knowledge of the classes a plan would have been right "
            f"{fmean(more) * 100:.1f} points more often: more questions can bring at most that."
        )
    per_class = backtest.questions / backtest.classes
    if per_class / backtest.folds * (backtest.folds - 1) <= FEW_QUESTIONS:
        yield (
            f"With {per_class:.0f} questions a class these figures are rough themselves: an "
            "unlucky class moves all splits together."
        )
    yield (
        "All this is for questions like these, planned on part of them; the plan itself uses all "
        "and is a little better founded. Splits share questions: they are not independent trials."
    )


def _sizes(values: Iterable[float | None]) -> tuple[float | None, float | None]:
    known = [value for value in values if value is not None]
    return (min(known), max(known)) if known else (None, None)


def _range(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return UNKNOWN
    one, other = f"{low * 100:.1f}", f"{high * 100:.1f}"
    return one if one == other else f"{one} to {other}"

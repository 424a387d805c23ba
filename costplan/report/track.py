"""Plan against actual, for people, for machines and for a spreadsheet."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

from costplan.domain.figures import UNKNOWN, write_cents, write_count, write_percent, write_usd
from costplan.domain.money import CENT, EXACT, round_to_foot, round_to_unit, total
from costplan.plan.track import Track
from costplan.plan.track_again import RULE
from costplan.plan.track_split import CAUSES, Cause, ClassTrack
from costplan.report.csv import neutralize
from costplan.report.footing import round_table, round_to_target
from costplan.report.write import dump, open_console

if TYPE_CHECKING:
    from rich.console import RenderableType

SCHEMA_VERSION = 1
WORDS: dict[Cause, str] = {
    "volume": "volume: more or fewer requests",
    "mix": "mix: other models or settings than planned",
    "tokens": "tokens per request",
    "price": "price of the same tokens",
    "unexplained": "unexplained",
}
COLUMNS = (
    "first_day", "last_day", "days", "task_class", "in_plan", "plan_requests", "actual_requests",
    "plan_usd", *(f"{cause}_usd" for cause in CAUSES), "actual_usd", "variance_usd", "currency",
    "why_unexplained",
)  # fmt: skip
MOST_CLASSES = 40
"""Classes that people are shown, those with the largest difference first."""
MOST_NOTES = 30
_NOTHING = Decimal("1e-9")


@dataclass(frozen=True, slots=True)
class Row:
    """A class in cents; plan and steps add up to the spend."""

    plan: Decimal
    """The plan for the days covered."""
    usd: Decimal
    """What was spent."""
    steps: tuple[Decimal, ...]
    """What each cause adds."""


@dataclass(frozen=True, slots=True)
class Cents:
    """The whole in cents, every row and column adding up."""

    whole: Row
    """All classes together."""
    classes: tuple[Row, ...]
    """Each class."""


def round_track(found: Track) -> Cents:
    """Round to cents so that it adds up, down and across."""
    plan, usd = round_to_unit(found.plan_usd), round_to_unit(found.usd)
    steps = round_to_target([found.steps[cause] for cause in CAUSES], usd - plan)
    plans = round_to_foot([one.plan_usd for one in found.classes])
    spent = round_to_foot([one.usd for one in found.classes])
    table = round_table(
        [[one.steps[cause] for cause in CAUSES] for one in found.classes],
        [now - was for was, now in zip(plans, spent, strict=True)],
        steps,
    )
    rows = zip(plans, spent, table, strict=True)
    return Cents(
        Row(plan, usd, tuple(steps)), tuple(Row(was, now, tuple(row)) for was, now, row in rows)
    )


def write_track(found: Track, *, as_json: bool) -> None:
    """Print plan against actual for people, or as JSON."""
    cents = round_track(found)
    if as_json:
        sys.stdout.write(dump(_facts(found, cents)))
        return
    console = open_console()
    if found.elsewhere is not None:
        console.print(found.elsewhere, style="bold yellow", markup=False)
    console.print(say_verdict(found), style="bold", markup=False)
    console.print(_say_cover(found), markup=False)
    if round_to_unit(found.estimated_usd):
        estimated = write_usd(found.estimated_usd, cents=True)
        console.print(f"Of the spend {estimated} is stated nowhere and estimated.", markup=False)
    console.print()
    console.print(_bridge_table(cents))
    console.print(_class_table(found, cents))
    for title, lines in (
        ("Neither spend nor price is known: counted as 0", list(found.unpriced)),
        ("Unexplained", list(_say_reasons(found, cents))),
        ("The files cannot say", list(_say_missing(found))),
        (
            "Left out",
            [f"{o.what}: {write_usd(o.usd, cents=True)}, {o.why}" for o in found.left_out],
        ),
        ("To know", list(_say_notes(found))),
    ):
        if lines:
            console.print(title, style="bold")
            for line in lines[:MOST_NOTES]:
                console.print(f"• {line}", markup=False)
            if len(lines) > MOST_NOTES:
                console.print(f"• and {len(lines) - MOST_NOTES} more; --json has all")
            console.print()
    console.print("Plan again" if found.again else "No need to plan again", style="bold")
    for reason in found.again:
        console.print(f"• {reason}", markup=False)
    console.print(f"The rule: {RULE}.", markup=False)


def say_verdict(found: Track) -> str:
    """Say in one sentence what was spent, and how far that is from the plan."""
    plan, usd = round_to_unit(found.plan_usd), round_to_unit(found.usd)
    off = usd - plan
    spent = f"{write_usd(usd, cents=True)} spent in {_say_days(found.days_covered)}"
    if not off:
        return f"{spent}, as planned."
    share = f" ({write_percent(abs(found.variance) / found.plan_usd)})" if plan else ""
    way = "more" if off > 0 else "less"
    return (
        f"{spent}, {write_usd(abs(off), cents=True)}{share} {way} than the "
        f"{write_usd(plan, cents=True)} planned for them."
    )


def _say_days(days: Decimal) -> str:
    return "1 day" if days == 1 else f"{write_count(days)} days"


def _say_cover(found: Track) -> str:
    first, last = min(found.days), max(found.days)
    return (
        f"{first} to {last}, UTC: the plan is taken in proportion, {write_percent(found.portion)} "
        "of its period."
    )


def _bridge_table(cents: Cents) -> RenderableType:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("From plan to actual", overflow="fold")
    table.add_column("Dollars", justify="right", no_wrap=True)
    table.add_row("plan for these days", write_usd(cents.whole.plan, cents=True))
    for cause, usd in zip(CAUSES, cents.whole.steps, strict=True):
        table.add_row(WORDS[cause], _signed(usd))
    table.add_section()
    table.add_row("spent", write_usd(cents.whole.usd, cents=True), style="bold")
    return table


def _signed(usd: Decimal) -> str:
    return f"{'+' if usd > 0 else '' if usd < 0 else '±'}{write_usd(usd, cents=True)}"


def _class_table(found: Track, cents: Cents) -> RenderableType:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("Class", overflow="fold", max_width=22)
    for heading in ("Requests", "Plan", "Volume", "Mix", "Tokens", "Price", "Unexpl.", "Spent"):
        table.add_column(heading, justify="right", no_wrap=True)
    rows = list(zip(found.classes, cents.classes, strict=True))
    rows.sort(key=lambda row: -abs(row[1].usd - row[1].plan))
    for one, row in rows[:MOST_CLASSES]:
        name = one.task_class if one.planned else f"{one.task_class} (not planned)"
        cells = (row.plan, *row.steps, row.usd)
        table.add_row(Text(name), _say_requests(one), *map(write_cents, cells))
    if len(rows) > MOST_CLASSES:
        table.caption = f"{MOST_CLASSES} of {len(rows)} classes; --json has all"
    return table


def _say_requests(one: ClassTrack) -> str:
    if one.requests is None:
        return UNKNOWN
    if not one.plan_requests:
        return write_count(one.requests)
    change = one.requests / one.plan_requests - 1
    return f"{write_count(one.requests)} ({float(change) * 100:+.0f} %)".replace("-", "−")


def _say_reasons(found: Track, cents: Cents) -> Iterator[str]:
    for one, row in zip(found.classes, cents.classes, strict=True):
        for reason, usd in _round_reasons(one, row):
            if usd:
                yield f"{one.task_class}: {_signed(usd)}, {reason}"


def _round_reasons(one: ClassTrack, row: Row) -> list[tuple[str, Decimal]]:
    """Round the reasons of a class so that they add up to its unexplained dollars."""
    texts = [reason.text for reason in one.reasons] or ["rounding"]
    usd = [reason.usd for reason in one.reasons] or [Decimal(0)]
    return list(zip(texts, round_to_target(usd, row.steps[-1]), strict=True))


def _say_missing(found: Track) -> Iterator[str]:
    for source, missing in found.cannot_say.items():
        if missing:
            yield f"{source}: {', '.join(missing).replace('_', ' ')}"


def _say_notes(found: Track) -> Iterator[str]:
    by = ", ".join(f"{key or 'nothing'} ({source})" for source, key in found.class_by.items())
    yield f"classes are told by {by}"
    yield from found.notes
    for one in found.classes:
        for note in one.notes:
            yield f"{one.task_class}: {note}"


def _facts(found: Track, cents: Cents) -> dict[str, object]:
    return {
        "schema_version": SCHEMA_VERSION,
        "verdict": say_verdict(found),
        "span": {
            "first_day": min(found.days).isoformat(),
            "last_day": max(found.days).isoformat(),
            "days": float(found.days_covered),
            "missing_days": [day.isoformat() for day in found.missing_days],
            "portion_of_plan": float(found.portion),
            "within_plan": found.elsewhere is None,
        },
        "files": list(found.files),
        "class_by": dict(found.class_by),
        **_row_facts(cents.whole),
        "estimated_usd": round_to_unit(found.estimated_usd),
        "classes": [
            _class_facts(one, row) for one, row in zip(found.classes, cents.classes, strict=True)
        ],
        "left_out": [
            {"what": o.what, "why": o.why, "usd": round_to_unit(o.usd)} for o in found.left_out
        ],
        "cannot_say": {source: list(missing) for source, missing in found.cannot_say.items()},
        "ceiling_usd": found.ceiling_usd,
        "projected_usd": None
        if found.projected_usd is None
        else round_to_unit(found.projected_usd),
        "plan_again": {"advised": bool(found.again), "reasons": list(found.again), "rule": RULE},
        "notes": [*([] if found.elsewhere is None else [found.elsewhere]), *found.notes],
    }


def _row_facts(row: Row) -> dict[str, Any]:
    return {
        "plan_usd": row.plan,
        "steps": dict(zip(CAUSES, row.steps, strict=True)),
        "usd": row.usd,
        "variance_usd": row.usd - row.plan,
    }


def _class_facts(one: ClassTrack, row: Row) -> dict[str, object]:
    return {
        "class": one.task_class,
        "planned": one.planned,
        "plan_requests": float(one.plan_requests),
        "requests": None if one.requests is None else float(one.requests),
        **_row_facts(row),
        "unexplained": [{"why": why, "usd": usd} for why, usd in _round_reasons(one, row) if usd],
        "unpriced": list(one.unpriced),
        "models": list(_model_facts(one, row)),
        "notes": list(one.notes),
    }


def _model_facts(one: ClassTrack, row: Row) -> Iterator[dict[str, object]]:
    plans = round_to_target([m.plan_usd for m in one.models], row.plan)
    spent = round_to_target([m.usd for m in one.models], row.usd)
    for model, was, now in zip(one.models, plans, spent, strict=True):
        yield {
            "model": model.model or None,
            "setting": model.setting,
            "plan_requests": float(model.plan_requests),
            "requests": None if model.requests is None else float(model.requests),
            "plan_usd": was,
            "usd": now,
        }


def write_track_csv(found: Track) -> str:
    """Write one row per class as CSV: cents that add up, texts that no spreadsheet runs."""
    cents = round_track(found)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(_csv_rows(found, cents))
    return out.getvalue()


def _csv_rows(found: Track, cents: Cents) -> Iterable[tuple[str, ...]]:
    head = (min(found.days).isoformat(), max(found.days).isoformat(), _plain(found.days_covered))
    for one, row in zip(found.classes, cents.classes, strict=True):
        yield (
            *head,
            neutralize(one.task_class),
            "yes" if one.planned else "no",
            _plain(one.plan_requests),
            "" if one.requests is None else _plain(one.requests),
            str(row.plan),
            *map(str, row.steps),
            str(row.usd),
            str(row.usd - row.plan),
            "USD",
            neutralize("; ".join(reason.text for reason in one.reasons)),
        )


def _plain(number: Decimal) -> str:
    text = f"{number:.3f}"
    return text.rstrip("0").rstrip(".")


def say_excess(found: Track, limit: Decimal, *, percent: bool) -> str | None:
    """Say by how much the spend is above what the plan for the same days allows; None below.

    `limit` is dollars, or percent of the plan for these days. Spend that is not known fails too.
    """
    if found.unpriced and not _is_over(found, limit, percent=percent):
        named = ", ".join(found.unpriced[:10])
        return f"the spend cannot be judged: neither it nor a price is known of {named}"
    if not _is_over(found, limit, percent=percent):
        return None
    excess = total([found.usd, -found.plan_usd])
    said = f"{write_count(limit)} %" if percent else write_usd(limit)
    over = write_usd(round_to_unit(excess, CENT), cents=True)
    return f"the spend is {over} above the plan for these days, more than {said}"


def _is_over(found: Track, limit: Decimal, *, percent: bool) -> bool:
    with localcontext(EXACT):
        allowed = found.plan_usd * limit / 100 if percent else limit
    # A part of a month has endless digits: a spend of just the limit is not above it.
    return round_to_unit(total([found.usd, -found.plan_usd, -allowed]), _NOTHING) > 0

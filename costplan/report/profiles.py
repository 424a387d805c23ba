"""What is known of models: knobs, prices, limits, curves."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from costplan.domain.errors import Fault, InputError
from costplan.domain.figures import UNKNOWN, write_count, write_percent
from costplan.domain.measurement import Measurement
from costplan.domain.price import Price, PriceListing
from costplan.domain.profile import Profile
from costplan.report.write import dump, open_console

if TYPE_CHECKING:
    from decimal import Decimal

    from rich.console import RenderableType

    from costplan.files.catalogue import Catalogue

ROOM = 100
"""Columns from which every setting is listed, not the first and the last."""
CHARTS = 3
"""Most curves that are drawn of one model."""


def write_profiles(catalogue: Catalogue, day: dt.date, *, as_json: bool) -> None:
    """Print one line per model, or JSON."""
    listings = _list_prices(catalogue, day)
    curves = _benchmarks_of(catalogue)
    if as_json:
        rows = [
            _summarise(name, profile, listings[name], curves.get(name, []))
            for name, profile in catalogue.profiles.items()
        ]
        sys.stdout.write(dump(rows))
        return
    from rich import box
    from rich.table import Table

    console = open_console()
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("Model", no_wrap=True)
    table.add_column("Settings", overflow="fold")
    roomy = console.width >= ROOM
    for heading in ("$/Mtok in" if roomy else "$ in", "out"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Ends", no_wrap=True)
    if roomy:
        table.add_column("Curves", justify="right", no_wrap=True)
    for name, profile in catalogue.profiles.items():
        price = listings[name].price
        cells = [
            name,
            _name_settings(list(profile.settings), roomy=roomy),
            _rate(None if price is None else price.input_usd_per_mtok),
            _rate(None if price is None else price.output_usd_per_mtok),
            _write_end(profile, day),
            str(len(curves.get(name, []))),
        ]
        table.add_row(*(cells if roomy else cells[:-1]))
    console.print(table)
    console.print(
        f"{len(catalogue.profiles)} models, dollars per million tokens of {day}. "
        "`costplan profiles show NAME` tells all of one; `costplan profiles prices` all prices."
    )


def _name_settings(settings: Sequence[str], *, roomy: bool) -> str:
    if roomy or len(settings) <= 2:
        return " ".join(settings)
    return f"{settings[0]} … {settings[-1]} ({len(settings)})"


def write_profile(catalogue: Catalogue, name: str, day: dt.date, *, as_json: bool) -> None:
    """Print one model in full; InputError when the name is unknown."""
    profile = catalogue.profiles.get(name)
    if profile is None:
        near = get_close_matches(name, catalogue.profiles, n=3)
        said = f"did you mean {', '.join(near)}?" if near else "`costplan profiles` lists them"
        raise InputError([Fault(f"no profile is called {name!r}", advice=said)])
    listing = _list_prices(catalogue, day, only=name)[name]
    rows = [row for row in catalogue.measurements if row.model == name and row.samples == 1]
    if as_json:
        facts = profile.model_dump(mode="json")
        sys.stdout.write(
            dump({"name": name, **facts, "price": _price_facts(listing), "curves": _points(rows)})
        )
        return
    console = open_console()
    for part in _describe(name, profile, listing, rows, console.width):
        console.print(part)


def write_prices(catalogue: Catalogue, day: dt.date, *, as_json: bool) -> None:
    """Print every price of a day with its source, or JSON."""
    listings = _list_prices(catalogue, day)
    if as_json:
        sys.stdout.write(dump([_price_facts(listing) for listing in listings.values()]))
        return
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("Model", no_wrap=True)
    for heading in ("in", "cached", "out", "batch out"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Source, and what to know", overflow="fold")
    for listing in listings.values():
        table.add_row(*_price_cells(listing))
    console = open_console()
    console.print(f"Dollars per million tokens on {day}")
    console.print(table)


def _list_prices(
    catalogue: Catalogue, day: dt.date, only: str | None = None
) -> dict[str, PriceListing]:
    from costplan.files.prices import list_prices

    wanted = {n: p for n, p in catalogue.profiles.items() if only in (None, n)}
    return {listing.name: listing for listing in list_prices(wanted, day)}


def _benchmarks_of(catalogue: Catalogue) -> dict[str, list[str]]:
    found: dict[str, dict[str, None]] = {}
    for row in catalogue.measurements:
        if row.samples == 1:
            found.setdefault(row.model, {})[f"{row.benchmark} ({row.source})"] = None
    return {model: list(names) for model, names in found.items()}


def _summarise(
    name: str, profile: Profile, listing: PriceListing, curves: Sequence[str]
) -> dict[str, object]:
    return {
        "name": name,
        "title": profile.title,
        "provider": profile.provider,
        "knob": profile.knob.kind,
        "settings": list(profile.settings),
        "released": profile.released,
        "ends": profile.ends,
        "price": _price_facts(listing),
        "curves": list(curves),
    }


def _price_facts(listing: PriceListing) -> dict[str, object]:
    price = listing.price
    if price is None:
        return {"model": listing.name, "fault": listing.fault}
    return {
        "model": listing.name,
        **_rates(price),
        "as_of": price.as_of,
        "source": price.source,
        "notes": list(price.notes),
        "batch": None if listing.batch is None else _rates(listing.batch),
        "long_calls": [
            {"above_input_tokens": size, **_rates(dear)} for size, dear in listing.long_calls
        ],
        "changes": [{"starts": change.as_of, **_rates(change)} for change in listing.changes],
        "ends": listing.ends,
    }


def _rates(price: Price) -> dict[str, object]:
    return {
        "input_usd_per_mtok": price.input_usd_per_mtok,
        "cached_input_usd_per_mtok": price.cached_input_usd_per_mtok,
        "output_usd_per_mtok": price.output_usd_per_mtok,
    }


def _rate(rate: Decimal | None) -> str:
    return UNKNOWN if rate is None else f"{rate.normalize():f}"


def _price_cells(listing: PriceListing) -> list[str]:
    price = listing.price
    if price is None:
        return [listing.name, *[UNKNOWN] * 4, listing.fault]
    said = [price.source, *price.notes]
    said += [
        f"calls above {size:,} input tokens: {_rate(dear.input_usd_per_mtok)} in, "
        f"{_rate(dear.output_usd_per_mtok)} out"
        for size, dear in listing.long_calls
    ]
    said += [
        f"from {change.as_of}: {_rate(change.input_usd_per_mtok)} in, "
        f"{_rate(change.output_usd_per_mtok)} out"
        for change in listing.changes
    ]
    return [
        listing.name,
        *(_rate(rate) for rate in price.rates()),
        _rate(None if listing.batch is None else listing.batch.output_usd_per_mtok),
        "; ".join(said),
    ]


def _write_end(profile: Profile, day: dt.date) -> str:
    if profile.ends is None:
        return ""
    return f"{profile.ends}{' (past)' if profile.ends <= day else ''}"


def _describe(
    name: str, profile: Profile, listing: PriceListing, rows: Sequence[Measurement], width: int
) -> Iterator[RenderableType]:
    from rich.table import Table
    from rich.text import Text

    yield Text(f"{profile.title} ({name})", style="bold")
    facts = Table.grid(padding=(0, 2))
    facts.add_column(no_wrap=True)
    facts.add_column(overflow="fold")
    for label, said in _facts(profile, listing):
        facts.add_row(label, Text(said))
    yield facts
    yield Text("\nSettings, as they go over the wire", style="bold")
    settings = Table.grid(padding=(0, 2))
    for label, setting in profile.settings.items():
        sent = setting.model_dump(exclude_none=True)
        settings.add_row(label, Text(", ".join(f"{key}: {value}" for key, value in sent.items())))
    yield settings
    yield from _describe_curves(rows, width)


def _facts(profile: Profile, listing: PriceListing) -> Iterator[tuple[str, str]]:
    yield "provider", f"{profile.provider} as {profile.model}"
    yield "knob", f"{profile.knob.kind}, vendor default {profile.knob.vendor_default or 'unknown'}"
    yield "", profile.knob.source
    if profile.knob.note:
        yield "", profile.knob.note
    yield "released", str(profile.released or "unknown")
    yield "ends", f"{profile.ends or 'not announced'} {profile.ends_note or ''}".strip()
    yield "context", f"{write_count(profile.context_tokens)} tokens"
    yield "output limit", f"{write_count(profile.output_limit)} tokens"
    if profile.limits_source:
        yield "", profile.limits_source
    cells = _price_cells(listing)
    yield "$/Mtok", f"{cells[1]} in, {cells[2]} cached, {cells[3]} out; batch {cells[4]} out"
    yield "", cells[5]
    if profile.speed is None:
        yield "speed", "unknown"
    else:
        speed = profile.speed
        yield (
            "speed",
            f"{speed.first_token_s} s to the first token, {speed.tokens_per_s} tokens/s",
        )
        yield "", speed.source
    for note in profile.notes:
        yield "note", note


def _points(rows: Sequence[Measurement]) -> list[dict[str, object]]:
    return [
        {
            "source": row.source,
            "benchmark": row.benchmark,
            "setting": row.setting,
            "accuracy": row.accuracy,
            "n_questions": row.n_questions,
            "output_tokens": row.output_tokens,
            "reasoning_tokens": row.reasoning_tokens,
            "usd": row.usd,
            "seconds": row.seconds,
            "date": row.date,
        }
        for row in rows
    ]


def _describe_curves(rows: Sequence[Measurement], width: int) -> Iterator[RenderableType]:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if not rows:
        yield Text("\nNo curve of it is shipped.")
        return
    curves: dict[tuple[str, str], list[Measurement]] = {}
    for row in rows:
        curves.setdefault((row.benchmark, row.source), []).append(row)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("Benchmark", overflow="fold")
    table.add_column("Source", overflow="fold")
    table.add_column("Accuracy by setting", overflow="fold")
    for (benchmark, source), points in curves.items():
        said = ", ".join(f"{p.setting} {write_percent(p.accuracy)}" for p in points)
        table.add_row(benchmark, source, said)
    yield Text("\nCurves", style="bold")
    yield table
    yield from _draw(curves, width)


def _draw(curves: dict[tuple[str, str], list[Measurement]], width: int) -> Iterator[RenderableType]:
    from costplan.report.chart import draw_curve

    longest = sorted(curves.items(), key=lambda item: -len(item[1]))
    for (benchmark, source), points in longest[:CHARTS]:
        sized = [(p.output_tokens or p.reasoning_tokens, p.accuracy * 100) for p in points]
        known = sorted((float(x), y) for x, y in sized if x is not None)
        label = "output tokens"
        if len(known) < 2:
            known = sorted((float(p.usd), p.accuracy * 100) for p in points if p.usd is not None)
            label = "dollars a question"
        if len(known) < 2:
            continue
        yield draw_curve(
            known,
            known,
            title=f"{benchmark} ({source}): accuracy (%) by {label}",
            width=min(width, 80),
            dollars=label != "output tokens",
        )

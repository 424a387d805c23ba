"""The backtest for people, spreadsheets and programs."""

from __future__ import annotations

import csv as csv_format
import io
import sys
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from costplan.domain.figures import UNKNOWN, write_count, write_percent, write_unit_usd
from costplan.plan.backtest import Backtest, CeilingResult
from costplan.plan.backtest_json import SCHEMA_VERSION, backtest_document, backtest_rows
from costplan.report.backtest_words import say_meaning, write_gap
from costplan.report.csv import neutralize
from costplan.report.scatter import Layer, draw_scatter, frame
from costplan.report.write import dump, open_console, save_text

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

T = TypeVar("T")
CHART_HEIGHT = 16


def watch_splits(name: str, splits: int) -> Callable[[Iterable[T]], Iterable[T]]:
    """Show on a terminal's standard error how far the splits are; elsewhere pass them on."""

    def watch(parts: Iterable[T]) -> Iterable[T]:
        if not sys.stderr.isatty():
            return parts
        from rich.console import Console
        from rich.progress import track

        return track(parts, f"{name}: splits", splits, console=Console(stderr=True), transient=True)

    return watch


def write_backtests(
    backtests: Sequence[Backtest], *, by_dataset: bool, csv: Path | None, as_json: bool
) -> None:
    """Save the rows where asked, and print the backtests as JSON or for people.

    JSON is one document, or with by_dataset an object that lists one for each dataset.
    """
    if csv is not None:
        save_text(csv, write_rows(backtests))
    if as_json:
        documents = [backtest_document(backtest) for backtest in backtests]
        whole = {"schema_version": SCHEMA_VERSION, "backtests": documents}
        sys.stdout.write(dump(whole if by_dataset else documents[0]))
        return
    console = open_console()
    for place, backtest in enumerate(backtests):
        if place:
            console.print()
        render(backtest, console)


def write_rows(backtests: Sequence[Backtest]) -> str:
    """Write one row per ceiling as CSV: shares and dollars unrounded, blank where unknown."""
    rows = [row for backtest in backtests for row in backtest_rows(backtest)]
    out = io.StringIO()
    writer = csv_format.DictWriter(out, list(rows[0]), lineterminator="\r\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(row | {"dataset": neutralize(row["dataset"])})
    return out.getvalue()


def render(backtest: Backtest, console: Console) -> None:
    """Print a backtest on a console of any width."""
    for part in _parts(backtest, console.width):
        console.print(part)


def _parts(backtest: Backtest, width: int) -> Iterable[RenderableType]:
    from rich.text import Text

    yield Text(f"{backtest.dataset} · {_say_size(backtest)}", style="bold")
    yield _say_manner(backtest)
    yield ""
    yield Text("What plans forecast, and what came true on questions they had not seen")
    yield _forecast_table(backtest)
    yield (
        "Dollars: the ceiling, per question. Kept: share of plans that cost at most 1 or 5 % more. "
        "In: share whose 80 or 95 % interval held what came true. Naive plans take measurements at "
        "their word and leave no room below the ceiling."
    )
    yield ""
    yield Text("Right answers on the same unseen questions, at the same ceiling")
    yield _rivals_table(backtest)
    yield (
        "Plan, naive, best single and mix choose on the planning part; hindsight and oracle know "
        "the answers: the best choice for each class, and for each question."
    )
    yield ""
    if backtest.trials:
        yield draw_calibration(backtest, width)
        yield ""
    yield Text("What this means for your plan", style="bold")
    yield _bullets(say_meaning(backtest))
    if backtest.notes:
        yield ""
        yield Text("What was odd", style="bold")
        yield _bullets([note.message for note in backtest.notes])


def _say_size(backtest: Backtest) -> str:
    return (
        f"{write_count(backtest.questions)} questions in {backtest.classes} "
        f"{'class' if backtest.classes == 1 else 'classes'}, {backtest.options} "
        f"{'option' if backtest.options == 1 else 'options'}"
    )


def _say_manner(backtest: Backtest) -> str:
    part = "half" if backtest.folds == 2 else f"{backtest.folds - 1} of {backtest.folds} parts"
    unit = "the best option of each class"
    if backtest.best_single_option is not None:
        unit = "the best single option, " + "/".join(backtest.best_single_option)
    return (
        f"{backtest.splits} splits (seed {backtest.seed}): planned on {part} of the questions, "
        f"judged on the rest. Ceilings are fractions of what {unit}, costs."
    )


def _open_table(columns: Sequence[str]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column, justify="right", vertical="bottom")
    return table


def _forecast_table(backtest: Backtest) -> Table:
    table = _open_table(
        (
            "Ceiling", "Dollars", "Fore-\ncast", "Came\ntrue", "Gap", "± sd",
            "Kept\n1 %", "Kept\n5 %", "In\n80 %", "In\n95 %",
        )
    )  # fmt: skip
    for row in backtest.ceilings:
        table.add_row(
            _write_fraction(row),
            write_unit_usd(Decimal(f"{row.usd:.6g}")),
            write_percent(row.forecast),
            write_percent(row.realised),
            write_gap(row.gap),
            UNKNOWN if row.gap_sd is None else f"{row.gap_sd * 100:.1f}",
            _kept(row.over_1pct),
            _kept(row.over_5pct),
            write_percent(row.covered_80, 0),
            write_percent(row.covered_95, 0),
        )
        table.add_row(
            "naive",
            "",
            write_percent(row.naive_forecast),
            write_percent(row.naive_realised),
            write_gap(row.naive_gap),
            "",
            _kept(row.naive_over_1pct),
            _kept(row.naive_over_5pct),
            style="dim",
        )
    return table


def _write_fraction(row: CeilingResult) -> str:
    return f"{row.fraction * 100:.4g} %"


def _kept(over: float | None) -> str:
    return UNKNOWN if over is None else write_percent(1 - over, 0)


def _rivals_table(backtest: Backtest) -> Table:
    table = _open_table(
        (
            "Ceiling", "Plan", "Without margin", "Naive", "Best single", "Class-\nblind mix",
            "Hind-\nsight", "Oracle", "Fell back\nto mix",
        )
    )  # fmt: skip
    for row in backtest.ceilings:
        shares = (
            row.realised, row.unmargined, row.naive_realised, row.best_single,
            row.class_blind_mix, row.hindsight, row.oracle,
        )  # fmt: skip
        table.add_row(
            _write_fraction(row),
            *(write_percent(share) for share in shares),
            write_percent(row.fell_back, 0),
        )
    return table


def draw_calibration(backtest: Backtest, width: int) -> Text:
    """Draw what came true over what was forecast: on the line where they agree."""
    trials = [(t.forecast * 100, t.realised * 100) for t in backtest.trials]
    means = [
        (row.forecast * 100, row.realised * 100)
        for row in backtest.ceilings
        if row.forecast is not None and row.realised is not None
    ]
    limits = frame([value for point in trials for value in point])
    layers = [
        Layer([(limits[0], limits[0]), (limits[1], limits[1])]),
        Layer(trials, "·"),
        Layer(means, "●"),
    ]
    return draw_scatter(
        layers,
        title="Came true (%) by forecast (%): · a plan, ● a ceiling's mean, on the line = held",
        width=min(width, 80),
        height=CHART_HEIGHT,
        x_limits=limits,
        y_limits=limits,
        write_x=lambda x: f"{x:.1f}",
    )


def _bullets(items: Iterable[str]) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1))
    table.add_column(width=1)
    table.add_column(overflow="fold")
    for item in items:
        table.add_row("•", Text(item))
    return table

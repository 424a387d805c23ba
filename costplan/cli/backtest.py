"""`costplan backtest`: does the forecast hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from costplan.cli.arguments import AsJson

Fractions = Annotated[
    list[float] | None,
    typer.Option(
        "--ceiling",
        metavar="F",
        help="Ceiling as a fraction of the cost per question of the best single option, above 0; "
        "repeat it for several. 0.1, 0.25, 0.5, 0.75 and 1 when absent.",
    ),
]


Folds = Annotated[
    int,
    typer.Option(
        min=2,
        max=1000,
        help="Parts of a split, one of them held out: 2 plans on halves, 5 on four fifths.",
    ),
]


def backtest(  # noqa: PLR0913, PLR0917 - each argument is an option of the command
    outcomes: Annotated[
        list[Path],
        typer.Argument(
            metavar="OUTCOMES...",
            help="Outcome tables (CSV), judged together as one workload.",
            show_default=False,
        ),
    ],
    ceiling: Fractions = None,
    splits: Annotated[int, typer.Option(min=1, max=10_000, help="Times to split.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the splits.")] = 0,
    folds: Folds = 2,
    questions_per_class: Annotated[
        int | None,
        typer.Option(
            min=1, help="Plan on at most this many questions of a class, judge on the rest."
        ),
    ] = None,
    confidence: Annotated[
        float, typer.Option(help="How sure ceilings are to be, above 0.5 and below 1.")
    ] = 0.9,
    by_dataset: Annotated[
        bool, typer.Option("--by-dataset", help="Judge every dataset on its own.")
    ] = False,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Write one row per ceiling here (CSV).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Plan on a part of your outcomes, judge on the rest, many times: does the forecast hold?"""
    from costplan.files.outcomes import read_outcomes
    from costplan.plan.backtest import CEILINGS, run_backtest
    from costplan.plan.backtest_split import split_datasets
    from costplan.report.backtest import watch_splits, write_backtests

    fractions = _check_fractions(ceiling) or CEILINGS
    if not 0.5 < confidence < 1:
        raise typer.BadParameter("--confidence must lie above 0.5 and below 1")
    table = read_outcomes(*outcomes)
    parts = split_datasets(table) if by_dataset else [table]
    backtests = [
        run_backtest(
            part,
            fractions,
            splits,
            seed,
            folds=folds,
            questions_per_class=questions_per_class,
            confidence=confidence,
            watch=watch_splits(" + ".join(part.dataset.names), splits),
        )
        for part in parts
    ]
    write_backtests(backtests, by_dataset=by_dataset, csv=csv, as_json=as_json)


def _check_fractions(ceiling: list[float] | None) -> tuple[float, ...]:
    for fraction in ceiling or ():
        if not 0 < fraction <= 100:
            raise typer.BadParameter(
                f"--ceiling {fraction:g} is no fraction of the best single option's cost: "
                "0.5 is half of it"
            )
    return tuple(dict.fromkeys(ceiling or ()))

"""`costplan backtest`: does the forecast hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from costplan.cli.arguments import AsJson

if TYPE_CHECKING:
    from costplan.plan.backtest_policies import CheckTried

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


Errors = Annotated[
    list[float] | None,
    typer.Option(
        "--check-error",
        metavar="E",
        help="With --policies: share of answers that the check judges wrongly, 0 to 1; repeat it "
        "for several. 0, 0.1 and 0.2 when absent.",
    ),
]
CheckPrice = Annotated[
    float,
    typer.Option(
        metavar="F",
        help="With --policies: dollars of a check, as a fraction of the best single option's.",
    ),
]
CheckHardness = Annotated[
    float,
    typer.Option(
        metavar="H",
        help="With --policies: how much likelier the check takes a wrong answer to a hard question "
        "than plans think; below 0: to an easy one.",
    ),
]


Splits = Annotated[int, typer.Option(min=1, max=10_000, help="Times to split.")]
Questions = Annotated[
    int | None,
    typer.Option(min=1, help="Plan on at most this many questions of a class, judge on the rest."),
]
Confidence = Annotated[
    float, typer.Option(help="How sure ceilings are to be, above 0.5 and below 1.")
]
Csv = Annotated[Path | None, typer.Option("--csv", help="Write one row per ceiling here (CSV).")]
Policies = Annotated[
    bool,
    typer.Option(
        "--policies", help="Judge what policies add on questions not seen, and their promises."
    ),
]
Tables = Annotated[
    list[Path],
    typer.Argument(
        metavar="OUTCOMES...",
        help="Outcome tables (CSV), judged together as one workload.",
        show_default=False,
    ),
]


def backtest(  # noqa: PLR0913, PLR0917 - each argument is an option of the command
    outcomes: Tables,
    ceiling: Fractions = None,
    splits: Splits = 20,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the splits.")] = 0,
    folds: Folds = 2,
    questions_per_class: Questions = None,
    confidence: Confidence = 0.9,
    by_dataset: Annotated[
        bool, typer.Option("--by-dataset", help="Judge every dataset on its own.")
    ] = False,
    policies: Policies = False,
    check_error: Errors = None,
    check_price: CheckPrice = 0.0,
    check_hardness: CheckHardness = 0.0,
    csv: Csv = None,
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
    tried = check_error or [0.0, 0.1, 0.2]
    if policies:
        if csv is not None or by_dataset or folds != 2 or questions_per_class is not None:
            raise typer.BadParameter("--policies halves, and prints on the terminal or as JSON")
        limits = (fractions if ceiling else (0.1, 0.25)), splits, seed
        _judge_policies(outcomes, _list_checks(tried, check_price, check_hardness), limits, as_json)
        return
    if check_error or check_price or check_hardness:
        raise typer.BadParameter("checks go with --policies")
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


def _list_checks(errors: list[float], price: float, hardness: float) -> list[CheckTried]:
    from costplan.plan.backtest_policies import CheckTried

    if not all(0 <= error <= 1 for error in errors):
        raise typer.BadParameter("--check-error lies between 0 and 1")
    if not 0 <= price <= 100:
        raise typer.BadParameter("--check-price is a fraction of the best single option's cost")
    if not -20 <= hardness <= 20:
        raise typer.BadParameter("--check-hardness lies between -20 and 20")
    return [CheckTried(error, price, hardness) for error in dict.fromkeys(errors)]


def _judge_policies(
    outcomes: list[Path],
    checks: list[CheckTried],
    limits: tuple[tuple[float, ...], int, int],
    as_json: bool,
) -> None:
    from costplan.files.outcomes import read_outcomes
    from costplan.plan.backtest_policies import backtest_cascades
    from costplan.plan.backtest_promises import judge_promises
    from costplan.report.backtest import watch_splits
    from costplan.report.backtest_policies import write_cascade_backtest

    fractions, splits, seed = limits
    table = read_outcomes(*outcomes)
    watch = watch_splits(" + ".join(table.dataset.names), splits)
    judged = backtest_cascades(table, checks, fractions, splits, seed, watch=watch)
    promises = judge_promises(table, splits, seed, watch=watch)
    write_cascade_backtest(judged, promises, as_json=as_json)


def _check_fractions(ceiling: list[float] | None) -> tuple[float, ...]:
    for fraction in ceiling or ():
        if not 0 < fraction <= 100:
            raise typer.BadParameter(
                f"--ceiling {fraction:g} is no fraction of the best single option's cost: "
                "0.5 is half of it"
            )
    return tuple(dict.fromkeys(ceiling or ()))

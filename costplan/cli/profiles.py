"""`costplan profiles`: models, knobs and prices."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer

from costplan.cli.arguments import AsJson

app = typer.Typer(help="List models with their knobs, prices and curves.", no_args_is_help=False)
AsOf = Annotated[
    dt.datetime | None,
    typer.Option("--as-of", formats=["%Y-%m-%d"], help="Day of the prices; today when absent."),
]


def _day(as_of: dt.datetime | None) -> dt.date:
    return (as_of or dt.datetime.now(dt.UTC)).date()


@app.callback(invoke_without_command=True)
def profiles(context: typer.Context, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """List models with their knobs, prices and the benchmarks that have curves of them."""
    if context.invoked_subcommand is not None:
        return
    from costplan.files.catalogue import load_catalogue
    from costplan.report.profiles import write_profiles

    write_profiles(load_catalogue(), _day(as_of), as_json=as_json)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Name of the profile, as `costplan profiles` lists.")],
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show one model in full: knob, settings, limits, prices, curves and sources."""
    from costplan.files.catalogue import load_catalogue
    from costplan.report.profiles import write_profile

    write_profile(load_catalogue(), name, _day(as_of), as_json=as_json)


@app.command()
def prices(as_of: AsOf = None, as_json: AsJson = False) -> None:
    """List the prices of a day, with batch and long-call prices and announced changes."""
    from costplan.files.catalogue import load_catalogue
    from costplan.report.profiles import write_prices

    write_prices(load_catalogue(), _day(as_of), as_json=as_json)

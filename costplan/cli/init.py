"""`costplan init`: a workload to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    directory: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Folder to write into; made when absent.")
    ] = Path(),
) -> None:
    """Write a commented workload to start from; what is there already is left alone."""
    from costplan.cli.schema import Kind, make_schema
    from costplan.files.starter import write_starter

    workload = write_starter(directory, make_schema(Kind.WORKLOAD))
    typer.echo(f"Wrote {workload} and, for your editor, workload.schema.json beside it.")
    typer.echo(f"Next: costplan optimize {workload}")

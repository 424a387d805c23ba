"""`costplan ingest`: usage logs become a workload, evaluation logs become outcomes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from costplan.cli.arguments import AsJson

app = typer.Typer(help="Read what the company already has: usage logs and evaluation logs.")
Files = Annotated[
    list[Path], typer.Argument(metavar="FILE...", help="Files or folders.", show_default=False)
]
Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE...",
        help="Files or folders, or a LiteLLM gateway's address: https://HOST.",
        show_default=False,
    ),
]
WorkloadOutput = Annotated[
    Path | None, typer.Option("-o", "--output", help="Workload file (YAML) to write.")
]
ClassBy = Annotated[
    str, typer.Option(help="What makes a task class; the best candidate when absent.")
]
Preview = Annotated[bool, typer.Option("--preview", help="Show what could make classes, and stop.")]
FormatName = Annotated[
    str, typer.Option("--format", help="Name of the format; recognised when absent.")
]
Columns = Annotated[
    str, typer.Option(help="Columns of a plain table: input_tokens=COL,output_tokens=COL,...")
]
Requests = Annotated[
    list[str] | None,
    typer.Option(help="CLASS=N: requests in the time covered, where the source has none."),
]
Period = Annotated[
    str, typer.Option(help="What volumes are per: day, week, month, quarter or year.")
]
Evidence = Annotated[
    str, typer.Option(help="Benchmark that stands for every class; TODO when absent.")
]
MaxBad = Annotated[int, typer.Option(min=0, help="Malformed records that are tolerated.")]
StateFolder = Annotated[
    Path | None, typer.Option(help="Folder that keeps counts, so only new files are read.")
]
StartDay = Annotated[str, typer.Option(help="First day from a gateway, YYYY-MM-DD.")]
EndDay = Annotated[str, typer.Option(help="Last day from a gateway, YYYY-MM-DD.")]
KeyVariable = Annotated[str, typer.Option(help="Environment variable with the gateway's key.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the output.")]


@app.command()
def usage(  # noqa: PLR0913, PLR0917 - each argument is an option of the command
    files: Sources,
    output: WorkloadOutput = None,
    class_by: ClassBy = "",
    preview: Preview = False,
    log_format: FormatName = "",
    columns: Columns = "",
    requests: Requests = None,
    period: Period = "month",
    evidence: Evidence = "",
    max_bad: MaxBad = 100,
    state: StateFolder = None,
    start: StartDay = "",
    end: EndDay = "",
    key_env: KeyVariable = "LITELLM_MASTER_KEY",
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Turn usage logs, vendor reports and traces into task classes with volumes and sizes."""
    from costplan.ingest.command import UsageRequest, run_usage

    run_usage(
        UsageRequest(
            files=tuple(files),
            output=output,
            class_by=class_by,
            preview=preview,
            format=log_format,
            columns=columns,
            requests=tuple(requests or ()),
            period=period,
            evidence=evidence,
            max_bad=max_bad,
            state=state,
            start=start,
            end=end,
            key_env=key_env,
            force=force,
            as_json=as_json,
        ),
        typer.echo,
        lambda line: typer.echo(line, err=True),
    )


@app.command()
def evals(  # noqa: PLR0913, PLR0917 - each argument is an option of the command
    files: Files,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Outcomes table (CSV) to write.")
    ] = None,
    setting: Annotated[
        str, typer.Option(help="Setting the runs were configured with, where the file has none.")
    ] = "",
    model: Annotated[str, typer.Option(help="Model's name, in place of the file's.")] = "",
    task_class: Annotated[
        str, typer.Option(help="Task class of every row, or KEY of the sample's metadata with @.")
    ] = "",
    scorer: Annotated[str, typer.Option(help="Score to read where a run has several.")] = "",
    log_format: FormatName = "",
    max_bad: MaxBad = 100,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Turn evaluation logs into outcomes, question by question."""
    from costplan.ingest.evals.command import EvalsRequest, run_evals

    run_evals(
        EvalsRequest(
            files=tuple(files),
            output=output,
            setting=setting,
            model=model,
            task_class=task_class,
            scorer=scorer,
            format=log_format,
            max_bad=max_bad,
            force=force,
            as_json=as_json,
        ),
        typer.echo,
        lambda line: typer.echo(line, err=True),
    )


@app.command("print-sql")
def print_sql(
    dialect: Annotated[str, typer.Argument(help="bigquery, snowflake, postgres, spark, ...")],
    table: Annotated[str, typer.Option(help="View with flat columns.")] = "llm_requests",
) -> None:
    """Print the SQL that counts usage inside a warehouse; its CSV goes into `ingest usage`."""
    from costplan.ingest.warehouse.sql import histogram_sql

    typer.echo(histogram_sql(dialect, table))

"""`costplan track`: plan against actual."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from costplan.cli.arguments import AsJson, PlanPath, parse_number
from costplan.domain.collection import paused_collection

if TYPE_CHECKING:
    from costplan.domain.profile import Profile
    from costplan.plan.model import Plan
    from costplan.plan.track import Track
    from costplan.plan.track_match import Match

MoreFiles = Annotated[
    list[Path] | None,
    typer.Argument(metavar="FILE", help="Further files of --actuals.", show_default=False),
]
ActualFiles = Annotated[
    list[Path],
    typer.Option(
        "--actuals",
        metavar="FILE...",
        help="What was spent: files or folders of LiteLLM, OpenAI, Anthropic, OpenRouter, FOCUS "
        "or any other format that `ingest usage` reads.",
        show_default=False,
    ),
]
FailOver = Annotated[
    str | None,
    typer.Option(
        metavar="LIMIT",
        help="Leave with exit code 7 when the spend is above the plan for the same days by over "
        "this: 10% or 500 (dollars).",
    ),
]
MatchFile = Annotated[
    Path | None,
    typer.Option(
        "--match",
        metavar="FILE",
        help="Which label is which class: CSV with the columns label (patterns) and task_class; "
        "an empty class leaves the spend out.",
    ),
]
ClassBy = Annotated[
    str,
    typer.Option(help="Key of the files that labels requests; what names most classes if absent."),
]
FormatName = Annotated[
    str, typer.Option("--format", help="Name of the format; recognised when absent.")
]
Columns = Annotated[
    str, typer.Option(help="Columns of a plain table: input_tokens=COL,output_tokens=COL,...")
]
FirstDay = Annotated[
    str, typer.Option("--from", metavar="DAY", help="First day that counts, UTC, YYYY-MM-DD.")
]
LastDay = Annotated[
    str, typer.Option("--to", metavar="DAY", help="Last day that counts, UTC, YYYY-MM-DD.")
]
Requests = Annotated[
    list[str] | None,
    typer.Option(help="CLASS=N: requests in the days covered, where the files do not count them."),
]
Whole = Annotated[bool, typer.Option("--whole", help="Track all classes as one.")]
Net = Annotated[
    bool,
    typer.Option("--net", help="The spend is after tiers and commitments: take the plan so too."),
]
SumSources = Annotated[
    bool,
    typer.Option(
        "--sum-sources",
        help="Add sources up that state the same of one model: they saw different requests.",
    ),
]
MaxBad = Annotated[int, typer.Option(min=0, help="Malformed records that are tolerated.")]
CsvPath = Annotated[
    Path | None, typer.Option("--csv", metavar="FILE", help="Write one row per class here (CSV).")
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the --csv file.")]


def track(  # noqa: PLR0913 - each argument is an option of the command
    plan: PlanPath,
    more: MoreFiles = None,
    *,
    actuals: ActualFiles,
    fail_over: FailOver = None,
    match: MatchFile = None,
    class_by: ClassBy = "",
    log_format: FormatName = "",
    columns: Columns = "",
    first_day: FirstDay = "",
    last_day: LastDay = "",
    requests: Requests = None,
    whole: Whole = False,
    net: Net = False,
    sum_sources: SumSources = False,
    max_bad: MaxBad = 100,
    csv: CsvPath = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Set a plan against what was spent: volume, mix, tokens per request and price, by class."""
    from costplan.ingest.command import parse_pairs
    from costplan.plan import track as tracking
    from costplan.plan.saved import read_plan
    from costplan.plan.track_actuals import ReadOptions, read_actuals
    from costplan.plan.track_match import Matcher, read_rules
    from costplan.report.save import check_free
    from costplan.report.track import write_track

    percent, limit = _parse_limit(fail_over)
    since, until = _parse_days(first_day, last_day)
    pairs = parse_pairs(columns.split(",") if columns else [], "--columns")
    told = parse_pairs(requests or [], "--requests")
    counts = {name: parse_number(text) for name, text in told.items()}
    check_free([csv] if csv is not None else [], force=force)
    with paused_collection():
        saved = read_plan(plan)
        names = [line.task_class for line in saved.lines]
        rules = () if match is None else read_rules(match, names)
        profiles = _load_profiles()
        ids = _list_ids(saved, profiles)
        options = ReadOptions(class_by, log_format, pairs, max_bad, since, until)
        spent = read_actuals([*actuals, *(more or [])], Matcher(names, rules, ids).knows, options)
        settings = tracking.TrackOptions(rules, ids, profiles, counts, whole, net, sum_sources)
        found = tracking.track(saved, spent, settings)
    _save(found, csv, force=force)
    write_track(found, as_json=as_json)
    _check(found, limit, percent=percent, as_json=as_json)


def _parse_limit(text: str | None) -> tuple[bool, Decimal | None]:
    """Read "10%" or "500": whether it is percent, and how much; None without a limit."""
    if text is None:
        return False, None
    percent = text.strip().endswith("%")
    limit = parse_number(text.strip().removesuffix("%"))
    if limit < 0:
        raise typer.BadParameter("--fail-over must not be below 0")
    return percent, limit


def _parse_days(first: str, last: str) -> tuple[dt.date | None, dt.date | None]:
    days: list[dt.date | None] = []
    for flag, text in (("--from", first), ("--to", last)):
        try:
            days.append(dt.date.fromisoformat(text) if text else None)
        except ValueError as error:
            raise typer.BadParameter(f"{flag} {text!r} is no day: YYYY-MM-DD") from error
    since, until = days
    if since is not None and until is not None and since > until:
        raise typer.BadParameter(f"--from {since} is after --to {until}")
    return since, until


def _load_profiles() -> Mapping[str, Profile]:
    from costplan.files.profiles import load_profiles
    from costplan.files.shipped import shipped_profiles

    return load_profiles(shipped_profiles() / "models")


def _list_ids(plan: Plan, profiles: Mapping[str, Profile]) -> dict[str, Match]:
    """List the names and ids of the plan's gateway configuration, which spend rows give back."""
    from costplan.plan.track_match import Match
    from costplan.report.gateway_targets import read_servings

    ids: dict[str, Match] = {}
    servings, _ = read_servings(plan, profiles)
    for serving in servings:
        for target in serving.targets:
            later = target.public != serving.task_class
            ids[target.id] = Match(serving.task_class, target.model, target.knob, later)
            ids.setdefault(target.public.replace("*", "-"), Match(serving.task_class, later=later))
    return ids


def _save(found: Track, path: Path | None, *, force: bool) -> None:
    if path is not None:
        from costplan.report.save import save
        from costplan.report.track import write_track_csv

        save(path, write_track_csv(found), force=force)


def _check(found: Track, limit: Decimal | None, *, percent: bool, as_json: bool) -> None:
    """Leave with exit code 7 when more was spent than the limit allows."""
    from costplan.domain.errors import CheckError
    from costplan.report.track import say_excess

    excess = None if limit is None else say_excess(found, limit, percent=percent)
    if excess is None:
        return
    if as_json:
        # The figures have standard output to themselves.
        typer.echo(excess, err=True)
        raise typer.Exit(CheckError.exit_code)
    raise CheckError(excess)

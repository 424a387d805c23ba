"""What `costplan check` understood of a workload, before anything is solved."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from costplan.domain.figures import (
    UNKNOWN,
    write_count,
    write_percent,
    write_period,
    write_seconds,
    write_unit_usd,
    write_usd,
)
from costplan.domain.money import total
from costplan.domain.option import Option
from costplan.domain.workload import Objective, TaskClass, Workload
from costplan.files.workload import find_doubts
from costplan.plan.case import Case, ClassCase

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

REASONS = {
    "denied": "not allowed by the class",
    "ended": "no longer served",
    "not_released": "not released yet",
    "no_price": "no price known",
    "no_tokens": "no token counts known",
    "no_curve": "no curve for the benchmark",
    "context": "does not fit the context",
    "output_limit": "does not fit the output limit",
    "p95": "slower than the limit",
    "no_proposal": "nothing to propose",
}
"""Words for the codes of what is left out; a code without words is shown itself."""
_NAMED = 4


def write_check(case: Case, *, as_json: bool = False) -> None:
    """Print what was understood: for people, or as JSON."""
    if as_json:
        sys.stdout.write(json.dumps(summarize(case), indent=2) + "\n")
        return
    from costplan.report.write import open_console

    render_check(case, open_console())


def summarize(case: Case) -> dict[str, Any]:
    """Sum up a case as JSON: amounts as decimal strings, unknown as null."""
    workload = case.workload
    return {
        "file": case.file,
        "name": workload.name,
        "period": workload.period,
        "starts": case.starts.isoformat(),
        "objective": _objective(workload.objective),
        "splits": workload.splits,
        "requests": _number(total([task.requests for task in workload.classes])),
        "ceilings": [
            {"name": name, "limit": _amount(limit) if name.endswith("usd") else _number(limit)}
            for name, limit in _ceilings(workload)
        ],
        "classes": [_class_summary(part) for part in case.classes],
        "doubts": [
            {"path": doubt.path, "message": doubt.message} for doubt in find_doubts(workload)
        ],
        "notes": [
            {"code": note.code, "class": note.task_class, "message": note.message}
            for note in case.notes
        ],
    }


def render_check(case: Case, console: Console) -> None:
    """Print what was understood on a console of any width."""
    for part in _parts(case):
        console.print(part)


def _parts(case: Case) -> Iterator[RenderableType]:
    from rich.padding import Padding
    from rich.text import Text

    workload = case.workload
    yield Text(f"{workload.name} · {_write_time(case)}", style="bold")
    yield Text(_write_aim(workload))
    limits = [f"{name} {_write_limit(name, limit)}" for name, limit in _ceilings(workload)]
    yield Text(f"Ceilings: {'; '.join(limits) if limits else 'none'}")
    yield ""
    yield _class_table(case)
    for name, months in _by_class(case).items():
        yield Text(name, style="bold")
        for line in (*_write_class(months[0]), *_write_changes(months)):
            yield Padding(Text(line), (0, 0, 0, 2), expand=False)
    said = [note.message for note in case.notes if note.task_class is None]
    said += [f"{doubt.path}: {doubt.message}" for doubt in find_doubts(workload)]
    if said:
        yield Text("Notes", style="bold")
        yield from (Padding(Text(line), (0, 0, 0, 2), expand=False) for line in said)
    yield ""
    yield Text(f"No faults. `costplan optimize {case.file or 'WORKLOAD'}` makes the plan.")


def _by_class(case: Case) -> dict[str, list[ClassCase]]:
    """Group the months of every class."""
    grouped: dict[str, list[ClassCase]] = {}
    for part in case.classes:
        grouped.setdefault(part.task.name, []).append(part)
    return grouped


def _write_time(case: Case) -> str:
    horizon = case.workload.horizon
    if horizon is None:
        return f"per {case.workload.period} · from {case.starts}"
    ceiling = "for all of them" if horizon.budget == "total" else "for each"
    said = f"{horizon.months} months from {horizon.start} · ceiling of dollars {ceiling}"
    ceilings = case.workload.ceilings
    parts = [part.usd for part in ceilings.teams.values()]
    parts += [part.usd for part in ceilings.providers.values()]
    if horizon.budget == "total" and any(usd is not None for usd in parts):
        said += ", those of teams and providers for each"
    return said


def _write_changes(months: Sequence[ClassCase]) -> Iterator[str]:
    """Say in which months of a horizon a class has other models than in the month before."""
    for before, now in pairwise(months):
        was, has = ({option.model for option in part.options} for part in (before, now))
        changes = [("without", was - has), ("with", has - was)]
        said = [f"{word} {', '.join(sorted(models))}" for word, models in changes if models]
        if said:
            yield f"from {now.month}: {'; '.join(said)}"


def _write_span(numbers: Iterable[Decimal | int | None]) -> str:
    """Write a count, or the range of the months' counts."""
    known = [number for number in numbers if number is not None]
    if not known or min(known) == max(known):
        return write_count(known[0] if known else None)
    return f"{write_count(min(known))} to {write_count(max(known))}"


def _class_table(case: Case) -> RenderableType:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("Class", overflow="fold", min_width=12)
    per = write_period(case.workload.period)
    for title in (f"Requests {per}", "Input", "Output", "Worth", "Options"):
        table.add_column(title, justify="right")
    table.add_column("Limits", overflow="fold")
    for months in _by_class(case).values():
        task = months[0].task
        table.add_row(
            Text(task.name),
            _write_span(part.task.requests for part in months),
            write_count(task.input_tokens),
            write_count(task.output_tokens),
            _write_worth(task),
            _write_span(len(part.options) for part in months),
            _write_limits(task),
        )
    return table


def _write_class(part: ClassCase) -> Iterator[str]:
    yield f"evidence: {part.evidence}"
    if part.options:
        grades = Counter(str(option.accuracy.grade) for option in part.options)
        graded = ", ".join(f"{count} {grade}" for grade, count in grades.items())
        models = len({option.model for option in part.options})
        yield f"options: {len(part.options)} of {models} model{'s' * (models != 1)} ({graded})"
        cheapest = min(part.options, key=lambda option: option.usd_per_request)
        best = max(part.options, key=lambda option: option.accuracy.mean)
        yield f"cheapest: {_write_option(cheapest, batch=part.task.batch)}"
        yield f"most accurate: {_write_option(best, batch=part.task.batch)}"
    prices = Counter(option.price.source for option in part.options if option.price is not None)
    if prices:
        yield f"prices from: {', '.join(_shorten_sources(prices))}"
    for reason, names in _reasons(part).items():
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        yield f"left out, {reason}: {', '.join(names[:_NAMED])}{more}"


def _reasons(part: ClassCase) -> dict[str, list[str]]:
    by_reason: dict[str, list[str]] = {}
    for exclusion in part.exclusions:
        by_reason.setdefault(REASONS.get(exclusion.code, exclusion.code), []).append(exclusion.name)
    return by_reason


def _shorten_sources(sources: Counter[str]) -> Iterable[str]:
    """Name what stands before the details of each source, with its count."""
    short: Counter[str] = Counter()
    for source, count in sources.items():
        short[source.split(" (")[0]] += count
    return (f"{source} ({count})" for source, count in short.most_common())


def _write_option(option: Option, *, batch: bool) -> str:
    wait = "batch" if batch else write_seconds(option.mean_latency_s)
    rent = " and its GPUs" if option.pool else ""
    return (
        f"{option.name}, {write_unit_usd(option.usd_per_request)} per request{rent}, "
        f"{write_percent(option.accuracy.mean)} right, {wait}"
    )


def _write_worth(task: TaskClass) -> str:
    return write_usd(task.value_usd) if task.value_usd is not None else write_count(task.worth)


def _write_limits(task: TaskClass) -> str:
    limits = []
    if task.min_accuracy is not None:
        limits.append(f"at least {write_percent(task.min_accuracy)}")
    if task.max_p95_latency_s is not None:
        limits.append(f"p95 {write_seconds(task.max_p95_latency_s)}")
    if task.batch:
        limits.append("batch")
    return ", ".join(limits) or UNKNOWN


def _write_aim(workload: Workload) -> str:
    objective = _objective(workload.objective)
    aim = ", ".join(f"{word} {value}" for word, value in objective.items())
    splits = "classes may be split" if workload.splits else "one option per class"
    return f"{aim.replace('_', ' ')}; {splits}; confidence {write_percent(workload.confidence, 0)}"


def _objective(objective: Objective) -> dict[str, Any]:
    said = objective.model_dump(exclude_none=True)
    return {key: _number(v) if isinstance(v, Decimal) else v for key, v in said.items()}


def _ceilings(workload: Workload) -> Iterator[tuple[str, Decimal]]:
    """Yield every ceiling by the name that the plan gives it."""
    ceilings = workload.ceilings
    for name, limit in (("usd", ceilings.usd), ("mean_latency_s", ceilings.mean_latency_s)):
        if limit is not None:
            yield name, limit
    for kind, holders in (("teams", ceilings.teams), ("providers", ceilings.providers)):
        for holder, record in holders.items():
            for key, limit in record.model_dump(exclude_none=True).items():
                yield f"{kind}.{holder}.{key}", limit


def _write_limit(name: str, limit: Decimal) -> str:
    if name.endswith("usd"):
        return write_usd(limit)
    if name.endswith("_s"):
        return write_seconds(limit)
    return write_percent(limit) if name.endswith("share") else write_count(limit)


def _class_summary(part: ClassCase) -> dict[str, Any]:
    task = part.task
    return {
        "name": task.name,
        "month": part.month,
        "team": task.team,
        "requests": _number(task.requests),
        "input_tokens": _number(task.input_tokens),
        "cached_input_tokens": _number(task.cached_input_tokens),
        "output_tokens": _number(task.output_tokens),
        "value_usd": _amount(task.value_usd),
        "weight": _number(task.weight),
        "min_accuracy": _number(task.min_accuracy),
        "max_p95_latency_s": _number(task.max_p95_latency_s),
        "batch": task.batch,
        "evidence": part.evidence,
        "options": [_option_summary(option) for option in part.options],
        "left_out": [
            {"name": left.name, "code": left.code, "message": left.reason}
            for left in part.exclusions
        ],
    }


def _option_summary(option: Option) -> dict[str, Any]:
    accuracy = option.accuracy
    return {
        "name": option.name,
        "model": option.model,
        "provider": option.provider or None,
        "setting": option.setting or None,
        "accuracy": {
            "mean": accuracy.mean,
            "low": accuracy.low,
            "high": accuracy.high,
            "grade": str(accuracy.grade),
        },
        "usd_per_request": _amount(option.usd_per_request),
        "mean_latency_s": _number(option.mean_latency_s),
        "p95_latency_s": _number(option.p95_latency_s),
        "price_source": option.price.source if option.price is not None else None,
    }


def _amount(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"


def _number(number: Decimal | None) -> int | float | None:
    if number is None:
        return None
    return int(number) if number == number.to_integral_value() else float(number)

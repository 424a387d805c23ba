"""What `costplan ingest evals` does, from words on the command line to files and lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from costplan.domain.errors import Fault, InputError
from costplan.domain.figures import write_percent
from costplan.domain.outcomes import COLUMNS
from costplan.ingest.command import write_new
from costplan.ingest.evals.answers import Answer, EvalChoice
from costplan.ingest.evals.run import EvalsResult, read_evals

Say = Callable[[str], None]
EXTRA = ("reasoning_tokens", "cached_input_tokens", "truncated")
ERROR_COLUMNS = ("dataset", "task_class", "question_id", "model", "budget_or_effort", "sample")


@dataclass(frozen=True, slots=True)
class EvalsRequest:
    """The flags of `ingest evals`."""

    files: tuple[Path, ...]
    output: Path | None = None
    setting: str = ""
    model: str = ""
    task_class: str = ""
    scorer: str = ""
    format: str = ""
    max_bad: int = 100
    force: bool = False
    as_json: bool = False


def run_evals(request: EvalsRequest, out: Say, err: Say) -> None:
    """Read evaluation logs, write the table, and say what was found."""
    if request.output is not None and request.output.exists() and not request.force:
        fault = Fault("the output exists", str(request.output), advice="--force overwrites it")
        raise InputError([fault])
    choice = EvalChoice(request.setting, request.model, request.task_class, request.scorer)
    result = read_evals(request.files, choice, log_format=request.format, max_bad=request.max_bad)
    if request.output is not None:
        _write(request.output, result, request.force, err)
    if request.as_json:
        out(json.dumps(evals_json(result), indent=1))
        return
    for line in evals_lines(result):
        (out if request.output is None else err)(line)


def _write(path: Path, result: EvalsResult, force: bool, err: Say) -> None:
    if result.answers and result.sums:
        message = "some files have single questions, others only sums: one table cannot hold both"
        raise InputError([Fault(message, str(path), advice="read them one after the other")])
    if result.sums:
        from costplan.files.curves import write_curves

        write_curves(path, result.sums)
        err(f"wrote {path}: {len(result.sums)} rows of a curve table; list it under `curves:`")
        return
    write_new(path, outcomes_csv(result.answers), force=force)
    err(f"wrote {path}: {len(result.answers)} answers")
    if result.errors:
        beside = path.with_name(path.stem + ".errors.csv")
        write_new(beside, errors_csv(result.errors), force=True)
        err(f"wrote {beside}: {len(result.errors)} answers that ended in errors, not in the table")


def outcomes_csv(answers: Iterable[Answer]) -> str:
    """Write graded answers as an outcomes table; blank is unknown."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    answers = list(answers)
    known = sorted({key for answer in answers for key, _ in answer.known})
    columns = (*COLUMNS, *EXTRA, *known)
    writer.writerow(columns)
    for answer in answers:
        values = {
            **dict.fromkeys(known, ""),
            **dict(answer.known),
            **_identity(answer),
            "correct": _cell(answer.correct),
            "input_tokens": _cell(answer.input_tokens),
            "output_tokens": _cell(answer.output_tokens),
            "cost_usd": _cell(answer.usd),
            "latency_s": _cell(answer.latency_s),
            "reasoning_tokens": _cell(answer.reasoning_tokens),
            "cached_input_tokens": _cell(answer.cached_input_tokens),
            "truncated": "" if answer.truncated is None else str(int(answer.truncated)),
        }
        writer.writerow([values[column] for column in columns])
    return stream.getvalue()


def errors_csv(errors: Iterable[Answer]) -> str:
    """Write which answers ended in errors; what the errors said is not copied."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(ERROR_COLUMNS)
    for answer in errors:
        values = _identity(answer)
        writer.writerow([values[column] for column in ERROR_COLUMNS])
    return stream.getvalue()


def _identity(answer: Answer) -> dict[str, str]:
    return {
        "dataset": answer.dataset,
        "task_class": answer.task_class,
        "question_id": answer.question,
        "model": answer.model,
        "budget_or_effort": answer.setting or "",
        "sample": str(answer.sample),
    }


def _cell(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if value == int(value) else f"{value:.12f}".rstrip("0")


def evals_json(result: EvalsResult) -> dict[str, Any]:
    """Write a result as plain JSON values. Shares are 0 to 1, unknown is null."""
    return {
        "schema_version": 1,
        "format": "+".join(result.formats),
        "files": list(result.files),
        "rows": {
            "graded": len(result.answers),
            "errors": len(result.errors),
            "duplicates": result.duplicates,
            "bad": len(result.bad),
        },
        "options": [asdict(option) for option in result.options],
        "runs": [
            {
                "benchmark": m.benchmark,
                "model": m.model,
                "setting": m.setting,
                "questions": m.n_questions,
                "accuracy": m.accuracy,
                "accuracy_se": m.accuracy_se,
                "input_tokens": m.input_tokens,
                "output_tokens": m.output_tokens,
                "usd": None if m.usd is None else str(m.usd),
                "latency_s": m.seconds,
            }
            for m in result.sums
        ],
        "bad": [{"file": b.file, "line": b.line, "reason": b.reason} for b in result.bad[:10]],
        "warnings": list(result.remarks),
    }


def evals_lines(result: EvalsResult) -> Iterable[str]:
    """Describe a result in plain lines."""
    yield (
        f"{', '.join(result.formats)}: {len(result.answers)} graded answers,"
        f" {len(result.errors)} errors, {result.duplicates} duplicates, {len(result.bad)} malformed"
    )
    for option in result.options:
        error = "" if option.accuracy_se is None else f" ± {write_percent(option.accuracy_se)}"
        tokens = "?" if option.output_tokens is None else f"{option.output_tokens:,.0f}"
        yield (
            f"{option.task_class}: {option.model} {option.setting}:"
            f" {write_percent(option.accuracy)}{error} over {option.questions} questions"
            f" ({option.answers} answers), {tokens} output tokens"
        )
    for run in result.sums:
        accuracy = write_percent(run.accuracy)
        yield f"{run.benchmark}: {run.model} {run.setting}: {accuracy} of {run.n_questions}"
    for bad in result.bad[:10]:
        place = bad.file if bad.line is None else f"{bad.file}:{bad.line}"
        yield f"malformed: {place}: {bad.reason}"
    for remark in result.remarks:
        yield f"note: {remark}"

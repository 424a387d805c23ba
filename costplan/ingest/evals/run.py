"""Read evaluation logs: answers of all files in one table, errors apart, biases said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from costplan.domain.errors import Fault, InputError
from costplan.domain.measurement import Measurement
from costplan.ingest.evals.answers import (
    Answer,
    BadRecord,
    EvalChoice,
    EvalFormat,
    Found,
    Remark,
    Sums,
)
from costplan.ingest.evals.formats import find_format
from costplan.ingest.evals.options import OptionSummary, summarise
from costplan.ingest.head import Container, read_head

Key = tuple[str, str, str, str, str | None, int]


@dataclass(frozen=True, slots=True)
class EvalsResult:
    """Everything `ingest evals` found."""

    formats: tuple[str, ...]
    """Formats of the files."""
    files: tuple[str, ...]
    """Files that were read."""
    answers: tuple[Answer, ...]
    """Graded answers, in file order."""
    errors: tuple[Answer, ...]
    """Answers that an error left ungraded."""
    sums: tuple[Measurement, ...]
    """Whole runs of sources without single questions."""
    options: tuple[OptionSummary, ...]
    """Every model and setting per class: shares, sizes and what errors may hide."""
    duplicates: int
    """Answers that a file repeated; counted once."""
    bad: tuple[BadRecord, ...]
    """Malformed records, all of them."""
    remarks: tuple[str, ...]
    """What to know, with its consequence."""


def read_evals(
    paths: Sequence[Path], choice: EvalChoice, *, log_format: str = "", max_bad: int = 100
) -> EvalsResult:
    """Read evaluation logs of any mixture of formats.

    Raises InputError when a file cannot be read or recognised, when a setting is asked for, when
    more records than tolerated are malformed, or when nothing was graded.
    """
    files = _expand(paths)
    found: list[Found] = []
    formats: list[str] = []
    answers: dict[Key, Answer] = {}
    duplicates = 0
    faults: list[Fault] = []
    for path in files:
        try:
            log = find_format(read_head(path), log_format)
            if log.name not in formats:
                formats.append(log.name)
            here = _read(log, path, choice)
            duplicates += _collect(answers, here, choice, log, path)
        except InputError as error:
            faults += error.faults
            continue
        found += [item for item in here if not isinstance(item, Answer)]
    if faults:
        raise InputError(faults)
    bad = tuple(item for item in found if isinstance(item, BadRecord))
    _check_bad(bad, max_bad)
    graded = tuple(a for a in answers.values() if a.correct is not None)
    errors = tuple(a for a in answers.values() if a.correct is None)
    sums = tuple(item.measurement for item in found if isinstance(item, Sums))
    remarks = [item.text for item in found if isinstance(item, Remark)]
    if not graded and not sums:
        raise InputError(_nothing(errors, bad, remarks))
    options = summarise(graded, errors)
    remarks += [note for option in options for note in option.notes]
    return EvalsResult(
        formats=tuple(formats),
        files=tuple(map(str, files)),
        answers=graded,
        errors=errors,
        sums=sums,
        options=options,
        duplicates=duplicates,
        bad=bad,
        remarks=tuple(dict.fromkeys(remarks)),
    )


def _nothing(
    errors: Sequence[Answer], bad: Sequence[BadRecord], said: Sequence[str]
) -> list[Fault]:
    """Say that nothing was graded, and why: the first record of every reason."""
    first: dict[str, BadRecord] = {}
    for record in bad:
        first.setdefault(record.reason, record)
    faults = [Fault(b.reason, b.file, line=b.line) for b in list(first.values())[:10]]
    message = f"nothing was graded: {len(errors)} errors, {len(bad)} malformed"
    return [*faults, *(Fault(text) for text in dict.fromkeys(said[:10])), Fault(message)]


def _read(log: EvalFormat, path: Path, choice: EvalChoice) -> list[Found]:
    """Read a file; where something in it is of another kind than ever documented, say so."""
    try:
        return list(log.read(path, choice))
    except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        message = f"not a sound {log.name} log: {type(error).__name__}"
        raise InputError([Fault(message, str(path))]) from error


def _expand(paths: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.is_file() and _shown(p))
            files += [p for p in inside if _readable(p)]
        else:
            files.append(path)
    if not files:
        raise InputError([Fault("no evaluation logs here", str(paths[0]) if paths else "")])
    return list(dict.fromkeys(files))


def _shown(path: Path) -> bool:
    """Leave out hidden files, but for the only ones that Aider's benchmark writes."""
    return path.name[0] != "." or path.name == ".aider.results.json"


def _readable(path: Path) -> bool:
    """Tell whether a file of a folder is an evaluation log; folders also hold other things."""
    try:
        head = read_head(path)
        find_format(head)
    except InputError:
        return False
    # The results of lm-eval point at samples, which the folder holds as well.
    return head.container is Container.ZIP or not path.name.startswith("results_")


def _collect(
    answers: dict[Key, Answer],
    found: list[Found],
    choice: EvalChoice,
    log: EvalFormat,
    path: Path,
) -> int:
    """Put the answers of a file into the table; return how many it had already."""
    duplicates = 0
    inside: set[Key] = set()
    for answer in found:
        if not isinstance(answer, Answer):
            continue
        told = _told(answer, choice, log, path)
        key = _key(told)
        if key in inside and log.name in {"promptfoo", "openai-evals", "aider-results"}:
            # These formats do not number repeated answers; their order does.
            told, key = _next_sample(told, inside)
        inside.add(key)
        if _is_another(answers.get(key), told):
            told, key = _next_free(told, answers)
        if key in answers:
            duplicates += 1
            if answers[key].correct is None and told.correct is not None:
                answers[key] = told
            continue
        answers[key] = told
    return duplicates


def _is_another(before: Answer | None, answer: Answer) -> bool:
    """Tell an answer of a further run from a copy, or from a second try after an error."""
    if before is None or before.correct is None or answer.correct is None:
        return False
    return bool(before.identity and answer.identity) and before.identity != answer.identity


def _next_free(answer: Answer, answers: Mapping[Key, Answer]) -> tuple[Answer, Key]:
    """Number an answer after those of earlier runs, unless it is a copy of one of them."""
    while _is_another(answers.get(_key(answer)), answer):
        answer = replace(answer, sample=answer.sample + 1)
    return answer, _key(answer)


def _key(answer: Answer) -> Key:
    return (
        answer.dataset,
        answer.task_class,
        answer.question,
        answer.model,
        answer.setting,
        answer.sample,
    )


def _next_sample(answer: Answer, taken: set[Key]) -> tuple[Answer, Key]:
    while _key(answer) in taken:
        answer = replace(answer, sample=answer.sample + 1)
    return answer, _key(answer)


def _told(answer: Answer, choice: EvalChoice, log: EvalFormat, path: Path) -> Answer:
    """Fill in what the person says; ask for what neither the file nor the person says."""
    setting = answer.setting or choice.setting
    model = choice.model or answer.model
    faults = []
    if not setting:
        advice = "give --setting, as the model's profile names it: low, 16000, fixed, ..."
        message = f"{log.name} does not say here how much the model was allowed to think"
        faults.append(Fault(message, str(path), advice=advice))
    if not model:
        faults.append(Fault("the log does not name the model", str(path), advice="give --model"))
    if faults:
        raise InputError(faults)
    return replace(answer, setting=setting, model=model)


def _check_bad(bad: tuple[BadRecord, ...], max_bad: int) -> None:
    if len(bad) <= max_bad:
        return
    faults = [Fault(b.reason, b.file, line=b.line) for b in bad[:10]]
    message = f"{len(bad)} malformed records, more than --max-bad {max_bad}"
    advice = f"--max-bad {len(bad)} reads on without them"
    raise InputError([*faults, Fault(message, advice=advice)])

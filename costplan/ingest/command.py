"""What `costplan ingest usage` does, from words on the command line to files and lines."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from costplan.domain.errors import Fault, InputError
from costplan.ingest.engine import hear_interrupts
from costplan.ingest.usage.contract import usage_json
from costplan.ingest.usage.result import UsageResult
from costplan.ingest.usage.run import Progress, UsageOptions, preview, read_usage
from costplan.ingest.usage.tally import Tally
from costplan.ingest.wording import candidate_lines, usage_lines
from costplan.ingest.workload_yaml import PERIOD_DAYS, Draft, write_workload

if TYPE_CHECKING:
    # What checks profiles takes as long to import as counting a million requests.
    from costplan.domain.profile import Profile

_ENGINE_STARTS_S = 0.2
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class UsageRequest:
    """The flags of `ingest usage`."""

    files: tuple[str, ...]
    output: Path | None = None
    class_by: str = ""
    preview: bool = False
    format: str = ""
    columns: str = ""
    requests: tuple[str, ...] = ()
    period: str = "month"
    evidence: str = ""
    max_bad: int = 100
    state: Path | None = None
    start: str = ""
    end: str = ""
    key_env: str = "LITELLM_MASTER_KEY"
    force: bool = False
    as_json: bool = False


@hear_interrupts()
def run_usage(request: UsageRequest, out: Say, err: Say) -> None:
    """Read logs, write what was asked for, and say what was found."""
    _check_flags(request)
    options = UsageOptions(
        format=request.format,
        class_by=request.class_by,
        columns=parse_pairs(request.columns.split(",") if request.columns else [], "--columns"),
        max_bad=request.max_bad,
        state=request.state,
        requests=_parse_counts(request.requests),
    )
    paths, live = _fetch(request, err)
    counted = [(word, _count(word)) for word in request.files if _is_warehouse(word)]
    try:
        if request.preview:
            found = preview(paths, options)
            if request.as_json:
                out(json.dumps({log: [c.key for c in cs] for log, cs in found.items()}))
            else:
                for line in candidate_lines(found):
                    out(line)
            return
        result = _read(paths, counted, options, err)
    finally:
        for path in live:
            path.unlink(missing_ok=True)
    _write(request, result, out, err)


@cache
def _profiles() -> Mapping[str, Profile]:
    from costplan.files.profiles import ProfileFolder
    from costplan.files.shipped import shipped_profiles

    return ProfileFolder(shipped_profiles() / "models")


def _read(
    paths: list[Path], counted: list[tuple[str, Tally]], options: UsageOptions, err: Say
) -> UsageResult:
    # Prices are opened while the engine counts, which takes seconds off nobody's time; before it
    # does, two threads would only share one interpreter.
    done = Event()
    with ThreadPoolExecutor(1) as thread:
        thread.submit(_warm, done)
        try:
            result = read_usage(paths, options, lambda p: err(_progress_line(p)), counted)
        finally:
            done.set()
    if not _has_spend(result):
        return result
    from costplan.ingest.usage.pricing import compare_prices

    return compare_prices(result, _profiles())


def _warm(done: Event) -> None:
    if done.wait(_ENGINE_STARTS_S):
        return
    from costplan.files.prices import find_price

    with suppress(InputError):
        name, profile = next(iter(_profiles().items()))
        find_price(name, profile, as_of=dt.date.today(), batch=False, input_tokens=Decimal(1))


def _has_spend(result: UsageResult) -> bool:
    return any(m.usd is not None and m.output_tokens for m in result.models.values())


def _write(request: UsageRequest, result: UsageResult, out: Say, err: Say) -> None:
    if request.as_json:
        out(json.dumps(usage_json(result), indent=1))
    if request.output is not None:
        draft = Draft(period=request.period, evidence=request.evidence, profiles=_profiles())
        write_new(request.output, write_workload(result, draft), force=request.force)
    if not request.as_json:
        for line in usage_lines(result):
            (out if request.output is None else err)(line)
    if request.output is not None:
        err(f"wrote {request.output}: fill in the lines marked TODO, then `costplan check` it")


def _progress_line(progress: Progress) -> str:
    verb = "recalled" if progress.recalled else "counted"
    rate = progress.records / progress.elapsed_s if progress.elapsed_s > 0 else 0.0
    return f"{verb} {progress.file}: {progress.records:,} records, {rate:,.0f} a second"


def _check_flags(request: UsageRequest) -> None:
    faults = []
    if request.period not in PERIOD_DAYS:
        faults.append(
            Fault(f"--period {request.period!r}: no such period", advice=", ".join(PERIOD_DAYS))
        )
    if request.output is not None and request.output.exists() and not request.force:
        faults.append(
            Fault("the output exists", str(request.output), advice="--force overwrites it")
        )
    if faults:
        raise InputError(faults)


def parse_pairs(words: list[str] | tuple[str, ...], flag: str) -> dict[str, str]:
    """Read NAME=VALUE words.

    Raises InputError for a word without both.
    """
    pairs = {}
    for word in words:
        key, equals, value = word.rpartition("=") if flag == "--requests" else word.partition("=")
        if not (key.strip() and equals and value.strip()):
            raise InputError([Fault(f"{flag}: expected NAME=VALUE, found {word!r}")])
        pairs[key.strip()] = value.strip()
    return pairs


def _parse_counts(words: tuple[str, ...]) -> dict[str, int]:
    counts = {}
    for name, text in parse_pairs(words, "--requests").items():
        digits = text.replace("_", "").replace(",", "")
        if not digits.isdigit() or int(digits) < 1:
            raise InputError([Fault(f"--requests {name}: {text!r} is no number of at least 1")])
        counts[name] = int(digits)
    return counts


def _fetch(request: UsageRequest, err: Say) -> tuple[list[Path], list[Path]]:
    """Bring what comes from gateways into temporary files without prompts."""
    paths, live = [], []
    for word in request.files:
        if word.startswith(("http://", "https://")):
            from costplan.ingest.usage.litellm_api import fetch_spend

            path = fetch_spend(word, request.start, request.end, request.key_env, err)
            live.append(path)
            paths.append(path)
        elif not _is_warehouse(word):
            paths.append(Path(word))
    return paths, live


def _is_warehouse(word: str) -> bool:
    return "://" in word and not word.startswith(("http://", "https://"))


def _count(address: str) -> Tally:
    from costplan.ingest.warehouse.ibis_counts import count_warehouse

    return count_warehouse(address)


def write_new(path: Path, text: str, *, force: bool) -> None:
    """Write a file whole or not at all; an existing one only where it is forced."""
    if path.exists() and not force:
        raise InputError([Fault("the output exists", str(path), advice="--force overwrites it")])
    beside = path.with_name(path.name + ".tmp")
    try:
        beside.write_text(text, "utf-8", newline="")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        reason = error.strerror or "cannot be written"
        raise InputError([Fault(reason, str(path))]) from error

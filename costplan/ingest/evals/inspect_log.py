"""Inspect logs: .eval archives with any compression, and .json."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from costplan.domain.errors import Fault, InputError
from costplan.domain.measurement import UNSTATED, Measurement
from costplan.ingest.evals.answers import (
    Answer,
    BadRecord,
    EvalChoice,
    EvalFormat,
    Found,
    Remark,
    Sums,
    amount,
    class_of,
    known_of,
    setting_of,
)
from costplan.ingest.head import Container, Head
from costplan.ingest.usage.report_json import load_documents

_LETTERS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
_WORDS = {"yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0}


def _recognise(head: Head) -> bool:
    if head.container is Container.ZIP:
        try:
            with zipfile.ZipFile(head.path) as archive:
                names = set(archive.namelist())
        except (zipfile.BadZipFile, OSError):
            return head.path.suffix == ".eval"
        return bool(names & {"header.json", "_journal/start.json"})
    return head.has("eval", "plan", "status") and head.has("task", "task_id")


def _member(path: Path, info: zipfile.ZipInfo) -> bytes:
    """Read a member whole; zipfile itself knows Zstandard only from Python 3.14 on."""
    with path.open("rb") as file:
        file.seek(info.header_offset)
        header = file.read(30)
        name_length, extra_length = struct.unpack("<HH", header[26:30])
        file.seek(info.header_offset + 30 + name_length + extra_length)
        raw = file.read(info.compress_size)
    if info.compress_type == zipfile.ZIP_STORED:
        return raw
    if info.compress_type == zipfile.ZIP_DEFLATED:
        return zlib.decompress(raw, -zlib.MAX_WBITS)
    if info.compress_type == 93:
        try:
            import zstandard
        except ImportError as error:
            advice = "pip install 'costplan[ingest]'"
            raise InputError(
                [Fault("zstd archives need zstandard", str(path), advice=advice)]
            ) from error
        decompressor = zstandard.ZstdDecompressor().decompressobj(read_across_frames=True)
        try:
            return decompressor.decompress(raw)
        except zstandard.ZstdError as error:
            raise zipfile.BadZipFile(info.filename) from error
    raise InputError([Fault(f"unknown compression {info.compress_type} in the archive", str(path))])


def _load(path: Path, head: Container | None) -> tuple[dict[str, Any], list[Any], str]:
    """Read header and samples; the third value says what is missing."""
    if head is not Container.ZIP:
        documents = load_documents(path)
        document = documents[0] if documents and isinstance(documents[0], dict) else {}
        return document, list(document.get("samples") or []), ""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename: info for info in archive.infolist()}
        if "header.json" in members:
            header = json.loads(_member(path, members["header.json"]))
            # Summaries do not say which samples were taken back later.
            whole = header.get("invalidated") or _grades_itself(path, members, header)
            if "summaries.json" in members and not whole:
                return header, json.loads(_member(path, members["summaries.json"])), ""
            return header, _full_samples(path, members), ""
        start = json.loads(_member(path, members["_journal/start.json"]))
        samples = []
        journals = [name for name in members if name.startswith("_journal/summaries/")]
        for name in sorted(journals, key=lambda n: (len(n), n)):
            samples += json.loads(_member(path, members[name]))
        used = "the samples it had journalled are used" if samples else "no sample was journalled"
        return start, samples, f"the run never finished; {used}"
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, struct.error, OSError) as error:
        raise InputError(
            [Fault("not a sound Inspect archive: broken or cut off", str(path))]
        ) from error


def _full_samples(path: Path, members: Mapping[str, zipfile.ZipInfo]) -> list[Any]:
    names = sorted(name for name in members if name.startswith("samples/"))
    return [json.loads(_member(path, members[name])) for name in names]


def _model_of(header: Mapping[str, Any]) -> str:
    return str((header.get("eval") or {}).get("model") or "")


def _task_of(header: Mapping[str, Any], path: Path) -> str:
    return str((header.get("eval") or {}).get("task") or path.stem)


def _grades_itself(
    path: Path, members: Mapping[str, zipfile.ZipInfo], header: Mapping[str, Any]
) -> bool:
    """Tell from one sample whether the evaluated model also graded: summaries add both up."""
    first = next((info for name, info in members.items() if name.startswith("samples/")), None)
    if first is None:
        return False
    sample = json.loads(_member(path, first))
    return isinstance(sample, Mapping) and bool(_grading(sample, _model_of(header)))


def _grading(sample: Mapping[str, Any], model: str) -> list[Mapping[str, Any]]:
    """List what the model used as a grader: its calls after scoring began."""
    found: list[Mapping[str, Any]] = []
    scoring = False
    for event in sample.get("events") or []:
        kind = event.get("event")
        if kind in {"span_begin", "step"} and event.get("type") in {"scorers", "scorer"}:
            scoring = True
        usage = (event.get("output") or {}).get("usage") if kind == "model" else None
        if scoring and usage and event.get("model") == model:
            found.append(usage)
    return found


def _is_nan(value: object, field: str) -> bool:
    """Tell the mark of a scorer that came to no verdict."""
    if isinstance(value, Mapping):
        value = value.get(field)
    return str(value).lower() == "nan"


def _score(value: object, field: str) -> float | None:
    """Turn a score into 0 to 1; None when it is no such thing."""
    if isinstance(value, Mapping):
        inner = value.get(field) if field else next(iter(value.values()), None)
        return None if not field and len(value) != 1 else _score(inner, "")
    if isinstance(value, list):
        parts = [_score(part, "") for part in value]
        known = [part for part in parts if part is not None]
        return sum(known) / len(known) if known and len(known) == len(parts) else None
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        word = value.strip()
        if word in _LETTERS:
            return _LETTERS[word]
        if word.lower() in _WORDS:
            return _WORDS[word.lower()]
    number = amount(value)
    return number if number is not None and number <= 1 else None


def _scorer(header: Mapping[str, Any], samples: list[Any], told: str) -> tuple[str, str]:
    """Find the score to read: its name in samples, and the part of it where it has several.

    Results list the parts of such a score under their own names.
    """
    listed = [
        (str(s.get("name") or ""), str(s.get("scorer") or ""))
        for s in (header.get("results") or {}).get("scores") or []
    ]
    names = {key for sample in samples for key in (sample.get("scores") or {})}
    if told:
        name, _, part = told.partition(".")
        if name not in names and not part:
            return next(((scorer, n) for n, scorer in listed if n == told), (name, part))
        return name, part
    headline = (header.get("results") or {}).get("headline") or {}
    first = (str(headline.get("score") or ""), str(headline.get("scorer") or ""))
    for name, scorer in ([first] if first in listed else []) + listed:
        if name in names:
            return name, ""
        if scorer in names:
            return scorer, name
    return next((key for sample in samples for key in (sample.get("scores") or {})), ""), ""


def _occurs(samples: list[Any], scorer: str) -> bool:
    return any(scorer in (sample.get("scores") or {}) for sample in samples)


def _choices(samples: list[Any]) -> list[str]:
    """List what --scorer takes."""
    found: dict[str, None] = {}
    for sample in samples:
        for name, score in (sample.get("scores") or {}).items():
            value = score.get("value") if isinstance(score, Mapping) else None
            parts = [f"{name}.{part}" for part in value] if isinstance(value, Mapping) else [name]
            found.update(dict.fromkeys(parts))
    return list(found)


def _usage(sample: Mapping[str, Any], model: str) -> Mapping[str, Any]:
    """Take the evaluated model's tokens, not the graders', be they the same model."""
    usages = sample.get("model_usage") or {}
    if model not in usages:
        return dict(next(iter(usages.values()))) if len(usages) == 1 else {}
    usage = dict(usages[model])
    for graded in _grading(sample, model):
        for key, value in graded.items():
            before, part = amount(usage.get(key)), amount(value)
            if before is not None and part is not None:
                usage[key] = max(before - part, 0.0)
    return usage


def _tokens(usage: Mapping[str, Any]) -> dict[str, float | None]:
    plain = amount(usage.get("input_tokens"))
    cached = amount(usage.get("input_tokens_cache_read"))
    written = amount(usage.get("input_tokens_cache_write")) or 0
    return {
        "input_tokens": None if plain is None else plain + (cached or 0) + written,
        "cached_input_tokens": (cached or 0.0) if plain is not None else None,
        "output_tokens": amount(usage.get("output_tokens")),
        "reasoning_tokens": amount(usage.get("reasoning_tokens")),
        "usd": amount(usage.get("total_cost")),
    }


def _run_sums(header: Mapping[str, Any], path: Path, choice: EvalChoice) -> Sums | None:
    """Read the results of a run whose samples were not logged; None where it has none."""
    results = header.get("results") or {}
    told = choice.scorer.rpartition(".")[2]
    headline = told or str((results.get("headline") or {}).get("score") or "")
    scores = [s for s in results.get("scores") or [] if not headline or s.get("name") == headline]
    metrics = (scores[0].get("metrics") or {}) if scores else {}
    values = {name: amount((metric or {}).get("value")) for name, metric in metrics.items()}
    accuracy = values.get("accuracy", values.get("mean"))
    if accuracy is None or accuracy > 1:
        return None
    model = _model_of(header)
    usages = (header.get("stats") or {}).get("model_usage") or {}
    calls = amount(results.get("completed_samples")) or amount(results.get("total_samples"))
    sums = _tokens(usages.get(model) or {})
    mean = {key: None if v is None or not calls else v / calls for key, v in sums.items()}
    usd = mean["usd"]
    task = _task_of(header, path)
    return Sums(
        Measurement(
            source=path.stem,
            benchmark=class_of(choice, None, task),
            task_kind="unstated",
            model=choice.model or model.rpartition("/")[2],
            setting=setting_of(_config(header)) or choice.setting or UNSTATED,
            n_questions=int(amount(scores[0].get("scored_samples")) or 0) or None,
            accuracy=accuracy,
            accuracy_se=values.get("stderr"),
            input_tokens=mean["input_tokens"],
            output_tokens=mean["output_tokens"],
            reasoning_tokens=mean["reasoning_tokens"],
            usd=None if usd is None else Decimal(str(usd)).quantize(Decimal("1e-9")),
            usd_basis="" if usd is None else "published",
            date=str((header.get("eval") or {}).get("created") or "")[:10],
            published_as=model,
        )
    )


def _config(header: Mapping[str, Any]) -> dict[str, Any]:
    plan = (header.get("plan") or {}).get("config") or {}
    return {**((header.get("eval") or {}).get("model_generate_config") or {}), **plan}


def _read(path: Path, choice: EvalChoice) -> Iterator[Found]:
    zipped = zipfile.is_zipfile(path) or path.suffix == ".eval"
    header, samples, missing = _load(path, Container.ZIP if zipped else None)
    status = str(header.get("status") or "started")
    if missing or status != "success":
        yield Remark(f"{path}: {missing or f'the run ended as {status}'}")
    taken_back = sum(bool(sample.get("invalidation")) for sample in samples)
    if taken_back:
        samples = [sample for sample in samples if not sample.get("invalidation")]
        yield Remark(f"{path}: {taken_back} samples were invalidated and are left out")
    if not samples and (sums := _run_sums(header, path, choice)):
        yield Remark(f"{path}: no samples were logged; the run as a whole is one row of a curve")
        yield sums
        return
    scorer, field = _scorer(header, samples, choice.scorer)
    shown = f"{scorer}.{field}" if field else scorer
    others = [name for name in _choices(samples) if name != shown]
    if choice.scorer and others and not _occurs(samples, scorer):
        advice = "known: " + ", ".join(others[:20])
        raise InputError([Fault(f"no score {choice.scorer!r}", str(path), advice=advice)])
    if not choice.scorer and others:
        takes = ", ".join(others[:8])
        yield Remark(f"{path}: several scores, {shown!r} is read; --scorer takes {takes}")
    yield from _answers(path, header, samples, choice, (scorer, field))


def _answers(
    path: Path,
    header: Mapping[str, Any],
    samples: list[Any],
    choice: EvalChoice,
    score_key: tuple[str, str],
) -> Iterator[Found]:
    scorer, field = score_key
    shown = f"{scorer}.{field}" if field else scorer
    model = _model_of(header)
    task = _task_of(header, path)
    setting = setting_of(_config(header))
    unjudged = 0
    for number, sample in enumerate(samples, start=1):
        value = ((sample.get("scores") or {}).get(scorer) or {}).get("value")
        score = _score(value, field)
        ungraded = _is_nan(value, field)
        unjudged += ungraded and not sample.get("error")
        if value is not None and score is None and not ungraded:
            yield BadRecord(str(path), number, f"score {shown!r} is no share of 1")
            continue
        if value is None and not sample.get("error") and not sample.get("limit"):
            said = f"no score {shown!r}" if scorer else "no score: the run was not scored"
            yield BadRecord(str(path), number, said)
            continue
        yield Answer(
            dataset=task,
            task_class=class_of(choice, sample.get("metadata"), task),
            question=str(sample.get("id")),
            model=model.rpartition("/")[2],
            setting=setting,
            sample=int(sample.get("epoch") or 1) - 1,
            correct=None if sample.get("error") else score,
            latency_s=amount(sample.get("working_time")),
            truncated=bool(sample.get("limit")),
            identity=str(sample.get("uuid") or ""),
            known=known_of(sample.get("metadata")),
            **_tokens(_usage(sample, model)),
        )
    if unjudged:
        yield Remark(
            f"{path}: {shown!r} came to no verdict on {unjudged} answers; they count as errors,"
            " not as wrong"
        )


INSPECT = EvalFormat("inspect", _recognise, _read)

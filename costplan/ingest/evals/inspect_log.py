"""Inspect logs: .eval archives with any compression, and .json."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from costplan.domain.errors import Fault, InputError
from costplan.ingest.evals.answers import (
    Answer,
    BadRecord,
    EvalChoice,
    EvalFormat,
    Found,
    Remark,
    amount,
    class_of,
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
            if "summaries.json" in members and not header.get("invalidated"):
                return header, json.loads(_member(path, members["summaries.json"])), ""
            return header, _full_samples(path, members), ""
        start = json.loads(_member(path, members["_journal/start.json"]))
        samples = []
        journals = [name for name in members if name.startswith("_journal/summaries/")]
        for name in sorted(journals, key=lambda n: (len(n), n)):
            samples += json.loads(_member(path, members[name]))
        return start, samples, "the run never finished; the samples it had journalled are used"
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, struct.error, OSError) as error:
        raise InputError(
            [Fault("not a sound Inspect archive: broken or cut off", str(path))]
        ) from error


def _full_samples(path: Path, members: Mapping[str, zipfile.ZipInfo]) -> list[Any]:
    names = sorted(name for name in members if name.startswith("samples/"))
    return [json.loads(_member(path, members[name])) for name in names]


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


def _scorer(header: Mapping[str, Any], samples: list[Any], told: str) -> str:
    name = told.partition(".")[0]
    if name:
        return name
    listed = [s.get("name") for s in (header.get("results") or {}).get("scores") or []]
    if not listed:
        listed = [key for sample in samples for key in (sample.get("scores") or {})]
    headline = ((header.get("results") or {}).get("headline") or {}).get("scorer")
    chosen = headline if headline in listed else next(iter(listed), "")
    return str(chosen or "")


def _usage(sample: Mapping[str, Any], model: str) -> Mapping[str, Any]:
    """Take the evaluated model's tokens, not the graders'."""
    usages = sample.get("model_usage") or {}
    if model in usages:
        return dict(usages[model])
    return dict(next(iter(usages.values()))) if len(usages) == 1 else {}


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


def _read(path: Path, choice: EvalChoice) -> Iterator[Found]:
    zipped = zipfile.is_zipfile(path) or path.suffix == ".eval"
    header, samples, missing = _load(path, Container.ZIP if zipped else None)
    spec = header.get("eval") or {}
    task, model = str(spec.get("task") or path.stem), str(spec.get("model") or "")
    plan = (header.get("plan") or {}).get("config") or {}
    config = {**(spec.get("model_generate_config") or {}), **plan}
    status = str(header.get("status") or "started")
    if missing or status != "success":
        yield Remark(f"{path}: {missing or f'the run ended as {status}'}")
    taken_back = sum(bool(sample.get("invalidation")) for sample in samples)
    if taken_back:
        samples = [sample for sample in samples if not sample.get("invalidation")]
        yield Remark(f"{path}: {taken_back} samples were invalidated and are left out")
    scorer = _scorer(header, samples, choice.scorer)
    field = choice.scorer.partition(".")[2]
    names = {key for sample in samples for key in (sample.get("scores") or {})}
    if not choice.scorer and len(names) > 1:
        yield Remark(f"{path}: several scores, {scorer!r} is read; --scorer takes another")
    for number, sample in enumerate(samples, start=1):
        value = ((sample.get("scores") or {}).get(scorer) or {}).get("value")
        score = _score(value, field)
        if value is not None and score is None:
            yield BadRecord(str(path), number, f"score of {scorer!r} is no share of 1")
            continue
        if value is None and not sample.get("error") and not sample.get("limit"):
            yield BadRecord(str(path), number, f"no score {scorer!r}")
            continue
        yield Answer(
            dataset=task,
            task_class=class_of(choice, sample.get("metadata"), task),
            question=str(sample.get("id")),
            model=model.rpartition("/")[2],
            setting=setting_of(config),
            sample=int(sample.get("epoch") or 1) - 1,
            correct=None if sample.get("error") else score,
            latency_s=amount(sample.get("working_time")),
            truncated=bool(sample.get("limit")),
            identity=str(sample.get("uuid") or ""),
            **_tokens(_usage(sample, model)),
        )


INSPECT = EvalFormat("inspect", _recognise, _read)

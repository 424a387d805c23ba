"""lm-evaluation-harness: samples per task, with the results file beside them."""

from __future__ import annotations

import re
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
    known_of,
    setting_of,
)
from costplan.ingest.evals.json_lines import read_records
from costplan.ingest.head import Head
from costplan.ingest.usage.report_json import load_documents

_STAMP = re.compile(r"(\d{4}-\d{2}-\d{2}T[\d.-]+?)\.jsonl?(?:\.gz|\.zst)?$")
_SAMPLES = re.compile(r"^samples_(.+)_\d{4}-\d{2}-\d{2}T[\d.-]+?\.jsonl(?:\.gz|\.zst)?$")


def _recognise(head: Head) -> bool:
    return head.has("doc_id", "filter", "metrics") or (
        head.has("results", "configs") and head.has("n-samples", "higher_is_better")
    )


def _pairs(value: object) -> dict[str, object]:
    """Read options that are an object, or text like "k=v,k=v"."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, str):
        return {k: v for k, _, v in (part.partition("=") for part in value.split(",")) if v}
    return {}


def _results_beside(path: Path) -> dict[str, Any]:
    stamp = _STAMP.search(path.name)
    if stamp is None:
        return {}
    beside = path.parent / f"results_{stamp.group(1)}.json"
    documents = load_documents(beside) if beside.exists() else []
    return documents[0] if documents and isinstance(documents[0], dict) else {}


def _read(path: Path, choice: EvalChoice) -> Iterator[Found]:
    records = list(read_records(path)) if path.name.startswith("samples_") else []
    if not records:
        first = next(iter(read_records(path)), None)
        if isinstance(first, Mapping) and "doc_id" in first:
            records = list(read_records(path))
    if not records:
        yield from _read_results(path, choice)
        return
    yield from _read_samples(path, records, choice)


def _read_results(path: Path, choice: EvalChoice) -> Iterator[Found]:
    """A results file points at its samples; alone it has no questions."""
    stamp = _STAMP.search(path.name)
    samples = sorted(path.parent.glob(f"samples_*_{stamp.group(1)}.jsonl*")) if stamp else []
    if not samples:
        advice = "run lm-eval with --log_samples, and give the samples_*.jsonl files"
        raise InputError([Fault("no samples beside the results", str(path), advice=advice)])
    for sample in samples:
        yield from _read_samples(sample, list(read_records(sample)), choice)


def _read_samples(
    path: Path, records: list[Mapping[str, Any] | BadRecord], choice: EvalChoice
) -> Iterator[Found]:
    results = _results_beside(path)
    named = _SAMPLES.match(path.name)
    task = named.group(1) if named else path.stem
    config = results.get("config") or {}
    arguments = _pairs(config.get("model_args"))
    model = str(arguments.get("model") or arguments.get("pretrained") or "")
    model = model or str(results.get("model_name") or "")
    sound = [r for r in records if isinstance(r, Mapping)]
    yield from (r for r in records if isinstance(r, BadRecord))
    metric, filtered, others = _choose_score(results, task, sound, choice.scorer)
    if others:
        yield Remark(f"{path}: {metric},{filtered} is read; --scorer takes {', '.join(others)}")
    if metric in _lower(results, task):
        raise InputError([Fault(f"{metric} is better when lower: no share of right", str(path))])
    setting = setting_of(_generation(results, task))
    for number, record in enumerate(sound, start=1):
        if str(record.get("filter", "none")) != filtered:
            continue
        value = record.get(metric)
        score = float(value) if isinstance(value, bool) else amount(value)
        if score is None or score > 1:
            yield BadRecord(str(path), number, f"{metric} is no share of 1")
            continue
        yield Answer(
            dataset=task,
            task_class=class_of(choice, record.get("doc"), task),
            question=str(record.get("doc_id")),
            model=model,
            setting=setting or _setting_in_arguments(record),
            sample=0,
            correct=score,
            known=known_of(record.get("doc")),
        )


def _generation(results: Mapping[str, Any], task: str) -> dict[str, object]:
    task_config = (results.get("configs") or {}).get(task) or {}
    return {
        **_pairs(task_config.get("generation_kwargs")),
        **_pairs((results.get("config") or {}).get("gen_kwargs")),
    }


def _setting_in_arguments(record: Mapping[str, Any]) -> str | None:
    arguments = record.get("arguments")
    if not isinstance(arguments, Mapping):
        return None
    for call in arguments.values():
        for part in call.values() if isinstance(call, Mapping) else ():
            if isinstance(part, Mapping) and (found := setting_of(part)):
                return found
    return None


def _lower(results: Mapping[str, Any], task: str) -> set[str]:
    """List the scores that are better when lower, which are no shares of right answers."""
    better = (results.get("higher_is_better") or {}).get(task) or {}
    return {metric for metric, higher in better.items() if higher is False}


def _choose_score(
    results: Mapping[str, Any], task: str, records: list[Mapping[str, Any]], told: str
) -> tuple[str, str, list[str]]:
    """Choose metric and filter: as told "metric,filter", else the first the results list."""
    pairs = [
        (str(metric), str(record.get("filter", "none")))
        for record in records
        for metric in record.get("metrics") or []
    ]
    pairs = list(dict.fromkeys(pairs))
    listed = [
        key.partition(",")
        for key in (results.get("results") or {}).get(task) or {}
        if "," in key and "_stderr," not in key
    ]
    order = [(m, f) for m, _, f in listed if (m, f) in pairs] or pairs
    if told:
        metric, _, filtered = told.partition(",")
        fits = [p for p in order if p[0] == metric and filtered in {"", p[1]}]
        if not fits:
            known = ", ".join(",".join(p) for p in order)
            raise InputError([Fault(f"no score {told!r} in {task}", advice=f"known: {known}")])
        order = fits
        return order[0][0], order[0][1], []
    lower = _lower(results, task)
    order = [p for p in order if p[0] not in lower] or order
    if not order:
        return "", "none", []
    return order[0][0], order[0][1], [",".join(pair) for pair in order[1:]]


LM_EVAL = EvalFormat("lm-eval", _recognise, _read, ("tokens", "seconds", "dollars"))

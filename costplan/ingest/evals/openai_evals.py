"""OpenAI: runs of the Evals API, and event logs of the openai/evals package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

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
from costplan.ingest.head import Container, Head
from costplan.ingest.usage.report_json import load_documents


def _is_api(head: Head) -> bool:
    return head.has("datasource_item_id", "results") or (
        head.has("result_counts", "per_model_usage") and head.has("data_source")
    )


def _objects(path: Path) -> Iterator[Mapping[str, Any]]:
    for document in load_documents(path):
        stack = document if isinstance(document, list) else [document]
        for item in stack:
            if isinstance(item, Mapping) and isinstance(item.get("data"), list):
                yield from (part for part in item["data"] if isinstance(part, Mapping))
            elif isinstance(item, Mapping):
                yield item
                nested = item.get("output_items")
                if isinstance(nested, Mapping):
                    nested = nested.get("data")
                yield from (part for part in nested or [] if isinstance(part, Mapping))


def _settings_beside(path: Path) -> dict[str, tuple[str | None, str]]:
    """Find the runs in this file and its neighbours: items name a run, runs name the effort."""
    runs: dict[str, tuple[str | None, str]] = {}
    for file in sorted({path, *path.parent.glob("*.json")}):
        if file.stat().st_size > 50_000_000:
            continue
        try:
            objects = list(_objects(file))
        except Exception:
            continue
        for item in objects:
            if isinstance(item.get("data_source"), Mapping) and item.get("id"):
                source = item["data_source"]
                parameters = source.get("sampling_params") or {}
                name = str(item.get("name") or item.get("eval_id") or "openai-evals")
                runs[str(item["id"])] = (setting_of(parameters), name)
    return runs


def _read_api(path: Path, choice: EvalChoice) -> Iterator[Found]:
    runs = _settings_beside(path)
    items = [item for item in _objects(path) if "datasource_item_id" in item]
    if not items:
        yield Remark(f"{path}: a run without its output items has no single answers")
    for number, item in enumerate(items, start=1):
        setting, name = runs.get(str(item.get("run_id")), (None, "openai-evals"))
        sample = item.get("sample") or {}
        usage = sample.get("usage") or {}
        graded = [r for r in item.get("results") or [] if isinstance(r, Mapping)]
        score = _score(graded, choice.scorer)
        failed = bool((sample.get("error") or {}).get("code")) or item.get("status") == "error"
        if score is None and not failed:
            yield BadRecord(str(path), number, "no result to read as a share of 1")
            continue
        yield Answer(
            dataset=str(item.get("eval_id") or name),
            task_class=class_of(choice, item.get("datasource_item"), name),
            question=str(item.get("datasource_item_id")),
            model=str(sample.get("model") or ""),
            setting=setting,
            sample=0,
            correct=None if failed else score,
            input_tokens=amount(usage.get("prompt_tokens")),
            cached_input_tokens=amount(usage.get("cached_tokens")),
            output_tokens=amount(usage.get("completion_tokens")),
            truncated=sample.get("finish_reason") in {"length", "max_tokens"},
            known=known_of(item.get("datasource_item")),
        )


def _score(graded: list[Mapping[str, Any]], told: str) -> float | None:
    if told:
        graded = [r for r in graded if str(r.get("name")) == told]
    scores = []
    for result in graded:
        if isinstance(result.get("passed"), bool):
            scores.append(float(result["passed"]))
        elif (number := amount(result.get("score"))) is not None and number <= 1:
            scores.append(number)
    return min(scores) if scores else None


OPENAI_EVALS_API = EvalFormat(
    "openai-evals-api", _is_api, _read_api, ("reasoning_tokens", "seconds", "dollars")
)


def _is_events(head: Head) -> bool:
    return head.container is Container.JSON_LINES and (
        head.has("spec", "completion_fns") or head.has("event_id", "sample_id", "run_id")
    )


def _read_events(path: Path, choice: EvalChoice) -> Iterator[Found]:
    task, model = path.stem, ""
    for record in read_records(path):
        if isinstance(record, BadRecord):
            yield record
            continue
        if isinstance(spec := record.get("spec"), Mapping):
            task = str(spec.get("base_eval") or spec.get("eval_name") or task)
            model = str(next(iter(spec.get("completion_fns") or []), ""))
        data = record.get("data")
        if record.get("type") not in {"match", "metrics"} or not isinstance(data, Mapping):
            continue
        value = data.get("correct", data.get("score", data.get("accuracy")))
        score = float(value) if isinstance(value, bool) else amount(value)
        if score is None or score > 1:
            if record.get("type") == "match":
                yield BadRecord(str(path), None, "match without correct")
            continue
        yield Answer(
            dataset=task,
            task_class=class_of(choice, None, task),
            question=str(record.get("sample_id")),
            model=model,
            setting=None,
            sample=0,
            correct=score,
        )


OPENAI_EVALS_EVENTS = EvalFormat(
    "openai-evals", _is_events, _read_events, ("tokens", "seconds", "dollars", "setting")
)

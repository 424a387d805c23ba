"""HELM: the folder of a run, entered through any of its files."""

from __future__ import annotations

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
    setting_in_name,
    setting_of,
)
from costplan.ingest.head import Head
from costplan.ingest.usage.report_json import load_documents

SCORES = (
    "exact_match",
    "quasi_exact_match",
    "prefix_exact_match",
    "quasi_prefix_exact_match",
    "final_number_exact_match",
    "math_equiv_chain_of_thought",
    "math_equiv",
    "chain_of_thought_correctness",
    "ifeval_strict_accuracy",
    "omni_math_accuracy",
    "wildbench_score_rescaled",
    "f1_score",
)
"""Shares of right answers HELM knows, the one to prefer first."""


def _recognise(head: Head) -> bool:
    return head.has("instance_id", "train_trial_index", "stats")


def _spec(folder: Path) -> Mapping[str, Any]:
    file = folder / "run_spec.json"
    documents = load_documents(file) if file.exists() else []
    return documents[0] if documents and isinstance(documents[0], Mapping) else {}


def _mean(stat: Mapping[str, Any]) -> float | None:
    count, total = amount(stat.get("count")), amount(stat.get("sum"))
    return total / count if count and total is not None else amount(stat.get("mean"))


def _stats(record: Mapping[str, Any]) -> dict[str, float]:
    """Read the statistics of one instance; perturbed copies and other splits are left out."""
    found: dict[str, float] = {}
    for stat in record.get("stats") or []:
        named = stat.get("name") or {}
        if named.get("perturbation") is None and named.get("split", "test") == "test":
            value = _mean(stat)
            if value is not None:
                found[str(named.get("name"))] = value
    return found


def _choose(records: list[Mapping[str, Any]], told: str, path: Path) -> str:
    names = {name for record in records for name in _stats(record)}
    if told:
        if told not in names:
            advice = "known: " + ", ".join(sorted(names))[:400]
            raise InputError([Fault(f"no score {told!r}", str(path), advice=advice)])
        return told
    for name in SCORES:
        if name in names:
            return name
    advice = "name one with --scorer: " + ", ".join(sorted(names))[:400]
    raise InputError([Fault("no known score", str(path), advice=advice)])


def _read(path: Path, choice: EvalChoice) -> Iterator[Found]:
    spec = _spec(path.parent)
    adapter = spec.get("adapter_spec") or {}
    logged = str(adapter.get("model_deployment") or adapter.get("model") or "")
    model, setting = setting_in_name(logged.rpartition("/")[2])
    task = str(spec.get("name") or path.parent.name).partition(":")[0].partition(",")[0]
    documents = load_documents(path)
    records = [r for d in documents for r in (d if isinstance(d, list) else [d])]
    records = [r for r in records if isinstance(r, Mapping) and r.get("perturbation") is None]
    score = _choose(records, choice.scorer, path)
    yield Remark(f"{path}: {score!r} is read")
    for number, record in enumerate(records, start=1):
        stats = _stats(record)
        if not stats:
            continue
        if score not in stats or stats[score] > 1:
            yield BadRecord(str(path), number, f"no {score} that is a share of 1")
            continue
        yield Answer(
            dataset=task,
            task_class=class_of(choice, record, task),
            question=str(record.get("instance_id")),
            model=model,
            setting=setting_of(adapter) or setting,
            sample=int(amount(record.get("train_trial_index")) or 0),
            correct=stats[score],
            input_tokens=stats.get("num_prompt_tokens"),
            output_tokens=stats.get("num_completion_tokens", stats.get("num_output_tokens")),
            latency_s=stats.get("inference_runtime"),
            truncated=bool(stats.get("finish_reason_length")),
        )


HELM = EvalFormat("helm", _recognise, _read, ("reasoning_tokens", "dollars"))

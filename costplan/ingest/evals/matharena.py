"""MathArena's outputs, several runs a problem: tables of runs, and a JSON file per problem."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from costplan.domain.errors import Fault, InputError
from costplan.ingest.engine import connect, name, quote
from costplan.ingest.evals.answers import (
    Answer,
    BadRecord,
    EvalChoice,
    EvalFormat,
    Found,
    amount,
    class_of,
    setting_in_name,
)
from costplan.ingest.head import Container, Head, read_head
from costplan.ingest.usage.report_json import load_documents

_COLUMNS = [
    "problem_idx",
    "problem",
    "model_name",
    "model_config",
    "idx_answer",
    "input_tokens",
    "output_tokens",
    "cost",
    "correct",
    "problem_type",
    "competition",
    "source",
]
_TEXTS = {"problem"}


def _recognise(head: Head) -> bool:
    return head.has("problem_idx", "model_config", "correct", "idx_answer")


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    head = read_head(path)
    if head.container is Container.PARQUET:
        source = f"read_parquet({quote(str(path))})"
    elif head.container is Container.CSV:
        source = f"read_csv({quote(str(path))}, all_varchar=true, compression='{head.compression}')"
    else:
        source = f"read_json_auto({quote(str(path))}, compression='{head.json_packing}')"
    kept = [c for c in _COLUMNS if c in head.keys and c not in _TEXTS]
    import duckdb

    with connect() as connection:
        try:
            cursor = connection.execute(f"SELECT {', '.join(map(name, kept))} FROM {source}")
            while batch := cursor.fetchmany(10_000):
                yield from (dict(zip(kept, values, strict=True)) for values in batch)
        except duckdb.Error as error:
            raise InputError([Fault("broken or cut off", str(path))]) from error


def _read(path: Path, choice: EvalChoice) -> Iterator[Found]:
    for number, row in enumerate(_rows(path), start=1):
        value = row.get("correct")
        word = str(value).strip().lower()
        score = {"true": 1.0, "false": 0.0}.get(word, amount(value))
        if score is None or score > 1:
            yield BadRecord(str(path), number, "correct is no share of 1")
            continue
        model, setting = setting_in_name(str(row.get("model_name") or ""))
        if setting is None:
            _, setting = setting_in_name(str(row.get("model_config") or ""))
        task = str(row.get("competition") or row.get("source") or path.stem)
        yield Answer(
            dataset="matharena",
            task_class=class_of(choice, row, task),
            question=str(row.get("problem_idx")),
            model=model or str(row.get("model_config") or "").rpartition("/")[2],
            setting=setting,
            sample=int(amount(row.get("idx_answer")) or 0),
            correct=score,
            input_tokens=amount(row.get("input_tokens")),
            output_tokens=amount(row.get("output_tokens")),
            usd=amount(row.get("cost")),
        )


def _is_problem(head: Head) -> bool:
    return head.container is Container.JSON_OBJECT and head.has("detailed_costs", "correct")


def _read_problem(path: Path, choice: EvalChoice) -> Iterator[Found]:
    """Read what a local run keeps of one problem, in COMPETITION/VENDOR/MODEL/PROBLEM.json."""
    for document in load_documents(path):
        runs = document.get("correct") if isinstance(document, Mapping) else None
        if not isinstance(runs, list):
            yield BadRecord(str(path), 1, "no list of what was correct")
            continue
        logged = path.parent.name.partition(".")[0]
        model, setting = setting_in_name(str(document.get("model") or logged))
        told = str(document.get("competition") or _competition(path))
        question = str(document.get("idx") or document.get("problem_idx") or path.name).split(".")[
            0
        ]
        costs = document.get("detailed_costs")
        for sample, value in enumerate(runs):
            cost = costs[sample] if isinstance(costs, list) and sample < len(costs) else None
            cost = cost if isinstance(cost, Mapping) else {}
            score = float(value) if isinstance(value, bool) else amount(value)
            if score is None or score > 1:
                yield BadRecord(str(path), sample + 1, "a run that nobody graded")
                continue
            yield Answer(
                dataset="matharena",
                task_class=class_of(choice, document, told),
                question=question,
                model=model,
                setting=setting,
                sample=sample,
                correct=score,
                input_tokens=amount(cost.get("input_tokens")),
                output_tokens=amount(cost.get("output_tokens")),
                usd=amount(cost.get("cost")),
                latency_s=amount(cost.get("time")) or None,
            )


def _competition(path: Path) -> str:
    """Find the competition in the folders above a problem: below "outputs", else its vendor's."""
    parents = [folder.name for folder in path.resolve().parents]
    if "outputs" in parents:
        below = parents[: parents.index("outputs")][::-1]
        return "/".join(below[:-2]) or below[0]
    return parents[2] if len(parents) > 2 else "matharena"


MATHARENA_PROBLEM = EvalFormat(
    "matharena-problem", _is_problem, _read_problem, ("reasoning_tokens",)
)
MATHARENA = EvalFormat("matharena", _recognise, _read, ("reasoning_tokens", "seconds"))

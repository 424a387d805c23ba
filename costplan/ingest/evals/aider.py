"""Aider: the polyglot leaderboard (sums per run) and results per exercise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

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
    setting_in_name,
    setting_of,
)
from costplan.ingest.head import Container, Head
from costplan.ingest.usage.report_json import load_documents


def _is_leaderboard(head: Head) -> bool:
    return head.container in {Container.TEXT, Container.CSV} and "pass_rate_2:" in head.text


def _setting(row: Mapping[str, Any]) -> tuple[str, str | None]:
    model, in_name = setting_in_name(str(row.get("model") or ""))
    return model, setting_of(row) or in_name


def _per_case(row: Mapping[str, Any], key: str, cases: int) -> float | None:
    value = amount(row.get(key))
    return value / cases if value and cases else None


def _read_leaderboard(path: Path, choice: EvalChoice) -> Iterator[Found]:
    try:
        rows = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError([Fault("not a YAML leaderboard", str(path))]) from error
    for number, row in enumerate(rows if isinstance(rows, list) else [], start=1):
        cases = int(amount(row.get("test_cases")) or 0) if isinstance(row, Mapping) else 0
        passed = amount(row.get("pass_num_2")) if cases else None
        if passed is None and cases and (percent := amount(row.get("pass_rate_2"))) is not None:
            passed = percent / 100 * cases
        if not cases or passed is None or passed > cases:
            yield BadRecord(str(path), number, "no passes and cases")
            continue
        model, setting = _setting(row)
        usd = _per_case(row, "total_cost", cases)
        share = passed / cases
        yield Sums(
            Measurement(
                source=path.stem,
                benchmark="aider-polyglot",
                task_kind="code-edit",
                model=choice.model or model,
                setting=setting or choice.setting or UNSTATED,
                n_questions=cases,
                accuracy=share,
                accuracy_se=(share * (1 - share) / cases) ** 0.5,
                input_tokens=_per_case(row, "prompt_tokens", cases),
                output_tokens=_per_case(row, "completion_tokens", cases),
                usd=None if usd is None else Decimal(str(usd)).quantize(Decimal("1e-9")),
                usd_basis="" if usd is None else "published, both tries",
                seconds=amount(row.get("seconds_per_case")),
                seconds_basis="published" if row.get("seconds_per_case") else "",
                date=str(row.get("date") or ""),
                note="share right after a second try",
                published_as=str(row.get("model") or ""),
            )
        )
    yield Remark(f"{path}: pass rates are after a second try, and costs cover both")
    yield Remark(f"{path}: token columns are not comparable across models")


AIDER_LEADERBOARD = EvalFormat("aider-leaderboard", _is_leaderboard, _read_leaderboard)


def _is_results(head: Head) -> bool:
    return head.has("testcase", "tests_outcomes")


def _read_results(path: Path, choice: EvalChoice) -> Iterator[Found]:
    for document in load_documents(path):
        rows = document if isinstance(document, list) else [document]
        for number, row in enumerate(rows, start=1):
            outcomes = row.get("tests_outcomes") if isinstance(row, Mapping) else None
            if not isinstance(outcomes, list):
                yield BadRecord(str(path), number, "no tests_outcomes")
                continue
            model, setting = _setting(row)
            yield Answer(
                dataset="aider-polyglot",
                task_class=class_of(choice, row, "aider-polyglot"),
                question=str(row.get("testcase")),
                model=model,
                setting=setting,
                sample=0,
                correct=float(any(outcomes)) if outcomes else None,
                input_tokens=amount(row.get("prompt_tokens")),
                output_tokens=amount(row.get("completion_tokens")),
                usd=amount(row.get("cost")) or None,
                latency_s=amount(row.get("duration")),
                truncated=bool(row.get("num_exhausted_context_windows")),
            )


AIDER_RESULTS = EvalFormat("aider-results", _is_results, _read_results, ("reasoning_tokens",))

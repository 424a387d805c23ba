"""promptfoo results: JSON, and JSON lines without the configuration."""

from __future__ import annotations

import hashlib
import json
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
    setting_in_name,
    setting_of,
)
from costplan.ingest.evals.json_lines import read_records
from costplan.ingest.head import Container, Head
from costplan.ingest.usage.report_json import load_documents

_ROUTE = re.compile(
    r"^(openai|anthropic|azure|azureopenai|google|vertex|bedrock|openrouter|litellm|mistral|xai"
    r"|groq|togetherai|deepseek|ollama):((chat|responses|messages|completion|converse):)?"
)
_OUTAGE = 2


def _recognise(head: Head) -> bool:
    if head.container is Container.CSV:
        return head.has("Status", "Score", "Named Scores", "Grader Reason")
    return head.has("testIdx", "promptIdx", "failureReason") or head.has(
        "evalId", "results", "promptIdx"
    )


def _providers(config: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Find each provider's options by its label and its id."""
    found: dict[str, Mapping[str, Any]] = {}
    listed = config.get("providers") or []
    for entry in listed if isinstance(listed, list) else [listed]:
        if not isinstance(entry, Mapping):
            continue
        if "id" in entry:
            options = entry.get("config") or {}
            if entry.get("label"):
                found[str(entry["label"])] = options
            found.setdefault(str(entry["id"]), options)
        else:
            for key, inner in entry.items():
                if isinstance(inner, Mapping):
                    found[str(inner.get("label") or key)] = inner.get("config") or {}
    return found


def _model(provider: Mapping[str, Any], options: Mapping[str, Any], setting: str | None) -> str:
    if isinstance(options.get("model"), str):
        return str(options["model"])
    name = str(provider.get("id") or provider.get("label") or "")
    if name.startswith(("file://", "http", "exec:", "python:")) and provider.get("label"):
        name = str(provider["label"])
    name = _ROUTE.sub("", name)
    for tail in (f":{setting}", f" ({setting})", f"-{setting}"):
        if setting:
            name = name.removesuffix(tail)
    return name


def _read(path: Path, choice: EvalChoice) -> Iterator[Found]:
    results, config = yield from _load(path)
    providers = _providers(config)
    if "results" not in config and not providers:
        yield Remark(f"{path}: without the configuration, settings are unknown")
    prompts = {str(r.get("promptId") or "") for r in results if isinstance(r, Mapping)}
    labels = {
        str((r.get("prompt") or {}).get("label") or "") for r in results if isinstance(r, Mapping)
    }
    if not providers:
        _check_labels(path, results)
    questions = _questions(results)
    cached = 0
    for number, result in enumerate(results, start=1):
        if not isinstance(result, Mapping) or "testIdx" not in result:
            yield BadRecord(str(path), number, "not a promptfoo result")
            continue
        answer, from_cache = _answer(
            result, providers, choice, len(labels) > 1 and len(prompts) > 1, questions
        )
        cached += from_cache
        if answer.correct is None and result.get("failureReason") != _OUTAGE:
            yield BadRecord(str(path), number, "score is no share of 1")
            continue
        yield answer
    if cached:
        yield Remark(
            f"{path}: {cached} answers came from promptfoo's cache: tokens, seconds unknown"
        )


def _check_labels(path: Path, results: list[Any]) -> None:
    """Refuse lines in which one model has several labels that say no setting: they would mix.

    Raises InputError.
    """
    labels: dict[str, set[str]] = {}
    for result in results:
        provider = result.get("provider") if isinstance(result, Mapping) else None
        if isinstance(provider, Mapping):
            label = str(provider.get("label") or "")
            labels.setdefault(str(provider.get("id")), set()).add(label)
    for identity, named in labels.items():
        if len(named) > 1 and any(setting_in_name(label)[1] is None for label in named):
            said = ", ".join(sorted(repr(label) for label in named))
            message = f"{identity} has several configurations ({said}), which lines do not hold"
            advice = "export again with -o results.json"
            raise InputError([Fault(message, str(path), advice=advice)])


def _digest(result: Mapping[str, Any]) -> str:
    """Tell a test from others by what it asks and expects, without keeping any of it."""
    case = result.get("testCase")
    asked = [result.get("vars"), case.get("assert") if isinstance(case, Mapping) else None]
    if asked == [None, None]:
        return ""
    text = json.dumps(asked, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def _questions(results: list[Any]) -> dict[str, str]:
    """Number tests by their first occurrence: a repeated one gets a number of its own each time."""
    first: dict[str, int] = {}
    for result in results:
        if isinstance(result, Mapping) and isinstance(result.get("testIdx"), int):
            key = _digest(result)
            first[key] = min(first.get(key, result["testIdx"]), result["testIdx"])
    first.pop("", None)
    return {key: str(number) for key, number in first.items()}


def _load(path: Path) -> Any:  # noqa: ANN401 - a generator with a return value
    head_text = path.name
    if path.suffix == ".csv":
        advice = "export again with -o results.json"
        message = "promptfoo's CSV has neither tokens nor settings"
        raise InputError([Fault(message, str(path), advice=advice)])
    if ".jsonl" in head_text or ".ndjson" in head_text:
        records: list[Any] = []
        for item in read_records(path):
            if isinstance(item, BadRecord):
                yield item
            else:
                records.append(item)
        return records, {}
    results: list[Any] = []
    config: Mapping[str, Any] = {}
    for document in load_documents(path):
        if isinstance(document, Mapping) and "results" in document:
            inner = document["results"]
            results += list(inner.get("results") or []) if isinstance(inner, Mapping) else inner
            config = document.get("config") or {}
        elif isinstance(document, Mapping):
            results.append(document)
    return results, config


def _answer(
    result: Mapping[str, Any],
    providers: Mapping[str, Mapping[str, Any]],
    choice: EvalChoice,
    many_prompts: bool,
    questions: Mapping[str, str],
) -> tuple[Answer, bool]:
    provider = result.get("provider") or {}
    if isinstance(provider, str):
        provider = {"id": provider}
    options = providers.get(str(provider.get("label"))) or providers.get(str(provider.get("id")))
    setting = setting_of(options or {})
    if setting is None and not options:
        # Lines hold no configuration; people write the effort into a provider's label.
        setting = setting_in_name(str(provider.get("label") or ""))[1]
    usage = result.get("tokenUsage") or {}
    details = usage.get("completionDetails") or {}
    response = result.get("response") or {}
    from_cache = bool(response.get("cached")) or bool(
        amount(usage.get("cached")) and not amount(usage.get("prompt"))
    )
    outage = result.get("failureReason") == _OUTAGE
    real = not from_cache and not outage
    score = amount(result.get("score"))
    if score is None and isinstance(result.get("success"), bool):
        score = float(result["success"])
    question = questions.get(_digest(result), str(result["testIdx"]))
    if many_prompts:
        question += f"/{str(result.get('promptId'))[:8]}"
    metadata = result.get("metadata") or (result.get("testCase") or {}).get("metadata")
    answer = Answer(
        dataset="promptfoo",
        task_class=class_of(choice, metadata, "promptfoo"),
        question=question,
        model=_model(provider, options or {}, setting),
        setting=setting,
        sample=0,
        correct=None if outage or score is None or score > 1 else score,
        input_tokens=amount(usage.get("prompt")) if real else None,
        cached_input_tokens=amount(details.get("cacheReadInputTokens")) if real else None,
        output_tokens=amount(usage.get("completion")) if real else None,
        reasoning_tokens=amount(details.get("reasoning")) if real else None,
        usd=amount(result.get("cost")) if real else None,
        latency_s=(amount(result.get("latencyMs")) or 0) / 1000 or None if real else None,
        identity=str(result.get("id") or ""),
        known=known_of(
            metadata, (result.get("testCase") or {}).get("metadata"), result.get("vars")
        ),
    )
    return answer, from_cache and not outage


PROMPTFOO = EvalFormat("promptfoo", _recognise, _read)

"""simple-evals: metrics of a whole run; model and benchmark stand in the file's name only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from costplan.domain.errors import Fault, InputError
from costplan.domain.measurement import UNSTATED, Measurement
from costplan.ingest.evals.answers import (
    EvalChoice,
    EvalFormat,
    Found,
    Remark,
    Sums,
    amount,
    setting_in_name,
)
from costplan.ingest.head import Head
from costplan.ingest.usage.report_json import load_documents

_NAME = re.compile(
    r"^(?P<eval>[a-z0-9]+)_(?P<model>.+?)_(?P<date>\d{8})_\d{6}(_DEBUG)?(_allresults)?$"
)


def _recognise(head: Head) -> bool:
    named = _NAME.match(head.path.stem) is not None
    return (named and head.has("score")) or head.has("score", "metrics", "htmls", "convos")


def _read(path: Path, choice: EvalChoice) -> Iterator[Found]:
    documents = load_documents(path)
    document = documents[0] if documents and isinstance(documents[0], Mapping) else {}
    score = amount(document.get("score"))
    if score is None or score > 1:
        raise InputError([Fault("no score between 0 and 1", str(path))])
    named = _NAME.match(path.stem)
    if named is None and not choice.model:
        advice = "EVAL_MODEL_YYYYmmdd_HHMMSS.json is expected; or give --model"
        raise InputError(
            [Fault("the file's name does not say the model", str(path), advice=advice)]
        )
    model, setting = setting_in_name(named["model"] if named else choice.model)
    date = named["date"] if named else ""
    convos = document.get("convos")
    count = len(convos) if isinstance(convos, list) else None
    metrics = document.get("metrics")
    flat = metrics if isinstance(metrics, Mapping) else document
    spread = amount(flat.get("score:std"))
    error = spread / count**0.5 if spread is not None and count else None
    yield Remark(f"{path}: a whole run, no single questions")
    yield Sums(
        Measurement(
            source=path.stem,
            benchmark=choice.task_class or (named["eval"] if named else path.stem),
            task_kind="unstated",
            model=choice.model or model,
            setting=setting or choice.setting or UNSTATED,
            n_questions=count,
            accuracy=score,
            accuracy_se=error,
            date=f"{date[:4]}-{date[4:6]}-{date[6:]}" if date else "",
            published_as=named["model"] if named else "",
        )
    )


SIMPLE_EVALS = EvalFormat(
    "simple-evals", _recognise, _read, ("questions", "tokens", "seconds", "dollars")
)

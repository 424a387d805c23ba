"""The table of evaluation formats, and how a file's format is found."""

from __future__ import annotations

from importlib import import_module

from costplan.domain.errors import Fault, InputError
from costplan.ingest.evals.answers import EvalFormat
from costplan.ingest.head import Head

_ROOM = "costplan.ingest.evals"
FORMATS: dict[str, str] = {
    "inspect": f"{_ROOM}.inspect_log:INSPECT",
    "promptfoo": f"{_ROOM}.promptfoo:PROMPTFOO",
    "lm-eval": f"{_ROOM}.lm_eval:LM_EVAL",
    "aider-leaderboard": f"{_ROOM}.aider:AIDER_LEADERBOARD",
    "aider-results": f"{_ROOM}.aider:AIDER_RESULTS",
    "openai-evals-api": f"{_ROOM}.openai_evals:OPENAI_EVALS_API",
    "openai-evals": f"{_ROOM}.openai_evals:OPENAI_EVALS_EVENTS",
    "helm": f"{_ROOM}.helm:HELM",
    "matharena": f"{_ROOM}.matharena:MATHARENA",
    "matharena-problem": f"{_ROOM}.matharena:MATHARENA_PROBLEM",
    "simple-evals": f"{_ROOM}.simple_evals:SIMPLE_EVALS",
}
"""Name of a format and where it is read."""


def load_format(key: str) -> EvalFormat:
    """Import a format by its name."""
    module, _, attribute = FORMATS[key].partition(":")
    found: object = getattr(import_module(module), attribute)
    if not isinstance(found, EvalFormat):
        raise TypeError(key)
    return found


def find_format(head: Head, told: str = "") -> EvalFormat:
    """Find the format of a file from its content, or take the one that is told.

    Raises InputError where the name is unknown or nothing fits.
    """
    if told:
        if told not in FORMATS:
            raise InputError(
                [Fault(f"unknown format {told!r}", advice="known: " + ", ".join(FORMATS))]
            )
        return load_format(told)
    for key in FORMATS:
        candidate = load_format(key)
        if candidate.recognise(head):
            return candidate
    advice = "known: " + ", ".join(FORMATS)
    raise InputError([Fault("no evaluation format fits this file", str(head.path), advice=advice)])

"""The checker's findings in plain words, one wording per kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from typing import Any

from pydantic import BaseModel

from costplan.domain.errors import Fault
from costplan.files.document import Document, Listing, Mapping, Node, Path, Scalar
from costplan.files.model_shape import keys_below, record_at
from costplan.files.suggestions import did_you_mean, join_names

Finding = dict[str, Any]
"""One entry of pydantic's `ValidationError.errors()`."""
_OTHER_WORDS = {
    "volume": "requests",
    "budget": "ceilings",
    "budget_usd": "ceilings",
    "limits": "ceilings",
    "cost_per_request": "usd_per_request",
    "price": "usd_per_request",
    "value": "value_usd",
    "slo_p95_s": "max_p95_latency_s",
    "gpu_pool": "pool",
    "gpu_pools": "pools",
    "effort": "setting",
    "budget_tokens": "setting",
    "id": "name",
    "title": "name",
}
"""Words that people use elsewhere, and the key they may mean here."""
_LONGEST_SHOWN = 60


def word_error(document: Document, model: type[BaseModel], finding: Finding) -> Fault:
    """Word one finding of the checker as a fault with its place and advice."""
    path = _known_part(document, finding["loc"])
    kind = str(finding["type"])
    if kind == "extra_forbidden":
        return _unknown_key(document, model, path)
    if kind == "missing":
        return _missing_key(document, model, finding["loc"])
    if kind == "value_error":
        return _broken_rule(document, path, finding)
    node = document.find(path)
    if isinstance(node, Scalar) and node.value is None and kind not in _ABOUT_LENGTH:
        return _nothing(document, path)
    word = _WORDINGS.get(kind, _as_said)
    message, advice = word(finding, node)
    return document.fault(path, message, advice)


def describe(node: Node | None) -> str:
    """Name what stands in the file: 'text', a number, a list, keys and values."""
    if isinstance(node, Mapping):
        return "keys and values"
    if isinstance(node, Listing):
        return "a list" if node.items else "an empty list"
    if node is None or node.value is None:
        return "nothing"
    text = shorten(node.text)
    return f"'{text}'" if isinstance(node.value, str) else text


def shorten(text: str) -> str:
    """Cut a long text for a message."""
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def _known_part(document: Document, path: Path) -> Path:
    """Leave out what pydantic adds to a path, such as '[key]' for a faulty key."""
    if path and path[-1] == "[key]":
        return path[:-1]
    return path


def _unknown_key(document: Document, model: type[BaseModel], path: Path) -> Fault:
    key = str(path[-1])
    record = record_at(model, path[:-1])
    holder = document.find(path[:-1])
    present = holder.entries if isinstance(holder, Mapping) else {}
    advice = _advise_key(key, record, present, model) if record else ""
    return document.fault(path, f"unknown key '{shorten(key)}'", advice, at_key=True)


def _advise_key(
    key: str, record: type[BaseModel], present: Container[str], root: type[BaseModel]
) -> str:
    known = list(record.model_fields)
    free = [name for name in known if name not in present]
    meant = _OTHER_WORDS.get(key.lower())
    if meant in free:
        return f"did you mean '{meant}'?"
    advice = did_you_mean(key, free)
    if advice:
        return advice
    for below, holder in (*keys_below(record), *keys_below(root)):
        if below == key:
            return f"'{key}' belongs under '{holder}'"
    return f"known here: {', '.join(free or known)}"


def _missing_key(document: Document, model: type[BaseModel], path: Path) -> Fault:
    key = str(path[-1])
    record = record_at(model, path[:-1])
    field = record.model_fields.get(key) if record else None
    meaning = (field.description or "").split("\n")[0] if field else ""
    advice = f"{key}: {meaning}" if meaning else ""
    return document.fault(path[:-1], f"'{key}' is missing", advice)


def _broken_rule(document: Document, path: Path, finding: Finding) -> Fault:
    message = str(finding["msg"]).removeprefix("Value error, ")
    node = document.find(path)
    if isinstance(node, Mapping):
        for word in re.findall(r"\w+", message):
            if word in node.entries:
                return document.fault((*path, word), message, at_key=True)
    return document.fault(path, message)


def _nothing(document: Document, path: Path) -> Fault:
    last = path[-1] if path else ""
    what = f"nothing stands after '{last}:'" if isinstance(last, str) else "nothing stands here"
    return document.fault(path, what, "write a value, or remove the line")


def _as_said(finding: Finding, node: Node | None) -> tuple[str, str]:
    said = str(finding["msg"])
    return said[:1].lower() + said[1:], ""


def _expected(what: str, advice: str = "") -> Callable[[Finding, Node | None], tuple[str, str]]:
    return lambda finding, node: (f"expected {what}, found {describe(node)}", advice)


def _bound(words: str, name: str) -> Callable[[Finding, Node | None], tuple[str, str]]:
    def word(finding: Finding, node: Node | None) -> tuple[str, str]:
        return f"must be {words} {finding['ctx'][name]}, found {describe(node)}", ""

    return word


def _number(finding: Finding, node: Node | None) -> tuple[str, str]:
    message = f"expected a number, found {describe(node)}"
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return message, ""
    text = node.text.strip()
    digits = re.sub(r"[\s,_$€£]|(?i:usd)", "", text)
    if re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", digits):
        return message, f"write {digits}" + ("" if digits != text else " without quotes")
    share = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", text)
    if share:
        return message, f"write it as a share of 1: {float(share[1]) / 100:g}"
    scaled = re.fullmatch(r"\$?(\d+(?:\.\d+)?)\s*([kKmM])", text)
    if scaled:
        factor = 1_000 if scaled[2] in "kK" else 1_000_000
        return message, f"write {float(scaled[1]) * factor:.15g}"
    timed = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|sec|seconds?|min|minutes?)", text)
    if timed and str(finding["loc"][-1]).endswith("_s"):
        seconds = {"ms": 0.001, "mi": 60}.get(timed[2][:2], 1)
        return message, f"write seconds: {float(timed[1]) * seconds:.15g}"
    return message, ""


def _literal(finding: Finding, node: Node | None) -> tuple[str, str]:
    choices = re.findall(r"'([^']*)'", str(finding["ctx"]["expected"]))
    message = f"expected {join_names(choices, 'or')}, found {describe(node)}"
    advice = did_you_mean(node.text, choices) if isinstance(node, Scalar) else ""
    return message, advice


def _list(finding: Finding, node: Node | None) -> tuple[str, str]:
    message, advice = f"expected a list, found {describe(node)}", ""
    if isinstance(node, Scalar):
        advice = f"write it in brackets: [{shorten(node.text)}]"
    elif isinstance(node, Mapping):
        advice = "start each item with '- '"
    return message, advice


def _too_short(finding: Finding, node: Node | None) -> tuple[str, str]:
    least = finding["ctx"].get("min_length", 1)
    return f"needs at least {least} {'entry' if least == 1 else 'entries'}", ""


_TEXT = _expected("text")
_KEYS = _expected("keys and values", "write one 'key: value' per line, indented, or {key: value}")
_DAY = _expected("a day such as 2026-10-01")
_WHOLE = _expected("a whole number")
_YES_NO = _expected("true or false")
_ABOUT_LENGTH = frozenset({"string_too_short"})
_WORDINGS: dict[str, Callable[[Finding, Node | None], tuple[str, str]]] = {
    "number": _number,
    "string_type": _TEXT,
    "string_unicode": _TEXT,
    "string_too_short": lambda finding, node: ("must not be empty", ""),
    "string_too_long": lambda finding, node: (
        f"longer than {finding['ctx']['max_length']} characters",
        "",
    ),
    "greater_than": _bound("above", "gt"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than": _bound("below", "lt"),
    "less_than_equal": _bound("at most", "le"),
    "literal_error": _literal,
    "model_type": _KEYS,
    "model_attributes_type": _KEYS,
    "dict_type": _KEYS,
    "tuple_type": _list,
    "list_type": _list,
    "too_short": _too_short,
    "bool_type": _YES_NO,
    "bool_parsing": _YES_NO,
    "date_type": _DAY,
    "date_parsing": _DAY,
    "date_from_datetime_parsing": _DAY,
    "date_from_datetime_inexact": _DAY,
    "day": _DAY,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": _WHOLE,
}

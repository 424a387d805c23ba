"""Trees to checked values: every fault of a file at once, each with its place."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from costplan.domain.errors import Fault, InputError
from costplan.files.document import Document, Path, Scalar, plain
from costplan.files.model_shape import record_at
from costplan.files.wording import word_error

M = TypeVar("M", bound=BaseModel)
MOST_FAULTS = 1_000
"""Faults of one file that are looked at one by one; the rest are counted."""


def check(document: Document, model: type[M]) -> M:
    """Check a document against a model.

    Raises InputError with every fault of the document.
    """
    value, faults = find_faults(document, model)
    if value is None or faults:
        raise InputError(faults)
    return value


def find_faults(document: Document, model: type[M]) -> tuple[M | None, list[Fault]]:
    """Check a document against a model; the value is None when the model refuses it."""
    data = plain(document.root)
    value, errors = _validate(data, model)
    if errors and _write_out_text(document, data, errors):
        value, errors = _validate(data, model)
    errors = _drop_consequences(errors)
    more = len(errors) - MOST_FAULTS
    errors = errors[:MOST_FAULTS]
    faults = list(document.faults)
    faults += [word_error(document, model, error) for error in errors]
    if errors:
        faults += _find_late_faults(document, model, data, errors)
    if more > 0:
        faults.append(Fault(f"{more:,} more faults are not listed", file=document.file))
    return value, list(dict.fromkeys(faults))


def _validate(data: object, model: type[M]) -> tuple[M | None, list[dict[str, Any]]]:
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        return None, [dict(entry) for entry in found]


def _write_out_text(document: Document, data: object, errors: list[dict[str, Any]]) -> bool:
    """Put numbers and booleans back to text where text is wanted: `setting: 16000`."""
    changed = False
    for error in errors:
        path: Path = error["loc"]
        if error["type"] != "string_type" or not path:
            continue
        node = document.find(path)
        if isinstance(node, Scalar) and node.value is not None:
            holder: Any = data
            for step in path[:-1]:
                holder = holder[step]
            holder[path[-1]] = node.text
            changed = True
    return changed


def _drop_consequences(errors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Drop what is said of a whole whose part is faulty: "at least 1 item" of a faulty item."""
    above = {error["loc"][:end] for error in errors for end in range(len(error["loc"]))}
    return [error for error in errors if error["loc"] not in above]


def _find_late_faults(
    document: Document, model: type[BaseModel], data: object, errors: list[dict[str, Any]]
) -> list[Fault]:
    """Run the rules between fields that pydantic skips once any field of a record is faulty."""
    paths = [error["loc"] for error in errors]
    above = dict.fromkeys(path[:end] for path in paths for end in range(len(path) + 1))
    bad_below: dict[Path, set[str]] = {}
    for path in {*paths, *above}:
        if path:
            bad_below.setdefault(path[:-1], set()).add(str(path[-1]))
    faults = []
    for path in above:
        record = record_at(model, path)
        part = _part(data, path)
        if record is None or not isinstance(part, dict):
            continue
        for message in _broken_rules(record, part, bad_below.get(path, set())):
            error = {"type": "value_error", "loc": path, "msg": message}
            faults.append(word_error(document, model, error))
    return faults


def _part(data: object, path: Path) -> object:
    for step in path:
        try:
            data = data[step]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _broken_rules(record: type[BaseModel], part: dict[str, object], faulty: set[str]) -> list[str]:
    """Messages of the record's own rules that can be judged without the faulty fields."""
    values = {}
    for name in record.model_fields:
        if name in part and name not in faulty:
            try:
                values[name] = _adapter(record, name).validate_python(part[name])
            except ValidationError:
                faulty = faulty | {name}
    partial = record.model_construct(**values)
    for name in faulty:
        partial.__dict__.pop(name, None)
    messages = []
    for rule in record.__pydantic_decorators__.model_validators.values():
        if rule.info.mode != "after":
            continue
        try:
            rule.func(partial)
        except AttributeError:
            continue  # the rule reads a faulty field: no verdict
        except (ValueError, AssertionError) as error:
            messages.append(str(error))
    return messages


@cache
def _adapter(record: type[BaseModel], name: str) -> TypeAdapter[Any]:
    field = record.model_fields[name]
    wanted: Any = field.annotation
    if field.metadata:
        wanted = Annotated[wanted, *field.metadata]
    return TypeAdapter(wanted)

"""What a model expects at a path: which record, which keys."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Union, get_args, get_origin

from pydantic import BaseModel

from costplan.files.document import Path


def record_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """Find the record that a model expects at a path; None where it expects none."""
    wanted = type_at(model, path)
    return wanted if isinstance(wanted, type) and issubclass(wanted, BaseModel) else None


def type_at(model: type[BaseModel], path: Path) -> object:
    """Find the type that a model expects at a path; None where it expects nothing known."""
    wanted: object = model
    for step in path:
        wanted = _inside(wanted, step)
    return _bare(wanted)


def keys_below(record: type[BaseModel], depth: int = 2) -> Iterator[tuple[str, str]]:
    """Yield (key, holder) for the keys of records one or more levels below a record."""
    for name, field in record.model_fields.items():
        inner = _innermost(field.annotation)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            for key in inner.model_fields:
                yield key, name
            if depth > 1:
                for key, holder in keys_below(inner, depth - 1):
                    yield key, f"{name}.{holder}"


def _inside(wanted: object, step: str | int) -> object:
    wanted = _bare(wanted)
    if isinstance(wanted, type) and issubclass(wanted, BaseModel):
        field = wanted.model_fields.get(str(step))
        return field.annotation if field else None
    arguments = get_args(wanted)
    if get_origin(wanted) is dict and isinstance(step, str):
        return arguments[1]
    if get_origin(wanted) in {tuple, list} and isinstance(step, int):
        return arguments[0]
    return None


def _bare(wanted: object) -> object:
    """Take off Annotated and `| None`."""
    while True:
        if get_origin(wanted) is Annotated:
            wanted = get_args(wanted)[0]
        elif get_origin(wanted) in {Union, types.UnionType}:
            some = [part for part in get_args(wanted) if part is not type(None)]
            if len(some) != 1:
                return wanted
            wanted = some[0]
        else:
            return wanted


def _innermost(wanted: object) -> object:
    wanted = _bare(wanted)
    if get_origin(wanted) in {tuple, list}:
        return _innermost(get_args(wanted)[0])
    if get_origin(wanted) is dict:
        return _innermost(get_args(wanted)[1])
    return wanted

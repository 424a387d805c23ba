"""The lines of a saved plan, read quickly: most of a large plan, and all that a bill is made of.

The types that JSON is decoded into are made of the fields of `Line`, which stays the one
description. What they take, `Line` takes too, with the same figures; whatever is in doubt is left
to it, so that it alone says what is wrong.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from functools import cache
from itertools import chain
from operator import attrgetter
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

import msgspec
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from costplan.plan.model import Line, Plan
from costplan.plan.part import MOST_DIGITS

_MOST = Decimal(10) ** MOST_DIGITS
_SCALARS = (Decimal, float, str, int)


def decode_lines(raw: bytes) -> tuple[tuple[Line, ...], dict[str, bytes]] | None:
    """Decode a plan's lines, and give its other parts as JSON; None where something is in doubt.

    The lines have the attributes of `Line`, and none of its methods.
    """
    try:
        plan = msgspec.json.decode(raw, type=_plan_type())
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    lines = plan.lines
    if not _is_sound(Line, lines):
        return None
    names = [field.encode_name for field in msgspec.structs.fields(type(plan))]
    others = {name: bytes(getattr(plan, name)) for name in names if name != "lines"}
    return cast("tuple[Line, ...]", lines), {name: part for name, part in others.items() if part}


@cache
def _plan_type() -> type[Any]:
    """Make the type of a plan of which only the lines are decoded."""
    fields: list[Any] = []
    for name, field in Plan.model_fields.items():
        if name == "lines":
            fields.append((name, tuple[_struct(Line), ...]))  # type: ignore[misc]
        elif field.is_required():
            fields.append((name, msgspec.Raw))
        else:
            fields.append((name, msgspec.Raw, msgspec.Raw()))
    return _define("Plan", fields, {})


@cache
def _struct(model: type[BaseModel]) -> type[Any]:
    """Make the quick twin of a model."""
    fields: list[Any] = []
    for name, field in model.model_fields.items():
        kind = _translate(field)
        fields.append((name, kind) if field.is_required() else (name, kind, field.default))
    aliases = {name: str(f.alias) for name, f in model.model_fields.items() if f.alias}
    return _define(model.__name__, fields, aliases)


def _define(name: str, fields: list[Any], aliases: dict[str, str]) -> type[Any]:
    # Required fields need not come first where all are given by name.
    return msgspec.defstruct(
        name,
        fields,
        rename=aliases,
        forbid_unknown_fields=True,
        kw_only=True,
        frozen=True,
        gc=False,
    )


def _translate(field: FieldInfo) -> object:
    """Write a field's type with its limits as the quick types have them."""
    limits: dict[str, Any] = {}
    for limit in field.metadata:
        for name in ("ge", "le", "pattern"):
            if (said := getattr(limit, name, None)) is not None:
                limits[name] = said
    kind = _write_type(field.annotation)
    return Annotated[kind, msgspec.Meta(**limits)] if limits else kind


def _write_type(kind: Any) -> object:  # noqa: ANN401 - a type, or one with parts
    """Write a type: scalars as they are, models as their twins.

    Raises TypeError for one that no field of a line has had so far.
    """
    origin, inside = get_origin(kind), get_args(kind)
    if kind in _SCALARS or kind is bool or kind is type(None) or origin is Literal:
        return kind
    if origin is Annotated:
        return _translate(FieldInfo.from_annotation(kind))
    if origin in {Union, types.UnionType}:
        return Union[tuple(_write_type(one) for one in inside)]  # noqa: UP007
    if origin is tuple and inside[1:] == (...,):
        return tuple[_write_type(inside[0]), ...]  # type: ignore[misc]
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return _struct(kind)
    raise TypeError(f"no quick type for {kind}")


def _is_sound(model: type[BaseModel], parts: Sequence[Any]) -> bool:
    """Tell whether `model` would take the parts as they are: what types alone do not say."""
    for name, field in model.model_fields.items():
        kind, repeated = _innermost(field.annotation)
        values: Iterable[Any] = map(attrgetter(name), parts)
        if repeated:
            values = chain.from_iterable(values)
        if kind is Decimal:
            if not _in_range([value for value in values if value]):
                return False
        elif kind is str:
            # The model strips them.
            if any(text != text.strip() for text in set(values) - {None}):
                return False
        elif issubclass(kind, BaseModel) and not _is_sound(kind, [v for v in values if v]):
            return False
    return True


def _in_range(numbers: Sequence[Decimal]) -> bool:
    """Tell whether numbers are finite and no larger than a plan has; one too small writes as 0."""
    if not numbers:
        return True
    try:
        return max(numbers) < _MOST and min(numbers) > -_MOST
    except InvalidOperation:  # NaN has no place in an order
        return False


def _innermost(kind: Any) -> tuple[type[Any], bool]:  # noqa: ANN401 - as above
    """Find what a field holds, and whether it holds several."""
    origin, inside = get_origin(kind), get_args(kind)
    if origin is Annotated or origin is tuple:
        return _innermost(inside[0])[0], origin is tuple
    if origin in {Union, types.UnionType}:
        return _innermost(next(one for one in inside if one is not type(None)))
    return (kind if isinstance(kind, type) else object), False

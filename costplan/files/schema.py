"""JSON Schema of what files hold, for editors and other programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal, Union

from pydantic import BaseModel, TypeAdapter

Json = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_BOUNDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
}
_NUMBERS = {"number", "integer"}
_NARROWER = {"enum", "const", "format", "pattern"}


def write_schema(
    models: Sequence[type[BaseModel]],
    title: str,
    *,
    mode: Literal["validation", "serialization"] = "validation",
    yaml: bool = False,
) -> str:
    """Write the JSON Schema of a value of one of the models as JSON text.

    With `yaml`, text may also be written as a bare number or boolean, as the YAML reader takes it
    (`setting: 16000`). Rules between fields are not part of it.
    """
    schema = build_schema(models, title, mode=mode, yaml=yaml)
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def build_schema(
    models: Sequence[type[BaseModel]],
    title: str,
    *,
    mode: Literal["validation", "serialization"] = "validation",
    yaml: bool = False,
) -> Json:
    """Build the JSON Schema of a value of one of the models; as `write_schema` otherwise."""
    wanted: Any = Union[tuple(models)]  # noqa: UP007 - their number is not known here
    schema = TypeAdapter(wanted).json_schema(mode=mode)
    definitions = schema.pop("$defs", {})
    tidy = {name: _tidy(definition, yaml) for name, definition in definitions.items()}
    whole = _tidy(schema, yaml)
    return {"$schema": DIALECT, "title": title, **whole} | ({"$defs": tidy} if tidy else {})


def _tidy(schema: Json, yaml: bool) -> Json:
    """Give a schema the words of JSON Schema: bounds by their names, numbers as defaults."""
    out: Json = {}
    for word, value in schema.items():
        if word == "title":
            continue  # the key's name again
        if word in {"properties", "patternProperties", "$defs"}:
            out[word] = {name: _tidy(part, yaml) for name, part in value.items()}
        elif word in {"items", "additionalProperties"} and isinstance(value, dict):
            out[word] = _tidy(value, yaml)
        elif word in {"anyOf", "oneOf", "allOf", "prefixItems"}:
            out[word] = [_tidy(part, yaml) for part in value]
        elif word in _BOUNDS:
            out[_BOUNDS[word]] = value
        elif word == "description":
            out[word] = " ".join(value.split())
        elif word == "default":
            out |= _default(value, schema)
        else:
            out[word] = value
    return _widen(_drop_slack(out)) if yaml else _drop_slack(out)


def _default(value: object, schema: Json) -> Json:
    if value is None or isinstance(value, dict):
        return {}  # null is the same as leaving the key out; parts state their own defaults
    if isinstance(value, str) and schema.get("type") in _NUMBERS:
        return {"default": json.loads(value)}
    return {"default": value}


def _drop_slack(schema: Json) -> Json:
    """Drop a bound that a tighter one on the same side makes idle."""
    for loose, tight in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if loose in schema and tight in schema:
            outer = loose == "minimum"
            idle = schema[loose] <= schema[tight] if outer else schema[loose] >= schema[tight]
            schema.pop(loose if idle else tight)
    return schema


def _widen(schema: Json) -> Json:
    if schema.get("type") == "string" and _NARROWER.isdisjoint(schema):
        schema["type"] = ["string", "number", "boolean"]
    return schema

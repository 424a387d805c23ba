"""A plan as a file: the same plan out as in."""

from __future__ import annotations

import codecs
import json
from collections.abc import Collection
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import from_json

from costplan.domain.collection import paused_collection
from costplan.domain.errors import Fault, InputError
from costplan.plan.model import SCHEMA_VERSION, Plan

BESIDE = ("before", "stops", "considered", "changes", "unknowns")
"""Parts of a plan that say what else there was: most of a large file, and no part of the bill."""
LARGEST_BYTES = 256 * 1024 * 1024


def dump_plan(plan: Plan) -> str:
    """Write a plan as JSON, one key per line, ending in a line end."""
    return plan.model_dump_json(indent=2) + "\n"


def read_plan(path: Path, *, without: Collection[str] = (), quick: bool = False) -> Plan:
    """Read a saved plan; InputError says what is wrong with it.

    Of parts that are left out, as `BESIDE`, nothing is read or checked: they are empty. With
    `quick`, lines have the attributes of `Line` and none of its methods.
    """
    raw = _load(path)
    if quick and (plan := _read_quickly(path, raw, without)) is not None:
        return plan
    try:
        with paused_collection():
            content = _parse(raw)
    except (ValueError, RecursionError) as error:
        raise _refuse(path, f"is no JSON: {error}") from error
    return _validate(path, content, without)


def _read_quickly(path: Path, raw: bytes, without: Collection[str]) -> Plan | None:
    """Read a plan by way of quick lines; None where only the slow way can say what it is."""
    from costplan.plan.saved_lines import decode_lines

    with paused_collection():
        decoded = decode_lines(raw.removeprefix(codecs.BOM_UTF8))
        if decoded is None:
            return None
        lines, others = decoded
        try:
            content = {
                name: None if name in without else from_json(part) for name, part in others.items()
            }
        except ValueError:
            return None
    plan = _validate(path, content | {"lines": ()}, without)
    return plan.model_copy(update={"lines": lines})


def _load(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise _refuse(path, "larger than 256 MiB; this is no plan")
        return path.read_bytes()
    except OSError as error:
        raise _refuse(path, f"cannot be read: {error.strerror or error}") from error


def _validate(path: Path, content: object, without: Collection[str]) -> Plan:
    if not isinstance(content, dict) or "schema_version" not in content:
        raise _refuse(path, "is no plan: schema_version is missing")
    if content["schema_version"] != SCHEMA_VERSION:
        said = content["schema_version"]
        raise _refuse(path, f"schema_version is {said!r}; this version reads {SCHEMA_VERSION}")
    for name in content.keys() & set(without):
        content[name] = None if name == "before" else ()
    try:
        with paused_collection():
            return Plan.model_validate(content)
    except ValidationError as error:
        raise InputError(
            Fault(
                str(detail["msg"]),
                file=str(path),
                path=".".join(str(step) for step in detail["loc"]),
                advice="save the plan again with `costplan optimize -o`",
            )
            for detail in error.errors(include_url=False)
        ) from error


def _parse(raw: bytes) -> object:
    """Parse JSON by the quick parser, and by the one with clear complaints where that fails."""
    try:
        return from_json(raw.removeprefix(codecs.BOM_UTF8))
    except ValueError:
        return json.loads(raw.decode("utf-8-sig"))


def _refuse(path: Path, message: str) -> InputError:
    return InputError(
        [Fault(message, file=str(path), advice="give a file that `costplan optimize -o` wrote")]
    )

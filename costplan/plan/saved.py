"""A plan as a file: the same plan out as in."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from costplan.domain.errors import Fault, InputError
from costplan.plan.model import SCHEMA_VERSION, Plan

LARGEST_BYTES = 256 * 1024 * 1024


def dump_plan(plan: Plan) -> str:
    """Write a plan as JSON, one key per line, ending in a line end."""
    return plan.model_dump_json(indent=2) + "\n"


def read_plan(path: Path) -> Plan:
    """Read a saved plan; InputError says what is wrong with it."""
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise _refuse(path, "larger than 256 MiB; this is no plan")
        content = json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise _refuse(path, f"cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise _refuse(path, f"is no JSON: {error}") from error
    if not isinstance(content, dict) or "schema_version" not in content:
        raise _refuse(path, "is no plan: schema_version is missing")
    if content["schema_version"] != SCHEMA_VERSION:
        said = content["schema_version"]
        raise _refuse(path, f"schema_version is {said!r}; this version reads {SCHEMA_VERSION}")
    try:
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


def _refuse(path: Path, message: str) -> InputError:
    return InputError(
        [Fault(message, file=str(path), advice="give a file that `costplan optimize -o` wrote")]
    )

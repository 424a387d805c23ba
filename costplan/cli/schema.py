"""`costplan schema`: the JSON Schema of a file."""

from __future__ import annotations

from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel


class Kind(StrEnum):
    """Files that have a schema."""

    WORKLOAD = "workload"
    PROFILE = "profile"
    PLAN = "plan"
    QUESTIONS = "questions"


MODELS = {
    Kind.WORKLOAD: ("costplan.domain.workload", ("Workload",), "costplan workload"),
    Kind.PROFILE: ("costplan.domain.profile", ("Profile",), "costplan model profile"),
    Kind.PLAN: ("costplan.plan.model", ("Plan",), "costplan plan"),
    Kind.QUESTIONS: (
        "costplan.probe.graders",
        ("QuestionRow", "ClassRule"),
        "costplan questions, one line of the file",
    ),
}
"""Module, models and title of each schema; models are imported when they are asked for."""


def schema(
    kind: Annotated[Kind, typer.Argument(help="What the file holds.", show_default=False)],
) -> None:
    """Print the JSON Schema of a file, for editors and other programs."""
    typer.echo(make_schema(kind), nl=False)


def make_schema(kind: Kind) -> str:
    """Write the JSON Schema of one kind of file."""
    from costplan.files.schema import write_schema

    module, names, title = MODELS[kind]
    models: list[type[BaseModel]] = [getattr(import_module(module), name) for name in names]
    written_by_people = kind in {Kind.WORKLOAD, Kind.PROFILE}
    return write_schema(
        models,
        title,
        mode="serialization" if kind is Kind.PLAN else "validation",
        yaml=written_by_people,
    )

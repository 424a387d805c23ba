"""From files to a case."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from costplan.domain.errors import Fault, InputError
from costplan.domain.record import Record
from costplan.domain.workload import Workload
from costplan.plan.case import Case
from costplan.plan.gather import Sources, gather

Number = Decimal | float | int
R = TypeVar("R", bound=Record)


def load(
    path: Path | str,
    *,
    usd: Number | None = None,
    mean_latency_s: Number | None = None,
    splits: bool | None = None,
    confidence: Number | None = None,
) -> Case:
    """Load a workload with everything it rests on; arguments override what the file says.

    Raises InputError with every fault of the files.
    """
    workload, sources = load_sources(path)
    changes = {
        "usd": usd, "mean_latency_s": mean_latency_s, "splits": splits, "confidence": confidence,
    }  # fmt: skip
    return gather(override(workload, {k: v for k, v in changes.items() if v is not None}), sources)


def load_sources(path: Path | str) -> tuple[Workload, Sources]:
    """Load a workload, and what it is joined with; InputError with every fault of the files."""
    from costplan.files.catalogue import load_catalogue
    from costplan.files.workload import load_workload

    path = Path(path)
    workload, catalogue = load_workload(path, load_catalogue())
    sources = Sources(
        profiles=catalogue.profiles,
        measurements=catalogue.measurements,
        base=path.parent,
        file=str(path),
        digest=hashlib.sha256(path.read_bytes()).hexdigest(),
    )
    return workload, sources


def override(workload: Workload, changes: dict[str, object]) -> Workload:
    """Change ceilings (usd, mean_latency_s) and top-level keys, checked like the file."""
    names = ("usd", "mean_latency_s")
    limits: dict[str, object] = {key: changes[key] for key in names if key in changes}
    if limits:
        changes = {key: value for key, value in changes.items() if key not in limits}
        changes["ceilings"] = _change(workload.ceilings, limits)
    return _change(workload, changes) if changes else workload


def _change(record: R, changes: dict[str, object]) -> R:
    try:
        return type(record).model_validate(dict(record) | changes)
    except ValidationError as error:
        raise InputError(
            Fault(
                f"--{str(detail['loc'][0]).replace('_', '-')} "
                f"{detail['msg'].replace('Input should', 'must')}, not {detail['input']}"
            )
            for detail in error.errors(include_url=False)
        ) from error

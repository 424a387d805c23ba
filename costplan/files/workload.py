"""Load a workload: the file, its rules, and every name it uses, in one report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from costplan.domain.errors import Fault, InputError
from costplan.domain.workload import Workload
from costplan.files.catalogue import Catalogue, extend_catalogue, load_catalogue
from costplan.files.checking import find_faults
from costplan.files.document import Document, Mapping
from costplan.files.workload_names import find_missing_files, find_unknown_names
from costplan.files.workload_rules import break_rules
from costplan.files.workload_view import View
from costplan.files.yaml_reader import read_document

_WHEN_EMPTY = "`costplan init` writes a workload to start from"


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something in a workload that may be a slip, though it can be planned with."""

    message: str
    """What is doubtful, in one clause."""
    path: str
    """Where: "ceilings.teams.search"."""
    code: str = "no_effect"
    """Kind of doubt, for machines: "no_effect", or "odd_latency"."""
    task_class: str | None = None
    """The class it is about."""


def load_workload(
    path: Path | str, catalogue: Catalogue | None = None
) -> tuple[Workload, Catalogue]:
    """Load a workload, and the catalogue with the workload's own profiles and curves added.

    Names are looked up in the catalogue, the shipped one when absent. Raises InputError with
    every fault of the workload and of the profiles and curves it names.
    """
    path = Path(path)
    document = read_document(path, when_empty=_WHEN_EMPTY)
    _refuse_plan(document)
    catalogue = load_catalogue() if catalogue is None else catalogue
    return _join(document, catalogue, path.parent)


def _refuse_plan(document: Document) -> None:
    """Say in one fault what would be one per key of a plan."""
    whole = document.find(())
    if isinstance(whole, Mapping) and {"costplan_version", "lines"} <= set(whole.entries):
        said = "this is a saved plan, not a workload"
        raise InputError([document.fault((), said, "`costplan show` shows it")])


def _join(document: Document, catalogue: Catalogue, folder: Path) -> tuple[Workload, Catalogue]:
    workload, faults = find_faults(document, Workload)
    view = View(document, catalogue, folder)
    missing = find_missing_files(view)
    faults += missing
    own, complete = _own_files(view, missing)
    try:
        catalogue = extend_catalogue(catalogue, profiles=own["profiles"], curves=own["curves"])
    except InputError as error:
        faults += error.faults
        complete = False
    view = View(document, catalogue, folder)
    faults += break_rules(view)
    if complete:
        faults += find_unknown_names(view)
    if workload is None or faults:
        raise InputError(faults)
    return workload, catalogue


def _own_files(view: View, missing: list[Fault]) -> tuple[dict[str, list[Path]], bool]:
    """Find the workload's own files that can be read, and whether that is all it names."""
    own = {
        key: [view.folder / text for _, text in view.texts((key,))]
        for key in ("profiles", "curves")
    }
    readable = {key: [path for path in paths if path.is_file()] for key, paths in own.items()}
    return readable, readable == own


def find_doubts(workload: Workload) -> tuple[Doubt, ...]:
    """List what a workload says without effect, and latencies that are hardly meant."""
    teams = {task.team for task in workload.classes}
    pools = {option.pool for task in workload.classes for option in task.options}
    doubts = [
        Doubt(
            f"no class has the team '{name}': its ceiling limits nothing", f"ceilings.teams.{name}"
        )
        for name in workload.ceilings.teams
        if name not in teams
    ]
    doubts += [
        Doubt(f"no option uses the pool '{name}': it is never bought", f"pools.{name}")
        for name in workload.pools
        if name not in pools
    ]
    doubts += [
        Doubt(
            f"p95_latency_s {option.p95_latency_s.normalize():f} of option '{option.name}' is "
            f"below its mean_latency_s {option.mean_latency_s.normalize():f}: are they swapped?",
            f"classes.{task.name}.options.{option.name}",
            "odd_latency",
            task.name,
        )
        for task in workload.classes
        for option in task.options
        if option.p95_latency_s is not None
        and option.mean_latency_s is not None
        and option.p95_latency_s < option.mean_latency_s
    ]
    return tuple(doubts)

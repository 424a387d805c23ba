"""A workload as it is written, for rules that hold between its parts.

The rules read the tree and not the checked value, so that they still judge a workload in which
something else is wrong, and point at the line that is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path as FilePath

from costplan.domain.errors import Fault
from costplan.domain.workload import StatedOption, TaskClass
from costplan.files.catalogue import Catalogue
from costplan.files.document import Document, Listing, Mapping, Path, Scalar, child


@dataclass(frozen=True, slots=True)
class View:
    """A workload's tree with what its names may refer to."""

    document: Document
    """The workload's file."""
    catalogue: Catalogue
    """Models and curves, the workload's own included."""
    folder: FilePath
    """Folder that the workload's paths are relative to."""

    @property
    def classes(self) -> Iterator[Path]:
        """Paths of the classes that are written as such."""
        return self.items(("classes",))

    def options(self, task: Path) -> Iterator[Path]:
        """Yield the paths of a class's own options."""
        return self.items((*task, "options"))

    def items(self, path: Path) -> Iterator[Path]:
        """Yield the paths of the items of a list that have keys."""
        node = self.document.find(path)
        if isinstance(node, Listing):
            for place, item in enumerate(node.items):
                if isinstance(item, Mapping):
                    yield (*path, place)

    def keys(self, path: Path) -> tuple[str, ...]:
        """List the keys written at a path."""
        node = self.document.find(path)
        return tuple(node.entries) if isinstance(node, Mapping) else ()

    def has(self, path: Path) -> bool:
        """Tell whether anything but null stands at a path."""
        node = self.document.find(path)
        return node is not None and not (isinstance(node, Scalar) and node.value is None)

    def text(self, path: Path) -> str | None:
        """Give the text at a path; None without one."""
        return self.document.text(path)

    def texts(self, path: Path) -> Iterator[tuple[Path, str]]:
        """Yield the texts of a list with their paths."""
        node = self.document.find(path)
        if isinstance(node, Listing):
            for place in range(len(node.items)):
                text = self.text((*path, place))
                if text is not None:
                    yield (*path, place), text

    def names(self, key: str, *, of_options: bool) -> tuple[dict[str, Path], bool]:
        """Collect the names under a key of all classes, or of all their options.

        The second part tells whether that is certain to be all of them: it is not when a class
        cannot be read or has an unknown key that may be this one misspelt.
        """
        found: dict[str, Path] = {}
        record = StatedOption if of_options else TaskClass
        holders = self._lists() if of_options else [("classes",)]
        certain = True
        for holder in holders:
            node = self.document.find(holder)
            if node is None:
                continue
            if not isinstance(node, Listing):
                certain = False
                continue
            for place, item in enumerate(node.items):
                name = self.text((*holder, place, key))
                if name is not None:
                    found.setdefault(name, (*holder, place, key))
                elif not isinstance(item, Mapping) or set(item.entries) - set(record.model_fields):
                    certain = False
                elif child(item, key) is not None:
                    certain = certain and isinstance(child(item, key), Scalar)
        return found, certain

    def _lists(self) -> list[Path]:
        return [(*task, "options") for task in self.classes]

    def fault(self, path: Path, message: str, advice: str = "", *, at_key: bool = False) -> Fault:
        """Make a fault that points into the workload."""
        return self.document.fault(path, message, advice, at_key=at_key)

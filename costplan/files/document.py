"""A YAML document as a tree that remembers where each part stands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from costplan.domain.errors import Fault
from costplan.files.scalars import ScalarValue

Step = str | int
"""One step into a document: a key, or a place in a list counted from 0."""
Path = tuple[Step, ...]
_BARE = re.compile(r"[A-Za-z_][\w-]*")


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value."""

    value: ScalarValue
    """What it means."""
    text: str
    """How it is written, without quotes."""
    line: int
    """Line, counted from 1."""
    column: int
    """Column, counted from 1."""
    width: int
    """Characters it takes on its first line, quotes included."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A key and what stands under it."""

    key: Scalar
    """The key."""
    value: Node
    """What stands under it."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and values."""

    entries: dict[str, Entry]
    """By key, in file order."""
    line: int
    """Line of its first character, counted from 1."""
    column: int
    """Column of its first character, counted from 1."""
    flow: bool
    """Whether it is written in braces."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list."""

    items: tuple[Node, ...]
    """In file order."""
    line: int
    """Line of its first character, counted from 1."""
    column: int
    """Column of its first character, counted from 1."""
    flow: bool
    """Whether it is written in brackets."""


Node = Scalar | Mapping | Listing


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file: its tree, its lines, and what is wrong with its spelling."""

    file: str
    """The file as the person named it."""
    lines: Sequence[str]
    """Its lines, for showing them."""
    root: Node
    """The tree."""
    faults: tuple[Fault, ...] = ()
    """What is wrong already, such as a key that stands twice; `check` reports it too."""

    def find(self, path: Path) -> Node | None:
        """Find what stands at a path; None when nothing does."""
        node: Node | None = self.root
        for step in path:
            node = child(node, step)
        return node

    def text(self, path: Path) -> str | None:
        """Give the text of the scalar at a path, as `Name` fields read it; None without one."""
        node = self.find(path)
        if isinstance(node, Scalar) and node.value is not None:
            return node.text.strip()
        return None

    def fault(self, path: Path, message: str, advice: str = "", *, at_key: bool = False) -> Fault:
        """Make a fault that points at a path, or at the nearest part that exists above it.

        Points at the value where it is short, at its key where it is a block or `at_key` is set.
        """
        line, column, width = self._place(path, at_key=at_key)
        return Fault(
            message,
            file=self.file,
            path=write_path(path),
            line=line,
            column=column,
            source=self.lines[line - 1] if 0 < line <= len(self.lines) else "",
            width=max(width, 1),
            advice=advice,
        )

    def _place(self, path: Path, *, at_key: bool) -> tuple[int, int, int]:
        node, key, steps = self.root, None, 0
        for step in path:
            below = child(node, step)
            if below is None:
                break
            key = (
                node.entries[step].key
                if isinstance(node, Mapping) and isinstance(step, str)
                else None
            )
            node, steps = below, steps + 1
        whole = steps == len(path)
        if key is not None and (at_key or not whole or _is_block(node) or _is_empty(node)):
            return key.line, key.column, key.width
        return node.line, node.column, _width(node)


def child(node: Node | None, step: Step) -> Node | None:
    """Give what stands one step below a node; None when nothing does."""
    if isinstance(node, Mapping) and isinstance(step, str):
        entry = node.entries.get(step)
        return entry.value if entry else None
    if isinstance(node, Listing) and isinstance(step, int) and 0 <= step < len(node.items):
        return node.items[step]
    return None


def plain(node: Node) -> object:
    """Turn a tree into dicts, lists and scalars; each occurrence of an alias is a copy."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Mapping):
        return {key: plain(entry.value) for key, entry in node.entries.items()}
    return [plain(item) for item in node.items]


def write_path(path: Path) -> str:
    """Write a path as faults show it: classes[0].models."""
    written = ""
    for step in path:
        if isinstance(step, int):
            written += f"[{step}]"
        elif _BARE.fullmatch(step):
            written += f".{step}" if written else step
        else:
            written += f'["{step}"]'
    return written


def _is_block(node: Node) -> bool:
    return not isinstance(node, Scalar) and not node.flow


def _is_empty(node: Node) -> bool:
    return isinstance(node, Scalar) and not node.width


def _width(node: Node) -> int:
    if isinstance(node, Scalar):
        return node.width
    if isinstance(node, Mapping) and not node.flow:
        first = next(iter(node.entries.values()), None)
        return first.key.width if first else 1
    return 1

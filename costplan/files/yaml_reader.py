"""YAML files to trees that keep their positions.

Reads YAML 1.2 core scalars, refuses keys that stand twice, follows anchors and merge keys within
bounds, and turns everything that is wrong into faults.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import yaml

from costplan.domain.errors import Fault, InputError
from costplan.files.document import Document, Entry, Listing, Mapping, Node, Scalar
from costplan.files.scalars import ScalarValue, read_scalar
from costplan.files.text_file import read_text, split_lines
from costplan.files.yaml_faults import word_syntax_error

_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MOST_BYTES = 16_000_000 if hasattr(yaml, "CSafeLoader") else 1_000_000
"""Largest file that is read: two seconds' work, with the C parser or without."""
MOST_DEPTH = 64
"""Deepest nesting that is read."""
MOST_UNFOLDED = 100_000
"""Most values that aliases may add to what is written."""
MOST_FAULTS = 1_000
"""Faults after which reading stops."""
_TEXT_TAGS = ("!", "tag:yaml.org,2002:str")
_MERGE = "<<"


def read_document(path: Path | str, *, when_empty: str = "") -> Document:
    """Read one YAML file.

    `when_empty` is the advice for a file without content. Raises InputError when there is no tree
    to go on with; a key that stands twice is only noted in the document's faults.
    """
    text = read_text(Path(path), most_bytes=MOST_BYTES)
    return parse_document(text, str(path), when_empty=when_empty)


def parse_document(text: str, file: str, *, when_empty: str = "") -> Document:
    """Read YAML text that stands in the named file; as `read_document` otherwise."""
    lines = split_lines(text)
    builder = _Builder(file, lines)
    try:
        for event in _events(text):
            builder.take(event)
    except yaml.YAMLError as error:
        raise InputError([*builder.faults, word_syntax_error(error, text, lines, file)]) from None
    except _StopError as stop:
        raise InputError([*builder.faults, stop.fault]) from None
    root = builder.root
    if root is None or (isinstance(root, Scalar) and root.value is None):
        raise InputError([Fault("the file is empty", file=file, advice=when_empty)])
    return Document(file, lines, root, tuple(builder.faults))


def _events(text: str) -> Iterator[Any]:
    loader = _Loader(text)
    try:
        while loader.check_event():
            yield loader.get_event()
    finally:
        loader.dispose()


class _Mark(Protocol):
    """A place as the parser gives it, counted from 0."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class _Event(Protocol):
    """What is read of the parser's events; each has some of it."""

    start_mark: _Mark
    end_mark: _Mark
    anchor: str
    tag: str | None
    implicit: tuple[bool, bool]
    style: str | None
    flow_style: bool | None
    value: str


@dataclass(frozen=True, slots=True)
class _Spot:
    """A place of our own, counted from 0 like the parser's."""

    line: int
    column: int


class _StopError(Exception):
    """Reading on makes no sense."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault


@dataclass(slots=True)
class _Open:
    """A collection whose end has not been read."""

    start: _Event
    anchor: str | None
    count_before: int
    is_mapping: bool
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)
    merged: list[Mapping] = field(default_factory=list)
    key: Scalar | None = None
    height: int = 1


@dataclass(frozen=True, slots=True)
class _Anchored:
    node: Node
    count: int
    height: int


class _Builder:
    """Build a tree from parser events, without recursion and within bounds."""

    def __init__(self, file: str, lines: list[str]) -> None:
        self.file = file
        self.lines = lines
        self.faults: list[Fault] = []
        self.root: Node | None = None
        self.stack: list[_Open] = []
        self.anchors: dict[str, _Anchored] = {}
        self.count = 0
        self.by_alias = 0
        self.documents = 0
        self.takers: dict[type, Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._open,
            yaml.SequenceStartEvent: self._open,
            yaml.MappingEndEvent: self._close,
            yaml.SequenceEndEvent: self._close,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document,
        }

    def take(self, event: _Event) -> None:
        taker = self.takers.get(type(event))
        if taker is not None:
            taker(event)

    def fault(self, mark: _Mark, message: str, advice: str = "", width: int = 1) -> Fault:
        line = mark.line + 1
        source = self.lines[mark.line] if mark.line < len(self.lines) else ""
        return Fault(message, self.file, "", line, mark.column + 1, source, max(width, 1), advice)

    def _note(self, fault: Fault) -> None:
        self.faults.append(fault)
        if len(self.faults) >= MOST_FAULTS:
            raise _StopError(Fault("too many faults: the rest is not read", self.file))

    def _document(self, event: _Event) -> None:
        self.documents += 1
        if self.documents > 1:
            raise _StopError(
                self.fault(
                    event.start_mark,
                    "a second document starts here",
                    "keep one document in a file, without '---' inside",
                    width=3,
                )
            )

    def _scalar(self, event: _Event) -> None:
        start, end = event.start_mark, event.end_mark
        if start.line == end.line:
            width = end.column - start.column
        else:
            width = len(self.lines[start.line]) - start.column
        text: str = event.value
        value: ScalarValue = read_scalar(text) if event.implicit[0] and not event.style else text
        if event.tag is not None and event.tag not in _TEXT_TAGS:
            self._refuse_tag(event)
        elif event.tag is not None:
            value = text
        node = Scalar(value, text, start.line + 1, start.column + 1, width)
        self.count += 1
        if event.anchor is not None:
            self.anchors[event.anchor] = _Anchored(node, 1, 0)
        self._add(node, 0, plain_key=not event.style)

    def _open(self, event: _Event) -> None:
        if event.tag is not None and not event.tag.startswith("tag:yaml.org,2002:"):
            self._refuse_tag(event)
        self.count += 1
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        top = self.stack[-1] if self.stack else None
        if top is not None and top.is_mapping and top.key is None:
            raise _StopError(
                self.fault(event.start_mark, "a key must be a single value", "put it in quotes")
            )
        self.stack.append(_Open(event, event.anchor, self.count, is_mapping))
        if event.anchor is not None:
            self.anchors.pop(event.anchor, None)
        self._hold_depth(event.start_mark, 0)

    def _close(self, _end: _Event) -> None:
        closed = self.stack.pop()
        start = closed.start.start_mark
        place = start.line + 1, start.column + 1, bool(closed.start.flow_style)
        node: Node
        if closed.is_mapping:
            node = Mapping(_merge(closed.entries, closed.merged), *place)
        else:
            node = Listing(tuple(closed.items), *place)
        if closed.anchor is not None:
            count = self.count - closed.count_before + 1
            self.anchors[closed.anchor] = _Anchored(node, count, closed.height)
        self._add(node, closed.height)

    def _alias(self, event: _Event) -> None:
        mark, name = event.start_mark, event.anchor
        anchored = self.anchors.get(name)
        width = len(name) + 1
        if anchored is None and any(frame.anchor == name for frame in self.stack):
            raise _StopError(
                self.fault(mark, f"'*{name}' stands inside what it repeats", width=width)
            )
        if anchored is None:
            message = f"'*{name}' repeats the part marked '&{name}', but there is none above"
            advice = f"if it is meant as text, put it in quotes: '*{name}'"
            self._note(self.fault(mark, message, advice, width))
            text = f"*{name}"
            anchored = _Anchored(Scalar(text, text, mark.line + 1, mark.column + 1, width), 1, 0)
        self.count += anchored.count
        self.by_alias += anchored.count
        if self.by_alias > MOST_UNFOLDED:
            message = f"aliases unfold to more than {MOST_UNFOLDED:,} values"
            raise _StopError(self.fault(mark, message, "write them out", width))
        self._hold_depth(mark, anchored.height)
        self._add(anchored.node, anchored.height)

    def _hold_depth(self, mark: _Mark, height: int) -> None:
        if len(self.stack) + height > MOST_DEPTH:
            raise _StopError(self.fault(mark, f"nested more than {MOST_DEPTH} levels deep"))

    def _refuse_tag(self, event: _Event) -> None:
        tag = (event.tag or "").replace("tag:yaml.org,2002:", "!!")
        self._note(
            self.fault(
                event.start_mark, f"the tag '{tag}' is not allowed", "leave it out", len(tag)
            )
        )

    def _add(self, node: Node, height: int, *, plain_key: bool = False) -> None:
        if not self.stack:
            self.root = node
            return
        top = self.stack[-1]
        top.height = max(top.height, height + 1)
        if not top.is_mapping:
            top.items.append(node)
        elif top.key is None:
            top.key = self._key(node)
            if plain_key and top.key.text == _MERGE:
                top.key = _MERGE_KEY
        else:
            self._put(top, top.key, node)
            top.key = None

    def _key(self, node: Node) -> Scalar:
        if isinstance(node, Scalar):
            return node
        at = _Spot(node.line - 1, node.column - 1)
        raise _StopError(self.fault(at, "a key must be a single value"))

    def _put(self, top: _Open, key: Scalar, value: Node) -> None:
        if key is _MERGE_KEY:
            self._put_merged(top, value)
            return
        first = top.entries.get(key.text)
        if first is None:
            top.entries[key.text] = Entry(key, value)
            return
        mark = _Spot(key.line - 1, key.column - 1)
        message = (
            f"the key '{key.text}' stands twice: first in line {first.key.line}, "
            f"column {first.key.column}"
        )
        self._note(self.fault(mark, message, "keep one of them", key.width))

    def _put_merged(self, top: _Open, value: Node) -> None:
        sources = value.items if isinstance(value, Listing) else (value,)
        for source in sources:
            if isinstance(source, Mapping):
                top.merged.append(source)
            else:
                mark = _Spot(source.line - 1, source.column - 1)
                message = "'<<' takes keys over from another part, but this has no keys"
                self._note(self.fault(mark, message, "write '<<: *name'"))


_MERGE_KEY = Scalar(_MERGE, _MERGE, 0, 0, 0)


def _merge(entries: dict[str, Entry], merged: list[Mapping]) -> dict[str, Entry]:
    for source in merged:
        for key, entry in source.entries.items():
            entries.setdefault(key, entry)
    return entries

"""YAML as people write it: values, positions, bounds and faults."""

from __future__ import annotations

import json
import os
import string
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from costplan.domain.errors import Fault, InputError
from costplan.files import yaml_reader
from costplan.files.document import Document, Listing, Mapping, Scalar, plain
from costplan.files.yaml_reader import MOST_BYTES, MOST_DEPTH, parse_document, read_document


def values(text: str) -> Any:
    """What a YAML text means."""
    document = parse_document(text, "f.yaml")
    assert not document.faults
    return plain(document.root)


def faults_of(text: str) -> tuple[Fault, ...]:
    """What is wrong with a YAML text."""
    try:
        return parse_document(text, "f.yaml").faults
    except InputError as error:
        return error.faults


def the_fault_of(path: Path) -> Fault:
    """The one thing that is wrong with a file."""
    with pytest.raises(InputError) as caught:
        read_document(path)
    (fault,) = caught.value.faults
    assert fault.file == str(path)
    return fault


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("off", "off"),
        ("on", "on"),
        ("yes", "yes"),
        ("No", "No"),
        ("22:00", "22:00"),
        ("1:30:00", "1:30:00"),
        ("2026-10-01", "2026-10-01"),
        ("3e-05", Decimal("0.00003")),
        ("1E6", Decimal(1_000_000)),
        ("40_000", 40_000),
        ("1_000.50", Decimal("1000.50")),
        ("0.1", Decimal("0.1")),
        (".5", Decimal("0.5")),
        ("7.", Decimal(7)),
        ("+12", 12),
        ("-3", -3),
        ("007", 7),
        ("0o17", 15),
        ("0x1F", 31),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("gpt-5", "gpt-5"),
        ("40,000", "40,000"),
        ("1_", "1_"),
        ("_1", "_1"),
        ("1__0", "1__0"),
        ("0o8", "0o8"),
        ("-", "-"),
        ("1.2.3", "1.2.3"),
        ("e5", "e5"),
        ("nan", "nan"),
    ],
)
def test_scalars_follow_yaml_1_2(written: str, meant: object):
    """A scalar means what the YAML 1.2 core schema says, with exact numbers and grouped digits."""
    value = values(f"a: {written}")["a"] if written != "-" else values("a: '-'")["a"]
    assert value == meant
    assert type(value) is type(meant)


@pytest.mark.parametrize(
    ("written", "sign"), [(".inf", 1), ("-.INF", -1), ("+.Inf", 1), (".nan", 0)]
)
def test_infinities_and_nan_stay_what_they_are(written: str, sign: int):
    """Infinite and undefined numbers are read as such, for the number types to refuse."""
    value = values(f"a: {written}")["a"]
    assert not value.is_finite()
    assert value.is_nan() if sign == 0 else value == Decimal("Infinity") * sign


@pytest.mark.parametrize(
    ("written", "huge"),
    [("9" * 200, True), ("1e999999999999999999999", True), ("1e-999999999999999999999", False)],
)
def test_numbers_beyond_every_range_are_still_numbers(written: str, huge: bool):
    """Numbers too long for an int or too far out for a Decimal stay on the side they say."""
    value = values(f"a: {written}")["a"]
    assert value > 10**99 if huge else 0 <= value < Decimal("1e-99")


json_text = st.text(
    st.characters(min_codepoint=32, max_codepoint=0xD7FF, exclude_categories=["Cc"]), max_size=20
)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9)
    | json_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(json_text, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(json_text, json_values, min_size=1, max_size=5))
def test_json_means_the_same_as_yaml(content: dict[str, Any]):
    """Any JSON object reads as Python's own JSON reader reads it, numbers exact."""
    text = json.dumps(content, default=float)
    assert values(text) == json.loads(text, parse_float=Decimal)


words = st.text(string.ascii_lowercase, min_size=1, max_size=6).filter(
    lambda word: word not in {"null", "true", "false"}
)
trees = st.recursive(
    words,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=4)
        | st.dictionaries(words, inner, min_size=1, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(words, trees, min_size=1, max_size=4), st.booleans())
def test_every_node_knows_where_it_stands(content: dict[str, Any], flow: bool):
    """Each scalar and key is found in the text at the place it names."""
    text = yaml.safe_dump(content, default_flow_style=flow, width=60)
    document = parse_document(text, "f.yaml")
    assert plain(document.root) == yaml.load(text, Loader=yaml.BaseLoader)

    def visit(node: Scalar | Mapping | Listing) -> None:
        if isinstance(node, Scalar):
            line = document.lines[node.line - 1]
            found = line[node.column - 1 : node.column - 1 + node.width]
            assert found.strip("'") == node.text
        elif isinstance(node, Mapping):
            for entry in node.entries.values():
                visit(entry.key)
                visit(entry.value)
        else:
            for item in node.items:
                visit(item)

    visit(document.root)


def test_keys_are_text_as_written():
    """A key that looks like a number or a boolean is the text that is written."""
    assert values("{16000: a, on: b, 1_000: c, true: d, ~: e, 2026-10-01: f}") == {
        "16000": "a",
        "on": "b",
        "1_000": "c",
        "true": "d",
        "~": "e",
        "2026-10-01": "f",
    }


def test_duplicate_keys_are_refused_with_both_places():
    """A key that stands twice in a mapping is a fault at the second that names the first."""
    (fault,) = faults_of("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n")
    assert (fault.line, fault.column, fault.width, fault.source) == (5, 3, 1, "  c: 3")
    assert fault.message == "the key 'c' stands twice: first in line 3, column 3"


def test_duplicates_are_all_reported_together_with_a_syntax_error():
    """What was found before the text stops being YAML is still reported."""
    faults = faults_of("a: 1\na: 2\na: 3\nb: [1\nc: 2\n")
    assert [fault.line for fault in faults] == [2, 3, 5]


def test_reading_stops_when_nearly_all_is_wrong():
    """A file of nothing but repeated keys is not read to its end."""
    faults = faults_of("a: 1\n" * 100_000)
    assert len(faults) == yaml_reader.MOST_FAULTS + 1
    assert faults[0].message == "too many faults: the rest is not read"


def test_the_same_key_in_different_places_is_fine():
    """Equal keys of different mappings do not meet."""
    assert values("a: {x: 1}\nb: {x: 1, y: {x: 2}}") == {
        "a": {"x": 1},
        "b": {"x": 1, "y": {"x": 2}},
    }


def test_aliases_and_merge_keys():
    """An alias repeats a part; `<<` takes over keys, and the mapping's own ones win."""
    text = """\
base: &base {model: o3, setting: low}
same: *base
more: {<<: *base, setting: high}
both: {<<: [{a: 1, b: 1}, {b: 2, c: 2}], c: 3}
quoted: {"<<": 1}
"""
    assert values(text) == {
        "base": {"model": "o3", "setting": "low"},
        "same": {"model": "o3", "setting": "low"},
        "more": {"model": "o3", "setting": "high"},
        "both": {"a": 1, "b": 1, "c": 3},
        "quoted": {"<<": 1},
    }


def test_aliases_are_copies():
    """What is made of one occurrence of an alias does not show in the others."""
    content = values("a: &x [1, 2]\nb: *x")
    content["a"].append(3)
    assert content["b"] == [1, 2]


def laughs(levels: int) -> str:
    """A text of some hundred bytes that unfolds to 10**levels values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, levels):
        inner = ", ".join([f"*a{level - 1}"] * 10)
        lines.append(f"a{level}: &a{level} [{inner}]")
    return "\n".join(lines)


@pytest.mark.parametrize("levels", [6, 9, 40])
def test_aliases_that_explode_are_refused(levels: int):
    """Aliases that unfold to too much are refused where the limit is passed, unfolding nothing."""
    (fault,) = faults_of(laughs(levels))
    assert fault.message == "aliases unfold to more than 100,000 values"
    assert fault.line is not None
    assert fault.line <= 6
    assert "*a" in fault.source


def test_aliases_that_explode_as_merge_keys_are_refused():
    """Merge keys count like the aliases they are."""
    lines = ["a0: &a0 {" + ", ".join(f"k{n}: 1" for n in range(100)) + "}"]
    lines += [f"a{n}: &a{n} {{x: [{', '.join([f'*a{n - 1}'] * 20)}]}}" for n in range(1, 6)]
    lines.append("b: {<<: *a5}")
    (fault,) = faults_of("\n".join(lines))
    assert "unfold" in fault.message


@pytest.mark.parametrize(
    "text", ["a: &a [*a]", "a: &a {b: [1, {c: *a}]}", "&r a: 1\nb: &b {<<: *b}"]
)
def test_aliases_of_themselves_are_refused(text: str):
    """A part that repeats itself has no end."""
    (fault,) = faults_of(text)
    assert "stands inside what it repeats" in fault.message


def test_asterisk_meant_as_text():
    """A pattern that starts with an asterisk is told to be quoted."""
    (fault,) = faults_of("models: {deny: [*-preview]}")
    assert (fault.column, fault.width) == (17, 9)
    assert fault.advice == "if it is meant as text, put it in quotes: '*-preview'"
    (fault,) = faults_of("models: {deny: [*]}")
    assert "quotes" in fault.advice


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
@pytest.mark.parametrize("levels", [MOST_DEPTH + 1, 900, 100_000])
def test_deep_nesting_is_refused(opening: str, levels: int):
    """Nesting beyond the limit is refused where it passes it, whatever it is made of."""
    faults = faults_of("a: " + opening * levels if opening != "- " else opening * levels + "x")
    assert len(faults) == 1
    assert "nested" in faults[0].message


def test_deep_nesting_by_aliases_is_refused():
    """Aliases cannot nest deeper than what is written may."""
    chain = [f"a0: &a0 {'[' * 40}x{']' * 40}"]
    chain += [f"a{n}: &a{n} {'[' * 40}*a{n - 1}{']' * 40}" for n in range(1, 100)]
    (fault,) = faults_of("\n".join(chain))
    assert (fault.line, "nested" in fault.message) == (2, True)


def test_nesting_up_to_the_limit_is_read():
    """A tree as deep as the limit is read."""
    depth = MOST_DEPTH - 1
    node = values(f"a: {'[' * depth}x{']' * depth}")["a"]
    for _ in range(depth):
        (node,) = node
    assert node == "x"


@pytest.mark.parametrize(
    ("text", "line", "column", "part"),
    [
        ("a: 1\n\tb: 2\n", 2, 1, "tab"),
        ("a:\n\t- b\n", 2, 1, "tab"),
        ("a: 1\n  b: 2\n", 2, 4, "':'"),
        ("a: b: c\n", 1, 5, "':'"),
        ("a:\n  b: 1\n c: 2\n", 3, 2, "indentation"),
        ("a: [1, 2\nb: 3\n", 2, 2, "'['"),
        ("a: {x: 1\nb: 3\n", 2, 2, "'{'"),
        ("a: [1, 2\n\n\n", 1, 9, "'['"),
        ('a: "x\nb: 1\n', 2, 5, "quotes"),
        ("a: @x\n", 1, 4, "'@'"),
        ("a: `x`\n", 1, 4, "'`'"),
        ("a: %x\n", 1, 4, "'%'"),
        ("a: }\n", 1, 4, "value is missing"),
        ('a: "\\q"\n', 1, 5, "backslash"),
        ("a: |x\n foo\n", 1, 5, "'|'"),
        ("a: &\n", 1, 5, "anchor"),
        ("a: !!python/object:os.system x\n", 1, 4, "tag"),
        ("a: !secret x\n", 1, 4, "tag"),
        ("a: 1\n---\nb: 2\n", 2, 1, "second document"),
        ("? [a]\n: b\n", 1, 3, "key"),
        ("{{a: b}: c}\n", 1, 2, "key"),
        ("a: 1\n- b\n", 2, 1, "indentation"),
        ("- a\nb: 1\n", 2, 1, "list"),
        ("a: b\nc\n", 2, 2, "':'"),
        ("<<: 3\n", 1, 5, "<<"),
    ],
)
def test_syntax_faults_have_a_place_and_plain_words(text: str, line: int, column: int, part: str):
    """What is no YAML is told with its place and what to do, never with parser jargon."""
    (fault,) = faults_of(text)
    assert (fault.line, fault.column) == (line, column)
    assert part in fault.message
    assert fault.source == text.split("\n")[line - 1]
    assert "token" not in fault.message
    assert "cannot be read as YAML" not in fault.message


@pytest.mark.parametrize(
    "text", ["", "   \n", "# only a comment\n", "---\n", "~", "null\n", "\ufeff"]
)
def test_files_without_content(tmp_path: Path, text: str):
    """A file that says nothing is a fault with the caller's advice."""
    path = tmp_path / "w.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError) as caught:
        read_document(path, when_empty="write something")
    (fault,) = caught.value.faults
    assert (fault.message, fault.advice) == ("the file is empty", "write something")


def test_one_document_may_be_marked(tmp_path: Path):
    """Marks around a single document, a byte order mark and Windows line ends are fine."""
    path = tmp_path / "w.yaml"
    path.write_bytes(b"\xef\xbb\xbf%YAML 1.2\r\n---\r\na: 1\r\nb: x\r\n...\r\n")
    document = read_document(path)
    assert plain(document.root) == {"a": 1, "b": "x"}
    fault = document.fault(("b",), "m")
    assert (fault.line, fault.column, fault.source) == (4, 4, "b: x")


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        ("a: 1".encode("utf-16"), "UTF-16"),
        ("a: 1".encode("utf-32"), "UTF-32"),
        ("a: 1".encode("utf-16-le"), "UTF-16"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00", "binary"),
        (b"PK\x03\x04\x14\x00", "binary"),
    ],
)
def test_other_encodings_and_binary_files(tmp_path: Path, raw: bytes, part: str):
    """Files in other encodings, and files that are no text, are named as such with advice."""
    path = tmp_path / "w.yaml"
    path.write_bytes(raw)
    fault = the_fault_of(path)
    assert part in fault.message
    assert fault.advice


def test_latin_1_is_told_by_its_first_wrong_byte(tmp_path: Path):
    """A byte that is no UTF-8 is shown where it stands."""
    path = tmp_path / "w.yaml"
    path.write_bytes("a: 1\nname: Büro\n".encode("latin-1"))
    fault = the_fault_of(path)
    assert (fault.line, fault.column) == (2, 8)
    assert "0xfc" in fault.message
    assert fault.advice == "save it as UTF-8"


@pytest.mark.parametrize("character", ["\x01", "\x1b", "\x7f", "\x9b", "\ufffe"])
def test_control_characters_are_refused(tmp_path: Path, character: str):
    """A control character is named and shown where it stands."""
    path = tmp_path / "w.yaml"
    path.write_text(f"a: 1\nb: x{character}y\n", "utf-8")
    fault = the_fault_of(path)
    assert (fault.line, fault.column) == (2, 5)
    assert f"U+{ord(character):04X}" in fault.message


def test_large_files_are_refused_unopened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A file of 50 MB is refused by its size, without being opened."""
    path = tmp_path / "w.yaml"
    with path.open("wb") as file:
        file.truncate(50_000_000)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("opened")

    monkeypatch.setattr(Path, "open", refuse)
    fault = the_fault_of(path)
    assert fault.message == f"is larger than {MOST_BYTES // 1_000_000} MB: about 50 MB"


def test_file_that_grows_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What is read stops at the limit, whatever size the file had before."""
    path = tmp_path / "w.yaml"
    path.write_text("a: 1\n" * 100)
    monkeypatch.setattr(yaml_reader, "MOST_BYTES", 400)
    small = os.stat_result((0o100644, 0, 0, 1, 0, 0, 10, 0, 0, 0))
    monkeypatch.setattr(Path, "stat", lambda self, **_: small)
    assert "is larger than" in the_fault_of(path).message


def test_missing_file_suggests_its_neighbour(tmp_path: Path):
    """A misspelt file name brings the name of the file that is there."""
    (tmp_path / "workload.yaml").write_text("a: 1")
    fault = the_fault_of(tmp_path / "workloads.yaml")
    assert fault.message == "there is no such file"
    assert fault.advice == "did you mean 'workload.yaml'?"
    assert "no folder" in the_fault_of(tmp_path / "nowhere" / "w.yaml").advice


def test_directory_pipe_and_impossible_names(tmp_path: Path):
    """A directory, a pipe and names that no file can have are faults, and nothing waits."""
    assert the_fault_of(tmp_path).message == "is a directory"
    os.mkfifo(tmp_path / "pipe")
    assert the_fault_of(tmp_path / "pipe").message == "is not a regular file"
    assert "cannot be read" in the_fault_of(tmp_path / ("x" * 5_000)).message
    assert "cannot be read" in the_fault_of(tmp_path / "a\0b").message
    (tmp_path / "file").write_text("a: 1")
    assert "cannot be read" in the_fault_of(tmp_path / "file" / "w.yaml").message


def test_forbidden_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A file that may not be read is told so."""
    path = tmp_path / "w.yaml"
    path.write_text("a: 1")

    def forbid(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbid)
    assert the_fault_of(path).message == "may not be read"


def test_without_the_c_parser_faults_are_the_same(monkeypatch: pytest.MonkeyPatch):
    """The pure Python parser leads to the same trees and the same kinds of faults."""
    texts = [
        "a: [1, 2]\nb: {c: off}",
        "a: [1\nb: 2",
        "a: b: c",
        "a: 1\n\tb: 2",
        "a: @x",
        "a:\n  b: 1\n c: 2",
    ]
    fast = [(faults_of(text), None if faults_of(text) else values(text)) for text in texts]
    monkeypatch.setattr(yaml_reader, "_Loader", yaml.SafeLoader)
    slow = [(faults_of(text), None if faults_of(text) else values(text)) for text in texts]
    assert [tree for _, tree in fast] == [tree for _, tree in slow]
    for quick, late in zip(fast, slow, strict=True):
        assert [(f.message, f.line) for f in quick[0]] == [(f.message, f.line) for f in late[0]]


@given(st.text(max_size=300) | st.text("-:[]{}&*!|>'\"%@`#,? \n\tab1", max_size=60))
def test_any_text_is_a_tree_or_faults(text: str):
    """Whatever the text, there is a document or there are faults with places inside it."""
    try:
        document = parse_document(text, "f.yaml")
    except InputError as error:
        faults: tuple[Fault, ...] = error.faults
        assert faults
    else:
        faults = document.faults
        assert isinstance(document, Document)
    for fault in faults:
        assert fault.message
        assert fault.line is None or 1 <= fault.line <= text.count("\n") + len(text) + 1


@given(st.binary(max_size=200))
def test_any_bytes_are_a_tree_or_faults(tmp_path_factory: pytest.TempPathFactory, raw: bytes):
    """Whatever the bytes of a file, there is a document or there are faults."""
    path = tmp_path_factory.getbasetemp() / "bytes.yaml"
    path.write_bytes(raw)
    document, faults = None, ()
    try:
        document = read_document(path)
    except InputError as error:
        faults = error.faults
    assert document is not None or faults

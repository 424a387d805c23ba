"""Faults as people and machines get them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costplan.domain.errors import Fault, LimitError
from costplan.report.faults import (
    MOST_SHOWN,
    faults_as_json,
    make_visible,
    render_faults,
    write_failure,
    write_faults,
)

UNKNOWN_KEY = Fault(
    "unknown key 'modle'",
    file="workload.yaml",
    path="classes[0].modle",
    line=4,
    column=5,
    source="    modle: o4-mini",
    width=5,
    advice="did you mean 'models'?",
)


def test_layout_is_place_message_line_caret_advice_count():
    """A fault shows its place, message, line, caret and advice, and the count closes the report."""
    assert render_faults([UNKNOWN_KEY]) == (
        "workload.yaml:4:5  classes[0].modle: unknown key 'modle'\n"
        "    4 |     modle: o4-mini\n"
        "            ^^^^^\n"
        "    did you mean 'models'?\n"
        "1 fault in workload.yaml; nothing was planned.\n"
    )


def test_fault_without_place_shows_only_what_it_has():
    """A fault in no file is its message, and the count names no file."""
    text = render_faults([Fault("no solver is named 'x'")], consequence="nothing was written")
    assert text == "no solver is named 'x'\n1 fault; nothing was written.\n"


def test_fault_of_a_whole_file_has_no_caret():
    """A fault without a line shows the file and the advice, but no source."""
    fault = Fault("the file is empty", file="w.yaml", advice="`costplan init` writes one")
    assert render_faults([fault, Fault("is a directory", file="d")]) == (
        "w.yaml  the file is empty\n"
        "    `costplan init` writes one\n"
        "d  is a directory\n"
        "2 faults in 2 files; nothing was planned.\n"
    )


def test_more_faults_than_shown_are_counted():
    """Beyond the limit faults are counted and not listed."""
    faults = [Fault(f"fault {number}", file="w.yaml", line=number) for number in range(250)]
    text = render_faults(faults)
    assert f"fault {MOST_SHOWN - 1}\n" in text
    assert f"fault {MOST_SHOWN}\n" not in text
    assert text.endswith("… and 150 more\n250 faults in w.yaml; nothing was planned.\n")


def test_control_characters_never_reach_the_terminal():
    """Escape sequences, and marks that turn text around, are written out."""
    fault = Fault(
        "unknown key '\x1b[2J\u202e'",
        file="a\x07.yaml",
        line=1,
        column=3,
        source="\x1b]\x07a: \u202eb",
        advice="x\ry",
    )
    text = render_faults([fault])
    assert set("\x1b\x07\u202e\r").isdisjoint(text)
    assert "'\\x1b[2J\\u202e'" in text
    source, caret = text.splitlines()[1:3]
    assert source[caret.index("^")] == "\\"  # third character of the file's line: \x07


@pytest.mark.parametrize(
    ("source", "column", "marked"),
    [
        ("\tmodle: x", 2, "modle"),
        ("名前: x", 5, "x"),
        ("é: modle", 4, "modle"),
    ],
)
def test_caret_stands_under_the_marked_text(source: str, column: int, marked: str):
    """Tabs, wide characters and accents before the marked text do not shift the caret."""
    fault = Fault("m", "f", "", 1, column, source, len(marked))
    shown, caret = render_faults([fault]).splitlines()[1:3]
    columns = "".join(c + "\0" if c in "名前" else c for c in shown)  # two columns each
    assert columns[caret.index("^") : caret.rindex("^") + 1] == marked


@given(
    st.text(max_size=400),
    st.integers(1, 500),
    st.integers(1, 500),
    st.integers(30, 160),
)
def test_source_and_caret_fit_the_width(source: str, column: int, width: int, columns: int):
    """Whatever the line holds, it is shown on one line that fits, with a caret under it."""
    fault = Fault("message", "f", "p", 7, column, source, width)
    lines = render_faults([fault], width=columns).splitlines()
    assert len(lines) == (4 if source else 2)
    for line in lines[1:-1]:
        assert line.isprintable()
        if column <= len(source) + 1:
            assert len(line) <= columns


def test_very_long_line_is_cut_around_the_mark():
    """A line of a megabyte is cut so that the marked part stays in sight."""
    source = "a" * 500_000 + "HERE" + "b" * 500_000
    fault = Fault("m", "f", "", 1, 500_001, source, 4)
    shown, caret = render_faults([fault], width=80).splitlines()[1:3]
    assert len(shown) <= 80
    assert shown[caret.index("^") : caret.rindex("^") + 1] == "HERE"
    assert shown[8] == "…"
    assert shown.endswith("…")
    shown, caret = render_faults([replace(fault, width=900_000)], width=80).splitlines()[1:3]
    assert len(shown) <= 80
    assert shown[caret.index("^") :].startswith("HEREb")


def test_long_messages_are_cut():
    """A message that repeats a huge text of the file is cut."""
    assert len(render_faults([Fault("x" * 10_000)])) < 1_000


def test_messages_wrap_only_where_asked():
    """On a terminal long messages continue indented; in a pipe they stay on one line."""
    fault = Fault("word " * 40, file="w.yaml", advice="advice " * 30)
    assert len(render_faults([fault], width=60).splitlines()) == 3
    wrapped = render_faults([fault], width=60, wrap=True).splitlines()
    assert len(wrapped) > 5
    assert all(len(line) <= 60 for line in wrapped)
    assert all(line.startswith("    ") for line in wrapped[1:-1])


def test_json_has_the_contracted_keys():
    """The JSON lists each fault with file, line, column, path, message and advice."""
    (entry,) = json.loads(faults_as_json([UNKNOWN_KEY]))["faults"]
    assert entry == {
        "file": "workload.yaml",
        "line": 4,
        "column": 5,
        "path": "classes[0].modle",
        "message": "unknown key 'modle'",
        "advice": "did you mean 'models'?",
    }
    (bare,) = json.loads(faults_as_json([Fault("m")]))["faults"]
    assert bare == {**dict.fromkeys(entry), "message": "m"}


def test_people_read_standard_error_machines_standard_output(capsys: pytest.CaptureFixture[str]):
    """Faults for people leave standard output alone; faults as JSON leave standard error alone."""
    write_faults([UNKNOWN_KEY])
    out, err = capsys.readouterr()
    assert (out, err) == ("", render_faults([UNKNOWN_KEY]))
    write_faults([UNKNOWN_KEY], as_json=True)
    out, err = capsys.readouterr()
    assert (json.loads(out)["faults"][0]["line"], err) == (4, "")


def test_failures_are_written_like_faults(capsys: pytest.CaptureFixture[str]):
    """A failure that is no fault is one line for people and a fault for machines."""
    write_failure(LimitError("no plan within 3 s\x1b"))
    assert capsys.readouterr().err == "no plan within 3 s\\x1b\n"
    write_failure(LimitError("no plan"), as_json=True)
    assert json.loads(capsys.readouterr().out)["faults"][0]["message"] == "no plan"


@given(st.text())
def test_visible_text_is_printable(text: str):
    """Text that is made visible holds nothing that a terminal would act on."""
    assert make_visible(text).isprintable()

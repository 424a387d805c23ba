"""Reading outcomes.csv: what is fine, what is noted, what is refused."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costplan.domain.errors import InputError
from costplan.domain.outcomes import COLUMNS
from costplan.files import outcomes as room
from costplan.files.outcomes import read_outcomes

HEADER = ",".join(COLUMNS)
GOOD = "d,triage,q1,o3,high,0,1,100,200,0.01,2.5"
SHARED = Path(__file__).parents[3] / "shared" / "data" / "outcomes"


def _write(tmp_path, *rows, header=HEADER, name="outcomes.csv"):
    path = tmp_path / name
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def _faults(path):
    with pytest.raises(InputError) as caught:
        read_outcomes(path)
    return caught.value.faults


def test_a_good_table_is_read_as_it_stands(tmp_path):
    """Values arrive as written; blank tokens, dollars and seconds are unknown, not zero."""
    table = read_outcomes(_write(tmp_path, GOOD, "d,triage,q2,o3,high,0,0.5,,,,"))
    assert len(table) == 2
    assert table.correct.tolist() == [1.0, 0.5]
    assert table.usd[0] == 0.01
    for column in (table.usd, table.latency_s, table.input_tokens, table.output_tokens):
        assert math.isnan(column[1])
    assert table.notes == ()
    assert table.to_frame().columns.tolist() == list(COLUMNS)


def test_answers_verdicts_and_confidence_are_read(tmp_path):
    """Equal answers get equal codes, numbers by value and text by case; blanks stay unknown."""
    header = f"{HEADER},answer,accepted,confidence"
    said = [("42,yes,0.9", 1), ("42.0,false,1", 2), (" Paris,,", 3), ("paris,1,0", 4), (",0,", 5)]
    rows = [f"d,triage,q1,o3,high,{n},1,,,,,{text}" for text, n in said]
    table = read_outcomes(_write(tmp_path, *rows, header=header))
    answer = table.extra["answer"]
    assert answer[0] == answer[1] != answer[2] == answer[3]
    assert math.isnan(answer[4])
    assert table.extra["accepted"][[0, 1, 3, 4]].tolist() == [1.0, 0.0, 1.0, 0.0]
    assert math.isnan(table.extra["accepted"][2])
    assert table.extra["confidence"][[0, 1, 3]].tolist() == [0.9, 1.0, 0.0]


def test_answers_of_several_files_share_their_codes(tmp_path):
    """The same answer in two files is the same answer; a file without answers has none."""
    first = _write(
        tmp_path,
        GOOD + ",b",
        "d,triage,q2,o3,high,0,1,,,,,a",
        header=f"{HEADER},answer",
        name="1.csv",
    )
    second = _write(
        tmp_path, "d,triage,q3,o3,high,0,1,,,,,b", header=f"{HEADER},answer", name="2.csv"
    )
    third = _write(tmp_path, "d,triage,q4,o3,high,0,1,,,,", name="3.csv")
    answer = read_outcomes(first, second, third).extra["answer"]
    assert answer[0] == answer[2] != answer[1]
    assert math.isnan(answer[3])


def test_a_confidence_above_one_is_a_fault(tmp_path):
    """Percentages are refused, not read as shares."""
    path = _write(tmp_path, GOOD + ",85", header=f"{HEADER},confidence")
    assert "from 0 to 1" in _faults(path)[0].advice


@pytest.mark.parametrize(
    "raw",
    [
        b"\xef\xbb\xbf" + f"{HEADER}\n{GOOD}\n".encode(),
        f"{HEADER}\r\n{GOOD}\r\n".encode(),
        f"{HEADER}\n\n{GOOD}\n\n".encode(),
        f"{HEADER}\n{GOOD}".encode(),
        gzip.compress(f"{HEADER}\n{GOOD}\n".encode()),
        (
            "task_class,dataset,"
            + ",".join(c for c in COLUMNS if c not in ("task_class", "dataset"))
        ).encode()
        + b"\ntriage,d,q1,o3,high,0,1,100,200,0.01,2.5\n",
    ],
    ids=["byte-order mark", "CRLF", "blank lines", "no last newline", "gzip", "other order"],
)
def test_variants_of_the_format_are_read(tmp_path, raw):
    """Byte-order mark, line ends, blank lines, compression and column order do not matter."""
    path = tmp_path / "outcomes.csv"
    path.write_bytes(raw)
    table = read_outcomes(path)
    assert (table.task_class.names, table.usd.tolist()) == (("triage",), [0.01])


def test_quoted_names_may_hold_commas_and_newlines(tmp_path):
    """Text is CSV text; lines of faults stay right behind a quoted newline."""
    row = 'd,"triage, ""hard""","q\n1",o3,high,0,1,,,,'
    assert read_outcomes(_write(tmp_path, row)).task_class.names == ('triage, "hard"',)
    faults = _faults(_write(tmp_path, row, "d,c,q,o3,high,0,2,,,,"))
    assert [fault.line for fault in faults] == [4]


BAD = {
    "NaN score": ("d,c,q,m,s,0,nan,,,,", "correct"),
    "score above 1": ("d,c,q,m,s,0,1.5,,,,", "correct"),
    "score as text": ("d,c,q,m,s,0,yes!,,,,", "correct"),
    "blank score": ("d,c,q,m,s,0,,,,,", "correct is blank"),
    "infinite cost": ("d,c,q,m,s,0,1,,,inf,", "cost_usd"),
    "negative cost": ("d,c,q,m,s,0,1,,,-0.1,", "cost_usd"),
    "negative tokens": ("d,c,q,m,s,0,1,-5,10,0.1,", "input_tokens"),
    "huge cost": ("d,c,q,m,s,0,1,,,1e300,", "cost_usd"),
    "negative seconds": ("d,c,q,m,s,0,1,,,,-1", "latency_s"),
    "half a sample": ("d,c,q,m,s,0.5,1,,,,", "sample"),
    "blank sample": ("d,c,q,m,s,,1,,,,", "sample is blank"),
    "blank class": ("d,,q,m,s,0,1,,,,", "task_class is blank"),
    "blank setting": ("d,c,q,m,,0,1,,,,", "budget_or_effort is blank"),
    "short row": ("d,c,q,m,s,0,1", "7 cells"),
    "long row": ("d,c,q,m,s,0,1,,,,,9", "12 cells"),
    "underscore": ("d,c,q,m,s,0,1,,,1_000,", "cost_usd"),
}


@pytest.mark.parametrize(("row", "says"), BAD.values(), ids=BAD)
def test_what_no_answer_can_be_is_refused(tmp_path, row, says):
    """An impossible cell is a fault with its line."""
    faults = _faults(_write(tmp_path, GOOD, row))
    assert len(faults) == 1
    assert faults[0].line == 3
    assert says in faults[0].message


def test_all_faults_are_reported_at_once(tmp_path):
    """Every bad row of every file is in one report, in file order."""
    rows = [row for row, _ in BAD.values()]
    one = _write(tmp_path, *rows, name="a.csv")
    two = _write(tmp_path, *rows, name="b.csv")
    with pytest.raises(InputError) as caught:
        read_outcomes(two, one)
    found = [(Path(f.file).name, f.line) for f in caught.value.faults]
    assert found == [(name, i + 2) for name in ("a.csv", "b.csv") for i in range(len(rows))]


def test_thousands_of_faults_are_counted(tmp_path):
    """A hopeless file lists a hundred faults and counts the rest."""
    faults = _faults(_write(tmp_path, *["d,c,q,m,s,0,7,,,,"] * 500))
    assert len(faults) == room.MAX_FAULTS + 1
    assert "400 more" in faults[-1].message


def test_columns_are_checked(tmp_path):
    """Missing, unknown, misspelt and repeated columns are named with advice."""
    header = HEADER.replace("cost_usd", "cost_dollars") + ",model"
    faults = _faults(_write(tmp_path, header=header))
    text = " | ".join(f"{fault.message} {fault.advice}" for fault in faults)
    assert "unknown column 'cost_dollars'" in text
    assert "'cost_usd' is missing" in text
    assert "'model' stands 2 times" in text
    semicolons = _faults(_write(tmp_path, header=HEADER.replace(",", ";")))
    assert "not separated by commas" in semicolons[0].message


def test_known_optional_columns_are_kept(tmp_path):
    """Reasoning tokens and flags are read; error texts are allowed."""
    header = HEADER + ",reasoning_tokens,truncated,error"
    table = read_outcomes(
        _write(
            tmp_path, GOOD + ",50,true,", GOOD.replace("q1", "q2") + ',,0,"timeout"', header=header
        )
    )
    assert table.extra["reasoning_tokens"][0] == 50
    assert table.extra["truncated"].tolist() == [1.0, 0.0]


UNREADABLE = {
    "empty": (b"", "empty"),
    "only newlines": (b"\n\n\n", "empty"),
    "header only": (HEADER.encode() + b"\n", "no rows"),
    "binary": (b"\x89PNG\r\n\x00\x00\x01", "binary"),
    "UTF-16": (HEADER.encode("utf-16"), "UTF-16"),
    "Latin-1": (f"{HEADER}\n{GOOD}\n".replace("triage", "tri\xe4ge").encode("latin-1"), "UTF-8"),
    "cut gzip": (gzip.compress(HEADER.encode() * 50)[:-12], ""),
    "unclosed quote": (f'{HEADER}\nd,"c,q\n'.encode(), "CSV"),
    "giant field": (f"{HEADER}\nd,{'x' * 200_000},q,m,s,0,1,,,,\n".encode(), "CSV"),
}


@pytest.mark.parametrize(("raw", "says"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_table_is_one_clear_fault(tmp_path, raw, says):
    """A file that is no table gives a fault that says what it is, never a traceback."""
    path = tmp_path / "outcomes.csv"
    path.write_bytes(raw)
    faults = _faults(path)
    assert len(faults) == 1
    assert says in faults[0].message


def test_directories_missing_and_oversized_files(tmp_path, monkeypatch):
    """A directory, a missing file and a file beyond the limit are faults."""
    assert "directory" in _faults(tmp_path)[0].message
    assert "cannot be read" in _faults(tmp_path / "nowhere.csv")[0].message
    monkeypatch.setattr(room, "MAX_BYTES", 1000)
    many = _write(tmp_path, *[GOOD.replace("q1", f"q{i}") for i in range(100)])
    assert "larger than" in _faults(many)[0].message


def test_equal_rows_count_once_and_conflicting_ones_are_averaged(tmp_path):
    """A repeated row changes nothing; a second answer with the same key is a further sample."""
    other = GOOD.replace(",1,100", ",0,100")
    table = read_outcomes(_write(tmp_path, GOOD, GOOD, other))
    assert sorted(table.correct.tolist()) == [0.0, 1.0]
    assert {note.code for note in table.notes} == {"duplicate-rows", "conflicting-rows"}


def test_spellings_of_one_name_are_joined_and_said(tmp_path):
    """Names that differ in case or spaces are one, under the most frequent spelling."""
    rows = [GOOD.replace("q1", f"q{i}") for i in range(5)]
    rows += [rows[0].replace("triage", " Triage").replace("q0", "q9")]
    rows += [rows[0].replace("o3,high", "O3,High").replace("q0", "q8")]
    table = read_outcomes(_write(tmp_path, *rows))
    assert table.task_class.names == ("triage",)
    assert (table.model.names, table.setting.names) == (("o3",), ("high",))
    assert sum(note.code == "spelling" for note in table.notes) == 3
    assert any("'Triage' (1 rows) is counted as 'triage'" in n.message for n in table.notes)


def test_a_counter_that_ran_backwards_is_unknown(tmp_path):
    """Rows whose tokens and dollars are all below zero have unknown usage, and that is said."""
    table = read_outcomes(_write(tmp_path, "d,c,q,m,s,0,1,-677,-2062,-0.14,3"))
    assert math.isnan(table.usd[0])
    assert table.latency_s[0] == 3
    assert [note.code for note in table.notes] == ["counter-ran-backwards"]


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_garbage_gives_faults_never_a_traceback(tmp_path_factory, raw, headed):
    """Any bytes give a table or an InputError."""
    path = tmp_path_factory.mktemp("garbage") / "outcomes.csv"
    path.write_bytes((HEADER.encode() + b"\n" if headed else b"") + raw)
    try:
        read_outcomes(path)
    except InputError as error:
        assert error.faults  # noqa: PT017 - either way is fine, a bare error is not


@pytest.mark.parametrize("name", ["openhands_index", "arc_agi1_effort", "sampling_budgets"])
def test_the_shared_tables_are_read_as_pandas_reads_them(name):
    """Real tables arrive whole."""
    path = SHARED / f"{name}.csv"
    if not path.exists():
        pytest.skip("shared reference data is not beside the repository")
    import pandas as pd

    table = read_outcomes(path)
    frame = pd.read_csv(path, dtype={"question_id": str})
    assert len(table) == len(frame)
    assert np.allclose(table.correct, frame.correct)
    usd = frame.cost_usd.where(frame.cost_usd >= 0)
    assert np.allclose(table.usd, usd, equal_nan=True)
    assert table.task_class.decode() == frame.task_class.tolist()


def test_huge_sample_numbers_stay_apart(tmp_path):
    """Samples are told apart whatever their numbers are."""
    rows = [GOOD.replace(",0,1,", f",{n},1,") for n in (0, 1, 999_999_999_999)]
    assert len(read_outcomes(_write(tmp_path, *rows))) == 3


def test_known_columns_are_read_as_text_and_joined_over_files(tmp_path):
    """What is known before the call is text; a file without the column leaves blanks."""
    one = _write(tmp_path, GOOD + ",Gold", header=HEADER + ",known_tier", name="one.csv")
    two = _write(tmp_path, GOOD.replace("q1", "q2"), name="two.csv")
    table = read_outcomes(one, two)
    assert table.known["known_tier"].decode() == ["Gold", ""]
    assert table.take(np.array([1])).known["known_tier"].decode() == [""]
    assert list(table.to_frame().known_tier) == ["Gold", ""]


def test_rows_of_a_question_must_agree_on_what_is_known_before_the_call(tmp_path):
    """Each contradiction is a fault with the question, its class and both values."""
    rows = [GOOD + ",gold", GOOD.replace("high", "low") + ",free", GOOD.replace("q1", "q2") + ",x"]
    (fault,) = _faults(_write(tmp_path, *rows, header=HEADER + ",known_tier"))
    assert "'q1' of class 'triage'" in fault.message
    assert "'free'" in fault.message
    assert "'gold'" in fault.message


def test_spellings_of_a_known_value_are_one(tmp_path):
    """Case and spaces make no other kind of request."""
    rows = [GOOD + ",Gold", GOOD.replace("high", "low") + ",gold "]
    table = read_outcomes(_write(tmp_path, *rows, header=HEADER + ",known_tier"))
    assert len(table.known["known_tier"].names) == 1


def test_a_known_column_needs_a_name(tmp_path):
    """A bare known_ is no column, and an unknown column learns of known_."""
    for name in ("known_", "tier"):
        (fault,) = _faults(_write(tmp_path, GOOD + ",x", header=f"{HEADER},{name}"))
        assert "unknown column" in fault.message
        assert "known_..." in fault.advice

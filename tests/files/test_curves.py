from __future__ import annotations

import string
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costplan.domain.errors import InputError
from costplan.domain.measurement import Measurement
from costplan.files.curves import COLUMNS, MAX_BYTES, list_benchmarks, load_curves, write_curves
from costplan.files.shipped import shipped_curves, shipped_profiles

HEAD = "benchmark,model,setting,accuracy"


def write(tmp_path: Path, text: str | bytes, name: str = "own.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def faults_of(*paths: Path):
    with pytest.raises(InputError) as caught:
        load_curves(paths)
    return caught.value.faults


@pytest.fixture(scope="module")
def shipped() -> tuple[Measurement, ...]:
    return load_curves(shipped_curves())


def test_every_shipped_row_belongs_to_a_setting_of_a_profile(shipped):
    """Each shipped row names a profile and one of its settings, or says that none was stated."""
    labels = {}
    for path in (shipped_profiles() / "models").glob("*.yaml"):
        profile = yaml.load(path.read_text(), Loader=yaml.BaseLoader)
        labels[path.stem] = {*profile["settings"], "unstated"}
    homeless = {(m.model, m.setting) for m in shipped if m.setting not in labels.get(m.model, ())}
    assert not homeless


def test_every_shipped_table_states_where_it_comes_from():
    """Each shipped table has its licence, attribution, address and date of reading beside it."""
    sources = yaml.safe_load((shipped_profiles() / "curves" / "sources.yaml").read_text())
    assert set(sources) == {path.stem for path in shipped_curves()}
    for source in sources.values():
        assert all(source[key] for key in ("title", "address", "licence", "attribution", "read"))


def test_nothing_digitised_ships_and_artificial_analysis_is_limited(shipped):
    """No third party's reading of a chart ships; of Artificial Analysis at most 9 + 10 models."""
    assert {m.confidence for m in shipped} == {"read", "read-figure"}
    assert not any("digitised" in m.source for m in shipped)
    models = {m.model for m in shipped if m.source == "artificial-analysis"}
    founding = {
        *("o1", "o3", "o3-mini", "o4-mini", "gpt-4-turbo", "gpt-4o"),
        *("claude-3-7-sonnet", "deepseek-r1", "gemini-2.0-flash-thinking"),
    }
    assert founding < models
    assert len(models - founding) <= 10


def test_a_shipped_curve_is_of_one_snapshot(shipped):
    """Within one source and benchmark, a model's single calls at one setting stand once."""
    keys = Counter((m.source, m.benchmark, m.model, m.setting, m.samples) for m in shipped)
    assert max(keys.values()) == 1


def test_the_figures_of_the_o1_announcement_are_there(shipped):
    """AIME 2024: GPT-4o 12 %, o1 74 % with one sample, 83 % with a vote of 64."""
    found = {(m.model, m.samples): m.accuracy for m in shipped if m.source == "openai-o1-post"}
    assert found["gpt-4o", 1] == 0.12
    assert found["o1", 1] == 0.74
    assert found["o1", 64] == 0.83


def test_shipped_figures_are_plausible(shipped):
    """Shares are shares, reasoning is part of the output, and nothing known is free."""
    for m in shipped:
        assert 0 <= m.accuracy <= 1, m
        assert m.n_questions is None or m.n_questions >= 15, m
        assert m.accuracy_se is None or 0 < m.accuracy_se < 0.2, m
        if m.reasoning_tokens is not None and m.output_tokens is not None:
            assert m.reasoning_tokens <= m.output_tokens, m
        assert m.usd is None or (0 < m.usd < 100 and m.usd_basis), m
        assert m.seconds is None or (0 < m.seconds < 20_000 and m.seconds_basis), m


def test_only_wanted_benchmarks_are_read(shipped):
    """With benchmarks named, the rows are those of a full reading, in the same order."""
    some = load_curves(shipped_curves(), benchmarks={"ifbench", "deepswe-v1.1"})
    assert some == tuple(m for m in shipped if m.benchmark in {"ifbench", "deepswe-v1.1"})
    assert some


def test_a_small_table_needs_four_columns(tmp_path):
    """A user's table without a source is named after its file; what it does not say is unknown."""
    path = write(tmp_path, f"{HEAD},n_questions\n\ntickets,o3,low,0.8,\r\ntickets,o3,high,0.9,50\n")
    low, high = load_curves([path])
    assert low == Measurement("own", "tickets", "", "o3", "low", None, 0.8)
    assert (high.n_questions, high.samples, high.usd) == (50, 1, None)


numbers = st.floats(0, 1e9, allow_nan=False)
words = st.text(string.printable + "é×−", min_size=1, max_size=12)
words = words.map(lambda text: " ".join(text.splitlines()).strip()).filter(bool)
measurements = st.builds(
    Measurement,
    source=words,
    benchmark=words,
    task_kind=words,
    model=words,
    setting=words,
    n_questions=st.none() | st.integers(1, 10**6),
    accuracy=st.floats(0, 1),
    samples=st.integers(1, 2000),
    accuracy_se=st.none() | st.floats(0, 1),
    input_tokens=st.none() | numbers,
    output_tokens=st.none(),
    reasoning_tokens=st.none() | numbers,
    usd=st.none() | st.decimals(0, 1000, allow_nan=False, places=9),
    usd_basis=words,
    seconds=st.none() | numbers,
    seconds_basis=words,
    date=st.just("") | st.dates().map(str),
    note=words,
    published_as=words,
)


def key_of(m: Measurement):
    return (m.source, m.benchmark, m.model, m.setting, m.samples)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(measurements, min_size=1, max_size=5, unique_by=key_of))
def test_what_is_written_reads_back_the_same(tmp_path, rows):
    """Writing measurements and reading the table gives the same measurements."""
    path = tmp_path / "table.csv"
    write_curves(path, rows)
    assert load_curves([path]) == tuple(rows)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: f"{HEAD}\n{text}".encode("utf-8", "replace"))
)
def test_garbage_gives_faults_and_never_a_traceback(tmp_path, content):
    """Any bytes are either a table or a list of faults that name the file."""
    path = write(tmp_path, content)
    try:
        faults = ()
        rows = load_curves([path])
    except InputError as error:
        faults, rows = error.faults, ()
    assert bool(faults) != bool(rows)
    assert all(fault.file == str(path) and fault.message for fault in faults)


@pytest.mark.parametrize(
    ("column", "cell", "message", "advice"),
    [
        ("accuracy", "74.8", "share from 0 to 1", "write 0.748"),
        ("accuracy", "74.8%", "share from 0 to 1", "write 0.748"),
        ("accuracy", "740", "share from 0 to 1", ""),
        ("accuracy", "nan", "at least 0", "blank"),
        ("accuracy", "", "is blank", ""),
        ("model", " ", "is blank", ""),
        ("setting", "", "is blank", "fixed"),
        ("usd", "inf", "at least 0", "blank"),
        ("usd", "-0.01", "at least 0", "blank"),
        ("usd", "$0.01", "at least 0", "blank"),
        ("output_tokens", "1_000", "at least 0", "blank"),
        ("output_tokens", "many", "at least 0", "blank"),
        ("n_questions", "0", "at least 1", ""),
        ("n_questions", "1.5", "whole number", ""),
        ("samples", "0", "at least 1", ""),
        ("date", "24.11.2026", "expected a date", "2026-11-25"),
    ],
)
def test_a_bad_cell_is_shown_with_its_place(tmp_path, column, cell, message, advice):
    """A cell that cannot stand is refused with line, column, source line and what to write."""
    good = {"benchmark": "b", "model": "o3", "setting": "low", "accuracy": "0.5"} | {column: "?"}
    row = ",".join(cell if name == column else value for name, value in good.items())
    path = write(tmp_path, ",".join(good) + "\n" + row + "\n")
    (fault,) = faults_of(path)
    assert message in fault.message
    assert advice in fault.advice
    assert (fault.file, fault.line, fault.source) == (str(path), 2, row)
    start = fault.column - 1
    assert row[start : start + fault.width].strip() in {cell.strip(), ","}
    assert row[:start].count(",") == list(good).index(column)


def test_all_faults_of_all_files_come_at_once_in_file_order(tmp_path):
    """One report holds the faults of every file, in the order of files and lines."""
    one = write(tmp_path, f"{HEAD}\nb,o3,low,2\nb,o3,high\nb,,high,x\n", "a.csv")
    two = write(tmp_path, f"{HEAD}\nb,o3,low,-1\n", "b.csv")
    found = faults_of(two, one)
    places = [(fault.file, fault.line) for fault in found]
    assert places == [(str(one), 2), (str(one), 3), (str(one), 4), (str(one), 4), (str(two), 2)]


def test_lines_are_counted_in_the_file_not_in_the_table(tmp_path):
    """A note that spans lines does not shift the line numbers of later faults."""
    path = write(tmp_path, f'{HEAD},note\nb,o3,low,0.5,"two\nlines"\n\nb,o3,high,7777,\n')
    (fault,) = faults_of(path)
    assert (fault.line, fault.column, fault.source) == (5, 11, "b,o3,high,7777,")


def test_reasoning_beyond_the_output_is_refused(tmp_path):
    """Reasoning is part of the output: a row where it is more was counted apart."""
    path = write(tmp_path, f"{HEAD},output_tokens,reasoning_tokens\nb,o3,low,0.5,10,90\n")
    (fault,) = faults_of(path)
    assert "include the reasoning" in fault.advice


def test_the_same_thing_measured_twice_is_refused(tmp_path):
    """Two rows about one source, benchmark, model and setting are for a person to resolve."""
    one = write(tmp_path, f"source,{HEAD}\ns,b,o3,low,0.5\ns,b,o3,low,0.6\n", "a.csv")
    two = write(tmp_path, f"source,{HEAD}\ns,b,o3,low,0.5\ns2,b,o3,low,0.5\n", "b.csv")
    found = faults_of(one, two)
    assert [(fault.file, fault.line) for fault in found] == [(str(one), 3), (str(two), 2)]
    assert all(f"{one}:2" in fault.message for fault in found)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"\x89PNG\r\n\0\0", "binary"),
        ("benchmark,model".encode("utf-16"), "UTF-16"),
        (HEAD.encode() + b"\nb\xe9,o3,low,0.5\n", "not UTF-8"),
        (HEAD.replace(",", ";").encode() + b"\nb;o3;low;0,5\n", "not separated by commas"),
        (HEAD.encode() + b'\nb,"o3,low,0.5\n', "not a CSV table"),
        (HEAD.encode() + b"\n", "no rows"),
        (b"benchmark,model,accuracy\nb,o3,0.5\n", "column 'setting' is missing"),
        (HEAD.encode() + b",model\nb,o3,low,0.5,o3\n", "stands twice"),
        (b"x" * (MAX_BYTES + 1), "larger than 20 MB"),
    ],
)
def test_what_is_no_curve_table_is_refused(tmp_path, content, message):
    """A file that cannot be a curve table gets one fault that says what it is."""
    (fault,) = faults_of(write(tmp_path, content))
    assert message in fault.message


def test_a_misspelt_column_gets_a_suggestion(tmp_path):
    """An unknown column is refused, with the nearest known name."""
    (fault,) = faults_of(write(tmp_path, f"{HEAD},output_token\nb,o3,low,0.5,9\n"))
    assert fault.advice == "did you mean 'output_tokens'?"


def test_missing_files_and_directories_are_faults(tmp_path):
    """A path that is no file is a fault that names it."""
    gone, folder = faults_of(tmp_path / "gone.csv", tmp_path)[::-1]
    assert "cannot be read" in gone.message
    assert "directory" in folder.message


def test_a_table_full_of_faults_lists_a_hundred(tmp_path):
    """Faults beyond a hundred of one file are counted, not listed."""
    found = faults_of(write(tmp_path, HEAD + "\n" + "b,o3,low,x\n" * 150))
    assert len(found) == 101
    assert (found[-1].message, found[-1].line) == ("50 more faults are not listed", 102)


def test_benchmarks_are_summarised_as_the_table_holds_them(shipped):
    """The summary of a benchmark agrees with a count by another library."""
    import pandas as pd

    frame = pd.concat([pd.read_csv(path, dtype={"setting": str}) for path in shipped_curves()])
    summaries = list_benchmarks(shipped)
    groups = dict(iter(frame.groupby(["source", "benchmark"])))
    assert {(s.source, s.benchmark) for s in summaries} == set(groups)
    for s in summaries:
        group = groups[s.source, s.benchmark]
        single = group[group.samples == 1]
        assert s.task_kind == group.task_kind.iloc[0]
        assert s.models == tuple(sorted(single.model.unique()))
        assert sum(map(len, s.settings.values())) == len(single)
        assert (s.rows, s.voted) == (len(group), len(group) - len(single))
        assert s.with_output_tokens == group.output_tokens.count()
        assert s.with_reasoning_tokens == group.reasoning_tokens.count()
        assert (s.with_usd, s.with_seconds) == (group.usd.count(), group.seconds.count())
        assert s.n_questions == (None if group.n_questions.isna().all() else max(group.n_questions))
    kinds = [s.task_kind for s in summaries]
    assert kinds == sorted(kinds)


def test_numbers_are_written_without_exponents(tmp_path):
    """A written table holds plain decimals, so that any spreadsheet reads them."""
    row = Measurement("s", "b", "k", "m", "x", 9, 1e-7, usd=Decimal("1E-8"), input_tokens=2e12)
    write_curves(tmp_path / "t.csv", [row])
    header, line = (tmp_path / "t.csv").read_text().splitlines()
    assert header.split(",") == list(COLUMNS)
    assert line.startswith("s,b,k,m,x,1,9,0.0000001,,2000000000000,,,0.00000001,")

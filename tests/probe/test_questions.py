"""Files of questions: every format, every fault."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costplan.domain.errors import InputError
from costplan.probe.graders import Choice, Command, Judge, Normalised, Numeric, Regex
from costplan.probe.questions import read_questions
from costplan.providers.request import Message, Role


def written(tmp_path, name, content):
    """Write a file and give its path."""
    path = tmp_path / name
    if isinstance(content, list):
        content = "\n".join(json.dumps(row) for row in content)
    path.write_text(content, encoding="utf-8", newline="")
    return path


def faults(path, **more):
    """Read a faulty file; gives (line, message) of each fault."""
    with pytest.raises(InputError) as caught:
        read_questions(path, **more)
    assert all(fault.file == str(path) for fault in caught.value.faults)
    return [(fault.line, fault.message) for fault in caught.value.faults]


def test_json_lines_give_questions_in_order(tmp_path):
    """Each line is a question with its class, its grader in full or by name, and its line."""
    path = written(
        tmp_path,
        "q.jsonl",
        [
            {"id": "a", "class": "math", "prompt": "1+1?", "target": 2, "grader": "numeric"},
            {"id": 7, "class": "math", "prompt": "2+2?", "target": "4"},
            {
                "class": "code",
                "messages": [
                    {"role": "system", "content": "Be short."},
                    {"role": "user", "content": " x "},
                ],
                "grader": {"kind": "command", "run": ["python", "check.py"]},
            },
        ],
    )
    first, second, third = read_questions(path)
    assert (first.key, first.line) == (("math", "a"), 1)
    assert first.grader == Numeric()
    assert second.id == "7"
    assert second.grader == Normalised()
    assert third.system == "Be short."
    assert third.messages == (Message(Role.USER, " x "),)
    assert isinstance(third.grader, Command)
    assert third.id.startswith("q-")


@pytest.mark.parametrize(
    ("value", "cells"),
    [
        ("gold", (("known_x", "gold"),)),
        (3, (("known_x", "3"),)),
        (True, (("known_x", "true"),)),
        (None, ()),
        ("", ()),
    ],
)
def test_what_is_known_before_the_call_is_kept_as_cells(tmp_path, value, cells):
    """Keys known_... are text or numbers, and absent where they say nothing."""
    row = {"class": "a", "prompt": "x", "target": "y", "known_x": value}
    (question,) = read_questions(written(tmp_path, "q.jsonl", [row]))
    assert question.known == cells


def test_what_is_known_must_fit_a_cell(tmp_path):
    """A list under known_... is a fault of its line, and known_ alone is no name."""
    row = {"class": "a", "prompt": "x", "target": "y"}
    path = written(tmp_path, "q.jsonl", [{**row, "known_x": [1]}, {**row, "known_": "1"}])
    assert [line for line, _ in faults(path)] == [1, 2]


def test_inspect_metadata_may_say_what_is_known(tmp_path):
    """Keys known_... of an Inspect sample's metadata are the question's."""
    sample = {"input": "x", "target": "y", "metadata": {"class": "a", "known_tier": "gold"}}
    (question,) = read_questions(written(tmp_path, "q.jsonl", [sample]))
    assert question.known == (("known_tier", "gold"),)


def test_a_line_without_a_question_sets_the_grader_of_its_class(tmp_path):
    """A class's grader and system prompt are said once and hold where a question says nothing."""
    path = written(
        tmp_path,
        "q.jsonl",
        [
            {"class": "a", "grader": "exact", "system": "S"},
            {"class": "a", "id": "1", "prompt": "x", "target": "y"},
            {
                "class": "a",
                "id": "2",
                "prompt": "x",
                "target": "y",
                "grader": "regex",
                "system": "T",
            },
            {"class": "b", "id": "1", "prompt": "x", "target": "y"},
        ],
    )
    one, two, three = read_questions(path)
    assert (one.grader.kind, one.system) == ("exact", "S")
    assert (two.grader.kind, two.system) == ("regex", "T")
    assert (three.grader.kind, three.system) == ("normalised", None)


@given(
    rows=st.lists(
        st.tuples(
            st.text(
                st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"]),
                min_size=1,
            ),
            st.sampled_from(["alpha", "beta"]),
        ),
        min_size=1,
        max_size=8,
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_csv_and_json_lines_hold_the_same_questions(tmp_path, rows):
    """The same questions come out of both formats, whatever their texts hold."""
    records = [
        {"id": str(i), "class": name, "prompt": f'<{text}>,\n"{text}"', "target": f"t {text}"}
        for i, (text, name) in enumerate(rows)
    ]
    lines = written(
        tmp_path, "q.jsonl", "\n".join(json.dumps(r, ensure_ascii=False) for r in records)
    )
    table = tmp_path / "q.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["id", "class", "prompt", "target"])
        writer.writeheader()
        writer.writerows(records)
    from_lines, from_table = read_questions(lines), read_questions(table)
    assert [(q.key, q.messages, q.target) for q in from_lines] == [
        (q.key, q.messages, q.target) for q in from_table
    ]
    assert [q.asked_digest for q in from_lines] == [q.asked_digest for q in from_table]


def test_choices_are_appended_and_marked_by_letter(tmp_path):
    """Choices become lettered lines of the prompt; the target is a letter or a choice's text."""
    path = written(
        tmp_path,
        "q.csv",
        'id,class,prompt,choices,target\n1,c,Which?,"red, blue",B\n2,c,Which?,"[""a"", ""b""]",a\n',
    )
    one, two = read_questions(path)
    assert one.choices == ("red", "blue")
    assert isinstance(one.grader, Choice)
    assert "A) red\nB) blue" in one.messages[0].text
    assert two.target == "a"


def test_inspect_datasets_are_read(tmp_path):
    """Samples of an Inspect dataset become questions; a sandbox is refused."""
    samples = [
        {"input": "2+2?", "target": "4", "id": 1, "metadata": {"task_class": "math"}},
        {
            "input": [
                {"role": "system", "content": "S"},
                {"role": "user", "content": [{"type": "text", "text": "Which?"}]},
            ],
            "choices": ["x", "y"],
            "target": "B",
        },
        {"input": "q", "target": ["a", "b"]},
    ]
    path = written(tmp_path, "d.json", json.dumps(samples, indent=1))
    one, two, three = read_questions(path, default_class="other")
    assert one.key == ("math", "1")
    assert two.system == "S"
    assert two.task_class == "other"
    assert isinstance(two.grader, Choice)
    assert three.targets == ("a", "b")
    bad = written(tmp_path, "e.jsonl", [{"input": "x", "target": "y", "sandbox": "docker"}])
    assert faults(bad, default_class="c") == [
        (1, "'sandbox' needs a sandbox, which the probe has not")
    ]


def test_samples_that_inspect_wrote_are_read_as_inspect_reads_them():
    """A file dumped by Inspect's own Sample gives the questions that its own reader gives.

    inspect_samples.jsonl is Sample.model_dump_json, inspect_read.json what json_dataset made of it.
    """
    here = Path(__file__).parent
    told = json.loads((here / "inspect_read.json").read_text("utf-8"))
    ours = read_questions(here / "inspect_samples.jsonl")
    assert len(ours) == len(told["samples"])
    for question, sample in zip(ours, told["samples"], strict=True):
        said = [["system", question.system]] if question.system else []
        said += [[str(message.role), message.text] for message in question.messages]
        if sample["choices"]:  # Inspect's solver appends them, as reading does here
            assert said[-1][1].startswith(sample["messages"][-1][1])
            assert list(question.choices) == sample["choices"]
            said[-1][1] = sample["messages"][-1][1]
        assert said == sample["messages"]
        assert question.task_class == sample["metadata"]["task_class"]
        assert question.target == sample["target"]
        assert sample["id"] is None or question.id == str(sample["id"])


def test_every_fault_is_said_at_once_and_in_its_line(tmp_path):
    """A file with a dozen faults gives them all, with lines, in file order."""
    path = written(
        tmp_path,
        "q.jsonl",
        "\n".join(
            [
                '{"id": "1", "class": "math", "prompt": "x", "target": "y"}',
                '{"id": "1", "class": "math", "prompt": "x", "target": "y"}',
                '{"id": "2", "class": "maths", "prompt": "x", "target": "y"}',
                '{"id": "3", "class": "math", "promt": "x", "target": "y"}',
                '{"id": "4", "class": "math", "prompt": "x"}',
                '{"id": "5", "class": "math", "prompt": "x", "target": "y", "grader": "numeric"}',
                '{"id": "6", "class": "math", "prompt": "x", "target": "y", "grader": "vibes"}',
                '{"id": "7", "class": "math", "prompt": "x", "target": "(", "grader": "regex"}',
                '{"id": "8", "class": "math", "prompt": "x", "messages": [], "target": "y"}',
                "not json",
                "[1]",
                "",
                '{"id": "9", "class": "math", "prompt": "x", "choices": ["a", "b"], "target": "c"}',
                '{"id": "10", "class": "math", "prompt": "x", "target": "y", "grader":'
                ' {"kind": "judge", "model": "o3"}}',
                '{"id": "11", "class": "math", "prompt": "x", "target": {"a": 1}}',
                '{"id": "12", "class": "math", "prompt": "x", "target": "y",'
                ' "grader": {"kind": "numeric", "abs_tolerance": -1}}',
            ]
        ),
    )
    found = faults(path, classes=["math", "code"])
    lines = [line for line, _ in found]
    assert sorted(set(lines)) == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16]
    assert lines == sorted(lines)
    said = dict(found)
    assert "asked in line 1" in said[2]
    assert said[3] == "the workload has no class 'maths'"
    assert "unknown key 'promt'" in [m for at, m in found if at == 4]
    assert "is no number" in said[6]
    assert said[7] == "unknown grader"
    assert "no regular expression" in said[8]
    assert "none of the choices" in said[13]
    assert said[14] == "'setting' is missing"


def test_questions_for_other_classes_are_one_fault(tmp_path):
    """A class that the workload lacks is told once, with what the workload has or likely means."""
    rows = [f'{{"class": "sums", "prompt": "{n}?", "target": {n}}}' for n in range(24)]
    path = written(tmp_path, "q.jsonl", "\n".join(rows))
    with pytest.raises(InputError) as caught:
        read_questions(path, classes=["triage", "contracts"])
    (fault,) = caught.value.faults
    assert fault.message == "the workload has no class 'sums', which 24 questions are for"
    assert (fault.line, fault.advice) == (1, "the workload has 'triage' and 'contracts'")
    with pytest.raises(InputError) as caught:
        read_questions(path, classes=["sum", "contracts"])
    assert caught.value.faults[0].advice == "did you mean 'sum'?"


def test_a_file_for_another_workload_is_one_fault(tmp_path):
    """Where no class of the file is the workload's, one fault names those of both."""
    rows = [f'{{"class": "{name}", "prompt": "{name}?", "target": 1}}' for name in "abcabc"]
    rows = [row.replace("?", f"? {n}") for n, row in enumerate(rows)]
    path = written(tmp_path, "q.jsonl", "\n".join(rows))
    with pytest.raises(InputError) as caught:
        read_questions(path, classes=["triage", "contracts"])
    (fault,) = caught.value.faults
    assert fault.message == "the questions are for 'a', 'b' and 'c', none for the workload"
    assert fault.advice == "the workload has 'triage' and 'contracts'"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("q.csv", "", "empty"),
        ("q.csv", "id,id\n1,2\n", "same name"),
        ("q.csv", "id,class,prompt,target\n1,c,x\n", "3 cells"),
        ("q.csv", 'id,class,prompt,target\n1,c,"x,y\n', "cannot be read"),
        ("q.csv", "id,class,prompt,target\n", "holds no question"),
        ("q.jsonl", "", "holds no question"),
        ("q.json", '[{"id": "1"', "not JSON"),
        ("q.json", "[3]", "no object"),
    ],
)
def test_files_that_are_no_questions_are_faults(tmp_path, name, content, message):
    """An empty, cut or shapeless file says what is wrong."""
    assert any(message in said for _, said in faults(written(tmp_path, name, content)))


def test_a_missing_file_is_a_fault(tmp_path):
    """A file that is not there is named."""
    with pytest.raises(InputError, match="no such file"):
        read_questions(tmp_path / "q.jsonl")


def test_digests_change_with_what_is_asked_and_with_how_it_is_marked(tmp_path):
    """A changed prompt changes the first digest only, a changed target the second only."""
    base = {"id": "1", "class": "c", "prompt": "x", "target": "y"}
    rows = [base, {**base, "prompt": "z"}, {**base, "target": "w"}, {**base, "grader": "exact"}]
    made = [read_questions(written(tmp_path, "q.jsonl", [row]))[0] for row in rows]
    asked = [q.asked_digest for q in made]
    marked = [q.marked_digest for q in made]
    assert asked[0] == asked[2] == asked[3] != asked[1]
    assert marked[0] == marked[1] != marked[2]
    assert marked[3] not in {marked[0], marked[2]}


def test_graders_are_read_in_full(tmp_path):
    """Every option of a grader is read, and the judge's labels with it."""
    rows = [
        {
            "id": "1",
            "class": "c",
            "prompt": "x",
            "grader": {"kind": "judge", "model": "o3", "setting": "low", "rubric": "polite"},
            "labels": [{"answer": "yes", "score": 1}, {"answer": "no", "score": 0}],
        },
        {"id": "2", "class": "c", "prompt": "x", "grader": {"kind": "regex", "pattern": "^a "}},
    ]
    one, two = read_questions(written(tmp_path, "q.jsonl", rows))
    assert isinstance(one.grader, Judge)
    assert [label.score for label in one.labels] == [1, 0]
    assert isinstance(two.grader, Regex)
    assert two.grader.pattern == "^a "

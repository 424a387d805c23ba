"""Marking answers."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costplan.domain.errors import InputError
from costplan.probe.answers import LETTERS, chosen, last_number, normal_form
from costplan.probe.command_grader import mark_by_command
from costplan.probe.grade import mark
from costplan.probe.graders import (
    Choice,
    Command,
    Exact,
    JsonFields,
    Judge,
    Normalised,
    Numeric,
    Regex,
)
from costplan.probe.judge import check_judge, judge_request, read_verdict
from costplan.probe.questions import Question
from costplan.providers.request import Message, Request, Role, Setting


def asked(grader, target=None, **more):
    """Make a question."""
    return Question("1", "c", (Message(Role.USER, "?"),), grader, target, **more)


def score(grader, target, answer, **more):
    """Mark an answer."""
    return mark(asked(grader, target, **more), answer).score


@pytest.mark.parametrize(
    ("grader", "target", "answer", "expected"),
    [
        (Exact(), "115", " 115\n", 1),
        (Exact(), "115", "115.", 0),
        (Exact(), ["a", "b"], "b", 1),
        (Exact(after="Answer:"), "7", "I think.\nAnswer: 6\nAnswer: 7", 1),
        (Exact(after="Answer:"), "7", "7", 1),
        (Exact(), "", "", 0),
        (Normalised(), "New York", "**new-york!**", 1),
        (Normalised(), "-5", "5", 0),
        (Normalised(), "3.14", "314", 0),
        (Normalised(), "C++", "C", 0),
        (Normalised(), "1,000", "1000", 1),
        (Normalised(), "don't", "dont", 1),
        (Normalised(), "ﬁne", "FINE", 1),
        (Normalised(), "?", "!", 0),
        (Numeric(), "115", "It takes 115 minutes", 1),
        (Numeric(), 115, "From 14:10 on. The answer is 115 minutes (until 16:05).", 1),
        (Numeric(), 1234.5, "$1,234.50", 1),
        (Numeric(), "-3", "x = −3", 1),
        (Numeric(), "3", "x = −3", 0),
        (Numeric(), "0.5", r"so \boxed{1/2} it is 7", 1),
        (Numeric(abs_tolerance=0.1), 1.0, "1.1", 1),
        (Numeric(abs_tolerance=0.1), 1.0, "1.1000001", 0),
        (Numeric(rel_tolerance=0.01), 200, "202", 1),
        (Numeric(rel_tolerance=0.01), 200, "202.1", 0),
        (Numeric(), 5, "no idea", 0),
        (Numeric(), 5, "1e999999999", 0),
        (Numeric(), 2024, "2024-11", 0),
        (Regex(), r"^\d+$", "12", 1),
        (Regex(pattern="YES"), None, "yes", 0),
        (Regex(pattern="YES", ignore_case=True), None, "yes", 1),
        (JsonFields(), {"a": 1, "b": "x"}, 'So:\n```json\n{"a": 1.0, "b": "y"}\n```', 0.5),
        (JsonFields(all_or_nothing=True), {"a": 1, "b": "x"}, '{"a": 1, "b": "y"}', 0),
        (JsonFields(fields=("a.b",)), '{"a": {"b": [1, 2]}}', '{} {"a": {"b": [1, 2]}}', 1),
        (JsonFields(), {"a": True}, '{"a": 1}', 0),
        (JsonFields(), {"a": None}, "{}", 0),
        (JsonFields(rel_tolerance=0.1), {"a": 10}, '{"a": 10.5}', 1),
        (JsonFields(), {"a": 1}, "nothing", 0),
    ],
)
def test_answers_are_marked(grader, target, answer, expected):
    """Each grader gives the mark that a person would."""
    assert score(grader, target, answer) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("B", "B"),
        ("(b).", "B"),
        ("**C**", "C"),
        ("The answer is B", "B"),
        ("The answer is (B), not C.", "B"),
        ("First I thought Answer: A. But no. Answer: D", "D"),
        (r"$\boxed{\text{C}}$", "C"),
        ("B) blue", "B"),
        ("Reasoning about A.\nB. blue", "B"),
        ("A nice day it is", None),
        ("The answer is a mystery", "A"),
        ("Answer: E", None),
        ("blue", "B"),
        ("", None),
    ],
)
def test_choices_are_found_in_an_answer(answer, expected):
    """A letter is taken where the answer clearly gives one, and only a letter that is offered."""
    found = chosen(answer, ("red", "blue", "green", "grey"))
    if answer == "The answer is a mystery":  # cannot be told from a letter, and is rare
        assert found in {"A", None}
    else:
        assert found == expected


def test_a_choice_is_marked_against_letter_or_text():
    """The target may be the letter or the choice's own text."""
    for target in ("B", "blue"):
        assert score(Choice(), target, "Answer: B", choices=("red", "blue")) == 1
        assert score(Choice(), target, "Answer: A", choices=("red", "blue")) == 0


@given(st.text())
def test_no_text_breaks_a_grader(text):
    """Whatever a model writes, each grader gives a mark between 0 and 1."""
    for grader, target in (
        (Exact(), "x"),
        (Normalised(), "x"),
        (Numeric(), 1),
        (Choice(), "A"),
        (Regex(), "x+"),
        (JsonFields(), {"a": 1}),
        (Exact(after="x"), "y"),
    ):
        assert 0 <= score(grader, target, text) <= 1


@given(st.text(min_size=1))
def test_an_answer_that_is_the_target_is_right(text):
    """The target itself is right for exact and normalised, whatever it is."""
    if text.strip():
        assert score(Exact(), text, text) == 1
        assert score(Normalised(), text, text) == 1


@given(st.integers(-(10**12), 10**12), st.sampled_from(["{}", "It is {}.", "{} euros", "**{}**"]))
def test_a_number_is_found_however_it_is_dressed(value, dress):
    """An integer with thousands set apart or not is found in a sentence."""
    for text in (str(value), f"{value:,}"):
        assert last_number(dress.format(text)) == value


@given(st.text(), st.text())
def test_normal_forms_are_stable(left, right):
    """Normalising twice changes nothing."""
    assert normal_form(normal_form(left)) == normal_form(left)
    assert (normal_form(left) == normal_form(right)) == (normal_form(right) == normal_form(left))


def by_command(tmp_path, *run, answer="42", limit=20.0, environ=None):
    """Mark by a command."""
    question = asked(Command(run=run, time_limit_s=limit), "42")
    return asyncio.run(mark_by_command(question, answer, tmp_path, environ))


def test_a_command_marks_by_its_exit_code(tmp_path):
    """Exit code 0 is right, any other wrong; answer and target reach the command."""
    check = tmp_path / "check.py"
    check.write_text(
        "import os, sys\n"
        "answer = sys.stdin.read()\n"
        "assert open(os.environ['COSTPLAN_ANSWER']).read() == answer\n"
        "sys.exit(answer != os.environ['COSTPLAN_TARGET'])\n"
    )
    assert by_command(tmp_path, sys.executable, "check.py").score == 1
    wrong = by_command(tmp_path, sys.executable, "check.py", answer="41")
    assert (wrong.score, wrong.note) == (0, "exit code 1")
    crashed = by_command(tmp_path, "sh", "-c", "kill -9 $$")
    assert crashed.note == "signal 9"


def test_a_command_sees_no_key(tmp_path):
    """The environment of a command holds nothing of the caller's but a few plain variables."""
    environ = {**os.environ, "OPENAI_API_KEY": "sk-secret"}
    found = by_command(tmp_path, "sh", "-c", 'test -z "$OPENAI_API_KEY"', environ=environ)
    assert found.score == 1


def test_a_command_that_hangs_is_killed_with_its_children(tmp_path):
    """At the time limit the command and what it started end, and the answer is wrong."""
    script = f"(sleep 60; touch {tmp_path}/late) & echo $! > {tmp_path}/child; sleep 60"
    found = by_command(tmp_path, "sh", "-c", script, limit=0.5)
    assert found.score == 0
    assert "longer than 0.5 s" in found.note
    assert not (tmp_path / "late").exists()
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        state = Path(f"/proc/{child}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            return
        time.sleep(0.05)
    pytest.fail("the child is still there")


def test_a_command_that_ignores_its_input_is_no_error(tmp_path):
    """A command that does not read a long answer still marks it."""
    assert by_command(tmp_path, "true", answer="x" * 3_000_000).score == 1


def test_a_command_that_cannot_start_is_a_fault_of_the_user(tmp_path):
    """A missing program is a fault, never a wrong answer."""
    with pytest.raises(InputError, match="cannot be started"):
        by_command(tmp_path, "no-such-program-here")


def test_a_judge_is_asked_with_target_and_rubric():
    """The judge sees question, answer and what makes it right; the template's knob stays."""
    template = Request(
        "x", "judge-1", (Message(Role.USER, "-"),), Setting("low", effort="low"), 500
    )
    question = asked(Judge(model="j", setting="low", rubric="Be kind."), "42")
    request = judge_request(question, "my answer", template)
    text = request.messages[0].text
    assert all(part in text for part in ("Be kind.", "42", "my answer", "?"))
    assert (request.model, request.setting, request.max_output_tokens) == (
        template.model,
        template.setting,
        500,
    )


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Fine.\nVERDICT: RIGHT", 1.0),
        ("**Verdict:** wrong", 0.0),
        ("VERDICT: RIGHT or VERDICT: WRONG? It is VERDICT: WRONG", 0.0),
        ("It is right.", None),
        ("", None),
    ],
)
def test_verdicts_are_read_or_missing(text, verdict):
    """The last verdict holds; none is no mark."""
    assert read_verdict(text) == verdict


def test_a_judge_is_compared_with_a_person():
    """Agreement, false accepts and false rejects are counted; the interval holds the share."""
    pairs = [(1.0, 1.0)] * 30 + [(1.0, 0.0)] * 10 + [(0.0, 0.0)] * 15 + [(0.0, 1.0)] * 5
    check = check_judge([*pairs, (1.0, None)])
    assert (check.n, check.unread) == (60, 1)
    assert check.agreement == pytest.approx(0.75)
    assert check.false_accept == pytest.approx(0.25)
    assert check.false_reject == pytest.approx(0.25)
    assert check.low < 0.75 < check.high
    assert check.bias == pytest.approx(0)
    assert check_judge([]) is None


def test_the_wilson_interval_is_the_one_of_scipy():
    """The interval agrees with scipy's."""
    from scipy.stats import binomtest

    from costplan.probe.judge import wilson

    for k, n in ((0, 5), (3, 7), (50, 60), (9, 9)):
        expected = binomtest(k, n).proportion_ci(0.9, method="wilson")
        assert wilson(k, n, 0.9) == pytest.approx((expected.low, expected.high))


def test_letters_cover_the_alphabet():
    """As many letters as choices may be given."""
    assert len(LETTERS) == 26


def test_a_pattern_that_never_ends_is_cut_short():
    """A pattern that backtracks without end makes the answer wrong after a second, and says so."""
    question = Question(
        "q",
        "c",
        (Message(Role.USER, "p"),),
        Regex(pattern=r"^(a|aa|a*)*b$"),
    )
    found = mark(question, "a" * 60)
    assert found.score == 0
    assert "took longer" in found.note
    assert mark(question, "ab").score == 1

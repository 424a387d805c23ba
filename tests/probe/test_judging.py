"""Marking by a paid judge, from the first verdict to the restart."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from bench_desk import PATIENCE, PRICE

from costplan.probe.budget import Budget, Tariff
from costplan.probe.desk import Ask, Contender, Desk, Ended, ask_all
from costplan.probe.graders import Judge
from costplan.probe.journal import Journal
from costplan.probe.questions import Question
from costplan.probe.records import read_tally
from costplan.providers.limits import Gate
from costplan.providers.reply import Answer, Finish, Reply
from costplan.providers.request import Message, Request, Role, Setting
from costplan.providers.usage import Usage

GRADER = Judge(model="j", setting="low")
QUESTIONS = [
    Question(str(i), "c", (Message(Role.USER, f"say {i}"),), GRADER, f"yes {i}") for i in range(6)
]


def option(name, answer, calls, cap=100):
    """Make an option that answers by a function."""

    async def send(request):
        calls.append((name, request.question_id))
        text = answer(request)
        usage = Usage(100, 20)
        reply = Answer(text, Finish.STOP, "stop", usage, served_model=request.model)
        return Reply(reply, datetime.now(UTC), 0.01)

    template = Request("-", name, (Message(Role.USER, "-"),), Setting("low", effort="low"), cap)
    return Contender(name, "low", name, template, send, Tariff(PRICE), Gate(), cap)


def answers(request):
    """Answer rightly but for one question."""
    number = request.messages[-1].text.split()[-1]
    return "no" if number == "3" else f"yes {number}"


def verdicts(request):
    """Judge by the fence, and say nothing readable about one question."""
    if request.question_id == "5":
        return "I cannot tell."
    fenced = request.messages[-1].text.split("=" * 20)[1].strip()
    return f"VERDICT: {'RIGHT' if fenced == f'yes {request.question_id}' else 'WRONG'}"


def go(path, calls, limit="1", judge=verdicts, questions=QUESTIONS, answer=answers, cap=100):
    """Run the questions; gives outcomes and budget."""
    outcomes = []
    with Journal(path, ballast=0) as journal:
        budget = Budget(Decimal(limit), journal.tally.committed_usd)
        judges = {("j", "low"): option("j", judge, calls, cap)}
        desk = Desk(journal, budget, folder=path.parent, judges=judges, patience=PATIENCE)
        asked = option("m", answer, calls)
        asks = [Ask(question, asked) for question in questions]
        asyncio.run(ask_all(desk, asks, workers=3, told=outcomes.append))
    return outcomes, budget


def test_a_judges_verdicts_are_paid_marked_and_kept(tmp_path):
    """Replies and verdicts are paid once; an unreadable verdict is no mark, and no wrong answer."""
    calls = []
    outcomes, budget = go(tmp_path / "j", calls)
    ended = {outcome.ask.question.id: outcome.ended for outcome in outcomes}
    assert ended == {**dict.fromkeys("01234", Ended.ANSWERED), "5": Ended.UNMARKED}
    assert len(calls) == 12
    assert budget.spent_usd == 12 * Decimal("0.0004")
    scores = {kept.key[1]: kept.score for kept in read_tally(tmp_path / "j").replies.values()}
    assert scores == {"0": 1, "1": 1, "2": 1, "3": 0, "4": 1, "5": None}
    final = []
    # a longer cap is another request: the answer that was put aside is judged once more
    go(tmp_path / "j", final, judge=lambda request: "VERDICT: WRONG", cap=200)
    assert ("j", "5") in final
    assert {name for name, _ in final} == {"j"}
    assert not (tmp_path / "j.unmarked").exists()
    assert go(tmp_path / "j", last := [])[0][0].ended is Ended.KEPT
    assert last == []


def test_without_money_for_the_judge_the_reply_is_kept_for_later(tmp_path):
    """An answer so long that its verdict cannot be paid any more is unmarked, then marked."""
    calls = []

    def long(request):
        return f"yes 0{' ' * 30000}"

    outcomes, _ = go(tmp_path / "j", calls, "0.05", questions=QUESTIONS[:1], answer=long)
    assert [outcome.ended for outcome in outcomes] == [Ended.UNMARKED]
    assert "no money for the judge" in outcomes[0].reason
    assert calls == [("m", "0")]
    later = []
    outcomes, _ = go(tmp_path / "j", later, questions=QUESTIONS[:1])
    assert [outcome.ended for outcome in outcomes] == [Ended.KEPT]
    assert later == [("j", "0")]


def test_a_judge_without_verdicts_is_given_up(tmp_path):
    """After four answers without a verdict, and none with one, nothing more is paid for."""
    calls, many = [], [replace(QUESTIONS[0], id=str(i)) for i in range(30)]
    outcomes, _ = go(tmp_path / "j", calls, judge=lambda request: "Hm.", questions=many)
    ended = [outcome.ended for outcome in outcomes]
    assert 4 <= ended.count(Ended.UNMARKED) <= 6
    assert ended.count(Ended.UNMARKABLE) == 30 - ended.count(Ended.UNMARKED)
    assert any("holds a verdict" in outcome.reason for outcome in outcomes)
    assert len([name for name, _ in calls if name == "j"]) <= 6


def test_a_verdict_that_cannot_be_read_is_paid_for_once(tmp_path):
    """A second run neither asks the judge again about the same answer nor marks it."""
    first, later = [], []
    go(tmp_path / "j", first)
    outcomes, _ = go(tmp_path / "j", later)
    assert later == []
    assert [o.ended for o in outcomes].count(Ended.UNMARKED) == 1
    assert all("no verdict" in o.reason for o in outcomes if o.ended is Ended.UNMARKED)


def test_a_judge_that_was_given_up_stays_so(tmp_path):
    """What an earlier run could not read counts when the same command is started again."""
    many = [replace(QUESTIONS[0], id=str(i)) for i in range(30)]
    go(tmp_path / "j", [], judge=lambda request: "Hm.", questions=many[:4])
    later = []
    outcomes, _ = go(tmp_path / "j", later, judge=lambda request: "Hm.", questions=many)
    assert later == []
    assert [o.ended for o in outcomes] == [Ended.UNMARKED] * 4 + [Ended.UNMARKABLE] * 26


def test_an_answer_whose_verdict_would_not_fit_is_not_paid_for(tmp_path):
    """Where the limit has room for an answer but not for the judge, nothing is sent."""
    calls = []
    worst = Ask(QUESTIONS[0], option("m", answers, [])).worst_usd
    outcomes, _ = go(tmp_path / "j", calls, str(worst + Decimal("0.0005")), questions=QUESTIONS[:1])
    assert [outcome.ended for outcome in outcomes] == [Ended.NO_MONEY]
    assert "its judge's" in outcomes[0].reason
    assert calls == []


def test_a_changed_target_is_judged_again_when_the_answer_is_asked_again(tmp_path):
    """A verdict of another target does not stand; without texts the question is paid again."""
    calls = []
    go(tmp_path / "j", calls, questions=QUESTIONS[:1])
    changed = [replace(QUESTIONS[0], target="yes 0 indeed")]
    again = []
    outcomes, _ = go(tmp_path / "j", again, questions=changed)
    assert again == [("m", "0"), ("j", "0")]
    assert outcomes[0].again

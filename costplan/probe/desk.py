"""Asking one question of one option: from the books, or for money, and marked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

from costplan.probe.books import CallBooks, GivenUpError, reply_facts
from costplan.probe.budget import ZERO, Budget, OutOfMoneyError, Tariff
from costplan.probe.command_grader import mark_by_command
from costplan.probe.grade import Mark, mark, needs_more
from costplan.probe.graders import Command, Judge
from costplan.probe.journal import Journal
from costplan.probe.judge import judge_request, read_verdict
from costplan.probe.pool import work_all
from costplan.probe.questions import Question, digest
from costplan.probe.records import Kept, Key
from costplan.providers.fault import STOPS_PROVIDER, STOPS_SETTING, CallError, FaultKind
from costplan.providers.limits import Gate
from costplan.providers.reply import Reply
from costplan.providers.request import Request
from costplan.providers.retry import Patience, Send, ask

USUAL_ANSWER_BYTES = 4000
"""Size of an answer for which money must be left to have it judged."""
LONG_TOKEN_BYTES = 8
UNREAD_VERDICTS = 4
"""Answers of a judge without a verdict, and none with one, after which it is given up."""
SAME_REFUSALS = 3
"""Bad requests in a row after which a setting is given up."""
VAIN_ASKS = 5
"""Questions in a row that stayed without an answer, however often they were sent, after which a
setting is given up: a provider that is down costs hours, and calls that hang cost money."""


@dataclass(frozen=True, slots=True, eq=False)
class Contender:
    """A model at a setting, ready to be asked."""

    model: str
    """Name of the profile."""
    setting: str
    """Position of its knob."""
    provider: str
    """Who is paid; what is out of credit or has a wrong key is not asked again."""
    template: Request
    """Wire model, setting, cap, tier and limits; messages are replaced."""
    send: Send
    """Makes one attempt."""
    tariff: Tariff
    """What a call costs."""
    gate: Gate
    """How many calls may be under way."""
    output_tokens: int
    """Most output that a call can be billed for."""

    @property
    def name(self) -> tuple[str, str]:
        """Model and setting."""
        return (self.model, self.setting)


@dataclass(frozen=True, slots=True)
class Ask:
    """One question to one option."""

    question: Question
    contender: Contender
    sample: int = 0

    @property
    def key(self) -> Key:
        """Class, question, model, setting, sample."""
        return (*self.question.key, self.contender.model, self.contender.setting, self.sample)

    @property
    def request(self) -> Request:
        """What goes over the wire."""
        return replace(
            self.contender.template,
            question_id=self.question.id,
            messages=self.question.messages,
            system=self.question.system or self.contender.template.system,
            sample=self.sample,
        )

    @property
    def worst_usd(self) -> Decimal:
        """Most that one attempt can cost."""
        return self.contender.tariff.worst_usd(self.request, self.contender.output_tokens)


class Ended(StrEnum):
    """How an ask ended."""

    KEPT = "kept"
    """An earlier run paid for the reply."""
    ANSWERED = "answered"
    """A reply came now."""
    UNMARKED = "unmarked"
    """A reply is there, but no mark could be got."""
    FAILED = "failed"
    """No reply, whatever was tried."""
    STOPPED = "stopped"
    """Not asked: the provider or the setting was given up."""
    UNMARKABLE = "unmarkable"
    """Not asked: the judge that would mark the reply was given up."""
    NO_MONEY = "no_money"
    """Not asked: its worst case does not fit under the limit."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an ask."""

    ask: Ask
    ended: Ended
    kept: Kept | None = None
    """The reply, where there is one."""
    reason: str = ""
    """Why there is none, without the answer's text and without any key."""
    again: bool = False
    """Whether an earlier reply did not fit any more, so that this one was paid for."""


def request_digest(request: Request) -> str:
    """Digest what a reply depends on: a reply is kept while this stays the same."""
    setting = request.setting
    return digest(
        [
            request.model,
            [[str(message.role), message.text] for message in request.messages],
            request.system,
            [setting.effort, setting.budget, setting.switch, dict(setting.body)],
            request.max_output_tokens,
            request.tier,
            dict(request.user_body),
        ]
    )


class Desk:
    """Asks, pays, writes down and marks; stops what cannot succeed."""

    def __init__(
        self,
        journal: Journal,
        budget: Budget,
        *,
        folder: Path,
        judges: Mapping[tuple[str, str], Contender] | None = None,
        patience: Patience | None = None,
    ) -> None:
        """Use a journal and a budget; commands run in the folder of the question file."""
        self.journal = journal
        self.budget = budget
        self.folder = folder
        self.judges = judges or {}
        self.patience = patience or Patience()
        self.stopped: dict[tuple[str, str] | str, str] = {}
        self.silent: dict[tuple[str, str], str] = {}
        self._in_vain: dict[tuple[str, str], int] = {}
        self._unread: dict[tuple[str, str], set[Key]] = {}
        self._read: set[tuple[str, str]] = set()

    async def ask(self, asked: Ask) -> Outcome:
        """Give the outcome of one ask; a reply that is paid for is never paid for again."""
        request = asked.request
        known = self.journal.tally.replies.get(asked.key)
        again = False
        if known is not None:
            if known.request == request_digest(request):
                outcome = await self._kept(asked, known)
                if outcome is not None:
                    return outcome
            again = True
        reason = self._why_stopped(asked.contender)
        if reason:
            return Outcome(asked, Ended.STOPPED, reason=reason)
        reason = self._why_unmarkable(asked.question)
        if reason:
            return Outcome(asked, Ended.UNMARKABLE, reason=reason)
        try:
            reply, call = await self.pay(asked.contender, request, asked.key, "ask", asked)
        except OutOfMoneyError as error:
            return Outcome(asked, Ended.NO_MONEY, reason=str(error))
        except GivenUpError as error:
            gone = self._why_stopped(asked.contender)
            ended = Ended.STOPPED if gone else Ended.UNMARKABLE
            return Outcome(asked, ended, reason=str(error))
        except CallError as fault:
            self._note(asked.contender, fault)
            return Outcome(asked, Ended.FAILED, reason=f"{fault.kind}: {fault}", again=again)
        self._in_vain.pop(asked.contender.name, None)
        kept = self.journal.tally.replies[asked.key]
        if not needs_more(asked.question.grader):
            return Outcome(asked, Ended.ANSWERED, kept, again=again)
        return await self._mark_slowly(asked, kept, reply.answer.text, call, again)

    async def pay(
        self, contender: Contender, request: Request, key: Key, role: str, asked: Ask | None
    ) -> tuple[Reply, str]:
        """Ask for money; gives the reply and the call's identifier.

        Raises CallError when there is no reply, OutOfMoneyError and GivenUpError before anything
        was sent.
        """
        books = CallBooks(
            journal=self.journal,
            budget=self.budget,
            tariff=contender.tariff,
            key=key,
            role=role,
            request=request_digest(request),
            worst_usd=contender.tariff.worst_usd(request, contender.output_tokens),
            facts=lambda reply, call: self._facts(reply, call, role, asked),
            why_stopped=lambda: (
                self._why_stopped(contender)
                or (self._why_unmarkable(asked.question) if asked is not None else "")
            ),
            beside_usd=ZERO if asked is None else self._judging_usd(asked),
        )
        reply = await ask(
            contender.send,
            request,
            gate=contender.gate,
            ledger=books,
            patience=self.patience,
            tokens=contender.output_tokens,
        )
        if books.overrun:
            self.stopped[contender.name] = "a call cost more than its cap allows"
        return reply, books.call

    def _facts(self, reply: Reply, call: str, role: str, asked: Ask | None) -> dict[str, Any]:
        """Say of a reply what the journal keeps: counts and the mark, texts only where wanted."""
        facts = reply_facts(reply)
        text = reply.answer.text
        if self.journal.keep_texts:
            facts |= {"text": text, "reasoning_text": reply.answer.reasoning_text}
        if role == "judge":
            verdict = read_verdict(text)
            facts |= {"score": verdict, "marked": "verdict" if verdict is not None else None}
        elif asked is not None and not needs_more(asked.question.grader):
            facts |= _mark_facts(mark(asked.question, text), asked.question)
        elif not self.journal.keep_texts:
            self.journal.keep_unmarked(call, text)
        return facts

    async def _kept(self, asked: Ask, known: Kept) -> Outcome | None:
        """Use an earlier reply; None where its mark is of another time and its text is gone."""
        if known.marked == asked.question.marked_digest:
            return Outcome(asked, Ended.KEPT, known)
        text = self.journal.unmarked(known.call)
        if text is None and known.has_text:
            text = self.journal.text(known.call)
        if text is None:
            return None
        if needs_more(asked.question.grader):
            outcome = await self._mark_slowly(asked, known, text, known.call, False)
        else:
            await self._write_mark(known.call, mark(asked.question, text), asked.question)
            outcome = Outcome(asked, Ended.KEPT, known)
        if outcome.ended is Ended.ANSWERED:
            return replace(outcome, ended=Ended.KEPT)
        return outcome

    async def _mark_slowly(
        self, asked: Ask, kept: Kept, text: str, call: str, again: bool
    ) -> Outcome:
        """Mark with a command or a judge, and write the mark down."""
        try:
            if isinstance(asked.question.grader, Command):
                found: Mark | None = await mark_by_command(asked.question, text, self.folder)
                reason = ""
            else:
                found, reason = await self.judge(asked.question, text, asked.key)
        except OutOfMoneyError as error:
            found, reason = None, f"no money for the judge: {error}"
        if found is None:
            return Outcome(asked, Ended.UNMARKED, kept, reason, again)
        await self._write_mark(call, found, asked.question)
        self.journal.drop_unmarked(call)
        return Outcome(asked, Ended.ANSWERED, kept, again=again)

    async def judge(self, question: Question, text: str, key: Key) -> tuple[Mark | None, str]:
        """Get a verdict, from the books or for money; None with the reason where there is none.

        Raises OutOfMoneyError.
        """
        grader = question.grader
        if not isinstance(grader, Judge):
            raise TypeError("the question is not marked by a judge")
        if not text.strip():
            return Mark(0.0, "no answer"), ""
        contender = self.judges[grader.model, grader.setting]
        request = judge_request(question, text, contender.template)
        known = self.journal.tally.judged.get(key)
        if known is None or known.request != request_digest(request):
            reason = self._why_unmarkable(question)
            if reason:
                return None, reason
            try:
                await self.pay(contender, request, key, "judge", None)
            except GivenUpError as error:
                return None, f"judge: {error}"
            except CallError as fault:
                self._note(contender, fault)
                return None, f"judge: {fault.kind}: {fault}"
            known = self.journal.tally.judged[key]
        # what an earlier run could not read is not paid for again
        self._note_verdict(contender.name, key, known.score)
        if known.score is None:
            cut = " before its cap" if known.finish == "length" else ""
            return None, f"judge: no verdict in its answer{cut}"
        return Mark(known.score, "judge"), ""

    def _note_verdict(self, judge: tuple[str, str], key: Key, score: float | None) -> None:
        """Give up a judge of whom no verdict can be read: its class's answers are paid in vain."""
        if score is not None:
            self._read.add(judge)
            return
        unread = self._unread.setdefault(judge, set())
        unread.add(key)
        if judge not in self._read and len(unread) >= UNREAD_VERDICTS:
            self.silent[judge] = f"none of its first {UNREAD_VERDICTS} answers holds a verdict"

    def _judging_usd(self, asked: Ask) -> Decimal:
        """Bound what marking an answer of usual length by a judge can cost; 0 without one."""
        grader = asked.question.grader
        if not isinstance(grader, Judge):
            return ZERO
        judge = self.judges[grader.model, grader.setting]
        size = min(USUAL_ANSWER_BYTES, LONG_TOKEN_BYTES * asked.contender.output_tokens)
        request = judge_request(asked.question, "-" * size, judge.template)
        return judge.tariff.worst_usd(request, judge.output_tokens)

    def _why_unmarkable(self, question: Question) -> str:
        """Say why a judge cannot mark: an answer that nobody marks is not paid for."""
        grader = question.grader
        if not isinstance(grader, Judge):
            return ""
        judge = self.judges[grader.model, grader.setting]
        reason = self._why_stopped(judge) or self.silent.get(judge.name, "")
        return f"judge: {reason}" if reason else ""

    async def _write_mark(self, call: str, found: Mark, question: Question) -> None:
        await self.journal.append({"k": "mark", "call": call, **_mark_facts(found, question)})

    def _why_stopped(self, contender: Contender) -> str:
        """Say why an option is not asked any more; empty when it is."""
        return self.stopped.get(contender.provider) or self.stopped.get(contender.name) or ""

    def _note(self, contender: Contender, fault: CallError) -> None:
        """Stop what cannot succeed."""
        if fault.kind in STOPS_PROVIDER:
            self.stopped.setdefault(contender.provider, f"{fault.kind}: {fault}")
        elif fault.kind in STOPS_SETTING:
            self.stopped.setdefault(contender.name, f"{fault.kind}: {fault}")
        else:
            count = self._in_vain.get(contender.name, 0) + 1
            self._in_vain[contender.name] = count
            refused = fault.kind is FaultKind.BAD_REQUEST
            if count >= (SAME_REFUSALS if refused else VAIN_ASKS):
                said = f"{fault.kind}: {fault} ({count} questions in a row)"
                self.stopped.setdefault(contender.name, said)


def _mark_facts(found: Mark, question: Question) -> dict[str, Any]:
    return {"score": found.score, "marked": question.marked_digest, "note": found.note}


async def ask_all(
    desk: Desk,
    asks: Iterable[Ask],
    *,
    workers: int = 64,
    told: Callable[[Outcome], None] = lambda outcome: None,
) -> None:
    """Ask everything in order, so many at once; told gets each outcome as it comes.

    A run that is cancelled leaves every reply that came on disk. Raises the first error that is
    no fault of a call.
    """

    async def work(asked: Ask) -> None:
        told(await desk.ask(asked))

    await work_all(desk.journal, asks, work, workers=workers)

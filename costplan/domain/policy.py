"""Policies as people write them: how a request of a class may be answered by several calls.

policies: auto
policies:
  - vote: {option: gpt-5-mini/low, n: 5, early_stop: true}
  - best_of: {option: gpt-5-mini/low, n: 4, check: {kind: test}}
  - cascade:
      steps: [gpt-5-mini/low, gpt-5/high]
      check: {kind: verifier, false_accept: 0.1, false_reject: 0.05, usd: 0.0002}
  - route: {by: tier, buckets: {free: {option: gpt-5-mini/low, share: 0.8}, ...}}
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from costplan.domain.numbers import Fraction, NotNegative, Number, Positive, WholePositive
from costplan.domain.outcomes import KNOWN
from costplan.domain.record import Record

OptionName = Annotated[str, Field(min_length=1, max_length=200)]
"""Name of an option of the class: "gpt-5/low"."""
Calls = Annotated[WholePositive, Field(le=128)]
"""Calls of one setting for one answer, 1 to 128."""


class Check(Record):
    """What decides whether an answer is taken."""

    kind: Literal["test", "verifier", "agreement", "confidence"]
    """`test`: is never wrong (unit tests, a schema, a known answer). `verifier`: errs at two rates.
    `agreement`: enough of several calls give the same answer. `confidence`: the model's own stated
    confidence reaches a threshold; needs outcomes with a column `confidence`."""
    false_accept: Fraction | None = None
    """Share of wrong answers that a verifier takes; absent: measured from the column `accepted`."""
    false_reject: Fraction | None = None
    """Share of right answers that a verifier turns down; absent: measured likewise."""
    calls: Calls | None = None
    """Calls that `agreement` compares."""
    agree: Calls | None = None
    """How many of them must give the same answer."""
    threshold: Fraction | None = None
    """Stated confidence from which an answer is taken."""
    usd: NotNegative = Decimal(0)
    """Dollars of one check."""
    latency_s: NotNegative = Decimal(0)
    """Seconds of one check."""
    repeats: Fraction = Decimal(0)
    """How far a verifier repeats its verdict on one question: correlation of its mistakes."""
    hardness: Number = Decimal(0)
    """How much likelier a verifier takes a wrong answer to a hard question: logits per standard
    deviation of the share of settings that miss the question."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        given = {key for key in ("false_accept", "false_reject") if getattr(self, key) is not None}
        fields = {
            "verifier": given | {"repeats", "hardness"},
            "agreement": {"calls", "agree"},
            "confidence": {"threshold"},
            "test": set(),
        }
        kinds = ("false_accept", "false_reject", "calls", "agree", "threshold")
        stray = [
            key for key in kinds if getattr(self, key) is not None and key not in fields[self.kind]
        ]
        if stray:
            raise ValueError(f"{', '.join(stray)} does not go with a check of kind {self.kind}")
        if self.kind != "verifier" and (self.repeats or self.hardness):
            raise ValueError("repeats and hardness describe the mistakes of a verifier")
        if self.repeats and self.hardness:
            raise ValueError("give repeats or hardness, not both")
        if (self.repeats or self.hardness) and not given:
            raise ValueError("repeats and hardness go with stated rates; measured ones hold both")
        if self.kind == "verifier" and len(given) == 1:
            raise ValueError("give false_accept and false_reject, or neither to measure both")
        if self.kind == "confidence" and self.threshold is None:
            raise ValueError("confidence needs a threshold")
        if self.kind == "agreement":
            if self.calls is None or self.agree is None:
                raise ValueError("agreement needs calls and agree")
            if not 2 <= self.agree <= self.calls:
                raise ValueError("agree lies between 2 and calls")
        return self

    @property
    def measured(self) -> bool:
        """Whether the rates of a verifier come from the outcomes."""
        return self.kind == "verifier" and self.false_accept is None


class Vote(Record):
    """Several calls of one setting; the answer most of them give."""

    option: OptionName
    """Setting that is asked."""
    n: Calls
    """Calls at most."""
    early_stop: bool = False
    """Whether to stop as soon as the calls left cannot change the answer."""
    agree: Calls | None = None
    """Stop as soon as this many calls give the same answer, though others might still overtake."""
    start: Calls | None = None
    """Calls made at once before the first look; all n without a stop, else the fewest that can
    settle the vote."""
    wrong_answers: Annotated[WholePositive, Field(le=8)] = 1
    """How many wrong answers are about equally likely, where the outcomes do not hold the answers;
    1, the least that a vote can bring, when absent."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for key in ("agree", "start"):
            value = getattr(self, key)
            if value is not None and value > self.n:
                raise ValueError(f"{key} is above n")
        if self.n > 32 and self.wrong_answers > 2:
            raise ValueError("a vote of n above 32 is counted with wrong_answers of 1 or 2 only")
        if self.start is not None and not self.stops and self.start != self.n:
            raise ValueError("start goes with early_stop or agree")
        return self

    @property
    def stops(self) -> bool:
        """Whether the vote may end before all calls are made."""
        return self.early_stop or self.agree is not None


class BestOf(Record):
    """Several calls of one setting, and a check that picks."""

    option: OptionName
    """Setting that is asked."""
    n: Calls
    """Calls at most."""
    check: Check
    """What tells good answers: a test or a verifier."""
    parallel: bool = True
    """All calls at once; false: one after another until the check takes an answer."""

    @model_validator(mode="after")
    def _judges(self) -> Self:
        if self.check.kind not in ("test", "verifier"):
            raise ValueError("best_of needs a check of kind test or verifier")
        return self


class Step(Record):
    """A step of a cascade."""

    option: OptionName
    """Setting that is asked."""
    check: Check | None = None
    """Check of this step; the cascade's when absent."""


class Cascade(Record):
    """Settings asked in order; the next one when the check turns an answer down."""

    steps: Annotated[tuple[Step, ...], Field(min_length=2, max_length=6)]
    """Settings in order, as names or as {option, check}."""
    check: Check | None = None
    """Check after every step but the last."""

    @field_validator("steps", mode="before", json_schema_input_type=tuple[OptionName | Step, ...])
    @classmethod
    def _name_steps(cls, steps: object) -> object:
        if not isinstance(steps, list | tuple):
            return steps
        return [{"option": step} if isinstance(step, str) else step for step in steps]

    @model_validator(mode="after")
    def _checked(self) -> Self:
        names = [step.option for step in self.steps]
        if len(set(names)) != len(names):
            raise ValueError("a step is named twice: retries of one setting are a best_of")
        for step in self.steps[:-1]:
            if step.check is None and self.check is None:
                raise ValueError(f"step {step.option} needs a check, or the cascade one for all")
        if self.steps[-1].check is not None:
            raise ValueError("nothing follows the last step: it takes no check")
        return self

    @property
    def checks(self) -> tuple[Check, ...]:
        """Check after each step but the last."""
        found = (step.check or self.check for step in self.steps[:-1])
        return tuple(check for check in found if check is not None)


class Bucket(Record):
    """Requests of one difficulty, known before the call."""

    option: OptionName
    """Setting that serves them."""
    share: Fraction | None = None
    """Share of the class's requests; absent: counted from the outcomes."""
    up_to: Positive | None = None
    """Upper end of the bucket where `by` is input_tokens or a known_* column of numbers; absent on
    the last one."""


class Route(Record):
    """Difficulty known before the call decides who answers."""

    by: Annotated[str, Field(min_length=1)]
    """What is known: `input_tokens`, `dataset` and any column `known_...` are read from outcomes;
    `learned` is the chance that the first bucket's setting is right, learned from all of them,
    surest bucket first, and needs the buckets' shares, as does any other name, such as a customer
    tier or a log's column."""
    buckets: Annotated[dict[Annotated[str, Field(min_length=1)], Bucket], Field(min_length=2)]
    """Buckets by name; by rising up_to where there is one. Buckets of a known_* column without
    up_to are named by its values."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        shares = [bucket.share for bucket in self.buckets.values()]
        known = [share for share in shares if share is not None]
        if known and len(known) != len(shares):
            raise ValueError("give every bucket a share, or none")
        if known and sum(known) != 1:
            raise ValueError(f"the shares add up to {sum(known)}, not 1")
        ends = [bucket.up_to for bucket in self.buckets.values()]
        counted = self.by in ("input_tokens", "dataset") or self.by.startswith(KNOWN)
        numbers = self.by.startswith(KNOWN) and any(end is not None for end in ends)
        if self.by == "input_tokens" or numbers:
            bounds = [end for end in ends[:-1] if end is not None]
            if len(bounds) != len(ends) - 1 or ends[-1] is not None:
                raise ValueError("every bucket but the last needs up_to")
            if bounds != sorted(set(bounds)):
                raise ValueError("buckets must rise in up_to")
        elif any(end is not None for end in ends):
            raise ValueError(f"up_to goes with by: input_tokens or {KNOWN}...")
        if not known and not counted:
            raise ValueError(f"outcomes do not hold {self.by}: give every bucket its share")
        return self


class Auto(Record):
    """Let costplan propose policies."""

    check: Check | None = None
    """Check that cascades and best-ofs may use; without one, what the outcomes hold: answers that
    agree, verdicts in the column `accepted`, stated `confidence`."""
    votes: tuple[Calls, ...] = (3, 5)
    """Sizes of votes and best-ofs to propose where the evidence holds enough samples."""
    most: Annotated[WholePositive, Field(le=1000)] = 40
    """Most policies to propose; the best for their money are kept."""


class Policy(Record):
    """One policy, or the wish for proposals: exactly one key."""

    name: OptionName | None = None
    """Name of the option it becomes; made from its parts when absent."""
    vote: Vote | None = None
    """Several calls of one setting; the answer most of them give."""
    best_of: BestOf | None = None
    """Several calls of one setting, and a check that picks."""
    cascade: Cascade | None = None
    """Settings in order; the next one when a check turns an answer down."""
    route: Route | None = None
    """Difficulty known before the call decides who answers."""
    auto: Auto | None = None
    """Proposals."""
    correlation: Fraction | None = None
    """How far answers go together where no outcomes say it, 0 to 1: for a vote or best-of the
    correlation of two calls on one question, 0.7 when absent; for a cascade the part of the
    greatest possible covariance of two settings, 0.6 when absent. The policy is graded assumed."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        kinds = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(kinds) != 1:
            said = " and ".join(kinds) or "none"
            raise ValueError(f"give one of {', '.join(KINDS)}, found {said}")
        if self.auto is not None and self.name is not None:
            raise ValueError("proposals name themselves")
        return self

    @property
    def kind(self) -> str:
        """Which of its keys is given."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def options(self) -> tuple[str, ...]:
        """Names of the options it is made of, in order; empty for proposals."""
        if self.vote is not None:
            return (self.vote.option,)
        if self.best_of is not None:
            return (self.best_of.option,)
        if self.cascade is not None:
            return tuple(step.option for step in self.cascade.steps)
        if self.route is not None:
            return tuple(dict.fromkeys(b.option for b in self.route.buckets.values()))
        return ()


KINDS = ("vote", "best_of", "cascade", "route", "auto")


def read_policies(value: object) -> object:
    """Take `policies: auto` for [{auto: {}}], for a validator of the field."""
    if isinstance(value, str) and value != "auto":
        raise ValueError(f"expected the word auto, or a list of policies, found '{value[:40]}'")
    return [{"auto": {}}] if value == "auto" else value


Policies = Annotated[
    tuple[Policy, ...],
    BeforeValidator(read_policies, json_schema_input_type=Literal["auto"] | tuple[Policy, ...]),
]
"""Policies of a class; the word `auto` alone asks for proposals."""

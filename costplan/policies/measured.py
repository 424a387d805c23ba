"""Policies from outcomes question by question."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np  # noqa: TID253 - this room is about arrays

from costplan.domain.estimate import Grade
from costplan.domain.figures import write_percent
from costplan.domain.policy import Cascade, Check, Policy
from costplan.domain.policy_text import write_policy
from costplan.domain.recipe import Path, Setting, Spend, Stage
from costplan.policies.estimate import (
    PolicyEstimate,
    Trust,
    between,
    mean_or_none,
    relative_error,
    standard_error,
)
from costplan.policies.facts import Facts, NotMeasured, observe
from costplan.policies.joint import (
    USUAL_DEPENDENCE,
    cascade_accuracy,
    count_patterns,
    shrink_patterns,
)
from costplan.policies.naming import name_policy, say_check, say_threshold
from costplan.policies.picking import Rates
from costplan.policies.points import Points, mix
from costplan.policies.table import Array, Index, Table
from costplan.policies.walk import time_paths, walk

DEFAULT_TRUST = Trust()
FEWEST_QUESTIONS = 4
"""Questions that all settings of a policy answered, below which nothing is said of it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a policy is evaluated on."""

    table: Table
    """Outcomes of the class."""
    settings: Mapping[str, Setting]
    """Model and knob behind each option's name."""
    believed: Mapping[Setting, float] = field(default_factory=dict)
    """Accuracies that are believed of the settings; their measured ones where absent."""
    dependence: float = USUAL_DEPENDENCE
    """Share of the greatest covariance that settings show: `measure_dependence`."""
    trust: Trust = DEFAULT_TRUST
    """How sure intervals are to be."""
    future_questions: float | None = None
    """Requests on which the promise will be judged; None for very many."""

    def column(self, option: str) -> int:
        """Give the column of an option; NotMeasured when there is none."""
        setting = self.settings.get(option)
        if setting is None or setting not in self.table.settings:
            raise NotMeasured(f"the outcomes of the class do not hold {option}")
        return self.table.place(setting)

    def shared(self, columns: Sequence[int]) -> Index:
        """List the questions that all settings answered; NotMeasured when too few."""
        questions = self.table.shared(columns)
        if len(questions) < FEWEST_QUESTIONS:
            raise NotMeasured(f"only {len(questions)} questions were answered by all its settings")
        return questions


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """A policy as played on the questions, before anything is believed of it."""

    columns: Sequence[int]
    """Settings it is made of."""
    questions: Index
    """Questions it was played on."""
    right: Array
    """Chance of a right answer, (Q,)."""
    accepted: Array
    """Chance that the answer was taken, or not checked, (Q,)."""
    accepted_right: Array
    """Chance of both, (Q,)."""
    usd: Array
    """Dollars, (Q,)."""
    calls: Array
    """Calls, (Q,)."""
    stages: tuple[Stage, ...]
    """Stages in order."""
    paths: Sequence[tuple[Array, Array, Points | None]]
    """For each path, by stages run or by calls of a repeated one: its chance and its dollars, (Q,),
    and its seconds."""
    tokens: Mapping[str, Array]
    """Tokens of all calls, (Q,)."""
    lean: Array | None = None
    """How much the accuracy moves with that of each setting; None: by regression."""
    sd: float | None = None
    """Standard error of the accuracy; None: of the plain mean over the questions."""
    notes: tuple[str, ...] = ()
    """What was assumed."""


def judge(
    policy: Policy,
    played: Played,
    evidence: Evidence,
    believe: Callable[[Array], float] | None = None,
) -> PolicyEstimate:
    """Turn a policy as played into what is believed of it.

    The accuracy moves with what is believed of its settings: by the patterns of `believe` where
    it knows, else by the regression of the policy's answers on theirs.
    """
    table, questions = evidence.table, played.questions
    settings = [table.settings[c] for c in played.columns]
    score = table.score[questions][:, list(played.columns)]
    measured = np.nanmean(score, axis=0)
    expected = np.array(
        [evidence.believed.get(s, m) for s, m in zip(settings, measured.tolist(), strict=True)]
    )
    lean = regress(score, played.right) if played.lean is None else played.lean
    mean = float(played.right.mean() + lean @ (expected - measured))
    if believe is not None and evidence.believed:
        mean = believe(expected)
    sd = standard_error(played.right) if played.sd is None else played.sd
    if evidence.future_questions is not None:
        sd *= (1 + len(questions) / max(evidence.future_questions, 1.0)) ** 0.5
    usd = played.usd
    if not np.isfinite(usd).all():
        raise NotMeasured("the dollars of one of its settings are unknown")
    ratio = min(mean / float(played.right.mean()), 1.0) if played.right.mean() > 0 else 1.0
    paths = tuple(_list_paths(played))
    seconds = _all_seconds(played)
    trust = evidence.trust
    return PolicyEstimate(
        kind=policy.kind,
        name=policy.name or name_policy(policy),
        text=write_policy(policy),
        stages=played.stages,
        paths=paths,
        accuracy=between(mean, sd, trust, Grade.MEASURED),
        replayed=float(played.right.mean()),
        sd=trust.widen * sd,
        leans_on=dict(zip(settings, lean.tolist(), strict=True)),
        usd=float(usd.mean()),
        usd_relative_sd=relative_error(usd),
        mean_latency_s=None if seconds is None else seconds.mean,
        p95_latency_s=None if seconds is None else seconds.quantile(0.95),
        calls=float(played.calls.mean()),
        input_tokens=mean_or_none(played.tokens["input_tokens"]),
        output_tokens=mean_or_none(played.tokens["output_tokens"]),
        reasoning_tokens=mean_or_none(played.tokens["reasoning_tokens"]),
        accepted=float(played.accepted.mean()),
        accepted_right=float(played.accepted_right.mean()) * ratio,
        n_questions=len(questions),
        notes=(*played.notes, *_list_gaps(played, table)),
    )


def regress(score: Array, right: Array) -> Array:
    """Give how much a policy's answers move with those of its settings, each 0 to 1, (K,).

    Ridge regression with the weight of one question; a setting whose answers never vary gets what
    its share of the answers explains, 0.
    """
    centred = score - score.mean(axis=0)
    matrix = centred.T @ centred + 0.25 * np.eye(score.shape[1])
    slope = np.linalg.solve(matrix, centred.T @ (right - right.mean()))
    return np.asarray(np.clip(slope, 0.0, 1.0))


def play_cascade(cascade: Cascade, evidence: Evidence) -> Played:
    """Play a cascade on the questions that all its settings answered."""
    table = evidence.table
    columns = [evidence.column(step.option) for step in cascade.steps]
    questions = evidence.shared(columns)
    checks: list[Check | None] = [*cascade.checks, None]
    questions = _enough_samples(table, columns, questions, checks)
    stages = [observe(table, c, questions, k) for c, k in zip(columns, checks, strict=True)]
    walked = walk(stages, cascade.checks)
    seconds = time_paths(stages, walked.ends)
    spent = np.cumsum([stage.usd for stage in stages], axis=0)
    return Played(
        columns=columns,
        questions=questions,
        right=walked.right,
        accepted=np.ones(len(questions)),
        accepted_right=walked.right,
        usd=walked.usd,
        calls=walked.calls,
        stages=tuple(
            Stage(
                setting=table.settings[column],
                calls=float(stage.calls),
                check="" if check is None else say_check(check),
                threshold="" if check is None else say_threshold(check),
                reach=float(walked.reach[k].mean()),
                spend=_spend(stage, walked.reach[k]),
            )
            for k, (column, stage, check) in enumerate(zip(columns, stages, checks, strict=True))
        ),
        paths=[
            (walked.ends[k], spent[k], None if seconds is None else seconds[k])
            for k in range(len(stages))
        ],
        tokens=_add_tokens(stages, walked.reach),
        notes=(*_list_checks(cascade.checks), *_say_rates(table, columns, stages, cascade.checks)),
    )


def believe_cascade(
    cascade: Cascade, played: Played, evidence: Evidence
) -> Callable[[Array], float] | None:
    """Give the accuracy by shrunk patterns; None where a check needs more than right and wrong."""
    plain = all(
        check.kind == "test"
        or (check.kind == "verifier" and not (check.measured or check.repeats or check.hardness))
        for check in cascade.checks
    )
    if not plain:
        return None
    rates = [
        Rates(float(check.false_accept or 0), float(check.false_reject or 0))
        for check in cascade.checks
    ]
    counted = count_patterns(evidence.table.score[played.questions][:, list(played.columns)])

    def believe(accuracy: Array) -> float:
        patterns = shrink_patterns(
            counted, len(played.questions), accuracy.tolist(), evidence.dependence
        )
        return cascade_accuracy(patterns, rates)

    return believe


def _enough_samples(
    table: Table, columns: Sequence[int], questions: Index, checks: Sequence[Check | None]
) -> Index:
    """Keep the questions with the samples that agreement needs, if they are at least half."""
    kept = questions
    for column, check in zip(columns, checks, strict=True):
        need = check.calls if check is not None and check.calls else 1
        kept = kept[table.count[kept, column] >= need]
    if len(kept) < max(FEWEST_QUESTIONS, len(questions) / 2):
        raise NotMeasured("too few questions have the samples that agreement compares")
    return kept


def _spend(stage: Facts, reach: Array) -> Spend:
    """Give what a stage takes of the dollars and tokens of a mean request."""

    def mean(amounts: Array) -> float:
        return float(np.where(reach > 0, reach * amounts, 0.0).mean())

    tokens = {name: mean(amounts) for name, amounts in stage.tokens.items()}
    return Spend(
        mean(stage.usd),
        **{name: None if np.isnan(number) else number for name, number in tokens.items()},
    )


def _add_tokens(stages: Sequence[Facts], reach: Array) -> dict[str, Array]:
    total: dict[str, Array] = {}
    for name in ("input_tokens", "output_tokens", "reasoning_tokens"):
        spent = [stage.tokens[name] for stage in stages]
        total[name] = np.sum(
            [np.where(r > 0, r * s, 0.0) for r, s in zip(reach, spent, strict=True)], axis=0
        )
    return total


def _list_paths(played: Played) -> list[Path]:
    """List the ways a request can go; by calls, those that happen, for repeated calls."""
    found = []
    by_calls = len(played.paths) > len(played.stages)
    for stages, (chance, usd, seconds) in enumerate(played.paths, start=1):
        share = float(chance.mean())
        if by_calls and share <= 0:
            continue
        found.append(
            Path(
                stages=stages,
                share=share,
                usd=float(np.average(usd, weights=chance)) if share > 0 else float(usd.mean()),
                mean_latency_s=None if seconds is None else seconds.mean,
                p95_latency_s=None if seconds is None else seconds.quantile(0.95),
            )
        )
    return found


def _all_seconds(played: Played) -> Points | None:
    """Mix the seconds of all paths; None where a path that is gone has none."""
    parts = [(float(chance.mean()), seconds) for chance, _, seconds in played.paths]
    if any(share > 0 and seconds is None for share, seconds in parts):
        return None
    return mix([(share, seconds) for share, seconds in parts if seconds is not None])


def _list_checks(checks: Sequence[Check]) -> tuple[str, ...]:
    return tuple(
        f"the error rates of the {say_check(check)} are stated, not measured"
        for check in dict.fromkeys(checks)
        if check.kind == "verifier" and not check.measured
    )


def _say_rates(
    table: Table, columns: Sequence[int], stages: Sequence[Facts], checks: Sequence[Check]
) -> list[str]:
    """Say how often a measured verifier erred on the answers of each setting."""
    said = []
    for column, stage, check in zip(columns, stages, checks, strict=False):
        wrong, right = float((1 - stage.right).sum()), float(stage.right.sum())
        if check.measured and wrong > 0 and right > 0:
            model, knob = table.settings[column]
            taken = float(stage.taken_wrong.sum()) / wrong
            refused = 1 - float(stage.taken_right.sum()) / right
            said.append(
                f"the verifier as measured takes {write_percent(taken)} of the wrong and turns "
                f"down {write_percent(refused)} of the right answers of {model}/{knob}"
            )
    return said


def _list_gaps(played: Played, table: Table) -> list[str]:
    notes = []
    filled = [c for c in played.columns if table.filled_usd[c] > 0]
    for column in filled:
        model, knob = table.settings[column]
        share = table.filled_usd[column]
        notes.append(
            f"{write_percent(share, 0)} of the dollars of {model}/{knob} are unknown; "
            "its mean stands in"
        )
    dropped = len(table.questions) - len(played.questions)
    if dropped:
        notes.append(f"{dropped} questions that not all its settings answered are left out")
    return notes

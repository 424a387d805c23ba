"""A probe's results as facts: JSON, and what a reader must know in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from costplan.domain.figures import (
    write_percent,
    write_range,
    write_unit_usd,
    write_usd,
)

if TYPE_CHECKING:
    from costplan.plan.probing_judges import JudgeFound
    from costplan.plan.probing_request import CheckRun, DryRun, Probed
    from costplan.plan.probing_result import ClassFound, OptionFound

SMALL_USD = Decimal("0.01")
NANO_USD = Decimal("1e-9")
NOTABLE_BIAS = 0.02
"""Accuracy by which a judge must be off to be told."""


def usd(amount: Decimal | float | None) -> str:
    """Write dollars; amounts below a cent with three digits."""
    if amount is None:
        return write_usd(None)
    exact = Decimal(str(amount))
    return write_unit_usd(exact) if 0 < abs(exact) < SMALL_USD else write_usd(exact)


def plural(count: int, word: str) -> str:
    """Write a noun for a count."""
    return word if count == 1 else f"{word}s"


def list_warnings(probed: Probed) -> Iterable[str]:
    """Say what a reader must know."""
    yield from probed.notes
    live = probed.live
    for name, reason in probed.stopped.items():
        yield f"{name} was given up: {reason}"
    for key, reason in live.reasons.items():
        if "/".join(key) not in probed.stopped and reason not in probed.stopped.values():
            yield f"{'/'.join(key)}: questions without an answer: {reason}"
    for reason, count in live.unmarked.items():
        yield f"{count} replies without a mark: {reason}"
    slow = sum("took longer" in kept.note for kept in live.kept.values())
    if slow:
        yield f"{slow} answers count as wrong because marking them took longer than its limit"
    yield from _list_money(probed)
    for pair in probed.found.alike:
        yield (
            f"{pair.model}: '{pair.higher}' spends what '{pair.lower}' does (median"
            f" {pair.median_higher:.0f} and {pair.median_lower:.0f} tokens): the knob may not move"
        )
    for name, judge in probed.found.judges.items():
        yield from _judge(name, judge)
    yield from _list_batches(probed)


def _judge(name: str, judge: JudgeFound) -> Iterable[str]:
    """Say whether a judge can be believed."""
    if judge.marks_itself:
        yield f"judge {name} marks answers of its own model, and may favour them"
    if not judge.labels:
        yield f"judge {name}: you marked no answers to check it against (labels)"
    if judge.unasked:
        why = f": {judge.reason}" if judge.reason else ""
        yield f"judge {name} was not asked about {judge.unasked} of {judge.labels} labels{why}"
    check = judge.check
    if check is None:
        if judge.labels > judge.unasked:
            yield f"judge {name} gave no verdict that can be read on any of your labels"
        return
    said = (
        f"judge {name} agrees with your marks on {write_percent(check.agreement, 0)} of {check.n}"
        f" ({write_range(check.low, check.high)})"
    )
    if check.false_accept is not None:
        said += f", calls {write_percent(check.false_accept, 0)} of the wrong ones right"
    if check.false_reject is not None:
        said += f", {write_percent(check.false_reject, 0)} of the right ones wrong"
    if check.unread:
        said += f", and gives no verdict that can be read on {check.unread}"
    yield said
    if check.bias is not None and abs(check.bias) >= NOTABLE_BIAS:
        shown = write_percent(0.5 + check.bias, 0)
        yield f"by judge {name} a model that is right on 50 % would be measured at {shown}"


def _list_money(probed: Probed) -> Iterable[str]:
    live = probed.live
    if live.no_money:
        yield "some options were too dear for what was left: their worst case did not fit"
    if probed.overrun_usd:
        yield f"a provider charged {usd(probed.overrun_usd)} more than its cap allows"
    if live.again:
        yield f"{live.again} replies were paid for again: question, setting or grader had changed"


def _list_batches(probed: Probed) -> Iterable[str]:
    live = probed.live
    for part in live.stage.classes:
        task = next(p.task for p in live.stage.case.classes if p.task.name == part)
        if task.batch:
            yield (
                f"{part} waits for the batch price, and the outcomes hold what the probe paid at"
                " the standard price: a plan that rests on them alone expects too many dollars"
            )


def plain(value: object) -> object:
    """Turn records into what JSON holds; a number that is none becomes null."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value


def probed_facts(probed: Probed) -> dict[str, object]:
    """Give a probe's results as JSON."""
    tally, found = probed.tally, probed.found
    return {
        "why": found.why,
        "settled": found.why == "settled",
        "max_usd": probed.max_usd,
        "spent_usd": tally.committed_usd,
        "spent_by_role": {
            role: tally.spent_by_role.get(role, Decimal(0)) for role in ("ask", "judge", "check")
        },
        "uncertain_usd": tally.uncertain_usd + probed.in_flight_usd,
        "calls": tally.calls,
        "calls_without_end": len(tally.open),
        "replies": len(probed.live.kept),
        "faults": dict(sorted(tally.faults.items())),
        "stopped": dict(probed.stopped),
        "journal": str(probed.request.journal_path),
        "outcomes": None if probed.outcomes is None else str(probed.outcomes),
        "measurements": None if probed.measurements is None else str(probed.measurements),
        "classes": [_class_facts(group) for group in found.classes],
        "plan": {
            "before": plain(found.before),
            "now": plain(found.now),
            "left_to_gain": plain(found.left),
            "sure": plain(found.sure),
        },
        "same_spend": plain(found.alike),
        "judges": plain(dict(found.judges)),
        "warnings": list(list_warnings(probed)),
    }


def _class_facts(group: ClassFound) -> dict[str, object]:
    return {
        "name": group.name,
        "questions": group.questions,
        "evidence": group.evidence,
        "comparison": plain(group.comparison),
        "options": [_option_facts(option) for option in group.options],
    }


def _option_facts(option: OptionFound) -> dict[str, object]:
    point = option.point
    return {
        "model": point.option[0],
        "setting": point.option[1],
        "n": point.n,
        "accuracy": plain(point.accuracy),
        "believed": plain(option.believed),
        "published": option.published,
        "usd_per_call": point.usd.quantize(NANO_USD),
        "usd_per_request": plain(option.plan_usd),
        "input_tokens": point.input_tokens,
        "output_tokens": point.output_tokens,
        "reasoning_tokens": point.reasoning_tokens,
        "truncated": point.truncated,
        "refused": point.refused,
        "p50_latency_s": plain(point.p50_s),
        "p95_latency_s": plain(point.p95_s),
        "p50_first_visible_s": plain(point.first_s),
        "mean_waited_s": point.waited_s,
        "chance": option.chance,
        "share_before": option.share_before,
        "share": option.share_now,
    }


def dry_facts(dry: DryRun) -> dict[str, object]:
    """Give a dry run as JSON."""
    live = dry.live
    names = live.stage.options

    def listed(c: int, marks: Sequence[bool]) -> list[str]:
        return ["/".join(name) for name, there in zip(names, marks, strict=True) if there]

    return {
        "max_usd": dry.max_usd,
        "classes": [
            {
                "name": name,
                "questions": len(live.stage.questions[name]),
                "first": listed(c, list(live.first[c])),
                "later": listed(c, list(live.candidates[c] & ~live.first[c])),
            }
            for c, name in enumerate(live.stage.classes)
        ],
        "forecast": plain(dry.forecast),
        "labels": plain(dry.labels),
        "missing_keys": dict(dry.missing_keys),
        "cannot_be_asked": {"/".join(k): reason for k, reason in live.lineup.barred.items()},
        "notes": list(live.stage.notes),
    }


def check_facts(run: CheckRun) -> dict[str, object]:
    """Give a check as JSON."""
    return {
        "ok": run.ok,
        "spent_usd": run.spent_usd,
        "max_usd": run.max_usd,
        "options": plain(list(run.checked)),
    }

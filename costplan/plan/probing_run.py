"""How a probe stands: who is asked, what is believed, and what to ask next."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from costplan.plan.probing_beliefs import Believed, believe
from costplan.plan.probing_costs import expect_costs
from costplan.plan.probing_lineup import Lineup
from costplan.plan.probing_plan import Today, make_aim, plan_today
from costplan.plan.probing_stage import Name, Row, Stage
from costplan.probe.budget import Budget
from costplan.probe.desk import Ended, Outcome
from costplan.probe.records import Kept, Key, Tally
from costplan.probe.schedule import FIRST_QUESTIONS, Advice, Asking, Step, advise, foresee
from costplan.probe.schedule import first_steps as schedule_first

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Counts = NDArray[np.int64]
    Mask = NDArray[np.bool_]

FIRST_CHANCE = 0.02
"""Chance of being the best from which an option is asked in the first round."""
ANY_CHANCE = 0.002
"""Chance below which an option cannot enter the plan, and is not asked at all."""
PRICES = (0.3, 1.0, 3.0)
"""A dollar's worth may turn out so many times what it seems; options are kept for each."""
MOST_FIRST = 24
"""Options of a class that the first round asks, at most."""
LEAST_FIRST = 2
"""Options of a class that the first round asks whatever they cost."""
FIRST_PART = 0.35
"""Part of the money that the first round is expected to take, at most."""
MOST_ROUNDS = 1000
EXPECTED_ASKS = 1.0
"""Asks that the expected dollars of one are worth beside those paid."""


@dataclass(slots=True, eq=False)
class Live:
    """How the probe stands: what a watcher sees while it runs."""

    stage: Stage
    lineup: Lineup
    candidates: Mask
    """Options that can still enter the plan and that can be asked, (C, M)."""
    first: Mask
    """Options that the first round asks, (C, M)."""
    reached: Counts
    """Questions of its class that each option has gone through, (C, M)."""
    closed: Mask
    """Options that cannot be asked, or not any more, (C, M)."""
    ask_usd: Array
    """Dollars that a question is expected to cost, before any answer, (C, M)."""
    kept: dict[Key, Kept] = field(default_factory=dict)
    """Marked replies by key."""
    waiting: set[Key] = field(default_factory=set)
    """Asks of rounds under way: what is decided must not hang on which of them came first."""
    ahead: Counts | None = None
    """Questions that each option is going through in rounds under way, (C, M)."""
    tally: Tally = field(default_factory=Tally)
    """What the journal says."""
    ended: dict[Ended, int] = field(default_factory=dict)
    """Asks by how they ended."""
    reasons: dict[Name, str] = field(default_factory=dict)
    """Why an option was given up or failed, in its own or its provider's words."""
    unmarked: dict[str, int] = field(default_factory=dict)
    """Why replies got no mark."""
    again: int = 0
    """Replies paid for again, for the earlier ones did not fit."""
    no_money: int = 0
    """Asks that did not fit under the limit."""
    round: int = 0
    believed: Believed | None = None
    advice: Advice | None = None
    steps: tuple[Step, ...] = ()
    """What to ask next, beside what is under way."""
    today: Today | None = None
    before: Today | None = None
    """The plan before the first answer."""
    began: float = field(default_factory=time.monotonic)
    why: str = ""
    """Why it ended: settled, questions, money, stopped, interrupted."""

    def rows(self) -> list[Row]:
        """Give the marked replies as answers that count; those of a round under way do not yet."""
        waiting = self.waiting
        return [
            Row(
                task_class=key[0],
                question=key[1],
                option=(key[2], key[3]),
                score=kept.score or 0.0,
                usd=float(kept.usd),
                output_tokens=math.nan if kept.tokens[1] is None else float(kept.tokens[1]),
                latency_s=kept.total_s,
            )
            for key, kept in sorted(self.kept.items())
            if kept.score is not None and key not in waiting
        ]


class Watcher(Protocol):
    """Follows a probe."""

    def begun(self, live: Live, budget: Budget, tally: Tally) -> None:
        """The journal is read and nothing has been sent yet."""

    def checked(self, done: int, whole: int) -> None:
        """A judge has marked so many of the answers that the user has marked."""

    def told(self, live: Live, outcome: Outcome) -> None:
        """An ask has ended."""

    def judged(self, live: Live) -> None:
        """A round is over and the plan has been made again."""

    def stopping(self) -> None:
        """Nothing more is sent; calls under way are waited for."""


def set_live(
    stage: Stage,
    lineup: Lineup,
    able: Mask,
    *,
    grid: bool = False,
    max_usd: Decimal | None = None,
) -> Live:
    """Choose who is asked: by today's beliefs, those that could enter the plan.

    The first round is expected to cost at most a part of max_usd.
    """
    import numpy as np

    seated = np.array([[name in lineup.seats for name in stage.options]] * len(stage.classes))
    able = able & seated
    believed = believe(stage, [])
    there = stage.place >= 0
    before = plan_today(stage, believed, there)
    chance = _chances(stage, believed, before, there)
    wanted = (before.fill.shares > 0) | _today_marks(stage)
    first = able & ((chance >= FIRST_CHANCE) | wanted)
    for c in range(len(stage.classes)):
        if not first[c].any():  # what cannot be asked leads: take the best that can
            first[c, np.where(able[c], chance[c], -1.0).argmax()] = able[c].any()
        ranked = np.argsort(-np.where(first[c], chance[c] + wanted[c], -1.0), kind="stable")
        first[c, ranked[MOST_FIRST:]] = False
    candidates = able if grid else first | (able & (chance >= ANY_CHANCE))
    costs = expect_costs(stage, lineup)
    if max_usd is not None and not grid:
        first &= _affordable(first, chance, costs.usd, float(max_usd) * FIRST_PART)
    return Live(
        stage=stage,
        lineup=lineup,
        candidates=candidates,
        first=candidates.copy() if grid else first,
        reached=np.zeros(able.shape, dtype=np.int64),
        closed=~able,
        ask_usd=costs.usd,
        believed=believed,
        before=before,
        today=before,
    )


def _affordable(first: Mask, chance: Array, usd: Array, limit: float) -> Mask:
    """Keep the likeliest options whose first questions fit a limit, at least two of each class."""
    import numpy as np

    kept = np.zeros(first.shape, bool)
    order = np.argsort(-np.where(first, chance, -1.0), axis=1, kind="stable")
    for rank in range(first.shape[1]):
        for c in range(len(first)):
            m = order[c, rank]
            cost = float((usd * kept).sum() + usd[c, m]) * FIRST_QUESTIONS
            if first[c, m] and (rank < LEAST_FIRST or cost <= limit):
                kept[c, m] = True
    return kept


def _chances(stage: Stage, believed: Believed, today: Today, may: Mask) -> Array:
    """Give every option's chance of being its class's best, at the kindest price of a dollar."""
    import numpy as np

    aim = make_aim(stage, believed, may)
    zeros = np.zeros(may.shape, dtype=np.int64)
    available = np.full(len(may), 10**6)
    nothing = Asking(zeros, available, np.ones(may.shape), ~may)
    found = np.zeros(may.shape)
    for factor in PRICES:
        plan = replace(today.fill, last_slope=today.fill.last_slope * factor)
        seen = advise(believed.posterior, aim, nothing, tolerance=0.0, plan=plan)
        found = np.maximum(found, seen.best_share)
    return found


def _today_marks(stage: Stage) -> Mask:
    """Mark what each class does today: the plan is compared with it."""
    import numpy as np

    marks = np.zeros(stage.place.shape, bool)
    for c in range(len(stage.classes)):
        now = stage.part(c).task.today
        for m, (model, setting) in enumerate(stage.options):
            if now is not None and model == now.model and setting == (now.setting or setting):
                marks[c, m] = stage.place[c, m] >= 0
    return marks


def _asking(live: Live) -> Asking:
    """Say what has been asked and what asking costs: what it did cost, as far as that is known."""
    import numpy as np

    stage = live.stage
    rows = {name: c for c, name in enumerate(stage.classes)}
    columns = {name: m for m, name in enumerate(stage.options)}
    paid, n = live.ask_usd * EXPECTED_ASKS, np.full(live.ask_usd.shape, EXPECTED_ASKS)
    for key, kept in list(live.kept.items()):  # replies come in while this is read
        if key in live.waiting:
            continue
        at = rows[key[0]], columns[key[2], key[3]]
        judged = live.tally.judged.get(key)
        paid[at] += float(kept.usd) + (0.0 if judged is None else float(judged.usd))
        n[at] += 1
    available = np.array([len(stage.questions[name]) for name in stage.classes])
    return Asking(live.reached, available, np.maximum(paid / n, 1e-9), live.closed)


def first_steps(live: Live, questions: int = FIRST_QUESTIONS) -> tuple[Step, ...]:
    """Ask the first questions of all that could enter the plan."""
    assert live.believed is not None
    aim = make_aim(live.stage, live.believed, live.first)
    return schedule_first(aim, _asking(live), questions)


def think(live: Live, rows: Sequence[Row], tolerance: float, *, last: bool = False) -> None:
    """Believe, plan and judge again, from the answers so far; the last time with the same draws."""
    decide(live, believe(live.stage, rows), tolerance, last=last)


def decide(
    live: Live, believed: Believed, tolerance: float, *, last: bool = False, again: bool = True
) -> None:
    """Plan and judge by what is believed, and say what to ask next.

    again: make the plan again, else the one before is near enough.
    """
    stage = live.stage
    live.believed = believed
    there = stage.place >= 0
    if again or live.today is None:
        live.today = plan_today(stage, believed, there)
    aim, asking = make_aim(stage, believed, there), _asking(live)
    seed = stage.case.workload.seed + (0 if last else live.round)
    plan = live.today.fill
    live.advice = advise(believed.posterior, aim, asking, tolerance=tolerance, seed=seed, plan=plan)
    live.steps = live.advice.steps
    if live.ahead is not None and live.steps:
        seen = foresee(believed.posterior, live.ahead)
        then = replace(asking, asked=asking.asked + live.ahead)
        live.steps = advise(seen, aim, then, tolerance=tolerance, seed=seed, plan=plan).steps


def left_to_gain(live: Live) -> float:
    """Give what knowing everything would be worth, in accuracy over all that is planned."""
    if live.advice is None or live.believed is None:
        return math.nan
    weight = make_aim(live.stage, live.believed, live.stage.place >= 0).weight
    return float((weight * live.advice.evpi).sum())


def spent_by_asks(live: Live) -> Decimal:
    """Add up what the replies that count cost, whenever they were paid."""
    return sum((kept.usd for kept in live.kept.values()), Decimal(0))

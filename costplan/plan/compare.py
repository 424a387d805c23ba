"""Two plans side by side: what changed, and a bridge from one to the other that adds up.

The bridge changes one thing at a time, class by class: requests, then prices, then what the
evidence says (tokens, dollars, accuracies), then the choices; GPUs and contract terms last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Literal

from costplan.domain.errors import Fault, InputError
from costplan.domain.money import EXACT
from costplan.plan.line_price import Offer, find_price, group_prices, offer_of, price_line
from costplan.plan.model import Line, Plan, PriceUsed

Cause = Literal["volumes", "prices", "evidence", "choices", "gpus", "contracts"]
CAUSES: tuple[Cause, ...] = ("volumes", "prices", "evidence", "choices", "gpus", "contracts")
CLASS_CAUSES: tuple[Cause, ...] = ("volumes", "prices", "evidence", "choices")
Unit = tuple[str, str | None]
"""Class and month."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one cause adds."""

    cause: Cause
    """What changed."""
    usd: Decimal
    """Dollars that it adds, exact; the bill's steps add up to the difference of the bills."""
    accuracy: float
    """What it adds to the mean accuracy over all requests."""


@dataclass(frozen=True, slots=True)
class ClassChange:
    """One class in both plans; a class that one of them lacks has no requests there."""

    task_class: str
    """The class."""
    month: str | None
    """Month of a horizon."""
    before: tuple[tuple[str, Decimal], ...]
    """Options and shares in the first plan."""
    after: tuple[tuple[str, Decimal], ...]
    """Options and shares in the second plan."""
    requests_before: Decimal
    requests_after: Decimal
    usd_before: Decimal
    usd_after: Decimal
    accuracy_before: float | None
    accuracy_after: float | None
    steps: Mapping[Cause, Decimal]
    """Dollars that each cause adds; they add up to the difference."""

    @property
    def chosen_anew(self) -> bool:
        """Whether the choice differs."""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class Change:
    """A limit, price or aim that differs."""

    what: str
    """Its name: "usd", "gpt-5 output"."""
    before: Decimal | str | None
    """Value in the first plan; None where it has none."""
    after: Decimal | str | None
    """Value in the second plan."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that differs between two plans."""

    usd_before: Decimal
    usd_after: Decimal
    accuracy_before: float
    accuracy_after: float
    value_before: Decimal
    value_after: Decimal
    steps: tuple[Step, ...]
    """The bridge, one step for each cause."""
    classes: tuple[ClassChange, ...]
    """Every class of either plan, in the first plan's order."""
    ceilings: tuple[Change, ...]
    """Limits that differ."""
    prices: tuple[Change, ...]
    """Prices that differ, dollars per million tokens."""
    aims: tuple[Change, ...]
    """Objective, splits, confidence, period, where they differ."""
    notes: tuple[str, ...]
    """What the bridge could not tell apart."""

    @property
    def usd(self) -> Decimal:
        """Dollars that the second bill is above the first."""
        with localcontext(EXACT):
            return self.usd_after - self.usd_before


def compare(before: Plan, after: Plan) -> Comparison:
    """Compare two plans; InputError where one has no lines or they are not of like periods."""
    _check(before, after)
    assert before.totals is not None
    assert after.totals is not None
    with localcontext(EXACT):
        pairs = _pair(before, after)
        market = _Market.of(before, after)
        notes: dict[str, None] = {}
        bridges = [_bridge(pair, market, notes) for pair in pairs]
        steps = _add_up(before, after, bridges)
        return Comparison(
            usd_before=before.totals.usd,
            usd_after=after.totals.usd,
            accuracy_before=before.totals.accuracy.mean,
            accuracy_after=after.totals.accuracy.mean,
            value_before=before.totals.value,
            value_after=after.totals.value,
            steps=steps,
            classes=tuple(bridge.change for bridge in bridges),
            ceilings=tuple(_ceilings(before, after)),
            prices=tuple(_price_changes(before, after)),
            aims=tuple(_aims(before, after)),
            notes=tuple(notes),
        )


def _check(before: Plan, after: Plan) -> None:
    for name, plan in (("first", before), ("second", after)):
        if plan.totals is None:
            raise InputError([Fault(f"the {name} plan has no lines", advice=plan.verdict)])
    spans = [(p.workload.period, len({li.month for li in p.lines})) for p in (before, after)]
    if spans[0] != spans[1]:
        said = " and ".join(f"{months} of a {period}" for period, months in spans)
        raise InputError(
            [Fault(f"the plans are for {said}", advice="compare plans of equal periods")]
        )


@dataclass(frozen=True, slots=True)
class _Pair:
    """The lines of one class in both plans."""

    unit: Unit
    before: tuple[Line, ...]
    after: tuple[Line, ...]


def _pair(before: Plan, after: Plan) -> list[_Pair]:
    """Pair classes by name; the months of a horizon by their place in it."""
    months = [
        {m: i for i, m in enumerate(sorted({line.month or "" for line in plan.lines}))}
        for plan in (before, after)
    ]
    grouped: list[dict[tuple[str, int], list[Line]]] = []
    for plan, places in zip((before, after), months, strict=True):
        units: dict[tuple[str, int], list[Line]] = {}
        for line in plan.lines:
            units.setdefault((line.task_class, places[line.month or ""]), []).append(line)
        grouped.append(units)
    old, new = grouped
    pairs = []
    for key in dict.fromkeys([*old, *new]):
        lines = tuple(old.get(key, ())), tuple(new.get(key, ()))
        one = (lines[0] or lines[1])[0]
        pairs.append(_Pair((one.task_class, one.month), *lines))
    return pairs


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a plan knows of an option of a class."""

    usd: Decimal
    accuracy: float


@dataclass(frozen=True, slots=True)
class _Market:
    """What the second plan says of the first plan's choices."""

    before: Mapping[Offer, Sequence[PriceUsed]]
    after: Mapping[Offer, Sequence[PriceUsed]]
    seen: Mapping[tuple[str, str], _Seen]
    """By the key of a class, which names its month, and option."""

    @classmethod
    def of(cls, before: Plan, after: Plan) -> _Market:
        """Gather prices of both plans, and options of the second."""
        seen = {
            (item.task_class, item.option): _Seen(item.usd_per_request, item.accuracy.mean)
            for item in after.considered
            if item.usd_per_request is not None and item.accuracy is not None
        }
        for line in after.lines:
            facts = _Seen(line.usd_per_request, line.accuracy.mean)
            seen[_key(line.task_class, line.month), line.option] = facts
        return cls(group_prices(before.prices), group_prices(after.prices), seen)

    def find(self, name: str, option: str, month: str | None) -> _Seen | None:
        """Find what the second plan says of an option."""
        return self.seen.get((_key(name, month), option))

    def reprice(self, line: Line) -> Decimal | None:
        """Give a line's dollars per request at the second plan's price; None where unknown."""
        place = find_price(line, self.before)
        old, new = (prices.get(offer_of(line), ()) for prices in (self.before, self.after))
        if place is None or len(new) != len(old):
            return None
        if _rates(new[place]) == _rates(old[place]):
            return _per_request(line, line.usd)
        priced = price_line(line, new[place])
        return None if priced is None else _per_request(line, priced)


def _key(name: str, month: str | None) -> str:
    """Name a class as the plan's options name it."""
    return name if month is None else f"{name} {month}"


def _rates(price: PriceUsed) -> tuple[Decimal, Decimal | None, Decimal]:
    return price.input_usd_per_mtok, price.cached_input_usd_per_mtok, price.output_usd_per_mtok


def _per_request(line: Line, usd: Decimal) -> Decimal:
    return usd / line.requests_planned if line.requests_planned else Decimal(0)


@dataclass(frozen=True, slots=True)
class _Bridge:
    """One class's way from the first plan to the second."""

    change: ClassChange
    right: tuple[float, float, float, float]
    """Right answers: before, at the new requests, with the new evidence, after."""


def _bridge(pair: _Pair, market: _Market, notes: dict[str, None]) -> _Bridge:
    name, month = pair.unit
    n_old = pair.before[0].requests if pair.before else Decimal(0)
    n_new = pair.after[0].requests if pair.after else Decimal(0)
    usd_old = sum((line.usd for line in pair.before), Decimal(0))
    usd_new = sum((line.usd for line in pair.after), Decimal(0))
    scaled = usd_old * n_new / n_old if n_old else Decimal(0)
    repriced = resized = Decimal(0)
    right_scaled = right_resized = 0.0
    for line in pair.before:
        requests = line.share * n_new
        usd = scaled * line.usd / usd_old if usd_old else Decimal(0)
        priced = market.reprice(line)
        seen = market.find(name, line.option, pair.after[0].month if pair.after else None)
        at_price = usd if priced is None else requests * priced
        if seen is None and pair.after:
            notes[f"{line.option} is no option of {name} any more: the change counts as choice"] = (
                None
            )
        at_size = at_price if seen is None else requests * seen.usd
        if priced is None and seen is not None and _is_stated(line):
            at_price = at_size  # a stated cost has no tokens: its change is one of price
        repriced += at_price
        resized += at_size
        right_scaled += float(requests) * line.accuracy.mean
        right_resized += float(requests) * (line.accuracy.mean if seen is None else seen.accuracy)
    steps: dict[Cause, Decimal] = {
        "volumes": scaled - usd_old,
        "prices": repriced - scaled,
        "evidence": resized - repriced,
        "choices": usd_new - resized,
    }
    if not pair.before:
        # A class that is new brings its own choice: nothing was chosen otherwise before.
        steps = {"volumes": usd_new, "prices": Decimal(0), "evidence": Decimal(0),
                 "choices": Decimal(0)}  # fmt: skip
    right_old, right_new = _right(pair.before), _right(pair.after)
    if not pair.before:
        right_scaled = right_resized = right_new
    return _Bridge(
        ClassChange(
            task_class=name,
            month=month,
            before=_picks(pair.before),
            after=_picks(pair.after),
            requests_before=n_old,
            requests_after=n_new,
            usd_before=usd_old,
            usd_after=usd_new,
            accuracy_before=right_old / float(n_old) if n_old else None,
            accuracy_after=right_new / float(n_new) if n_new else None,
            steps=steps,
        ),
        (right_old, right_scaled, right_resized, right_new),
    )


def _is_stated(line: Line) -> bool:
    return line.accuracy.grade == "stated" or line.input_tokens is None


def _right(lines: Iterable[Line]) -> float:
    return sum(float(line.requests * line.share) * line.accuracy.mean for line in lines)


def _picks(lines: Iterable[Line]) -> tuple[tuple[str, Decimal], ...]:
    return tuple(sorted((line.option, line.share) for line in lines))


def _add_up(before: Plan, after: Plan, bridges: list[_Bridge]) -> tuple[Step, ...]:
    """Add the classes up; GPUs and contract terms are of the plan as a whole."""
    assert before.totals is not None
    assert after.totals is not None
    usd: dict[Cause, Decimal] = {
        cause: sum((bridge.change.steps[cause] for bridge in bridges), Decimal(0))
        for cause in CLASS_CAUSES
    }
    gpus = [sum((pool.usd for pool in plan.pools), Decimal(0)) for plan in (before, after)]
    listed = [sum((line.usd for line in plan.lines), Decimal(0)) for plan in (before, after)]
    bills = [before.totals.usd, after.totals.usd]
    usd["gpus"] = gpus[1] - gpus[0]
    usd["contracts"] = (bills[1] - listed[1] - gpus[1]) - (bills[0] - listed[0] - gpus[0])
    n_old = sum(float(bridge.change.requests_before) for bridge in bridges) or 1.0
    n_new = sum(float(bridge.change.requests_after) for bridge in bridges) or 1.0
    levels = [sum(bridge.right[i] for bridge in bridges) for i in range(4)]
    at = [levels[0] / n_old, *(level / n_new for level in levels[1:])]
    accuracy: dict[Cause, float] = {
        "volumes": at[1] - at[0],
        "evidence": at[2] - at[1],
        "choices": at[3] - at[2],
    }
    return tuple(Step(cause, usd[cause], accuracy.get(cause, 0.0)) for cause in CAUSES)


def _ceilings(before: Plan, after: Plan) -> Iterable[Change]:
    old = {ceiling.name: ceiling.limit for ceiling in before.ceilings}
    new = {ceiling.name: ceiling.limit for ceiling in after.ceilings}
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            yield Change(name, old.get(name), new.get(name))


def _price_changes(before: Plan, after: Plan) -> Iterable[Change]:
    old, new = group_prices(before.prices), group_prices(after.prices)
    for key in dict.fromkeys([*old, *new]):
        if key not in old or key not in new or len(old[key]) != len(new[key]):
            continue
        for one, other in zip(old[key], new[key], strict=True):
            label = f"{one.model} at {one.provider}" + (", batch" if one.batch else "")
            for kind in ("input", "cached_input", "output"):
                was, now = (getattr(p, f"{kind}_usd_per_mtok") for p in (one, other))
                if was != now:
                    yield Change(f"{label}: {kind.replace('_', ' ')}", was, now)


def _aims(before: Plan, after: Plan) -> Iterable[Change]:
    old, new = _aim_facts(before), _aim_facts(after)
    for what, was in old.items():
        if was != new[what]:
            yield Change(what, was, new[what])


def _aim_facts(plan: Plan) -> dict[str, str | None]:
    target = plan.objective.target
    return {
        "objective": plan.objective.maximize or "least cost",
        "target": None if target is None else str(target),
        "confidence": str(plan.confidence),
        "splits": "yes" if plan.splits else "no",
        "prices of": plan.workload.starts,
    }

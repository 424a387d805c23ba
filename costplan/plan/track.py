"""Plan against actual: what was spent, what the plan had for the same days, and why they differ."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, localcontext

from costplan.domain.errors import Fault, InputError
from costplan.domain.figures import write_usd
from costplan.domain.money import EXACT
from costplan.domain.profile import Profile
from costplan.plan.model import Plan
from costplan.plan.months import end_period
from costplan.plan.track_actuals import Actuals
from costplan.plan.track_again import judge
from costplan.plan.track_cells import Found, Item, LeftOut, merge_spent
from costplan.plan.track_match import Match, Matcher, ModelNames, Rule
from costplan.plan.track_share import ListPrices, Share, Way, pool_ways, share_plan
from costplan.plan.track_split import CAUSES, Cause, ClassTrack, Key, Spent, split_class
from costplan.plan.track_steps import count_requests, place_steps

ALL = "all classes"
"""Name of everything together, where classes cannot be told apart."""
_MODEL_KEYS = {"model", "provider_name", "endpoint_id", "service_tier", "context_window", "batch"}
"""Keys that tell models and vendors, and never classes."""
_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class TrackOptions:
    """How a plan is set against what was spent."""

    rules: Sequence[Rule] = ()
    """The user's rules from labels to classes."""
    ids: Mapping[str, Match] = field(default_factory=dict)
    """What the ids and names in the plan's gateway configuration stand for."""
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    """Models that are known, by name."""
    requests: Mapping[str, Decimal] = field(default_factory=dict)
    """Requests per class in the days covered, where the files do not count them."""
    whole: bool = False
    """Whether all classes are tracked as one."""
    net: bool = False
    """Whether the spend is after tiers and commitments."""
    sum_sources: bool = False
    """Whether sources that state the same measure of the same model add up."""


@dataclass(frozen=True, slots=True)
class Track:
    """Plan against actual for the days covered."""

    plan_usd: Decimal
    """The plan for the days covered: its lines, without GPUs."""
    usd: Decimal
    """What was spent."""
    steps: Mapping[Cause, Decimal]
    """What each cause adds, over all classes; they lead from plan to spend exactly."""
    classes: tuple[ClassTrack, ...]
    """Every class of the plan, and every label that is none."""
    days: Mapping[dt.date, Decimal]
    """Covered part of every covered day."""
    missing_days: tuple[dt.date, ...]
    """Days between that are taken as not covered."""
    portion: Decimal
    """Share of the plan's dollars that the days stand for; above 1 for several periods."""
    ceiling_usd: Decimal | None
    """Dollar ceiling of the plan's period or horizon."""
    projected_usd: Decimal | None
    """The plan's bill when all of it goes as these days went; None for a plan of no dollars."""
    left_out: tuple[LeftOut, ...]
    """Spend that counts nowhere."""
    cannot_say: Mapping[str, tuple[str, ...]]
    """What each source does not carry."""
    class_by: Mapping[str, str]
    """Key the labels are made by, of each source."""
    files: tuple[str, ...]
    """Files that were read."""
    unpriced: tuple[str, ...]
    """Classes and models of which neither spend nor price is known: they count as 0."""
    again: tuple[str, ...]
    """Why to plan again, by the rule; empty when there is no need."""
    notes: tuple[str, ...]
    """What the reader must know."""
    elsewhere: str | None = None
    """What it means that days lie outside the plan's period; None where all lie in it."""

    @property
    def days_covered(self) -> Decimal:
        """Days covered, parts of days in part."""
        return sum(self.days.values(), Decimal(0))

    @property
    def estimated_usd(self) -> Decimal:
        """Part of the spend that no source states."""
        with localcontext(EXACT):
            return sum((one.estimated_usd for one in self.classes), Decimal(0))

    @property
    def variance(self) -> Decimal:
        """Dollars above the plan."""
        with localcontext(EXACT):
            return self.usd - self.plan_usd


def track(plan: Plan, actuals: Actuals, options: TrackOptions | None = None) -> Track:
    """Set a plan against what was spent.

    Raises InputError for a plan without lines, days outside its horizon, labels that name no class,
    or sources that count the same twice.
    """
    options = options or TrackOptions()
    if not plan.lines:
        raise InputError([Fault("the plan has no lines", advice=plan.verdict)])
    _check_told(plan, options)
    with localcontext(EXACT):
        shares = share_plan(plan, actuals.days, net=options.net)
        found, whole = _find(plan, actuals, options)
        sides: dict[str, tuple[list[Share], list[Item]]] = {}
        for share in shares:
            sides.setdefault(ALL if whole else share.line.task_class, ([], []))[0].append(share)
        for item in found.items:
            sides.setdefault(ALL if whole else item.task_class, ([], []))[1].append(item)
        prices = ListPrices(plan.prices, options.profiles, max(actuals.days))
        classes = tuple(
            _track_class(name, *side, prices, options.requests.get(name))
            for name, side in sides.items()
        )
        return _add_up(plan, actuals, classes, found, options)


def _check_told(plan: Plan, options: TrackOptions) -> None:
    names = list(dict.fromkeys(line.task_class for line in plan.lines))
    if unknown := sorted(options.requests.keys() - {*names, ALL}):
        advice = "classes are: " + ", ".join(names[:_MOST_NAMED])
        raise InputError(
            [Fault(f"--requests names no class '{name}'", advice=advice) for name in unknown]
        )


def _find(plan: Plan, actuals: Actuals, options: TrackOptions) -> tuple[Found, bool]:
    """Say of every cell what class, model and setting it is, and whether all is one class."""
    names = [line.task_class for line in plan.lines]
    matcher = Matcher(names, options.rules, options.ids)
    models = ModelNames(plan, options.profiles)
    found = Found()
    for cell in actuals.cells:
        found.add(cell, matcher.find(cell.label), models)
    if not options.sum_sources:
        found.check_once(actuals.spans)
    if options.whole:
        return found, True
    if found.items and not any(item.planned for item in found.items):
        by_model = all(not key or key in _MODEL_KEYS for key in actuals.class_by.values())
        if by_model and not options.rules:
            return found, True
        raise InputError([_no_label(actuals)])
    return found, False


def _no_label(actuals: Actuals) -> Fault:
    labels = list(dict.fromkeys(cell.label for cell in actuals.cells))
    keys = ", ".join(f"{key or 'nothing'} of {source}" for source, key in actuals.class_by.items())
    said = f"no label in the files is a class of the plan; by {keys} they are: "
    return Fault(
        said + ", ".join(labels[:_MOST_NAMED]),
        advice="--match FILE says which label is which class, --class-by KEY takes other labels, "
        "--whole tracks all classes as one",
    )


def _track_class(
    name: str,
    shares: list[Share],
    items: list[Item],
    prices: ListPrices,
    told: Decimal | None,
) -> ClassTrack:
    items, unplaced = place_steps(shares, items)
    apart = _told_apart(shares, items)
    ways: dict[Key, list[Way]] = {}
    for share in shares:
        key = (share.model, share.setting if share.model in apart else None)
        ways.setdefault(key, []).append(share.way)
    pooled = {key: pool_ways(listed) for key, listed in ways.items()}
    made, notes = merge_spent(items, pooled, apart, prices)
    count, differ = count_requests(shares, items, told, unplaced=unplaced)
    done = split_class(name, pooled, made, requests=count, calls_differ=differ)
    notes += _say_blurred(shares, made)
    return replace(done, notes=tuple(dict.fromkeys([*done.notes, *notes])))


def _told_apart(shares: list[Share], items: list[Item]) -> set[str]:
    """List models of which every call tells a setting, one of them planned."""
    settings: dict[str, set[str | None]] = {}
    for item in items:
        if item.model is not None and item.cell.has_usage:
            settings.setdefault(item.model, set()).add(item.setting)
    knobs = {(share.model, share.setting) for share in shares}
    return {
        model
        for model, told in settings.items()
        if None not in told and any((model, setting) in knobs for setting in told)
    }


def _say_blurred(shares: list[Share], made: Mapping[Key, Spent]) -> Iterator[str]:
    """Name models whose settings are several in the plan, and one in the files."""
    knobs: dict[str, set[str]] = {}
    for share in shares:
        knobs.setdefault(share.model, set()).add(share.setting)
    for model, settings in knobs.items():
        if len(settings) > 1 and (model, None) in made:
            yield (
                f"{model}: the files do not tell {' from '.join(sorted(settings))}; a shift "
                "between them counts as tokens per request"
            )


def _add_up(
    plan: Plan,
    actuals: Actuals,
    classes: tuple[ClassTrack, ...],
    found: Found,
    options: TrackOptions,
) -> Track:
    plan_usd = sum((one.plan_usd for one in classes), Decimal(0))
    usd = sum((one.usd for one in classes), Decimal(0))
    lines_usd = sum((line.usd for line in plan.lines), Decimal(0))
    bill = lines_usd if plan.totals is None else plan.totals.usd
    gpus = sum((pool.usd for pool in plan.pools), Decimal(0))
    projected = (bill - gpus) * usd / plan_usd + gpus if plan_usd else None
    ceiling = next((c.limit for c in plan.ceilings if c.name == "usd"), None)
    return Track(
        plan_usd=plan_usd,
        usd=usd,
        steps={c: sum((one.steps[c] for one in classes), Decimal(0)) for c in CAUSES},
        classes=classes,
        days=actuals.days,
        missing_days=actuals.missing_days,
        portion=_portion(plan, actuals),
        ceiling_usd=ceiling,
        projected_usd=projected,
        left_out=found.left_out,
        cannot_say=actuals.cannot_say,
        class_by=actuals.class_by,
        files=actuals.files,
        unpriced=tuple(f"{one.task_class}: {model}" for one in classes for model in one.unpriced),
        again=tuple(judge(plan_usd, usd, classes, projected, ceiling)),
        notes=tuple(dict.fromkeys([*_notes(plan, actuals, classes, options), *actuals.notes])),
        elsewhere=_say_elsewhere(plan, list(actuals.days)),
    )


def _portion(plan: Plan, actuals: Actuals) -> Decimal:
    """Give the share of the plan's dollars that the days stand for, before any terms."""
    shares = share_plan(plan, actuals.days)
    whole = sum((line.usd for line in plan.lines), Decimal(0))
    if not whole:
        whole = sum((line.requests_planned for line in plan.lines), Decimal(0))
        part = sum((share.way.requests - share.way.later for share in shares), Decimal(0))
    else:
        part = sum((share.way.usd for share in shares), Decimal(0))
    return part / whole if whole else Decimal(0)


def _notes(
    plan: Plan, actuals: Actuals, classes: Sequence[ClassTrack], options: TrackOptions
) -> Iterator[str]:
    if [one.task_class for one in classes] == [ALL]:
        yield "the plan is tracked as a whole: the files do not tell its classes apart"
    absent = [one.task_class for one in classes if one.planned and not one.usd and not one.requests]
    if absent:
        yield f"nothing was spent on {', '.join(absent[:_MOST_NAMED])}; are its labels matched?"
    yield from _say_days(plan, actuals)
    gpus = sum((pool.usd for pool in plan.pools), Decimal(0))
    if gpus:
        yield f"GPUs of {write_usd(gpus)} are in the plan and not in these figures"
    if plan.totals is not None:
        terms = plan.totals.usd - plan.totals.usd_list - gpus
        if terms and not options.net:
            yield (
                f"tiers and commitments of {write_usd(terms, cents=True)} are in the plan's bill "
                "and not in these figures; --net takes them in, where the spend is after them"
            )


def _say_days(plan: Plan, actuals: Actuals) -> Iterator[str]:
    """Say what is odd in the days covered."""
    if actuals.missing_days:
        named = ", ".join(day.isoformat() for day in actuals.missing_days[:_MOST_NAMED])
        yield (
            f"days without a record are taken as not covered: {named}; --from and --to say that "
            "nothing is missing"
        )
    ends = {source: (start.date(), end.date()) for source, (start, end) in actuals.spans.items()}
    if len({start for start, _ in ends.values()}) > 1 or len({e for _, e in ends.values()}) > 1:
        said = ", ".join(f"{source} from {a} to {b}" for source, (a, b) in ends.items())
        yield f"the sources do not cover the same days: {said}; the plan is taken for all of them"


def _say_elsewhere(plan: Plan, days: Sequence[dt.date]) -> str | None:
    """Say that days lie outside the period of a plan, whose volumes and prices are then taken."""
    if any(line.month for line in plan.lines):
        return None
    start = dt.date.fromisoformat(plan.workload.starts)
    end = end_period(start, plan.workload.period)
    first, last = min(days), max(days)
    if start <= first and last <= end:
        return None
    which = "Not the plan's days" if last < start or first > end else "Not only the plan's days"
    return (
        f"{which}: the plan is for {start} to {end}, the files are for {first} to {last}; its "
        "volumes and prices are taken for them alike."
    )

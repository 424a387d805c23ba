"""Scenarios: a workload with some of its numbers changed, planned again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

from pydantic import ValidationError

from costplan.domain.errors import Fault, InputError
from costplan.domain.workload import Workload
from costplan.files.model_shape import record_at
from costplan.files.suggestions import did_you_mean
from costplan.plan.build import build_plan
from costplan.plan.case import Case
from costplan.plan.gather import Sources, gather
from costplan.plan.model import Plan
from costplan.plan.solving import Manner

ASSIGNMENT = re.compile(r"^\s*(?P<path>[^=]+?)\s*(?P<how>[-+*]?=)\s*(?P<value>.+?)\s*$")
MOST_STEPS = 200
"""Most scenarios of a sweep."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One change: `ceilings.usd=30000` sets, `ceilings.usd-=500` and `=*1.5` change a number."""

    path: str
    """Where: keys joined by dots; classes by name, `*` for all of them."""
    value: str
    """What: a number or word; behind `=` also `*1.5` or `-20%`, on what stands there."""
    how: str = "="
    """"=", or "+=", "-=", "*=" on what stands there."""

    @staticmethod
    def parse(text: str) -> Setting:
        """Read PATH=VALUE; InputError when it is none, or may be meant in two ways."""
        found = ASSIGNMENT.match(text)
        if found is None:
            raise InputError(
                [Fault(f"{text!r} is no PATH=VALUE", advice="such as ceilings.usd=30000")]
            )
        path, how, value = found["path"], found["how"], found["value"]
        if how == "=" and value.startswith("+") != value.endswith("%") and value[0] not in "-*":
            bare = value.removeprefix("+")
            advice = f"{path}+={bare} adds to what stands there, {path}={bare.strip('%')} sets"
            raise InputError([Fault(f"{text!r} may be meant in two ways", advice=advice)])
        return Setting(path, value, how)

    @property
    def change(self) -> tuple[str, str] | None:
        """How it changes what stands there, "+", "-" or "*", and by what; None where it sets."""
        if self.how != "=":
            return self.how[0], self.value
        if self.value.startswith("*"):
            return "*", self.value[1:].strip()
        if self.value.endswith("%"):
            sign = "-" if self.value.startswith("-") else "+"
            return sign, self.value.lstrip("+-").strip()
        return None

    def __str__(self) -> str:
        """Write it so that setting and changing look different."""
        if self.change is None:
            return f"{self.path} = {self.value}"
        sign, by = self.change
        return f"{self.path} {sign}= {by}"


@dataclass(frozen=True, slots=True)
class Sweep:
    """One number moved through a range: `ceilings.usd=20000:60000:5`."""

    path: str
    """Where."""
    values: tuple[str, ...]
    """The values, in order."""

    @staticmethod
    def parse(text: str) -> Sweep:
        """Read PATH=LOW:HIGH:STEPS or PATH=a,b,c; InputError when it is neither."""
        setting = Setting.parse(text)
        if setting.how != "=":
            advice = f"name the numbers: {setting.path}=LOW:HIGH:STEPS"
            raise InputError([Fault(f"{text!r} is no sweep", advice=advice)])
        values = _spread(setting.value)
        if not 2 <= len(values) <= MOST_STEPS:
            raise InputError(
                [
                    Fault(
                        f"{text!r} names {len(values)} values; 2 to {MOST_STEPS} make a sweep",
                        advice="such as ceilings.usd=20000:60000:5 or splits=true,false",
                    )
                ]
            )
        return Sweep(setting.path, values)


def _spread(text: str) -> tuple[str, ...]:
    ends = text.split(":")
    if len(ends) != 3:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    try:
        low, high, steps = Decimal(ends[0]), Decimal(ends[1]), int(ends[2])
    except (InvalidOperation, ValueError):
        return ()
    if not 2 <= steps <= MOST_STEPS:
        return ()
    return tuple(f"{(low + (high - low) * i / (steps - 1)).normalize():f}" for i in range(steps))


@dataclass(frozen=True, slots=True)
class Scenario:
    """A changed workload's plan."""

    settings: tuple[Setting, ...]
    """What was changed; none for the workload as it stands."""
    plan: Plan
    """The plan."""


def run_scenarios(
    case: Case,
    sources: Sources,
    settings: Sequence[Setting],
    sweeps: Sequence[Sweep] = (),
    manner: Manner | None = None,
) -> Iterator[Scenario]:
    """Plan the workload as it stands, then with the settings at every point of the sweeps.

    Raises InputError when a path names nothing or a value cannot stand there.
    """
    if len({sweep.path for sweep in sweeps}) < len(sweeps):
        raise InputError([Fault(f"both sweeps move {sweeps[0].path}", advice="sweep it once")])
    yield Scenario((), build_plan(case, manner))
    for point in _points(sweeps):
        changes = (*settings, *point)
        if not changes:
            return
        changed = _regather(case, sources, change_workload(case.workload, changes))
        yield Scenario(changes, build_plan(changed, manner))


def _points(sweeps: Sequence[Sweep]) -> Iterator[tuple[Setting, ...]]:
    if not sweeps:
        yield ()
        return
    first, *rest = sweeps
    for value in first.values:
        for point in _points(rest):
            yield (Setting(first.path, value), *point)


def _regather(case: Case, sources: Sources, workload: Workload) -> Case:
    """Gather again only where more than limits and objective has changed."""
    same = {"ceilings", "objective", "splits", "contracts", "pools"}
    before = case.workload.model_dump(exclude=same)
    if workload.model_dump(exclude=same) == before:
        return replace(case, workload=workload)
    return gather(workload, sources)


def change_workload(workload: Workload, settings: Sequence[Setting]) -> Workload:
    """Change numbers of a workload; InputError for a path or value that cannot be."""
    tree = workload.model_dump(mode="python", exclude_unset=True)
    for setting in settings:
        _apply(tree, setting)
    try:
        return Workload.model_validate(tree)
    except ValidationError as error:
        findings = error.errors(include_url=False)
        raise InputError(
            _word(detail["loc"], str(detail["type"]), detail["msg"]) for detail in findings
        ) from error


def _word(path: tuple[int | str, ...], kind: str, said: str) -> Fault:
    """Word what the checker found of a changed workload."""
    where = f"--set {'.'.join(str(step) for step in path)}"
    listed = "`costplan schema workload` lists what can stand there"
    if kind != "extra_forbidden":
        return Fault(f"{where}: {said}", advice=listed)
    record = record_at(Workload, path[:-1])
    near = did_you_mean(str(path[-1]), record.model_fields if record else ())
    return Fault(f"{where}: there is no such key", advice=near or listed)


def _apply(tree: dict[str, object], setting: Setting) -> None:
    *way, last = _split_path(setting.path)
    for node in _walk(tree, way, setting):
        if not isinstance(node, dict):
            raise _lost(setting, last)
        node[last] = _value(node.get(last), setting)


def _split_path(path: str) -> list[str]:
    """Split at dots; a class name with dots stands in brackets: classes[a.b].requests."""
    return [
        bracketed or plain for bracketed, plain in re.findall(r"\[([^\]]+)\]|([^.\[\]]+)", path)
    ]


def _walk(node: object, way: Sequence[str], setting: Setting) -> Iterator[object]:
    if not way:
        yield node
        return
    step, rest = way[0], way[1:]
    if isinstance(node, list | tuple):
        chosen = [item for item in node if step in ("*", _name(item))]
        if not chosen:
            raise _lost(setting, step, [_name(item) for item in node])
        for item in chosen:
            yield from _walk(item, rest, setting)
    elif isinstance(node, dict):
        yield from _walk(node.setdefault(step, {}), rest, setting)
    else:
        raise _lost(setting, step)


def _name(item: object) -> str:
    return str(item.get("name", "")) if isinstance(item, Mapping) else ""


def _lost(setting: Setting, step: str, known: Sequence[str] = ()) -> InputError:
    said = f"it has {', '.join(known[:10])}" if known else "see `costplan schema workload`"
    return InputError([Fault(f"{setting.path}: there is no {step!r}", advice=said)])


def _value(before: object, setting: Setting) -> object:
    text = setting.value
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if text.lower() in ("null", "none", "~"):
        return None
    change = setting.change
    sign, by = change or ("", text)
    try:
        number = Decimal(by.removesuffix("%").replace("_", ""))
    except InvalidOperation:
        if change is None:
            return text
        raise InputError([Fault(f"{setting}: {by!r} is no number to change by")]) from None
    if change is None:
        return number
    if isinstance(before, bool) or not isinstance(before, Decimal | int | float):
        said = "nothing stands there" if before is None else f"{before!r} is no number"
        advice = f"{setting.path}=NUMBER sets it"
        raise InputError([Fault(f"{setting}: {said} to change", advice=advice)])
    base = Decimal(str(before))
    if by.endswith("%"):
        number = number * base / 100 if sign in "+-" else number / 100
    if sign == "*":
        return base * number
    return base + number if sign == "+" else base - number

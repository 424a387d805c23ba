"""What a gateway must serve: classes, their shares, and the steps of their policies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from costplan.domain.policy import Check, Policy
from costplan.domain.policy_text import split_policy
from costplan.domain.profile import Profile, Setting
from costplan.plan.model import Line, Plan, PlanWarning
from costplan.report.plan_tables import MONTH


def list_limits(plan: Plan) -> dict[str, tuple[list[Decimal], bool]]:
    """List ceilings by name without their month: their different limits, and whether per month."""
    found: dict[str, tuple[list[Decimal], bool]] = {}
    for ceiling in plan.ceilings:
        name = MONTH.sub("", ceiling.name)
        limits, _ = found.setdefault(name, ([], name != ceiling.name))
        if ceiling.limit not in limits:
            limits.append(ceiling.limit)
    return found


@dataclass(frozen=True, slots=True)
class Target:
    """One way to serve requests: a model at a setting."""

    public: str
    """Name under which callers ask for it."""
    id: str
    """Identifier that comes back with every call: class, model and setting."""
    model: str
    """Name of the profile."""
    knob: str
    """Label of the setting."""
    provider: str
    """Who serves it."""
    profile: Profile
    """What is known of the model."""
    setting: Setting
    """The setting as it goes over the wire."""
    weight: Decimal
    """Share of the class's requests that start here; 0 for later steps."""
    fallbacks: tuple[str, ...] = ()
    """Public names to try in order when it fails."""


@dataclass(frozen=True, slots=True)
class Serving:
    """A task class with everything that serves it."""

    task_class: str
    """Name of the class."""
    targets: tuple[Target, ...]
    """First steps under the class's own name, later ones under names of their own."""
    checks: tuple[Check, ...] = ()
    """Checks between the steps of its cascade, where all its requests go through one."""


def read_servings(
    plan: Plan, profiles: Mapping[str, Profile]
) -> tuple[tuple[Serving, ...], list[PlanWarning]]:
    """Read what a gateway must serve, and what no gateway can."""
    cannot: list[PlanWarning] = []
    lines: dict[str, list[Line]] = {}
    for line in plan.lines:
        if line.share > 0:
            lines.setdefault(line.task_class, []).append(line)
    reader = _Reader(plan, profiles, cannot, set(lines))
    return tuple(reader.serve(name, mine) for name, mine in lines.items()), cannot


def split_option(option: str) -> tuple[str, str]:
    """Give model and setting of an option's name: ("gpt-5", "low")."""
    model, slash, knob = option.rpartition("/")
    return (model, knob) if slash else (option, "")


def slug(text: str) -> str:
    """Write a name in lower case, with hyphens for what is no letter, digit or dot."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.") or "class"


@dataclass(frozen=True, slots=True)
class _Reader:
    plan: Plan
    profiles: Mapping[str, Profile]
    cannot: list[PlanWarning]
    taken: set[str]
    """Public names in use."""

    def serve(self, name: str, lines: list[Line]) -> Serving:
        targets: list[Target] = []
        checks: tuple[Check, ...] = ()
        for number, line in enumerate(lines, start=1):
            policy = read_policy(line.policy)
            steps = self._steps(line, policy)
            mark = f".{number}" if len(lines) > 1 else ""
            names = self._names(line, policy, mark, len(steps))
            targets += self._targets(line, steps, names, single=policy is None)
            self._say_limits(line, policy, names)
            if policy is not None and policy.cascade is not None and len(lines) == 1:
                checks = policy.cascade.checks
        return Serving(name, tuple(targets), checks)

    def _steps(self, line: Line, policy: Policy | None) -> list[tuple[str, str]]:
        """List model and setting of each step; of a route its last bucket, then every bucket."""
        if policy is not None and policy.cascade is not None:
            return [split_option(step.option) for step in policy.cascade.steps]
        if policy is not None and policy.route is not None:
            buckets = [split_option(b.option) for b in policy.route.buckets.values()]
            return [buckets[-1], *buckets]
        return [(line.model, line.setting)]

    def _names(self, line: Line, policy: Policy | None, mark: str, steps: int) -> list[str]:
        """Name what callers ask for: the class first, then later steps or the buckets."""
        later = [f"step{number}" for number in range(2, steps + 1)]
        if policy is not None and policy.route is not None:
            later = [slug(bucket) for bucket in policy.route.buckets]
        named = [self._name(f"{line.task_class}{mark}.{part}") for part in later]
        return [line.task_class, *named]

    def _targets(
        self, line: Line, steps: list[tuple[str, str]], names: list[str], *, single: bool
    ) -> list[Target]:
        found: list[tuple[str, str, Profile, Setting]] = []
        for model, knob in steps:
            profile = self.profiles.get(model)
            setting = None if profile is None else profile.settings.get(knob)
            if profile is None or setting is None:
                what = f"has no setting '{knob}'" if profile else "has no profile"
                self._say(line, "unknown_model", f"{model} {what}: its line is left out")
                return []
            found.append((model, knob, profile, setting))
        routed = line.policy.startswith("route ")
        return [
            Target(
                public=names[k],
                id=".".join(slug(part) for part in (names[k], model, knob) if part),
                model=model,
                knob=knob,
                # A policy may span several providers: its line names them all.
                provider=line.provider if single else self._provider(model, profile),
                profile=profile,
                setting=setting,
                weight=line.share if k == 0 else Decimal(0),
                fallbacks=() if routed else tuple(names[k + 1 :]),
            )
            for k, (model, knob, profile, setting) in enumerate(found)
        ]

    def _name(self, wanted: str) -> str:
        name = wanted
        while name in self.taken:
            name += "-"
        self.taken.add(name)
        return name

    def _provider(self, model: str, profile: Profile) -> str:
        """Give who serves a model that has no line of its own."""
        return next((p.provider for p in self.plan.prices if p.model == model), profile.provider)

    def _say_limits(self, line: Line, policy: Policy | None, names: list[str]) -> None:
        """Say what the plan holds that no gateway does."""
        if line.batch:
            self._say(line, "batch", "the batch price needs the vendor's batch API, not a gateway")
        if line.pool is not None:
            self._say(line, "pool", f"the pool '{line.pool}' of own GPUs must be sized by hand")
        if policy is None:
            return
        if policy.vote is not None:
            said = f"the caller must make {policy.vote.n} calls and count the answers"
            self._say(line, "vote", said)
        if policy.best_of is not None:
            said = f"the caller must make {policy.best_of.n} calls and let the check pick"
            self._say(line, "best_of", said)
        if policy.route is not None:
            asked = zip(names[1:], policy.route.buckets, strict=True)
            said = (
                f"the caller must choose by {policy.route.by}: "
                f"{', '.join(f'ask {name} for {bucket}' for name, bucket in asked)}; "
                f"{line.task_class} alone goes to the last of them"
            )
            self._say(line, "route", said)

    def _say(self, line: Line, code: str, message: str) -> None:
        self.cannot.append(PlanWarning(code=code, task_class=line.task_class, message=message))


def read_policy(text: str) -> Policy | None:
    """Read a line's policy; None for a single call or a text of another kind."""
    parts = split_policy(text)
    if parts is None:
        return None
    import yaml

    content: Any = yaml.safe_load(parts[1])
    return Policy.model_validate({parts[0]: content})


def warn(code: str, message: str, task_class: str | None = None) -> PlanWarning:
    """Say what a gateway cannot hold, of a class or of the whole plan."""
    return PlanWarning(code=code, task_class=task_class, message=message)


def dump_yaml(head: str, *documents: dict[str, Any]) -> str:
    """Write documents as YAML under a comment."""
    import yaml

    comment = "".join(f"# {line}\n" for line in head.splitlines())
    bodies = (
        yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
        for document in documents
    )
    return comment + "---\n".join(bodies)


def head_of(plan: Plan, gateway: str) -> str:
    """Say whose plan this is."""
    day = plan.created_at[:10]
    name = " ".join(plan.workload.name.split())
    return (
        f"{gateway} configuration of the plan '{name}', made {day}"
        f" by costplan {plan.costplan_version}\nworkload {plan.workload.digest[:16] or 'unsaved'}"
    )

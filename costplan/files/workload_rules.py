"""Rules between the parts of a workload, which need nothing but the workload."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase

from costplan.domain.errors import Fault
from costplan.files.document import Path
from costplan.files.suggestions import did_you_mean, near_names
from costplan.files.workload_view import View

Rule = Callable[[View], Iterator[Fault]]
_IN_DOLLARS = "give every class a value_usd, or every class a weight"


def break_rules(view: View) -> list[Fault]:
    """List the rules that a workload breaks."""
    return [fault for rule in RULES for fault in rule(view)]


def _same_names(view: View) -> Iterator[Fault]:
    yield from _repeated(view, list(view.classes), "a class")
    for task in view.classes:
        yield from _repeated(view, list(view.options(task)), "an option of this class")


def _repeated(view: View, paths: list[Path], what: str) -> Iterator[Fault]:
    seen: dict[str, tuple[str, int | None]] = {}
    for path in paths:
        name = view.text((*path, "name"))
        if name is None:
            continue
        fault = view.fault((*path, "name"), "")
        first = seen.setdefault(name.casefold(), (name, fault.line))
        if first[1] != fault.line or (first[0] != name):
            said = f"'{first[0]}'" if first[0] == name else f"'{first[0]}' (case does not count)"
            message = f"{what} is already named {said}, in line {first[1]}"
            yield view.fault((*path, "name"), message, "give each its own name")


def _worth(view: View) -> Iterator[Fault]:
    """Value is one sum: it needs one unit."""
    classes = list(view.classes)
    in_usd = [task for task in classes if view.has((*task, "value_usd"))]
    weighted = [task for task in classes if view.has((*task, "weight"))]
    aim = view.text(("objective", "maximize")) or (
        "value" if not view.has(("objective",)) else None
    )
    if aim == "net_value":
        for task in classes:
            if task not in in_usd:
                message = "value_usd is missing, and net_value subtracts dollars from it"
                yield view.fault(task, message, "value_usd: dollars that a right answer is worth")
        return
    if in_usd and weighted:
        first = view.fault((*in_usd[0], "value_usd"), "").line
        for task in weighted:
            if task not in in_usd:
                message = f"a weight here, but value_usd in line {first}: they do not add up"
                yield view.fault((*task, "weight"), message, _IN_DOLLARS, at_key=True)
    elif in_usd and (aim == "value" or view.has(("objective", "target_value"))):
        for task in classes:
            if task not in in_usd:
                message = "value_usd is missing, though other classes have one"
                yield view.fault(task, message, "value_usd: dollars that a right answer is worth")


def _teams(view: View) -> Iterator[Fault]:
    """A ceiling on a team that looks misspelt would limit nothing."""
    teams, certain = view.names("team", of_options=False)
    if not certain:
        return
    for name in view.keys(("ceilings", "teams")):
        if name not in teams and near_names(name, teams):
            message = f"no class has the team '{name}'"
            path = ("ceilings", "teams", name)
            yield view.fault(path, message, did_you_mean(name, teams), at_key=True)


def _pools(view: View) -> Iterator[Fault]:
    pools = view.keys(("pools",))
    for task in view.classes:
        for option in view.options(task):
            name = view.text((*option, "pool"))
            if name is not None and name not in pools:
                advice = did_you_mean(name, pools) or (
                    f"define '{name}' under pools: usd_per_gpu, tokens_per_gpu, max_gpus"
                )
                yield view.fault((*option, "pool"), f"there is no pool '{name}'", advice)


def _latencies(view: View) -> Iterator[Fault]:
    """An unknown latency keeps no limit and breaks none, so a limit on it cannot be kept."""
    overall = view.has(("ceilings", "mean_latency_s"))
    for task in view.classes:
        team = view.text((*task, "team"))
        mean = overall or (
            team is not None and view.has(("ceilings", "teams", team, "mean_latency_s"))
        )
        wanted = {
            "mean_latency_s": "a ceiling on the mean latency" if mean else "",
            "p95_latency_s": "max_p95_latency_s" if view.has((*task, "max_p95_latency_s")) else "",
        }
        for option in view.options(task):
            for key, limit in wanted.items():
                if limit and not view.has((*option, key)):
                    message = f"{key} is missing, and {limit} applies to the class"
                    yield view.fault(option, message, f"state {key}")


def _tokens(view: View) -> Iterator[Fault]:
    for task in view.classes:
        for option in view.options(task):
            provider = view.text((*option, "provider"))
            if provider is None or view.has((*option, "pool")):
                continue
            limited = view.has(("ceilings", "providers", provider, "tokens"))
            if limited and not view.has((*option, "tokens_per_request")):
                message = (
                    f"tokens_per_request is missing, and the tokens of '{provider}' are limited"
                )
                yield view.fault(option, message, "state tokens_per_request")


def _allowed_and_denied(view: View) -> Iterator[Fault]:
    """A model that a class allows and denies is in no plan of it: one of the two is a slip."""
    for task in view.classes:
        denied = [text for _, text in view.texts((*task, "models", "deny"))]
        for path, name in view.texts((*task, "models", "allow")):
            by = next((pattern for pattern in denied if fnmatchcase(name, pattern)), None)
            if by is not None:
                line = "" if by == name else f" by '{by}'"
                yield view.fault(path, f"'{name}' is allowed here and denied{line}", "take one out")


RULES: tuple[Rule, ...] = (
    _same_names,
    _worth,
    _teams,
    _pools,
    _latencies,
    _tokens,
    _allowed_and_denied,
)
"""Every rule; a new one is a function and its name here."""

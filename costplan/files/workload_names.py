"""Names in a workload that refer to something outside it: models, benchmarks, providers, files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase

from costplan.domain.errors import Fault
from costplan.files.document import Path
from costplan.files.suggestions import did_you_mean, join_names
from costplan.files.workload_view import View

Rule = Callable[[View], Iterator[Fault]]
_MODELS = "`costplan profiles` lists the models"
_CURVES = "`costplan curves` lists the benchmarks"


def find_unknown_names(view: View) -> list[Fault]:
    """List the names that refer to nothing."""
    return [fault for rule in RULES for fault in rule(view)]


def find_missing_files(view: View) -> list[Fault]:
    """List the files that a workload names and that are not there."""
    paths = [("curves",), ("profiles",)]
    named = [entry for path in paths for entry in view.texts(path)]
    for task in view.classes:
        path = (*task, "evidence", "outcomes")
        text = view.text(path)
        if text is not None:
            named.append((path, text))
    return [fault for path, text in named for fault in _missing_file(view, path, text)]


def _missing_file(view: View, path: Path, text: str) -> Iterator[Fault]:
    file = view.folder / text
    try:
        if file.is_file():
            return
        if file.is_dir():
            yield view.fault(path, f"'{text}' is a directory", "name a file in it")
            return
        beside = [entry.name for entry in file.parent.iterdir()] if file.parent.is_dir() else []
    except (OSError, ValueError):
        yield view.fault(path, "this cannot be the name of a file")
        return
    advice = did_you_mean(file.name, beside) or "paths are relative to the workload's folder"
    yield view.fault(path, f"there is no file '{text}'", advice)


def _benchmarks(view: View) -> Iterator[Fault]:
    known = view.catalogue.list_sources()
    for task in view.classes:
        evidence: Path = (*task, "evidence")
        name = view.text((*evidence, "benchmark"))
        if name is None:
            continue
        if name not in known:
            advice = did_you_mean(name, known, most=3) or _CURVES
            yield view.fault((*evidence, "benchmark"), f"there is no benchmark '{name}'", advice)
            continue
        source = view.text((*evidence, "source"))
        if source is not None and source not in known[name]:
            message = f"'{source}' has no curves of '{name}'"
            advice = f"{join_names(known[name])} {'has' if len(known[name]) == 1 else 'have'}"
            yield view.fault((*evidence, "source"), message, advice)


def _patterns(view: View) -> Iterator[Fault]:
    """A pattern that matches nothing would let through what it was meant to stop."""
    for task in view.classes:
        if view.has((*task, "evidence", "outcomes")):
            continue  # the outcomes may hold models that no profile knows
        for list_name in ("allow", "deny"):
            for path, pattern in view.texts((*task, "models", list_name)):
                if not any(fnmatchcase(name, pattern) for name in view.catalogue.profiles):
                    advice = did_you_mean(pattern, view.catalogue.profiles, most=3) or _MODELS
                    yield view.fault(path, f"no model is named like '{pattern}'", advice)


def _today(view: View) -> Iterator[Fault]:
    for task in view.classes:
        model = view.text((*task, "today", "model"))
        if model is None or view.has((*task, "evidence", "outcomes")):
            continue
        own = _own_options(view, task)
        if model not in view.catalogue.profiles and model not in own:
            known = [*own, *view.catalogue.profiles]
            advice = did_you_mean(model, known, most=3) or _MODELS
            yield view.fault((*task, "today", "model"), f"there is no model '{model}'", advice)
        elif model not in own:
            path = (*task, "today", "setting")
            setting = view.text(path)
            if setting is not None:
                yield from _setting(view, path, model, setting)


def _own_options(view: View, task: Path) -> list[str]:
    keys = ("name", "model")
    found = [view.text((*option, key)) for option in view.options(task) for key in keys]
    return list(dict.fromkeys(name for name in found if name is not None))


def _setting(view: View, path: Path, model: str, setting: str) -> Iterator[Fault]:
    labels = list(view.catalogue.profiles[model].settings)
    if setting in labels:
        return
    advice = did_you_mean(setting.replace("_", ""), labels) or f"it has {join_names(labels)}"
    yield view.fault(path, f"'{model}' has no setting '{setting}'", advice)


def _reasoning(view: View) -> Iterator[Fault]:
    for task in view.classes:
        if view.has((*task, "evidence", "outcomes")):
            continue
        path = (*task, "evidence", "reasoning_tokens")
        for key in view.keys(path):
            model, slash, setting = key.rpartition("/")
            if not slash:
                yield view.fault((*path, key), f"'{key}' is not a model/setting", at_key=True)
            elif model not in view.catalogue.profiles:
                advice = did_you_mean(model, view.catalogue.profiles) or _MODELS
                message = f"there is no model '{model}'"
                yield view.fault((*path, key), message, advice, at_key=True)
            else:
                yield from _setting(view, (*path, key), model, setting)


def _priced_models(view: View) -> Iterator[Fault]:
    measured = any(view.has((*task, "evidence", "outcomes")) for task in view.classes)
    for section in ("prices", "hosts"):
        for name in view.keys((section,)):
            if name in view.catalogue.profiles:
                continue
            advice = did_you_mean(name, view.catalogue.profiles, most=3)
            if advice or not measured:  # outcomes may hold models that no profile knows
                message = f"there is no model '{name}'"
                yield view.fault((section, name), message, advice or _MODELS, at_key=True)
    for change in view.items(("price_changes",)):
        model = view.text((*change, "model"))
        if model is not None and model not in view.catalogue.profiles:
            advice = did_you_mean(model, view.catalogue.profiles, most=3)
            if advice or not measured:
                message = f"there is no model '{model}'"
                yield view.fault((*change, "model"), message, advice or _MODELS)


def _providers(view: View) -> Iterator[Fault]:
    """Terms with a provider that serves nothing would limit nothing."""
    stated, certain = view.names("provider", of_options=True)
    hosts = {view.text(("hosts", model)) for model in view.keys(("hosts",))}
    known = view.catalogue.providers | set(stated) | {host for host in hosts if host}
    if not certain:
        return
    for section in (("ceilings", "providers"), ("contracts",)):
        for name in view.keys(section):
            if name not in known:
                advice = did_you_mean(name, sorted(known)) or f"known: {', '.join(sorted(known))}"
                message = f"no model and no option here is served by '{name}'"
                yield view.fault((*section, name), message, advice, at_key=True)


RULES: tuple[Rule, ...] = (
    _benchmarks,
    _patterns,
    _today,
    _reasoning,
    _priced_models,
    _providers,
)
"""Every rule; a new one is a function and its name here."""

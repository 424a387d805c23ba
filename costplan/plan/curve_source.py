"""Whose run of a benchmark stands for a class: one publication, for all months of a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from costplan.domain.errors import Fault, InputError
from costplan.domain.measurement import Measurement
from costplan.domain.option import Exclusion, Option
from costplan.domain.workload import Evidence, TaskClass
from costplan.plan.market import Market
from costplan.plan.options import (
    Draft,
    draft_options,
    find_barrier,
    make_option,
    match_model,
    take_as_measured,
)
from costplan.plan.tokens import TokenEvidence

Choice = tuple[str, tuple[str, ...]]
"""The source taken, and the others that have the benchmark."""


def choose_source(
    task: TaskClass,
    evidence: Evidence,
    markets: Sequence[Market],
    everything: Sequence[Measurement],
) -> Choice:
    """Choose whose run of a benchmark to take: the one that gives a class most models as options.

    markets: the whole time of the plan, then its first month; the second counts where nothing
    lasts through the first. Models that make no option, as when nobody published how long they
    think, do not count, or a long list of them would win over a short one that can be bought.

    Raises InputError when nobody has the benchmark, or not the source that the evidence names.
    """
    runs = _find_runs(evidence, markets[0], everything)
    if evidence.source is not None and evidence.source in runs:
        return evidence.source, ()
    if not runs or evidence.source is not None:
        who = f" by {evidence.source}" if evidence.source else ""
        said = f"class {task.name!r}: no curve of benchmark {evidence.benchmark!r}{who}"
        raise InputError([Fault(said, advice="`costplan curves` lists what there is")])
    if len(runs) == 1:
        return next(iter(runs)), ()
    counts: Mapping[str, tuple[int, int]] = dict.fromkeys(runs, (0, 0))
    for market in markets:
        counts = {source: _count(task, rows, market, everything) for source, rows in runs.items()}
        if any(options for options, _ in counts.values()):
            break
    ranked = sorted(runs, key=lambda source: (-counts[source][0], -counts[source][1], source))
    return ranked[0], tuple(ranked[1:])


def _find_runs(
    evidence: Evidence, market: Market, everything: Sequence[Measurement]
) -> dict[str, list[Measurement]]:
    """Group the single calls of known models on a benchmark by who published them."""
    runs: dict[str, list[Measurement]] = {}
    for row in everything:
        known = row.benchmark == evidence.benchmark and row.model in market.profiles
        if known and row.samples == 1:
            runs.setdefault(row.source, []).append(row)
    return runs


def _count(
    task: TaskClass,
    rows: Sequence[Measurement],
    market: Market,
    everything: Sequence[Measurement],
) -> tuple[int, int]:
    """Count the models that become options, and those that could be had at all."""
    profiles = dict(market.profiles)
    tokens = TokenEvidence.gather(rows, everything, profiles)
    made, _ = price_drafts(task, list(draft_options(rows, profiles)), market, tokens)
    open_to_it = {row.model for row in rows if find_barrier(task, row.model, market) is None}
    return len({option.model for option in made}), len(open_to_it)


def price_drafts(
    task: TaskClass,
    drafts: Sequence[Draft],
    market: Market,
    tokens: TokenEvidence,
) -> tuple[list[Option], tuple[Exclusion, ...]]:
    """Make options of drafts at the prices of a market, and say why the others are none."""
    options: list[Option] = []
    exclusions: dict[str, Exclusion] = {}
    for draft in drafts:
        barrier = find_barrier(task, draft.model, market)
        made = barrier or _make(task, draft, market, tokens)
        if isinstance(made, Option):
            options.append(made)
        else:
            exclusions.setdefault(made.name, made)
    missing = sorted(set(market.profiles) - {draft.model for draft in drafts})
    for model in missing:
        if match_model(task.models, model) and task.models.allow != ("*",):
            exclusions[model] = Exclusion(model, "no_curve", "the benchmark has no curve of it")
    order = {name: place for place, name in enumerate(market.profiles)}
    places = {
        (model, label): place
        for model in market.profiles
        for place, label in enumerate(market.profiles[model].settings)
    }
    options.sort(key=lambda o: (order[o.model], places[o.model, o.setting]))
    return options, tuple(exclusions.values())


def _make(
    task: TaskClass, draft: Draft, market: Market, tokens: TokenEvidence
) -> Option | Exclusion:
    profile = market.profiles[draft.model]
    if task.input_tokens is None:
        return take_as_measured(draft, profile, market, batch=task.batch)
    price = market.price(draft.model, task)
    if isinstance(price, Exclusion):
        return price
    return make_option(task, draft, profile, price, tokens)

"""What the logs say: classes with volumes, sizes and spend, and what they cannot say."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from costplan.ingest.histogram import Histogram
from costplan.ingest.usage.classes import Candidate
from costplan.ingest.usage.staging import BadLine
from costplan.ingest.usage.tally import Counts, Group, Tally

TOKENS = {
    "input_tokens": "input",
    "cached_input_tokens": "cached",
    "output_tokens": "output",
    "reasoning_tokens": "reasoning",
}


@dataclass(frozen=True, slots=True)
class Size:
    """How large one quantity is per request; percentiles are None where only sums are known."""

    mean: float | None
    """Mean per request that says it."""
    p50: float | None
    """Median, to 1 %."""
    p95: float | None
    """95th percentile, to 1 %."""


@dataclass(frozen=True, slots=True)
class ClassUsage:
    """One task class as the logs show it. Sums are over successful requests; unknown is None."""

    name: str
    """Value of the key that the classes are made by."""
    team: str | None
    """Who sends most of it."""
    requests: int | None
    """Successful requests that a model answered."""
    failed: int | None
    """Requests that failed."""
    cache_hits: int
    """Requests that the gateway's own cache answered."""
    retries: int | None
    """Attempts beyond the first."""
    tokens: Mapping[str, int | None]
    """Sums by the names of `TOKENS`: input includes cached, output includes reasoning."""
    visible_output_mean: float | None
    """Mean output without reasoning, over the requests that tell the two apart."""
    known: Mapping[str, int]
    """Requests behind each sum, where not all of them say it."""
    usd: Decimal | None
    """Stated spend."""
    failed_usd: Decimal
    """Stated spend of failed requests, which is not in `usd`."""
    models: Mapping[str, int | None]
    """Requests per model, most used first."""
    today: tuple[str | None, str | None]
    """Model and setting that answer most requests."""
    sizes: Mapping[str, Size]
    """Sizes of input, cached, output and reasoning tokens and of latency in seconds."""


@dataclass(frozen=True, slots=True)
class Span:
    """The time the logs cover, UTC."""

    start: dt.datetime | None
    """First moment."""
    end: dt.datetime | None
    """Last moment; the end of the last bucket for reports."""
    days: int
    """Calendar days with requests."""
    missing_days: tuple[dt.date, ...]
    """Days between without a single record."""
    cut_off: tuple[dt.date, ...]
    """First and last day where they are covered only in part."""
    elapsed_days: float
    """Days covered: from start to end without the missing days."""


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """What went through one model, as the logs name it; unknown is None."""

    requests: int | None
    """Successful requests."""
    input_tokens: int | None
    """Input tokens, cached ones included."""
    cached_input_tokens: int | None
    """Input tokens read from the vendor's cache."""
    output_tokens: int | None
    """Output tokens, reasoning included."""
    usd: Decimal | None
    """Stated spend."""


@dataclass(frozen=True, slots=True)
class PriceGap:
    """Stated spend beside priced tokens, for one model."""

    model: str
    """Model as the log names it."""
    stated_usd: Decimal
    """Spend as the source states it."""
    priced_usd: Decimal | None
    """Tokens at list price; None when no price is known."""
    source: str
    """Where the price was read."""

    @property
    def difference(self) -> float | None:
        """Priced over stated, minus one; None when it cannot be told."""
        if self.priced_usd is None or not self.stated_usd:
            return None
        return float(self.priced_usd / self.stated_usd) - 1


@dataclass(frozen=True, slots=True)
class UsageResult:
    """Everything `ingest usage` found."""

    formats: tuple[str, ...]
    """Formats of the files."""
    files: tuple[str, ...]
    """Files that were counted."""
    rows: Mapping[str, int]
    """Records read, used, failed, cache_hits, credits, duplicates, skipped, bad."""
    span: Span
    """Time covered."""
    classes: tuple[ClassUsage, ...]
    """Classes, largest volume first."""
    totals: ClassUsage
    """The same sums over all classes."""
    cannot_say: tuple[str, ...]
    """What the sources do not carry."""
    class_by: Mapping[str, str]
    """Key the classes are made by, per format."""
    candidates: Mapping[str, tuple[Candidate, ...]]
    """Keys that could make classes, per format; empty for what was recalled from a state."""
    bad: tuple[BadLine, ...]
    """The first malformed records."""
    warnings: tuple[str, ...]
    """What is odd, with its consequence."""
    models: Mapping[str, ModelUsage] = field(default_factory=dict)
    """Sums per model."""
    prices: tuple[PriceGap, ...] = ()
    """Stated spend beside priced tokens, per model."""
    histograms: Mapping[tuple[str, str], Histogram] = field(default_factory=dict)
    """Distribution per class and measure."""
    groups: Mapping[Group, Counts] = field(default_factory=dict)
    """Sums per class, team, model and setting."""


def class_usage(
    name: str,
    tally: Tally,
    failed_known: bool,
    own: bool = True,
    told_requests: int | None = None,
) -> ClassUsage:
    """Sum up one class of a tally, or all of them where `own` is False.

    `told_requests` stands in where the source does not count requests.
    """
    groups = {g: c for g, c in tally.groups.items() if not own or g[0] == name}
    counts = Counts()
    for part in groups.values():
        counts.add(part)
    cells: dict[str, dict[int, tuple[int, int]]] = {}
    for (group, measure, bucket), (count, value) in tally.cells.items():
        if not own or group == name:
            into = cells.setdefault(measure, {})
            before = into.get(bucket, (0, 0))
            into[bucket] = (before[0] + count, before[1] + value)
    if told_requests is not None and not counts.known.get("n"):
        counts.weight = {key: told_requests for key, rows in counts.known.items() if rows}
    requests = counts.sums["n"] if counts.known.get("n") else told_requests
    others = counts.failed_rows or counts.cache_hits or counts.usd
    if requests is None and not counts.rows and others:
        requests = 0
    return ClassUsage(
        name=name,
        team=_commonest(groups, 1),
        requests=requests,
        failed=counts.failed_rows + counts.sums.get("failed", 0) if failed_known else None,
        cache_hits=counts.cache_hits,
        retries=counts.sums.get("retries") if failed_known else None,
        tokens={
            key: counts.sums[short] if counts.known.get(short) else None
            for key, short in TOKENS.items()
        },
        visible_output_mean=_ratio(counts.sums.get("visible"), counts.weight.get("reasoning")),
        known={
            key: counts.weight[short]
            for key, short in TOKENS.items()
            if requests and 0 < counts.weight.get(short, 0) < requests
        },
        usd=counts.usd if counts.known.get("usd") else None,
        failed_usd=counts.failed_usd,
        models=_models(groups),
        today=_today(groups),
        sizes=_sizes(counts, {m: Histogram(c) for m, c in cells.items()}),
    )


def model_usage(tally: Tally) -> dict[str, ModelUsage]:
    """Sum a tally up per model."""
    models: dict[str, Counts] = {}
    for group, counts in tally.groups.items():
        if group[2] is not None and (counts.rows or counts.usd):
            models.setdefault(group[2], Counts()).add(counts)

    def sum_of(counts: Counts, key: str) -> int | None:
        return counts.sums[key] if counts.known.get(key) else None

    return {
        model: ModelUsage(
            requests=sum_of(counts, "n"),
            input_tokens=sum_of(counts, "input"),
            cached_input_tokens=sum_of(counts, "cached"),
            output_tokens=sum_of(counts, "output"),
            usd=counts.usd if counts.known.get("usd") else None,
        )
        for model, counts in sorted(models.items())
    }


def _volume(counts: Counts) -> int:
    return counts.sums.get("n", 0) or counts.sums.get("output", 0)


def _commonest(groups: Mapping[Group, Counts], place: int) -> str | None:
    volumes: dict[str, int] = {}
    for group, counts in groups.items():
        value = group[place]
        if value is not None:
            volumes[value] = volumes.get(value, 0) + _volume(counts)
    return max(sorted(volumes), key=lambda value: volumes[value]) if volumes else None


def _models(
    groups: Mapping[Group, Counts],
) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for group, counts in groups.items():
        if group[2] is None or not counts.rows:
            continue
        requests = counts.sums.get("n", 0) if counts.known.get("n") else None
        before = found.get(group[2])
        found[group[2]] = requests if before is None else before + (requests or 0)
    return dict(sorted(found.items(), key=lambda item: (-(item[1] or 0), item[0])))


def _today(
    groups: Mapping[Group, Counts],
) -> tuple[str | None, str | None]:
    volumes: dict[tuple[str, str | None], int] = {}
    for group, counts in groups.items():
        if group[2] is not None:
            key = (group[2], group[3])
            volumes[key] = volumes.get(key, 0) + _volume(counts)
    if not volumes:
        return (None, None)
    return max(sorted(volumes, key=str), key=lambda key: volumes[key])


def _ratio(total: int | None, count: int | None) -> float | None:
    return total / count if total is not None and count else None


def _sizes(counts: Counts, histograms: Mapping[str, Histogram]) -> dict[str, Size]:
    sizes = {}
    for short in ("input", "cached", "output", "reasoning"):
        histogram = histograms.get(short, Histogram({}))
        mean = _ratio(counts.sums.get(short), counts.weight.get(short))
        sizes[short] = Size(mean, histogram.quantile(0.5), histogram.quantile(0.95))
    latency = histograms.get("latency", Histogram({}))
    parts = (latency.mean, latency.quantile(0.5), latency.quantile(0.95))
    sizes["latency_s"] = Size(*(None if part is None else part / 1000 for part in parts))
    return sizes


def span_of(tally: Tally, *, buckets: bool) -> Span:
    """Find what time is covered, which days are missing and which are cut off.

    `buckets` says that records are whole buckets of time; their days have no ragged edges.
    """
    days = sorted(tally.days)
    if not days or tally.first is None or tally.last is None:
        return Span(tally.first, tally.last, len(days), (), (), 0.0)
    every = [days[0] + dt.timedelta(days=i) for i in range((days[-1] - days[0]).days + 1)]
    missing = tuple(day for day in every if day not in tally.days)
    hour = dt.timedelta(hours=1)
    cut = []
    if not buckets:
        midnight = dt.datetime.combine(tally.first.date(), dt.time())
        if tally.first - midnight > hour:
            cut.append(tally.first.date())
        next_midnight = dt.datetime.combine(tally.last.date(), dt.time()) + dt.timedelta(days=1)
        if next_midnight - tally.last > hour and tally.last.date() not in cut:
            cut.append(tally.last.date())
    elapsed = (tally.last - tally.first).total_seconds() / 86400
    gaps = len([day for day in missing if not _quiet(day, days)])
    return Span(tally.first, tally.last, len(days), missing, tuple(cut), max(elapsed - gaps, 0.0))


def _quiet(day: dt.date, days: list[dt.date]) -> bool:
    """Tell a weekday that never has requests, as weekends may be, from a gap in the log."""
    weeks = (days[-1] - days[0]).days >= 13
    return weeks and all(other.weekday() != day.weekday() for other in days)

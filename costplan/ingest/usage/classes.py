"""What can stand for the task class in a log, and how well each candidate splits the volume."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from costplan.domain.errors import Fault, InputError
from costplan.ingest.engine import quote
from costplan.ingest.usage.format import LogFormat

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SAMPLE_RECORDS = 5_000
"""Records that candidates are judged on."""
MOST_CLASSES = 200
_TEXTS = re.compile(r"prompt|message|content|response|body|completion|input\b|output\b", re.I)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A key of the log that could be the task class."""

    key: str
    """What --class-by takes."""
    values: int
    """Different values in the sample."""
    labelled: float
    """Share of requests that carry a value, 0 to 1."""
    largest: float
    """Share of requests under the commonest value, 0 to 1."""
    examples: tuple[str, ...]
    """The commonest values."""

    @property
    def splits(self) -> bool:
        """Whether it makes classes: most requests labelled, more than one value, not one each."""
        return self.labelled >= 0.5 and 2 <= self.values <= MOST_CLASSES


def take_sample(connection: DuckDBPyConnection, records: str) -> str:
    """Read the first records once, for all questions about them; return the SQL that has them."""
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE sample_records AS SELECT * FROM ({records})"
        f" LIMIT {SAMPLE_RECORDS}"
    )
    return "SELECT * FROM sample_records"


def usual_classes(connection: DuckDBPyConnection, class_sql: str, most: int) -> tuple[str, ...]:
    """List the classes of the sample; empty where they are too many or no sample was taken.

    Numbered while rows are read, they need not be told apart by their names once per histogram.
    """
    import duckdb

    sql = f"SELECT DISTINCT {class_sql or quote('all')} FROM sample_records LIMIT {most + 2}"
    try:
        found = sorted(str(row[0]) for row in connection.execute(sql).fetchall() if row[0])
    except duckdb.Error:  # the sample is of another file, or could not be taken
        return ()
    return tuple(found) if len(found) <= most else ()


def class_keys(connection: DuckDBPyConnection, log: LogFormat, records: str) -> dict[str, str]:
    """Find every key that can stand for the class, with its SQL: tags and metadata first."""
    sample = f"(SELECT * FROM ({records}) LIMIT {SAMPLE_RECORDS})"
    found: dict[str, str] = {}
    if log.tags:
        sql = f"SELECT DISTINCT unnest({log.tags}) FROM {sample}"
        tags = [row[0] for row in connection.execute(sql).fetchall() if row[0]]
        prefixes = sorted({tag.partition(":")[0] for tag in tags if ":" in tag})
        for prefix in prefixes[:50]:
            found[f"tag:{prefix}"] = _tag(log.tags, prefix)
        if tags:
            found["tag"] = f"NULLIF(array_to_string({log.tags}, ','), '')"
    for prefix, expression in log.objects.items():
        sql = (
            f"SELECT DISTINCT unnest(json_keys({expression})) FROM {sample}"
            f" WHERE json_type({expression}) = 'OBJECT'"
        )
        for key in sorted(str(row[0]) for row in connection.execute(sql).fetchall())[:100]:
            if not _TEXTS.search(key):
                path = '$."' + key.replace('"', "") + '"'
                found[f"{prefix}.{key}"] = f"NULLIF({expression} ->> {quote(path)}, '')"
    if log.attribute:
        for key in _attribute_names(connection, sample):
            found[key] = log.attribute.format(key=quote(key))
    found.update(log.keys)
    return dict(sorted(found.items(), key=lambda item: _rank(item[0])))


def _tag(tags: str, prefix: str) -> str:
    start = quote(prefix + ":")
    wanted = f"list_filter({tags}, lambda t: starts_with(t, {start}))[1]"
    return f"NULLIF(substr({wanted}, {len(prefix) + 2}), '')"


def _attribute_names(connection: DuckDBPyConnection, sample: str) -> list[str]:
    sql = f"SELECT DISTINCT unnest(list_concat(ks, rk, pk)) FROM {sample}"
    names = sorted(str(row[0]) for row in connection.execute(sql).fetchall() if row[0])
    standard = ("gen_ai.", "telemetry.", "server.", "openai.", "service.instance", "llm.", "otel.")
    return [key for key in names if not key.startswith(standard) and not _TEXTS.search(key)][:100]


def _rank(key: str) -> int:
    low = key.lower()
    if re.search(r"task|use[_-]?case|feature|purpose", low):
        return 0
    if low.startswith(("tag:", "metadata.", "property.", "requestmetadata.")):
        return 1 if "env" not in low else 4
    if low in {"tag", "call_type", "region", "environment", "version", "operation"}:
        return 4
    if low in {"model", "provider", "provider_name", "model_id"}:
        return 5
    return 2


def judge(
    connection: DuckDBPyConnection, records: str, keys: Mapping[str, str]
) -> tuple[Candidate, ...]:
    """Measure how each key splits a sample of the requests."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE candidate_sample AS SELECT "
        + ", ".join(f"CAST({sql} AS VARCHAR) AS k{i}" for i, sql in enumerate(keys.values()))
        + f" FROM ({records}) LIMIT {SAMPLE_RECORDS}"
    )
    candidates = []
    for i, key in enumerate(keys):
        sql = f"SELECT k{i}, count(*) FROM candidate_sample GROUP BY 1 ORDER BY 2 DESC, 1"
        counts = connection.execute(sql).fetchall()
        named = [(str(value), count) for value, count in counts if value is not None]
        every = sum(count for _, count in counts)
        if named and every and all(len(value) <= 200 for value, _ in named[:20]):
            candidates.append(
                Candidate(
                    key,
                    len(named),
                    sum(count for _, count in named) / every,
                    named[0][1] / every,
                    tuple(value for value, _ in named[:5]),
                )
            )
    connection.execute("DROP TABLE candidate_sample")
    return tuple(candidates)


def choose(candidates: tuple[Candidate, ...]) -> str:
    """Choose the class key when none is told: the first that splits, else the first there is."""
    for candidate in candidates:
        if candidate.splits:
            return candidate.key
    named = [c for c in candidates if c.labelled >= 0.5 and c.values <= MOST_CLASSES]
    return named[0].key if named else ""


def resolve(told: str, keys: Mapping[str, str], file: str, attribute: str = "") -> str:
    """Find the key a person means: exactly, else by its last part, upper and lower case alike.

    Raises InputError when no key or more than one fits.
    """
    if told in keys:
        return told
    squeezed = {key: _squeeze(key) for key in keys}
    wanted = _squeeze(told)
    exact = [key for key, short in squeezed.items() if short == wanted]
    last = [key for key in keys if _squeeze(re.split(r"[.:]", key)[-1]) == wanted]
    tail = [
        key for key, short in squeezed.items() if wanted.endswith(short) or short.endswith(wanted)
    ]
    for fits in (exact, last, tail):
        if len(fits) == 1:
            return fits[0]
        if fits and fits is not tail:
            return fits[0]
    if attribute:
        return told
    advice = "the log has: " + (", ".join(keys) or "nothing to tell classes apart by")
    raise InputError([Fault(f"nothing called {told!r} to class by", file, advice=advice)])


def _squeeze(key: str) -> str:
    return re.sub(r"[^a-z0-9]", "", key.lower())

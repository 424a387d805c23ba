"""Histograms of every class, however many there are and wherever they first occur."""

from __future__ import annotations

import json
import random
from collections import Counter

import duckdb
import pytest

from costplan.ingest.histogram import bucket_of
from costplan.ingest.usage.classes import SAMPLE_RECORDS
from costplan.ingest.usage.rows import UNLABELLED
from costplan.ingest.usage.run import UsageOptions, read_usage
from costplan.ingest.usage.tally import MOST_CODED

FEW = ("a", "it's", "x" * 40)
MANY = tuple(f"class {i}" for i in range(MOST_CODED + 3))
UNTOLD = ("a", "", None, UNLABELLED)


def make_rows(classes, late, odd):
    """Requests of given classes, then some of classes that no sample of the beginning holds."""
    rng = random.Random(7)
    rows = []
    for i in range(SAMPLE_RECORDS + 500):
        output = rng.choice([rng.randrange(3), rng.randrange(10 ** rng.randrange(1, 15))])
        rows.append(
            {
                "request_id": f"r{i - i % 50 // 49}",
                "task_class": rng.choice(late if i > SAMPLE_RECORDS else classes),
                "status": rng.choice(["success", "success", "error", None]),
                "input_tokens": rng.randrange(10_000),
                "output_tokens": output,
                "reasoning_tokens": output + 1 if odd and not i % 100 else output // 2,
            }
        )
    return rows


def write(rows, path, kind):
    lines = path / "log.jsonl"
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    if kind == "jsonl":
        return lines
    packed = path / "log.parquet"
    duckdb.execute(f"COPY (FROM read_json('{lines}')) TO '{packed}' (FORMAT parquet)")
    return packed


def expected(rows, column):
    """Requests per class and bucket of the successful ones, each id once."""
    best = {}
    for row in rows:
        used = row["status"] != "error"
        rank = (used, row["input_tokens"] + row["output_tokens"])
        if row["request_id"] not in best or rank > best[row["request_id"]][0]:
            best[row["request_id"]] = (rank, row)
    return Counter(
        (row["task_class"] or UNLABELLED, bucket_of(row[column]))
        for (used, _), row in best.values()
        if used
    )


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
@pytest.mark.parametrize("odd", [False, True])
@pytest.mark.parametrize(
    ("classes", "late"),
    [(FEW, FEW), (FEW, ("late", None)), (FEW, MANY), (MANY, MANY), (UNTOLD, UNTOLD)],
)
def test_every_request_is_in_the_histogram_of_its_class(tmp_path, kind, odd, classes, late):
    """Counts per class and bucket are those counted one by one, of few classes and of many."""
    rows = make_rows(classes, late, odd)
    path = write(rows, tmp_path, kind)
    result = read_usage([path], UsageOptions(class_by="task_class"))
    for measure in ("input", "output"):
        found = {
            (name, bucket): count
            for (name, what), histogram in result.histograms.items()
            if what == measure
            for bucket, (count, _) in histogram.cells.items()
        }
        assert found == expected(rows, f"{measure}_tokens")


def test_without_ids_nothing_is_looked_for(tmp_path):
    """A log without request ids counts every row."""
    rows = [{**row, "request_id": None} for row in make_rows(FEW, FEW, odd=False)]
    for row in rows:
        del row["request_id"]
    result = read_usage([write(rows, tmp_path, "parquet")])
    assert (result.rows["read"], result.rows["duplicates"]) == (len(rows), 0)

"""The counting query through Ibis, for logs that sit in a warehouse: `costplan[warehouse]`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from costplan.domain.errors import Fault, InputError
from costplan.ingest.histogram import BASE
from costplan.ingest.usage.tally import Tally
from costplan.ingest.warehouse.counts import tally_rows
from costplan.ingest.warehouse.sql import GROUPS, MEASURES


def histogram_expression(table: Any) -> Any:  # noqa: ANN401 - an Ibis table
    """Write the counts of a view with flat columns; only count, sum, min, max, floor and ln."""
    ibis = _ibis()
    parts = []
    for measure, column in MEASURES.items():
        known = table.filter(table[column].notnull())
        value = known[column]
        bucket = (ibis.greatest(value, 1).ln() / ibis.literal(BASE).ln()).floor().cast("int64")
        parts.append(_counted(known, measure, bucket, value.sum().cast("float64")))
    parts.append(
        _counted(
            table, "usd", ibis.literal(0).cast("int64"), table["cost_usd"].sum().cast("float64")
        )
    )
    return ibis.union(*parts, distinct=False)


def _ibis() -> Any:  # noqa: ANN401 - an optional library without types
    try:
        return import_module("ibis")
    except ImportError as error:
        advice = "pip install 'costplan[warehouse]' and the Ibis extra of your warehouse"
        raise InputError([Fault("warehouses are read through Ibis", advice=advice)]) from error


def _counted(table: Any, measure: str, bucket: Any, total: Any) -> Any:  # noqa: ANN401
    ibis = _ibis()
    marked = table.mutate(bucket=bucket, measure=ibis.literal(measure))
    return marked.group_by([*GROUPS, "measure", "bucket"]).aggregate(
        requests=marked.count(),
        total=total,
        first_at=marked["started_at"].min(),
        last_at=marked["started_at"].max(),
    )


def count_warehouse(address: str) -> Tally:
    """Count a view of a warehouse: "duckdb:///logs.db#llm_requests", "bigquery://...#view".

    Raises InputError when Ibis is missing, the address is none, or a column is not there.
    """
    url, mark, view = address.partition("#")
    if not (mark and view):
        advice = "write URL#VIEW, as in bigquery://project/dataset#llm_requests"
        raise InputError([Fault(f"no view named in {address!r}", advice=advice)])
    table = _ibis().connect(url).table(view)
    wanted = {*GROUPS, *MEASURES.values(), "cost_usd", "started_at"}
    if missing := sorted(wanted - set(table.columns)):
        advice = "`costplan ingest print-sql` lists the columns of the view"
        raise InputError([Fault(f"{view} lacks {', '.join(missing)}", advice=advice)])
    frame = histogram_expression(table).execute()
    return tally_rows(frame.to_dict("records"), address)

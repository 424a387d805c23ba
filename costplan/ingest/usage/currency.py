"""Tables of amounts in another currency, which would be read as dollars."""

from __future__ import annotations

from costplan.domain.errors import Fault, InputError
from costplan.ingest.engine import ask, name
from costplan.ingest.head import Head
from costplan.ingest.usage.format import LogFormat
from costplan.ingest.usage.source import record_source

_COLUMNS = {"currency", "currency_code", "billing_currency", "billingcurrency"}
_DOLLARS = ("USD", "US$", "$", "")


def check_currency(head: Head, *, thorough: bool = False) -> None:
    """Refuse a plain table with a row in another currency: vendors' readers see theirs.

    `thorough` also looks for a currency that the first records of JSON do not have.

    Raises InputError where one is.
    """
    import duckdb

    told = [column for column in head.columns or sorted(head.keys) if column.lower() in _COLUMNS]
    if thorough and not head.columns:
        told += sorted(_COLUMNS - {column.lower() for column in told})
    if not told:
        return
    shape = dict.fromkeys(told, "VARCHAR")
    records = record_source(head, LogFormat("currency", lambda _: True, shape, "TRUE", {}))
    said = " UNION ".join(
        f"SELECT upper(trim(CAST({name(column)} AS VARCHAR))) AS said FROM records"
        for column in told
    )
    usual = ", ".join(f"'{word}'" for word in _DOLLARS)
    sql = (
        f"WITH records AS ({records}) SELECT said FROM ({said}) WHERE said NOT IN ({usual})"
        " ORDER BY said LIMIT 3"
    )
    try:
        other = [str(row[0]) for row in ask(sql)]
    except duckdb.Error:  # the reader itself says what is wrong with the file
        return
    if other:
        text = f"amounts in {', '.join(one[:20] for one in other)}, not in USD"
        advice = "a plan is in dollars: convert the amounts and say USD"
        raise InputError([Fault(text, file=str(head.path), advice=advice)])

"""FOCUS: charges per period and resource, as gateways, clouds and cost tools export them.

EffectiveCost counts, which spreads what was paid in advance over what it pays for; BilledCost where
a file lacks it. Taxes, and services that are no AI, are told by what stands for their model.
"""

from __future__ import annotations

from costplan.ingest.engine import name, quote
from costplan.ingest.head import Head
from costplan.ingest.usage.format import ReportFormat
from costplan.ingest.usage.source import file_source

TAX = "(tax)"
"""What stands for the model of a tax."""
OTHER_SERVICES = "(other services)"
"""What stands for the model of services that are no AI."""
_COLUMNS = (
    "x_TaskClass",
    "ServiceName",
    "SubAccountName",
    "SubAccountId",
    "BillingAccountName",
    "BillingAccountId",
    "ResourceName",
    "ResourceId",
)
_TAGS = ("task_class", "task", "use_case", "feature", "model_group", "api_key_alias", "team_alias",
         "cost_center")  # fmt: skip
_KEYS = ("x_TaskClass", *(f"tag:{tag}" for tag in _TAGS[:4]), *_COLUMNS[1:],
         *(f"tag:{tag}" for tag in _TAGS[4:]))  # fmt: skip
_IDENTITY = (
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "BillingAccountId",
    "SubAccountId",
    "ProviderName",
    "ServiceProviderName",
    "ServiceName",
    "ResourceId",
    "SkuId",
    "SkuPriceId",
    "SkuMeter",
    "ConsumedUnit",
    "RegionId",
    "Tags",
    "x_TaskClass",
)
_UNIT = "^(?:([0-9]+)[[:space:]]+)?(request|token)s?$"


def _recognise(head: Head) -> bool:
    return head.has("ChargePeriodStart", "BillingCurrency") and (
        head.has("BilledCost") or head.has("EffectiveCost")
    )


def _charges(head: Head, limit: int) -> str:
    """Write the SQL of what is read of a file, as text; an empty cell is null."""
    source = file_source(head, numbered=True) + (f" LIMIT {limit}" if limit else "")
    types = dict(zip(head.columns, head.types or ["VARCHAR"] * len(head.columns), strict=True))

    def column(key: str) -> str:
        return f"NULLIF(CAST({name(key)} AS VARCHAR), '')" if key in types else "NULL::VARCHAR"

    def document(key: str) -> str:
        if key not in types:
            return "NULL::JSON"
        if types[key] != "VARCHAR":
            return f"to_json({name(key)})"
        return f"CASE WHEN json_valid({name(key)}) THEN CAST({name(key)} AS JSON) END"

    identity = ", ".join(f"COALESCE({column(key)}, '')" for key in _IDENTITY)
    plain = ", ".join(f"{column(key)} AS {name(key)}" for key in (*_COLUMNS, *_READ))
    return f"""SELECT _line, {plain}, {document("Tags")} AS tags,
    {document("SkuPriceDetails")} AS details,
    md5(concat_ws(chr(1), {identity})) AS identity FROM ({source})"""


def _select(head: Head, limit: int) -> str:
    """Write the SQL of the charges: one row each, and one for every further day of a long one."""
    charges = _charges(head, limit)
    return f"""
WITH charges AS ({charges}
), told AS (
  SELECT *, {_MODEL} AS model, {_ASIDE} AS aside, {_instant("ChargePeriodStart")} AS start,
    {_instant("ChargePeriodEnd")} AS until, COALESCE(EffectiveCost, BilledCost) AS cost,
    upper(trim(COALESCE(BillingCurrency, ''))) AS currency, lower(COALESCE(SkuMeter, '')) AS meter,
    lower(COALESCE({_detail("TokenDirection")}, '')) AS direction,
    lower(COALESCE({_detail("TokenCacheAction")}, '')) AS action,
    regexp_extract(lower(trim(ConsumedUnit)), '{_UNIT}', 2) AS unit,
    COALESCE(TRY_CAST(regexp_extract(lower(trim(ConsumedUnit)), '{_UNIT}', 1) AS BIGINT), 1)
      AS size,
    row_number() OVER (PARTITION BY identity ORDER BY _line) AS place FROM charges
), metered AS (
  SELECT *, {_QUANTITY} AS quantity,
    CASE WHEN direction = 'output' OR (direction = '' AND meter LIKE '%output%') THEN 'output'
      WHEN direction = 'input' OR meter LIKE '%input%' THEN 'input' END AS way
  FROM told
), rows AS (
  SELECT _line AS line, identity || '|' || place AS request_id, start, until,
    COALESCE(aside, model) AS model, COALESCE(SubAccountName, SubAccountId) AS team,
    CASE WHEN unit = 'request' THEN quantity END AS n,
    CASE WHEN unit = 'token' AND way = 'input' THEN quantity END AS input,
    CASE WHEN unit = 'token' AND way = 'input' THEN
      CASE WHEN action = 'read' OR (action = '' AND meter LIKE '%cached%') THEN quantity ELSE 0 END
    END AS cached,
    CASE WHEN unit = 'token' AND way = 'output' THEN quantity END AS output,
    TRY_CAST(cost AS DECIMAL(38, 12)) AS usd,
    CASE WHEN cost IS NULL THEN 'no cost'
      WHEN TRY_CAST(cost AS DECIMAL(38, 12)) IS NULL THEN 'cost is not a number'
      WHEN currency = '' THEN 'amount in no currency, not in USD'
      WHEN currency <> 'USD' THEN 'amount in ' || currency[:10] || ', not in USD'
      WHEN start IS NULL THEN 'no charge period' END AS why,
    CASE WHEN lower(trim(x_Scenario)) NOT IN ('actual', 'actuals')
      THEN 'planned, not spent: its scenario is ' || x_Scenario[:40] END AS planned,
    aside IS NULL AS judged, {_keys()} FROM metered
), days AS (
  SELECT DISTINCT unnest(generate_series(start + INTERVAL 1 DAY, until - INTERVAL 1 MICROSECOND,
    INTERVAL 1 DAY)) AS day FROM (SELECT DISTINCT start, until FROM rows WHERE until > start)
)
SELECT * FROM rows UNION ALL BY NAME
SELECT day || '|day' AS request_id, day AS start, 0 AS n FROM days
"""


_READ = ("BilledCost", "EffectiveCost", "BillingCurrency", "ChargeCategory", "ChargePeriodEnd",
         "ChargePeriodStart", "ConsumedQuantity", "ConsumedUnit", "ServiceCategory", "SkuMeter",
         "x_Scenario")  # fmt: skip


def _value(document: str, key: str) -> str:
    path = '$."' + key + '"'
    return f"NULLIF({document} ->> {quote(path)}, '')"


def _detail(key: str) -> str:
    return f"COALESCE({_value('details', 'x_' + key)}, {_value('details', key)})"


def _instant(column: str) -> str:
    return f"CAST(TRY_CAST({column} AS TIMESTAMPTZ) AS TIMESTAMP)"


def _keys() -> str:
    """Write what can stand for the class; charges that are for no model have none."""
    values = {**{c: name(c) for c in _COLUMNS}, **{f"tag:{t}": _value("tags", t) for t in _TAGS}}
    return ", ".join(
        f"CASE WHEN aside IS NULL THEN {value} END AS {name('key ' + key)}"
        for key, value in values.items()
    )


_MODEL = f"COALESCE({_detail('ModelId')}, {_value('tags', 'model')}, ResourceName, ResourceId)"
_ASIDE = (
    f"CASE WHEN ChargeCategory = 'Tax' THEN {quote(TAX)}"
    f" WHEN ServiceCategory <> 'AI and Machine Learning' THEN {quote(OTHER_SERVICES)} END"
)
# A negative quantity corrects an earlier one: only its dollars count. Rounding to a millionth
# first undoes what binary fractions do to 1.234567 million tokens.
_QUANTITY = (
    "CASE WHEN aside IS NULL AND TRY_CAST(ConsumedQuantity AS DOUBLE) >= 0"
    " THEN TRY_CAST(trunc(round(TRY_CAST(ConsumedQuantity AS DOUBLE) * size, 6)) AS BIGINT) END"
)

FOCUS = ReportFormat(
    name="focus",
    recognise=_recognise,
    select=_select,
    keys=_KEYS,
    cannot_say=("reasoning_tokens", "latency", "failed", "setting", "percentiles"),
)

"""Totals of every sample, added up by hand beforehand, and of variants that say the same.

The numbers were added up with jq and a calculator, not with this package. A log says the same
however a vendor orders its fields, leaves optional ones out or null, writes numbers as text, or
adds fields that nobody knows yet.
"""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal

import pytest

from costplan.ingest.usage.run import UsageOptions, read_usage

HANDS: dict[str, dict[str, tuple[int | None, ...]]] = {
    # prompt_tokens include the cached, completion_tokens the reasoning ones; eleven failed.
    "litellm/spend_logs.json": {
        "triage": (17, 19_037, 3_072, 5_059, 3_204),
        "contracts": (12, 15_028, 1_408, 34_744, 33_486),
        "nano": (0, None, None, None, None),
    },
    # Two models each: 11,167 + 12,003 requests, 8,482,134 + 14,394,454 input, and so on.
    "openai/usage_completions_by_project_model.json": {
        "proj_support": (23_170, 22_876_588, 1_674_387, 28_008_187, None),
        "proj_legal": (20_953, 17_781_401, 1_084_071, 28_741_168, None),
    },
    # Uncached + read + written for 5 minutes + for an hour:
    # 51,596,873 + 4,717,835 + 369,141 + 41,764 and 33,470,648 + 3,599,767 + 448,249 + 43,771.
    "anthropic/usage_report_messages.json": {
        "wrkspc_support": (None, 56_725_613, 4_717_835, 53_816_333, None),
        "unlabelled": (None, 37_562_435, 3_599_767, 22_862_834, None),
    },
    # Disjoint parts: 22,661 + 1,536 and 27,630 + 3,584 in; 3,044 + 26,300 and 2,767 + 16,200 out.
    "langfuse/observations_v2.jsonl": {
        "contract-review": (17, 24_197, 1_536, 29_344, 26_300),
        "ticket-triage": (19, 31_214, 3_584, 18_967, 16_200),
    },
    # 7 and 3 of 22 and 18 rows have another status than 200.
    "helicone/export.csv": {
        "contract-review": (15, 15_728, None, 29_764, None),
        "ticket-triage": (15, 13_545, None, 18_909, None),
    },
    "openrouter/activity_api.json": {
        "openai/gpt-5-mini": (1_331, 2_503_313, 20_861, 3_886_706, 2_513_829),
        "anthropic/claude-sonnet-4.5": (1_511, 3_487_837, 20_901, 4_300_584, 2_871_936),
        "deepseek/deepseek-v3.2": (2_221, 2_494_977, 17_746, 4_988_121, 2_920_084),
    },
    "openrouter/activity_export.csv": {
        "openai/gpt-5-mini-2025-08-07": (31, 36_573, 5_236, 26_173, 22_031),
        "anthropic/claude-4.5-sonnet-20250929": (29, 40_877, 3_198, 16_253, 11_573),
    },
    # Nothing was read from a cache or written to one; two of twenty rows each have an error code.
    "bedrock/model_invocation_log.jsonl": {
        "contract-review": (18, 29_252, 0, 30_658, None),
        "ticket-triage": (18, 30_015, 0, 45_475, None),
    },
}
SPEND: dict[str, dict[str, str | None]] = {
    "litellm/spend_logs.json": {
        "triage": "0.01418605", "contracts": "0.364641", "nano": None,
    },
    "openai/costs_by_line_item.json": {"proj_support": "567.400449", "proj_legal": "714.470627"},
    # 18,280.33101 cents.
    "anthropic/cost_report.json": {"wrkspc_support": "182.8033101"},
    "langfuse/observations_v2.jsonl": {
        "contract-review": "0.06435325", "ticket-triage": "0.0448415",
    },
    "helicone/export.csv": {"contract-review": "0.06346", "ticket-triage": "0.04120425"},
    "openrouter/activity_api.json": {
        "openai/gpt-5-mini": "52.574436", "anthropic/claude-sonnet-4.5": "54.796038",
        "deepseek/deepseek-v3.2": "77.215378",
    },
    "openrouter/activity_export.csv": {
        "openai/gpt-5-mini-2025-08-07": "0.06148925",
        "anthropic/claude-4.5-sonnet-20250929": "0.04272525",
    },
}  # fmt: skip
MAPS = {"usage_details", "cost_details", "requestMetadata", "spend_logs_metadata", "metadata"}
"""Objects whose keys are a user's own or counted by name: nobody adds unknown ones to them."""


def backwards(value):
    if isinstance(value, dict):
        return {key: backwards(value[key]) for key in reversed(value)}
    return [backwards(item) for item in value] if isinstance(value, list) else value


def extended(value, key=""):
    if isinstance(value, dict):
        more = {"x_new": {"deep": [1, {"a": None}]}, "x_other": "text"} if key not in MAPS else {}
        return {**more, **{k: extended(v, k) for k, v in value.items()}}
    return [extended(item) for item in value] if isinstance(value, list) else value


def as_text(value):
    if isinstance(value, dict):
        return {key: as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_text(item) for item in value]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if number else value


def without_nulls(value):
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


VARIANTS = {
    "as it is": lambda value: value,
    "fields in another order": backwards,
    "unknown fields": extended,
    "numbers as text": as_text,
    "nulls left out": without_nulls,
}


def vary(text, name, change):
    """Write the sample anew, changed; CSV only in its columns."""
    if name.endswith(".csv"):
        rows = list(csv.reader(io.StringIO(text, newline="")))
        if change is backwards:
            rows = [row[::-1] for row in rows]
        elif change is extended:
            rows = [["x_new" if number == 0 else "", *row] for number, row in enumerate(rows)]
        stream = io.StringIO(newline="")
        csv.writer(stream).writerows(rows)
        return stream.getvalue()
    if name.endswith(".jsonl"):
        return "".join(json.dumps(change(json.loads(line))) + "\n" for line in text.splitlines())
    return json.dumps(change(json.loads(text)))


@pytest.fixture
def read(formats, tmp_path):
    def reading(name, variant):
        text = (formats / name).read_text("utf-8")
        path = tmp_path / name.rpartition("/")[2]
        path.write_text(vary(text, name, VARIANTS[variant]), "utf-8", newline="")
        key = "workspace_id" if name.startswith("anthropic") else ""
        return read_usage([path], UsageOptions(class_by=key))

    return reading


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", HANDS)
def test_volumes_and_tokens(read, name, variant):
    """Requests and tokens of every class are those added up by hand, however the log is written."""
    found = {
        c.name: (c.requests, *(c.tokens[f"{key}_tokens"] for key in
                 ("input", "cached_input", "output", "reasoning")))
        for c in read(name, variant).classes
    }  # fmt: skip
    assert found == HANDS[name]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", SPEND)
def test_spend(read, name, variant):
    """Dollars of every class are those added up by hand, to a billionth."""
    found = {c.name: c.usd for c in read(name, variant).classes}
    wanted = {k: None if v is None else Decimal(v) for k, v in SPEND[name].items()}
    assert found.keys() == wanted.keys()
    for key, usd in wanted.items():
        assert (found[key] is None) == (usd is None), key
        assert usd is None or abs(found[key] - usd) < Decimal("1e-9"), key


@pytest.mark.parametrize("variant", ["as it is", "fields in another order", "unknown fields"])
def test_spans(read, variant):
    """Spans of both instrumentations are added up by hand; reasoning is known in one alone."""
    # 331 is "331" in OTLP: numbers are text there already.
    found = read("otel/openllmetry_0.62.4_traces.otlp.json", variant).totals
    assert (found.requests, *found.tokens.values()) == (6, 6_586, 2_193, 7_202, 6_688)
    found = read("otel/otel_openai_v2_2.4b0_latest_traces.otlp.json", variant).totals
    assert (found.requests, *found.tokens.values()) == (10, 9_204, None, 14_523, None)
    found = read("otel/otel_openai_v2_2.4b0_latest_metrics.otlp.json", variant).totals
    assert (found.requests, *found.tokens.values()) == (10, 9_204, None, 14_523, None)

"""Anthropic's analytics reports: three forms of one count, checked with the SDK's field names."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from costplan.domain.errors import InputError
from costplan.ingest.usage.run import UsageOptions, read_usage

DAY = {"starting_at": "2026-10-01T00:00:00Z", "ending_at": "2026-10-02T00:00:00Z"}


def usage(requests, uncached, read, written, output):
    """One line: 5 minute and 1 hour writes are `written` and twice that."""
    return {
        "uncached_input_tokens": uncached,
        "cache_read_input_tokens": read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": written,
            "ephemeral_1h_input_tokens": 2 * written,
        },
        "output_tokens": output,
        "requests": requests,
        "server_tool_use": {"web_search_requests": 0},
        "total_tokens": uncached + read + 3 * written + output,
    }


LINES = [
    ({"product": "chat", "model": "claude-opus-5-5"}, usage(3, 100, 50, 10, 70)),
    ({"product": "claude_code", "model": "claude-opus-5-5"}, usage(5, 200, 0, 0, 90)),
    ({"product": None, "model": None}, usage(7, 0, 0, 0, 0)),  # code that was run
]


def actor(number):
    return {"type": "user_actor", "user_id": f"user_{number}", "deleted": False}


FORMS = {
    "buckets": [DAY | {"results": [{**group, **line} for group, line in LINES]}],
    "people": [DAY | {"actor": actor(n)} | group | line for n, (group, line) in enumerate(LINES)],
    "groups": [DAY | {"group": group, "usage": line} for group, line in LINES],
}


@pytest.mark.parametrize("form", FORMS)
def test_usage_of_analytics(tmp_path, form):
    """Requests are counted; input is what was not cached, read and written together."""
    path = tmp_path / "usage.json"
    page = {"data": FORMS[form], "has_more": False, "next_page": None}
    path.write_text(json.dumps(page))
    result = read_usage([path], UsageOptions(class_by="product"))
    assert {c.name: c.requests for c in result.classes} == {"claude_code": 5, "chat": 3}
    assert result.totals.tokens == {
        "input_tokens": 100 + 50 + 30 + 200,
        "cached_input_tokens": 50,
        "output_tokens": 160,
        "reasoning_tokens": None,
    }
    assert result.rows["skipped"] == 1
    assert "requests" not in result.cannot_say
    path.write_text("\n".join(map(json.dumps, [page, page])))
    assert read_usage([path]).totals.requests == 8


def test_people_are_classes(tmp_path):
    """A line per person can be told apart by who it is."""
    path = tmp_path / "usage.json"
    path.write_text(json.dumps({"data": FORMS["people"]}))
    result = read_usage([path], UsageOptions(class_by="actor"))
    assert {c.name for c in result.classes} == {"user_0", "user_1"}


@pytest.mark.parametrize("form", ["buckets", "groups"])
def test_costs_of_analytics(tmp_path, form):
    """Amounts are cents after discounts; the list price beside them does not count."""
    cost = {"amount": "1234.5", "list_amount": "2000.00", "currency": "USD", "requests": 3}
    line = DAY | ({"results": [cost]} if form == "buckets" else {"group": {}, "cost": cost})
    path = tmp_path / "costs.json"
    path.write_text(json.dumps({"data": [line]}))
    assert read_usage([path]).totals.usd == Decimal("12.345")


def test_what_cannot_be_counted_once(tmp_path):
    """Groups of people overlap and are refused; a line without a time says what to ask for."""
    path = tmp_path / "usage.json"
    grouped = {"rbac_group_id": "rbac_group_1"} | LINES[0][1]
    path.write_text(json.dumps({"data": [DAY | {"results": [grouped]}]}))
    with pytest.raises(InputError, match="counts in each"):
        read_usage([path])
    timeless = {"actor": actor(1), "starting_at": None, "ending_at": None} | LINES[0][1]
    path.write_text(json.dumps({"data": [timeless]}))
    with pytest.raises(InputError, match="bucket_width"):
        read_usage([path])


def test_a_table_with_uncached_tokens_is_a_table(tmp_path):
    """A column that is called as Anthropic's does not make a table its report."""
    path = tmp_path / "t.csv"
    path.write_text("uncached_input_tokens,cached_input_tokens,output_tokens\n10,5,7\n")
    assert read_usage([path]).totals.tokens["input_tokens"] == 15

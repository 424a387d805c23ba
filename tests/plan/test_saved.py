"""Saved plans that somebody has changed by hand."""

from __future__ import annotations

import contextlib
import copy
import io
import json
from decimal import Decimal

import pytest

from costplan.domain.errors import InputError
from costplan.plan.build import build_plan
from costplan.plan.saved import BESIDE, dump_plan, read_plan
from costplan.plan.saved_lines import decode_lines
from costplan.report.csv import write_csv
from costplan.report.focus import write_focus
from costplan.report.terminal import render

ODD = (
    None, "", "x", -1, 0, 1e300, float("nan"), float("inf"), [], {}, "NaN", "1e999999", "-0", True,
    "\x1b[2J\x00", "[/x]", 10**400, "2027-13", "=cmd()",
)  # fmt: skip


def list_places(node, place=()):
    """Every place of a document, the first two items of a list only."""
    yield place
    children = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node[:2])
        if isinstance(node, list)
        else ()
    )
    for key, child in children:
        yield from list_places(child, (*place, key))


def put(document, place, value):
    """A copy of a document with another value at a place."""
    if not place:
        return value
    changed = copy.deepcopy(document)
    node = changed
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    return changed


@pytest.fixture
def document(case, stated):
    """A small plan as JSON."""
    task = {
        "name": "chat",
        "requests": 10,
        "options": [stated("fast", "0.5", "1"), stated("deep", "0.9", "3")],
    }
    return json.loads(dump_plan(build_plan(case([task], ceilings={"usd": Decimal("20.5")}))))


def test_a_tampered_plan_is_a_fault_or_shows(document, tmp_path):
    """Whatever stands at any place: faults, or a plan that can be shown and booked."""
    from rich.console import Console

    path = tmp_path / "plan.json"
    read = 0
    for place in list_places(document):
        for value in ODD:
            path.write_text(json.dumps(put(document, place, value)), "utf-8")
            with contextlib.suppress(InputError):
                plan = read_plan(path)
                read += 1
                render(plan, Console(file=io.StringIO(), width=100, markup=False))
                write_csv(plan)
    assert read


def test_parts_beside_the_bill_can_be_left_unread(document, tmp_path):
    """What is left out is empty and not looked at; the rest is read and checked as ever."""
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(document | {"considered": "torn", "before": 3}), "utf-8")
    plan = read_plan(path, without=BESIDE)
    assert (plan.considered, plan.before, plan.stops) == ((), None, ())
    path.write_text(json.dumps(document), "utf-8")
    assert write_csv(plan) == write_csv(read_plan(path))
    path.write_text(json.dumps(document | {"lines": "torn"}), "utf-8")
    with pytest.raises(InputError, match="valid tuple"):
        read_plan(path, without=BESIDE)


@pytest.fixture
def stepped(document):
    """The plan with a line that is a cascade."""
    stage = {
        "model": "fast", "setting": "", "calls": 1.0, "check": "vote", "threshold": "2 of 3",
        "reach": 1.0, "provider": "acme", "usd_per_request": "0.5", "input_tokens": 12.5,
        "output_tokens": None, "reasoning_tokens": None,
    }  # fmt: skip
    path = {
        "stages": 1, "share": 0.6, "usd_per_request": "0.5", "mean_latency_s": None,
        "p95_latency_s": 2,
    }  # fmt: skip
    line = document["lines"][0] | {
        "policy": "cascade", "stages": [stage, stage | {"reach": 0.4}], "paths": [path],
        "notes": ["odd"], "month": None,
    }  # fmt: skip
    return document | {"lines": [line, *document["lines"][1:]]}


def book(path, *, quick):
    """What finance gets of a plan, or the faults that it has."""
    try:
        plan = read_plan(path, without=BESIDE, quick=quick)
    except InputError as error:
        return str(error)
    try:
        return write_csv(plan), write_focus(plan)
    except InputError as error:
        return "not to be booked", str(error)


def test_lines_read_quickly_book_as_those_read_in_full(stepped, tmp_path):
    """Whatever stands at any place of the lines: the same figures, or the same faults."""
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(stepped), "utf-8")
    assert decode_lines(path.read_bytes()) is not None
    quick = 0
    for place in list_places(stepped):
        if place[:1] not in {(), ("lines",), ("totals",), ("schema_version",)}:
            continue
        for value in ("\u2003 x", " 2027-01", "2027-01\n", {"mean": 1}, 12, 3.25, *ODD):
            path.write_text(json.dumps(put(stepped, place, value)), "utf-8")
            quick += decode_lines(path.read_bytes()) is not None
            assert book(path, quick=True) == book(path, quick=False), (place, value)
    assert quick


def test_a_key_that_no_plan_has_is_refused_however_it_is_read(stepped, tmp_path):
    """An unknown key in a line or in the plan, or JSON that is torn, is a fault with its place."""
    path = tmp_path / "plan.json"
    lines = [stepped["lines"][0] | {"discount": 1}]
    for changed, said in (
        (stepped | {"lines": lines}, "Extra inputs"),
        (stepped | {"discount": 1}, "Extra inputs"),
        ([], "schema_version is missing"),
    ):
        path.write_text(json.dumps(changed), "utf-8")
        with pytest.raises(InputError, match=said):
            read_plan(path, without=BESIDE, quick=True)
    path.write_bytes(json.dumps(stepped).encode()[:-9])
    with pytest.raises(InputError, match="is no JSON"):
        read_plan(path, without=BESIDE, quick=True)
    path.write_bytes(json.dumps(stepped).replace("odd", "\xff").encode("latin-1"))
    with pytest.raises(InputError, match="is no JSON"):
        read_plan(path, without=BESIDE, quick=True)

"""Plans for the tests of what leaves the tool, built up by hand so that sums are known."""

from __future__ import annotations

import random
from decimal import Decimal
from functools import cache
from typing import Any

from costplan.plan.model import Plan

STEPS = "cascade {steps: [small/low, big/high], check: test}"
PRICE = {"input": Decimal("1.25"), "cached": Decimal("0.125"), "output": Decimal(10)}
NASTY = (
    "=cmd|' /C calc'!A0",
    "+1",
    "-2+3",
    "@SUM(A1)",
    "\ttab first",
    "\rreturn",
    "line\nbreak",
    'quote " and , comma',
    "a;=1+1",
    "שלום עולם",
    "مرحبا",
    "🧑‍🚀 launch",
    "＝1+1",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "x" * 10_000,
    "'quoted",
    "{=1+1}",
)


def make_line(name: str, **changes: Any) -> dict[str, Any]:
    """Make a line of a class whose dollars follow from tokens and price."""
    requests = Decimal(str(changes.pop("requests", 1000)))
    share = Decimal(str(changes.pop("share", 1)))
    planned = requests * share
    tokens = {"input": 900 * planned, "cached": 300 * planned, "output": 250 * planned}
    usd = (
        (tokens["input"] - tokens["cached"]) * PRICE["input"]
        + tokens["cached"] * PRICE["cached"]
        + tokens["output"] * PRICE["output"]
    ).scaleb(-6)
    return {
        "class": name, "team": "support", "requests": requests, "option": "gpt-5/low",
        "model": "gpt-5", "provider": "openai", "setting": "low", "policy": "single",
        "share": share, "requests_planned": planned, "usd": usd,
        "usd_per_request": usd / planned if planned else Decimal(0),
        "value": planned, "accuracy": {"mean": 0.9, "low": 0.8, "high": 0.95, "grade": "published"},
        "mean_latency_s": 2, "p95_latency_s": 5, "batch": False, "input_tokens": tokens["input"],
        "cached_input_tokens": tokens["cached"], "output_tokens": tokens["output"],
        "reasoning_tokens": 200 * planned,
    } | changes  # fmt: skip


def _stage(model, setting, reach, usd, **more):
    """A stage of a policy as a plan holds it."""
    return {"model": model, "setting": setting, "calls": 1.0, "check": "", "threshold": "",
            "reach": reach, "provider": f"{model} inc", "usd_per_request": usd} | more  # fmt: skip


def cascade_line(name="triage", first="0.001", second="0.0123", requests=777, **changes):
    """A line whose requests go through a cascade of two vendors."""
    each = Decimal(first) + Decimal(second)
    return make_line(
        name, requests=requests, policy=STEPS, option="small then big", model="small",
        provider="small inc + big inc", setting="low", usd=each * requests, usd_per_request=each,
        stages=[
            _stage("small", "low", 1.0, first, check="test", input_tokens=900, output_tokens=50),
            _stage("big", "high", 0.37, second, input_tokens=333, output_tokens=400),
        ],
        **changes,
    )  # fmt: skip


def make_plan(lines: list[dict[str, Any]], **changes: Any) -> Plan:
    """Make a plan of lines, with the totals that they have."""
    usd = sum((Decimal(str(line["usd"])) for line in lines), Decimal(0))
    requests = sum((Decimal(str(line["requests_planned"])) for line in lines), Decimal(0))
    right = sum(
        float(line["requests_planned"]) * line["accuracy"]["mean"] for line in lines
    ) / float(requests or 1)
    facts: dict[str, Any] = {
        "schema_version": 1, "costplan_version": "0.1.0",
        "created_at": "2026-11-24T08:00:00+00:00", "seed": 1, "confidence": 0.9,
        "workload": {"name": "Support", "period": "month", "starts": "2027-01-01",
                     "digest": "ab" * 32, "file": None},
        "status": "optimal", "solver": "highs", "splits": True, "value_unit": "usd",
        "objective": {"maximize": "value", "value": 1.0, "bound": 1.0, "gap": 0.0},
        "verdict": "A plan.", "lines": lines,
        "totals": {
            "usd": usd, "usd_list": usd, "requests": requests, "value": 5,
            "accuracy": {"mean": right, "low": max(right - 0.1, 0), "high": min(right + 0.05, 1)},
            "mean_latency_s": 2, "usd_interval": {"low": usd * 9 / 10, "high": usd * 11 / 10},
        },
        "ceilings": [], "baselines": [], "pools": [], "conflict": [], "smallest_usd": None,
        "next_steps": [],
        "frontier": [{"usd": usd / 2, "value": 4.0, "accuracy": 0.8},
                     {"usd": usd, "value": 5.0, "accuracy": right}],
        "prices": [make_price()], "evidence": [], "considered": [],
        "assumptions": ["an assumption"],
        "warnings": [],
    }  # fmt: skip
    return Plan.model_validate(facts | changes)


def make_price(**changes: Any) -> dict[str, Any]:
    """Make the price that the lines follow."""
    return {
        "model": "gpt-5", "provider": "openai", "as_of": "2027-01-01",
        "input_usd_per_mtok": PRICE["input"], "cached_input_usd_per_mtok": PRICE["cached"],
        "output_usd_per_mtok": PRICE["output"], "batch": False, "source": "made up",
    } | changes  # fmt: skip


def nasty_plan() -> Plan:
    """A plan whose every label is out to do harm."""
    lines = [
        make_line(label, team=label, model=label, option=f"{label}/x", provider=label,
                  setting=label, requests=7 + place)
        for place, label in enumerate(NASTY)
    ]  # fmt: skip
    considered = [
        {"class": label, "option": f"{label}/x", "fate": "chosen", "reason": label,
         "usd_per_request": "0.01", "mean_latency_s": 1,
         "accuracy": {"mean": 0.9, "low": 0.8, "high": 0.95, "grade": "published"}}
        for label in NASTY
    ]  # fmt: skip
    return make_plan(
        lines,
        workload={"name": NASTY[0], "period": "month", "starts": "2027-01-01",
                  "digest": "ab" * 32, "file": NASTY[3]},
        prices=[make_price(model=label, provider=label, source=label) for label in NASTY],
        considered=considered,
        assumptions=list(NASTY),
        warnings=[{"code": "x", "class": label, "message": label} for label in NASTY],
    )  # fmt: skip


def mixed_plan() -> Plan:
    """A plan with split classes, batch, stated costs, own GPUs and contract terms."""
    lines = [
        make_line("triage", share="0.333333333333333", requests=9001),
        make_line("triage", share="0.666666666666667", requests=9001, option="gpt-5/high",
                  setting="high"),
        make_line("contracts", team=None, requests=77, batch=True),
        make_line("chat", team="legal", requests=500, provider="acme", model="own-model",
                  option="own-model", setting="", input_tokens=None, output_tokens=None,
                  cached_input_tokens=None, reasoning_tokens=None, usd=Decimal("12.345"),
                  usd_per_request=Decimal("0.02469"),
                  accuracy={"mean": 0.7, "low": 0.7, "high": 0.7, "grade": "stated"}),
        make_line("bulk", requests=400, provider="", model="llama", option="llama", setting="",
                  pool="rack", usd=Decimal(0), usd_per_request=Decimal(0)),
    ]  # fmt: skip
    listed = sum((line["usd"] for line in lines), Decimal(0))
    terms = Decimal("-3.21")
    plan = make_plan(
        lines,
        prices=[make_price(), make_price(batch=True)],
        pools=[{"name": "rack", "gpus": 3, "usd": "750.5", "tokens_used": 1,
                "tokens_available": 2}],
        bills=[{"provider": "openai", "usd_list": listed, "usd": listed + terms}],
    )  # fmt: skip
    assert plan.totals is not None
    usd = listed + terms + Decimal("750.5")
    return plan.model_copy(
        update={"totals": plan.totals.model_copy(update={"usd": usd, "usd_list": listed})}
    )


@cache
def year_plan(classes: int = 3, seed: int = 1) -> Plan:
    """A plan over twelve months with amounts that do not round by themselves."""
    luck = random.Random(seed)
    lines = [
        make_line(f"class-{number:04d}", month=f"2027-{month:02d}", team=f"team-{number % 7}",
                  requests=luck.randrange(1, 100_000))
        for number in range(classes) for month in range(1, 13)
    ]  # fmt: skip
    workload = {"name": "Year", "period": "month", "starts": "2027-01-01", "months": 12,
                "digest": "ab" * 32, "file": None}  # fmt: skip
    return make_plan(lines, workload=workload)


def random_plan(seed: int) -> Plan:
    """A plan of everything at once: months, splits, batch, cascades, own GPUs, contract terms."""
    luck = random.Random(seed)
    months = [f"2027-{m:02d}" for m in range(1, luck.choice([1, 2, 4]) + 1)]
    months = [None] if len(months) == 1 else months
    lines, listed, pools, bills = [], Decimal(0), [], []
    for month in months:
        first = len(lines)
        for number in range(luck.randint(1, 5)):
            name, requests = f"{number} {luck.choice(NASTY)[:60]}".strip(), luck.randrange(1, 10**6)
            for option, share in _random_shares(luck):
                lines.append(_random_line(luck, name, option, share, requests, month))
        mine = sum((line["usd"] for line in lines[first:]), Decimal(0))
        listed += mine
        ending = f" {month}" if month else ""
        if luck.random() < 0.5:
            pools.append({"name": f"rack{ending}", "gpus": 2, "tokens_used": 1,
                          "tokens_available": 2, "usd": _random_usd(luck, 3)})  # fmt: skip
        terms = _random_usd(luck, 2) * luck.choice([-1, 0, 1])
        bills.append({"provider": "openai", "usd_list": mine, "usd": mine + terms, "month": month})
    workload = {"name": "Random", "period": "month", "starts": "2027-01-01", "file": None,
                "months": len(months), "digest": "ab" * 32}  # fmt: skip
    plan = make_plan(
        lines, workload=workload, pools=pools, bills=bills,
        prices=[make_price(), make_price(batch=True)],
    )  # fmt: skip
    assert plan.totals is not None
    usd = sum((bill["usd"] for bill in bills), Decimal(0))
    usd += sum((pool["usd"] for pool in pools), Decimal(0))
    totals = plan.totals.model_copy(update={"usd": usd, "usd_list": listed})
    return plan.model_copy(update={"totals": totals})


def _random_usd(luck: random.Random, whole: int) -> Decimal:
    return Decimal(luck.randrange(10 ** (whole + 6))).scaleb(-6)


def _random_shares(luck: random.Random) -> list[tuple[str, Decimal]]:
    part = Decimal(luck.randrange(1, 10**6)).scaleb(-6)
    return luck.choice([[("a", Decimal(1))], [("a", part), ("b", 1 - part)]])


def _random_line(
    luck: random.Random, name: str, option: str, share: Decimal, requests: int, month: str | None
) -> dict[str, Any]:
    kind = luck.choice(["priced", "batch", "stated", "cascade"])
    if kind == "cascade":
        first, second = (str(_random_usd(luck, 0)) for _ in range(2))
        planned = requests * share
        line = cascade_line(name, first, second, requests, share=share, month=month)
        return line | {"option": option, "requests_planned": planned,
                       "usd": line["usd_per_request"] * planned}  # fmt: skip
    changes: dict[str, Any] = {"batch": kind == "batch", "option": option, "month": month}
    if kind == "stated":
        usd = _random_usd(luck, 5)
        changes |= {"usd": usd, "usd_per_request": usd / (requests * share), "input_tokens": None,
                    "cached_input_tokens": None, "output_tokens": None,
                    "reasoning_tokens": None}  # fmt: skip
    return make_line(name, share=share, requests=requests, **changes)

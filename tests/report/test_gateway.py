from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import jsonschema
import pytest
import yaml
from gateway_plans import CASCADE, line, plan, usual_plan
from litellm_proxy import Proxy, Recorder, find_proxy

from costplan.domain.errors import InputError
from costplan.files.profiles import load_profiles
from costplan.files.shipped import shipped_profiles
from costplan.report.gateway import GATEWAYS, write_gateway

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def profiles():
    """Give the shipped profiles."""
    return load_profiles(shipped_profiles() / "models")


@pytest.fixture(scope="module")
def served(profiles, tmp_path_factory):
    """Start the real proxy on the usual plan; give it and what records behind it."""
    executable = find_proxy()
    if executable is None:
        pytest.skip("no LiteLLM proxy: name its executable in COSTPLAN_LITELLM")
    recorder = Recorder()
    text = write_gateway(usual_plan(), "litellm", profiles).text
    proxy = Proxy(executable, text, tmp_path_factory.mktemp("litellm"), recorder)
    yield proxy, recorder
    proxy.close()
    recorder.close()


ARRIVES = {
    "ticket-triage": {"model": "gpt-5-mini", "reasoning_effort": "low",
                      "max_completion_tokens": 64000},
    "contract-review": {"model": "claude-sonnet-4-5-20250929", "max_tokens": 24000,
                        "thinking": {"type": "enabled", "budget_tokens": 8000}},
    "research": {"model": "claude-opus-4-6", "max_tokens": 64000,
                 "thinking": {"type": "adaptive", "display": "omitted"},
                 "output_config": {"effort": "medium"}},
    "greeting": {"model": "claude-sonnet-4-5-20250929", "thinking": {"type": "disabled"}},
    "images": {"generationConfig": {"max_output_tokens": 20480, "thinkingConfig":
               {"includeThoughts": True, "thinkingBudget": 4096}}},
    "images-off": {"generationConfig": {"max_output_tokens": 65536, "thinkingConfig":
                   {"thinkingBudget": 0}}},
    "summaries": {"generationConfig": {"max_output_tokens": 65536, "thinkingConfig":
                  {"includeThoughts": True, "thinkingLevel": "low"}}},
    "chat": {"model": "deepseek/deepseek-v3.2", "reasoning": {"enabled": False},
             "max_tokens": 64000},
    "code": {"model": "openai/gpt-oss-120b", "reasoning": {"effort": "high"}},
    "new-model": {"model": "gpt-5.6-sol", "reasoning_effort": "low"},
    "escalate.step2": {"model": "gpt-5", "reasoning_effort": "high",
                       "max_completion_tokens": 128000},
}  # fmt: skip


@pytest.mark.parametrize("name", ARRIVES)
def test_effort_budget_and_cap_arrive_at_the_vendor(served, name):
    """What the real proxy sends upstream is the plan's model, effort or budget, and cap."""
    proxy, recorder = served
    recorder.seen.clear()
    reply = proxy.ask(name)
    assert reply.status_code == 200, reply.text
    ((_, body),) = recorder.seen
    assert {key: body.get(key) for key in ARRIVES[name]} == ARRIVES[name]


def test_a_dynamic_budget_arrives_as_dynamic(served):
    """A budget that the model chooses itself is no budget of a fixed size."""
    proxy, recorder = served
    recorder.seen.clear()
    assert proxy.ask("images-free").status_code == 200
    ((_, body),) = recorder.seen
    assert body["generationConfig"]["thinkingConfig"]["thinkingBudget"] == -1


def test_ids_and_prices_of_the_plan_come_back_in_the_spend_rows(served):
    """A spend row names class, model and setting, and is in the plan's own prices."""
    proxy, _ = served
    reply = proxy.ask("ticket-triage")
    assert reply.headers["x-litellm-model-id"] == "ticket-triage.gpt-5-mini.low"
    rows = proxy.rows(1)
    until = [row for row in rows if row["model_id"] == "ticket-triage.gpt-5-mini.low"]
    for _ in range(50):
        if until:
            break
        rows = proxy.rows(len(rows) + 1)
        until = [row for row in rows if row["model_id"] == "ticket-triage.gpt-5-mini.low"]
    assert until[0]["model_group"] == "ticket-triage"
    assert until[0]["spend"] == pytest.approx(1000 * 0.25e-6 + 500 * 2e-6)


def test_a_split_class_is_drawn_by_its_shares(served):
    """Three quarters of sixty calls go to one option, within what chance allows."""
    proxy, recorder = served
    recorder.seen.clear()
    for _ in range(60):
        assert proxy.ask("split").status_code == 200
    count = Counter(body["model"] for _, body in recorder.seen)
    assert set(count) == {"gpt-5-mini", "gpt-5"}
    assert 32 <= count["gpt-5-mini"] <= 57


def test_a_caller_overrides_what_is_configured_as_the_writer_says(served, profiles):
    """An effort and a cap of the caller's arrive instead: the file says it cannot hold them."""
    proxy, recorder = served
    recorder.seen.clear()
    assert proxy.ask("ticket-triage", reasoning_effort="high", max_tokens=99).status_code == 200
    ((_, body),) = recorder.seen
    assert (body["reasoning_effort"], body["max_completion_tokens"]) == ("high", 99)
    codes = [w.code for w in write_gateway(usual_plan(), "litellm", profiles).cannot]
    assert "default_not_cap" in codes


def test_the_next_step_of_a_cascade_takes_over_when_a_call_fails(served):
    """A failing first step is answered by the second at its own effort."""
    proxy, recorder = served
    recorder.seen.clear()
    recorder.failing.add("gpt-5-mini")
    try:
        reply = proxy.ask("escalate")
    finally:
        recorder.failing.clear()
    assert reply.status_code == 200, reply.text
    assert reply.headers["x-litellm-model-id"] == "escalate.step2.gpt-5.high"
    assert recorder.seen[-1][1]["reasoning_effort"] == "high"


def test_litellm_keeps_dollar_ceilings_and_says_which_it_cannot(profiles):
    """Dollars of the whole and of a provider are budgets; a latency ceiling is named."""
    made = write_gateway(usual_plan(), "litellm", profiles)
    content = yaml.safe_load(made.text)
    assert content["litellm_settings"]["max_budget"] == 40_000
    assert content["router_settings"]["provider_budget_config"] == {
        "openai": {"budget_limit": 25_000, "time_period": "30d"}
    }
    assert any(w.code == "ceiling" and "mean_latency_s" in w.message for w in made.cannot)
    assert {w.code for w in made.cannot if w.task_class == "escalate"} == {"cascade"}
    assert {w.code for w in made.cannot if w.task_class == "vote"} == {"vote"}
    ids = [model["model_info"]["id"] for model in content["model_list"]]
    assert len(ids) == len(set(ids))


def test_envoy_routes_fit_the_schema(profiles):
    """Every route fits the schema; more than 15 classes are written as several routes."""
    schema = json.loads((HERE / "envoy_ai_gateway_route.schema.json").read_text())
    lines = [line(f"c{i}", "gpt-5-mini", "low", "openai") for i in range(31)]
    for made in (
        write_gateway(usual_plan(), "envoy", profiles),
        write_gateway(plan(lines), "envoy", profiles),
    ):
        routes = list(yaml.safe_load_all(made.text))
        for route in routes:
            jsonschema.validate(route, schema)
    assert [len(route["spec"]["rules"]) for route in routes] == [15, 15, 1]
    assert len({route["metadata"]["name"] for route in routes}) == 3


def test_envoy_overwrites_what_a_caller_sends(profiles):
    """Effort and cap are set as JSON, every other way to say them is removed."""
    made = write_gateway(usual_plan(), "envoy", profiles)
    rules = {
        rule["matches"][0]["headers"][0]["value"]: rule["backendRefs"]
        for route in yaml.safe_load_all(made.text)
        for rule in route["spec"]["rules"]
    }
    (review,) = rules["contract-review"]
    fields = {f["path"]: json.loads(f["value"]) for f in review["bodyMutation"]["set"]}
    assert fields == {"thinking": {"type": "enabled", "budget_tokens": 8000}, "max_tokens": 24000}
    assert "reasoning_effort" in review["bodyMutation"]["remove"]
    assert not set(fields) & set(review["bodyMutation"]["remove"])
    assert [ref["weight"] for ref in rules["split"]] == [750_000, 250_000]
    assert rules["escalate.step2"][0]["modelNameOverride"] == "gpt-5"
    assert "images" not in rules
    assert {w.task_class for w in made.cannot if w.code == "setting"} == {
        "images", "images-off", "images-free", "summaries",
    }  # fmt: skip


def test_openrouter_presets_are_requests_its_own_client_accepts(profiles):
    """Every preset's body is valid for OpenRouter's client library."""
    components = pytest.importorskip("openrouter.components")
    made = write_gateway(usual_plan(), "openrouter", profiles)
    presets = {preset["slug"]: preset for preset in json.loads(made.text)["presets"]}
    for preset in presets.values():
        components.ChatRequest.model_validate(preset["body"])
    assert presets["code"]["body"]["reasoning"] == {"effort": "high"}
    assert presets["contract-review"]["body"]["reasoning"] == {"max_tokens": 8000}
    assert presets["chat"]["body"]["max_tokens"] == 64000
    assert presets["escalate-step2"]["body"]["reasoning"] == {"effort": "high"}
    assert presets["code"]["path"] == "/api/v1/presets/code/chat/completions"
    assert sorted(p["share"] for p in presets.values() if p["class"] == "split") == [0.25, 0.75]
    assert any(w.code == "other_host" and w.task_class == "contract-review" for w in made.cannot)


def vllm_plan():
    """A plan that the semantic router can hold, a cascade by confidence among it."""
    by_confidence = (
        "cascade {steps: [gpt-5-mini/low, gpt-5/high], check: {kind: confidence, threshold: 0.7}}"
    )
    return plan(
        [
            line("ticket-triage", "gpt-5-mini", "low", "openai"),
            line("chat", "qwen3-32b", "off", "vllm"),
            line("code", "gpt-oss-120b", "high", "openrouter"),
            line("no-thought", "gpt-5.1", "none", "openai"),
            line("Sure thing!", "gpt-5-mini", "low", "openai", policy=by_confidence),
            line("escalate", "gpt-5-mini", "low", "openai", policy=CASCADE),
            line("budget", "claude-sonnet-4-5", "8000", "anthropic"),
            line("research", "claude-opus-4-6", "medium", "anthropic"),
        ]
    )


def test_the_semantic_router_accepts_its_configuration(profiles, tmp_path):
    """The router's own validator takes the file."""
    executable = os.environ.get("COSTPLAN_VLLM_SR") or shutil.which("vllm-sr")
    if executable is None:
        pytest.skip("no vLLM Semantic Router: name its executable in COSTPLAN_VLLM_SR")
    path = tmp_path / "router.yaml"
    path.write_text(write_gateway(vllm_plan(), "vllm-router", profiles).text)
    done = subprocess.run(
        [executable, "config", "validate", "--config", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_semantic_router_holds_a_cascade_by_confidence_alone(profiles):
    """Its order and threshold are written; a verifier and a budget are said not to be held."""
    made = write_gateway(vllm_plan(), "vllm-router", profiles)
    content = yaml.safe_load(made.text)
    recipes = {r["name"]: r["routing"]["decisions"][0] for r in content["recipes"]}
    sure = recipes["sure-thing"]
    assert [(r["model"], r["reasoning_effort"]) for r in sure["modelRefs"]] == [
        ("gpt-5-mini", "low"), ("gpt-5", "high"),
    ]  # fmt: skip
    assert sure["algorithm"]["confidence"]["threshold"] == 0.7
    assert "algorithm" not in recipes["escalate"]
    assert recipes["escalate.step2"]["modelRefs"][0]["model"] == "gpt-5"
    codes = {(w.task_class, w.code) for w in made.cannot}
    assert {
        ("escalate", "cascade"),
        ("budget", "unknown_host"),
        ("research", "unknown_host"),
        ("Sure thing!", "confidence"),
    } <= codes
    assert recipes["no-thought"]["modelRefs"] == [{"model": "gpt-5.1", "use_reasoning": False}]


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_what_no_gateway_can_serve_is_said(profiles, gateway):
    """A batch price, an own pool and a model without a profile are named, nothing is invented."""
    lines = [
        line("a", "gpt-5-mini", "low", "openai", batch=True, pool="gpus"),
        line("b", "in-house", "", "us"),
        line("c", "gpt-5-mini", "low", "azure"),
        line("d", "gpt-5-mini", "ultra", "openai"),
    ]
    made = write_gateway(plan(lines), gateway, profiles)
    said = {(w.task_class, w.code) for w in made.cannot}
    assert {("a", "batch"), ("a", "pool"), ("b", "unknown_model"), ("d", "unknown_model")} <= said
    assert any(w.task_class == "c" for w in made.cannot)
    assert "in-house" not in made.text


def test_a_plan_that_serves_nothing_is_refused(profiles):
    """An infeasible plan, a plan of unknown models and an unknown gateway are faults."""
    with pytest.raises(InputError, match="serves nothing"):
        write_gateway(plan([]), "litellm", profiles)
    with pytest.raises(InputError, match="no profile"):
        write_gateway(plan([line("b", "in-house", "", "us")]), "litellm", profiles)
    with pytest.raises(InputError, match="unknown gateway"):
        write_gateway(usual_plan(), "kong", profiles)


def test_a_route_names_every_bucket(profiles):
    """Each bucket of a route can be asked for, the class alone is the last; the caller chooses."""
    policy = (
        "route {by: input_tokens, buckets: {short: {option: gpt-5-mini/low, up_to: 2500}, "
        "long: {option: gpt-5/high}}}"
    )
    made = write_gateway(
        plan([line("mail", "gpt-5-mini", "low", "openai", policy=policy)]), "litellm", profiles
    )
    models = {m["model_name"]: m for m in yaml.safe_load(made.text)["model_list"]}
    asked = {name: m["litellm_params"]["model"] for name, m in models.items()}
    assert asked == {
        "mail": "openai/gpt-5", "mail.short": "openai/gpt-5-mini", "mail.long": "openai/gpt-5",
    }  # fmt: skip
    assert "fallbacks" not in yaml.safe_load(made.text)["router_settings"]
    (said,) = [w.message for w in made.cannot if w.code == "route"]
    assert "ask mail.short for short, ask mail.long for long" in said


def test_a_cascade_over_two_vendors_asks_each_of_them(profiles):
    """The line names both providers; every step goes to its own."""
    policy = "cascade {steps: [gpt-5-mini/low, claude-sonnet-4-5/8000], check: {kind: test}}"
    served = line("mail", "gpt-5-mini", "low", "openai + anthropic", policy=policy)
    made = write_gateway(plan([served]), "litellm", profiles)
    asked = [m["litellm_params"]["model"] for m in yaml.safe_load(made.text)["model_list"]]
    assert [name.split("/")[0] for name in asked] == ["openai", "anthropic"]


def test_litellm_gives_a_years_ceiling_a_year(profiles):
    """A ceiling for all months runs for their days, one per month for 30; each is said once."""
    made_of = usual_plan()
    whole, provider, latency = made_of.ceilings[:3]
    ceilings = [whole.model_copy(update={"name": "usd"})]
    for month in ("2027-01", "2027-02"):
        ceilings += [
            provider.model_copy(update={"name": f"providers.openai {month}.usd"}),
            latency.model_copy(update={"name": f"teams.a {month}.mean_latency_s"}),
        ]
    workload = made_of.workload.model_copy(update={"starts": "2027-01-01", "months": 12})
    year = made_of.model_copy(update={"ceilings": tuple(ceilings), "workload": workload})
    made = write_gateway(year, "litellm", profiles)
    content = yaml.safe_load(made.text)
    assert content["litellm_settings"]["budget_duration"] == "365d"
    (budget,) = content["router_settings"]["provider_budget_config"].values()
    assert budget["time_period"] == "30d"
    said = [w.message for w in made.cannot if w.code == "ceiling"]
    assert said == ["the ceiling teams.a.mean_latency_s is not kept by the proxy"]

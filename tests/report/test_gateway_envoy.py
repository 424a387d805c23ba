"""What the real Envoy AI Gateway makes of the file that costplan writes."""

from __future__ import annotations

import pytest
from envoy_gateway import EnvoyGateway, find_programs
from gateway_plans import usual_plan
from litellm_proxy import Recorder

from costplan.files.profiles import load_profiles
from costplan.files.shipped import shipped_profiles
from costplan.report.gateway import write_gateway


@pytest.fixture(scope="module")
def programs():
    """Find the programs, or skip."""
    found = find_programs()
    if found is None:
        pytest.skip("no Envoy AI Gateway: name aigw in COSTPLAN_AIGW and envoy in COSTPLAN_ENVOY")
    return found


@pytest.fixture(scope="module")
def made():
    """Write the usual plan's routes."""
    profiles = load_profiles(shipped_profiles() / "models")
    return write_gateway(usual_plan(), "envoy", profiles)


@pytest.fixture(scope="module")
def served(programs, made, tmp_path_factory):
    """Start the gateway on the usual plan; give it and what records behind it."""
    recorder = Recorder()
    gateway = EnvoyGateway(programs, made.text, tmp_path_factory.mktemp("envoy"), recorder)
    try:
        assert gateway.wait(), gateway.log.read_text()[-2000:]
        yield gateway, recorder
    finally:
        gateway.close()
        recorder.close()


def arrived(served, model, **more):
    """Ask, and give what arrived at the vendor."""
    gateway, recorder = served
    before = len(recorder.seen)
    reply = gateway.ask(model, **more)
    assert reply.status_code == 200, reply.text
    (found,) = recorder.seen[before:]
    return found


def test_the_planned_model_effort_and_cap_arrive_whatever_was_asked(served):
    """The public name becomes the model; a caller's own effort and cap are overwritten."""
    path, body = arrived(served, "ticket-triage", reasoning_effort="high", max_tokens=9)
    assert path == "/v1/chat/completions"
    assert body["model"] == "gpt-5-mini"
    assert body["reasoning_effort"] == "low"
    assert body["max_completion_tokens"] == 64_000
    assert "max_tokens" not in body


def test_a_thinking_budget_arrives_at_anthropic(served):
    """Asked in Anthropic's own protocol, budget and cap are the plan's."""
    _, body = arrived(
        served, "contract-review", path="/anthropic/v1/messages", max_tokens=7,
        thinking={"type": "enabled", "budget_tokens": 1},
    )  # fmt: skip
    assert body["model"].startswith("claude-sonnet-4-5")
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 8000}
    assert body["max_tokens"] == 24_000


def test_every_step_of_a_cascade_has_a_name(served):
    """The first step answers to the class, the next to its own name."""
    assert arrived(served, "escalate")[1]["model"] == "gpt-5-mini"
    body = arrived(served, "escalate.step2")[1]
    assert body["model"] == "gpt-5"
    assert body["reasoning_effort"] == "high"


def test_an_unknown_name_finds_no_route(served):
    """Only the plan's names are served."""
    assert served[0].ask("gpt-5").status_code == 404


def test_what_is_asked_in_another_protocol_is_refused_as_the_file_says(served, made):
    """Chat completions do not reach Anthropic's own API, and the file says where to ask."""
    gateway, recorder = served
    before = len(recorder.seen)
    assert gateway.ask("contract-review").status_code == 422
    assert len(recorder.seen) == before
    (said,) = [w for w in made.cannot if w.code == "protocol"]
    assert "/anthropic/v1/messages" in said.message

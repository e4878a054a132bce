"""What may be kept of a call is settled before it begins: by whoever wants least."""

from dataclasses import replace

import pytest

from bridge.calls.front.allowance import Allowances
from bridge.calls.front.request import CallRequest
from bridge.calls.front.terms import ServerLimits, Terms
from bridge.errors import InvalidRequest
from bridge.ids import AgentId, TenantId
from bridge.ports.agent import AgentRequest
from bridge.ports.call import CallSpec
from bridge.ports.recording import RecordingChange, RecordingPlan
from bridge.retention import Retention, RetentionRules
from tests.fakes.agents import GREETER, LIMITS
from tests.unit.calls.rig import World

ENDPOINTS = {
    TenantId("acme"): frozenset({"shop", "audit"}),
    TenantId("globex"): frozenset({"theirs"}),
}
RULES = RetentionRules(Retention.TRANSCRIPT, {TenantId("globex"): Retention.NONE})


def settled(
    *,
    tenant: str = "acme",
    agent: Retention = Retention.ALL,
    asked: Retention | None = None,
    recording: RecordingChange | None = None,
    recorded: RecordingPlan | None = None,
    webhooks: frozenset[str] | None = None,
) -> CallSpec:
    world = World()
    allowances = Allowances(world.prices, world.budgets, world.ledger, world.clock)
    limits = ServerLimits(LIMITS, 3600, 600, records=True, retention=RULES)
    request = CallRequest(
        AgentRequest(AgentId("greeter"), TenantId(tenant)),
        "Ada",
        retention=asked,
        recording=recording,
        webhooks=webhooks,
    )
    resolved = replace(GREETER, retention=agent, recording=recorded)
    terms = Terms(limits, allowances, world.clock, ENDPOINTS.__getitem__)
    return terms.settle(request, resolved, None, foreign=False)


def test_server_s_word_holds_where_nobody_else_has_one() -> None:
    assert settled().retention is Retention.TRANSCRIPT


def test_request_can_tighten_and_not_loosen() -> None:
    assert settled(asked=Retention.METADATA).retention is Retention.METADATA
    assert settled(asked=Retention.ALL).retention is Retention.TRANSCRIPT


def test_so_can_the_agent_and_the_tenant() -> None:
    assert settled(agent=Retention.METADATA).retention is Retention.METADATA
    assert settled(agent=Retention.METADATA, asked=Retention.ALL).retention is Retention.METADATA
    assert settled(tenant="globex", asked=Retention.ALL).retention is Retention.NONE


def test_call_whose_words_may_not_be_kept_is_not_recorded() -> None:
    plan = RecordingPlan()
    assert settled(recorded=plan).recording == plan
    assert settled(recorded=plan, asked=Retention.METADATA).recording is None
    assert settled(recorded=plan, tenant="globex").recording is None


def test_recording_that_is_asked_for_and_may_not_be_kept_is_refused() -> None:
    with pytest.raises(InvalidRequest) as refused:
        settled(recording=RecordingChange(), asked=Retention.METADATA)
    (violation,) = refused.value.violations
    assert violation.field == "recording"
    assert "metadata" in violation.description


@pytest.mark.parametrize("webhooks", [None, frozenset(), frozenset({"shop"})])
def test_call_is_sent_to_the_endpoints_of_its_tenant_that_it_names(
    webhooks: frozenset[str] | None,
) -> None:
    assert settled(webhooks=webhooks).webhooks == webhooks


def test_endpoint_of_another_tenant_is_as_if_there_were_none() -> None:
    for name in ("theirs", "nobodys"):
        with pytest.raises(InvalidRequest) as refused:
            settled(webhooks=frozenset({"shop", name}))
        (violation,) = refused.value.violations
        assert violation.field == "webhooks.endpoints"
        assert violation.description == f"this tenant has no such endpoint: {name}"

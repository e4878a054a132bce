"""Values that workers tell of."""

from datetime import UTC, datetime

from bridge.ids import ConnectionId
from bridge.ports.call import AgentState, CallState
from bridge.ports.telemetry import CallTelemetry, DirectionTelemetry, NetworkTelemetry
from tests.fakes.agents import SPEC

_QUIET = DirectionTelemetry(-127, -127, 0, 0, 0)


def sample(connection_id: ConnectionId = SPEC.connection_id) -> CallTelemetry:
    return CallTelemetry(
        connection_id=connection_id,
        tenant_id=SPEC.tenant_id,
        at=datetime(2026, 1, 1, tzinfo=UTC),
        interval_s=1.0,
        state=CallState.ACTIVE,
        agent_state=AgentState.LISTENING,
        uplink=_QUIET,
        speakers=1,
        downlink=_QUIET,
        underruns=0,
        playout_position_ms=0.0,
        network=NetworkTelemetry(0, 0, 0, 0, None, None),
        model_round_trip_ms=None,
        turn_latency_ms=None,
        first_audio_ms=None,
        loop_lag_s=0.25,
    )

"""Calls, reports and telemetry as the API's messages."""

from bridge.messages.times import duration, duration_of_ms, timestamp
from bridge.ports.budget import Budget
from bridge.ports.call import CallLimits, CallView, ParticipantView
from bridge.ports.money import Cost
from bridge.ports.recording import Recorded, RecordingFormat
from bridge.ports.report import (
    CallReport,
    Incident,
    LatencySummary,
    MediaTotals,
    SetupTimes,
    ToolTotals,
    Turn,
    TurnLatency,
)
from bridge.ports.telemetry import EncodedTelemetry, Figures, NetworkTelemetry
from bridge.ports.tool import ToolStatus, ToolUse
from bridge.ports.usage import TokenCounts
from bridge.v1 import call_pb2, report_pb2, telemetry_pb2


def call(view: CallView) -> call_pb2.Call:
    spec = view.spec
    message = call_pb2.Call(
        connection_id=spec.connection_id,
        room_name=spec.room_name,
        request_id=spec.request_id,
        tenant_id=spec.tenant_id,
        agent_id=spec.agent.agent_id,
        voice_language=spec.agent.language,
        metadata=spec.metadata,
        limits=limits(spec.limits),
        foreign_room=spec.foreign_room,
        state=call_pb2.CallState.Value(f"CALL_STATE_{view.state.name}"),
        agent_state=call_pb2.AgentState.Value(f"AGENT_STATE_{view.agent_state.name}"),
        create_time=timestamp(spec.created_at),
        media_ready_time=timestamp(view.media_ready_at),
        model_ready_time=timestamp(view.model_ready_at),
        join_time=timestamp(view.joined_at),
        first_agent_audio_time=timestamp(view.first_agent_audio_at),
        end_time=timestamp(view.ended_at),
        expire_time=timestamp(view.expires_at),
        last_activity=timestamp(view.last_activity_at),
        active_duration=duration(view.active_duration_s),
        participants=[participant(one) for one in view.participants],
        usage=tokens(view.usage),
        cost=cost(view.cost),
        budget=_budget(spec.budget),
        last_sequence=view.last_sequence,
        model=spec.agent.model.model,
        model_session_ids=view.model_session_ids,
        host_id=view.host_id,
    )
    if view.ending is not None:
        message.end_reason = call_pb2.EndReason.Value(f"END_REASON_{view.ending.reason.name}")
        message.end_fault = call_pb2.EndFault.Value(f"END_FAULT_{view.ending.fault.name}")
        message.end_detail = view.ending.detail
    return message


def limits(of: CallLimits) -> call_pb2.CallLimits:
    return call_pb2.CallLimits(
        join_timeout=duration(of.join_timeout_s),
        max_duration=duration(of.max_duration_s),
        rejoin_grace=duration(of.rejoin_grace_s),
        time_exceeded_text=of.time_exceeded_text or "",
    )


def participant(view: ParticipantView) -> call_pb2.Participant:
    return call_pb2.Participant(
        identity=view.identity,
        name=view.name,
        connected=view.connected,
        microphone_on=view.microphone_on,
        join_time=timestamp(view.joined_at),
    )


def tokens(counts: TokenCounts) -> call_pb2.TokenUsage:
    return call_pb2.TokenUsage(
        input_text_tokens=counts.input_text,
        input_audio_tokens=counts.input_audio,
        input_image_tokens=counts.input_image,
        cached_text_tokens=counts.cached_text,
        cached_audio_tokens=counts.cached_audio,
        cached_image_tokens=counts.cached_image,
        output_text_tokens=counts.output_text,
        output_audio_tokens=counts.output_audio,
    )


def tool_status(of: ToolStatus) -> report_pb2.ToolStatus.ValueType:
    return report_pb2.ToolStatus.Value(f"TOOL_STATUS_{of.name}")


def _budget(of: Budget) -> call_pb2.Budget | None:
    if not of:
        return None
    return call_pb2.Budget(max_tokens=of.max_tokens, max_micro_units=of.max_micro_units)


def cost(of: Cost | None) -> call_pb2.Cost | None:
    if of is None:
        return None
    return call_pb2.Cost(
        micro_units=of.micro_units,
        currency=of.currency,
        price_version=of.price_version,
        transcription_micro_units=of.transcription_micro_units,
    )


def report(of: CallReport) -> report_pb2.CallReport:
    return report_pb2.CallReport(
        call=call(of.view),
        complete=of.complete,
        setup=_setup(of.setup),
        turns=[_turn(turn) for turn in of.turns],
        turn_latency=_latency(of.turn_latency),
        talk_time=report_pb2.TalkTime(
            user=duration(of.user_talk_s), agent=duration_of_ms(of.media.played_ms)
        ),
        media=_media(of.media),
        incidents=[incident(one) for one in of.incidents],
        tools=_tool_totals(of.tools),
        cost=cost(of.view.cost),
        recordings=[recording(one) for one in of.recordings],
    )


def recording(of: Recorded) -> report_pb2.Recording:
    return report_pb2.Recording(
        uri=of.uri,
        duration=duration(of.duration_s),
        bytes=of.size_bytes,
        channels=of.channels,
        format=recording_format(of.format),
        lost=duration(of.lost_s),
        complete=of.complete,
        source=report_pb2.RecordingSource.Value(f"RECORDING_SOURCE_{of.source.name}"),
    )


def recording_format(of: RecordingFormat) -> call_pb2.RecordingFormat.ValueType:
    return call_pb2.RecordingFormat.Value(f"RECORDING_FORMAT_{of.name}")


def encoded(of: Figures) -> bytes:
    """Return figures as they cross to another process."""
    return of.payload if isinstance(of, EncodedTelemetry) else telemetry(of).SerializeToString()


def telemetry(of: Figures) -> telemetry_pb2.CallTelemetry:
    if isinstance(of, EncodedTelemetry):
        return telemetry_pb2.CallTelemetry.FromString(of.payload)
    return telemetry_pb2.CallTelemetry(
        connection_id=of.connection_id,
        time=timestamp(of.at),
        interval=duration(of.interval_s),
        state=call_pb2.CallState.Value(f"CALL_STATE_{of.state.name}"),
        agent_state=call_pb2.AgentState.Value(f"AGENT_STATE_{of.agent_state.name}"),
        uplink=telemetry_pb2.UplinkTelemetry(
            level_dbfs=of.uplink.level_dbfs,
            peak_dbfs=of.uplink.peak_dbfs,
            audio_ms=of.uplink.audio_ms,
            queue_ms=of.uplink.queue_ms,
            dropped_ms=of.uplink.dropped_ms,
            speakers=of.speakers,
        ),
        downlink=telemetry_pb2.DownlinkTelemetry(
            level_dbfs=of.downlink.level_dbfs,
            peak_dbfs=of.downlink.peak_dbfs,
            audio_ms=of.downlink.audio_ms,
            queue_ms=of.downlink.queue_ms,
            dropped_ms=of.downlink.dropped_ms,
            underruns=of.underruns,
            playout_position_ms=of.playout_position_ms,
        ),
        network=_network(of.network),
        model=telemetry_pb2.ModelTelemetry(
            round_trip_ms=of.model_round_trip_ms,
            turn_latency_ms=of.turn_latency_ms,
            first_audio_ms=of.first_audio_ms,
            usage=tokens(of.usage),
            cost=cost(of.cost),
        ),
        loop_lag=duration(of.loop_lag_s),
    )


def _setup(times: SetupTimes) -> report_pb2.SetupTimes:
    return report_pb2.SetupTimes(
        room=duration(times.room_s),
        media=duration(times.media_s),
        model=duration(times.model_s),
        join=duration(times.join_s),
        first_agent_audio=duration(times.first_agent_audio_s),
    )


def _turn(turn: Turn) -> report_pb2.Turn:
    return report_pb2.Turn(
        index=turn.index,
        start_time=timestamp(turn.started_at),
        user_text=turn.user_text,
        agent_text=turn.agent_text,
        agent_heard=duration_of_ms(turn.agent_heard_ms),
        interrupted=turn.interrupted,
        latency=duration(turn.latency.total_s) if turn.latency else None,
        latency_parts=turn_latency(turn.latency) if turn.latency else None,
        usage=tokens(turn.tokens),
        tools=[_tool_use(use) for use in turn.tools],
        cost=cost(turn.cost),
    )


def turn_latency(of: TurnLatency) -> report_pb2.TurnLatency:
    return report_pb2.TurnLatency(
        endpointing=duration(of.endpointing_s),
        model=duration(of.model_s),
        transport=duration(of.transport_s),
        playout=duration(of.playout_s),
    )


def _tool_use(use: ToolUse) -> report_pb2.ToolUse:
    return report_pb2.ToolUse(
        tool_call_id=use.tool_call_id,
        name=use.name,
        status=tool_status(use.status),
        code=use.code,
        duration=duration(use.duration_s),
        private_detail=use.private_detail,
    )


def _tool_totals(totals: ToolTotals) -> report_pb2.ToolTotals:
    return report_pb2.ToolTotals(
        succeeded=totals.succeeded,
        failed=totals.failed,
        timed_out=totals.timed_out,
        cancelled=totals.cancelled,
    )


def _latency(summary: LatencySummary | None) -> report_pb2.LatencySummary | None:
    if summary is None:
        return None
    return report_pb2.LatencySummary(
        count=summary.count,
        min=duration(summary.min_s),
        p50=duration(summary.p50_s),
        p90=duration(summary.p90_s),
        p95=duration(summary.p95_s),
        p99=duration(summary.p99_s),
        max=duration(summary.max_s),
    )


def _media(totals: MediaTotals) -> report_pb2.MediaTotals:
    return report_pb2.MediaTotals(
        audio_in=duration_of_ms(totals.sent_ms),
        dropped_in=duration_of_ms(totals.dropped_in_ms),
        audio_out=duration_of_ms(totals.received_ms),
        played_out=duration_of_ms(totals.played_ms),
        discarded_out=duration_of_ms(totals.discarded_ms),
        underruns=totals.underruns,
        interruptions=totals.interruptions,
        media_reconnects=totals.media_reconnects,
        packets_in=totals.packets_in,
        packets_lost_in=totals.packets_lost_in,
        packets_out=totals.packets_out,
        packets_lost_out=totals.packets_lost_out,
    )


def incident(of: Incident) -> report_pb2.Incident:
    return report_pb2.Incident(time=timestamp(of.at), code=of.code, message=of.message)


def _network(of: NetworkTelemetry) -> telemetry_pb2.NetworkTelemetry:
    return telemetry_pb2.NetworkTelemetry(
        packets_in=of.packets_in,
        packets_out=of.packets_out,
        packets_lost_in=of.packets_lost_in,
        packets_lost_out=of.packets_lost_out,
        jitter_ms=of.jitter_ms,
        round_trip_ms=of.round_trip_ms,
    )

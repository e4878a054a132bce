package io.mediabridge.client;

import io.mediabridge.v1.ControlCallRequest;
import io.mediabridge.v1.CreateRoomRequest;
import io.mediabridge.v1.DeleteCallDataRequest;
import io.mediabridge.v1.EndCallRequest;
import io.mediabridge.v1.GetCallReportRequest;
import io.mediabridge.v1.GetConnectionStatusRequest;
import io.mediabridge.v1.JoinRoomRequest;
import io.mediabridge.v1.ListAgentsRequest;
import io.mediabridge.v1.LogLevel;
import io.mediabridge.v1.SetLogLevelRequest;
import io.mediabridge.v1.StreamTelemetryRequest;
import io.mediabridge.v1.WatchEventsRequest;
import java.time.Duration;
import java.util.UUID;

/** What the messages look like that both forms of the client send. */
final class Requests {

  private Requests() {}

  /** Returns the request with an id, so that a retry of it cannot make a second call. */
  static CreateRoomRequest identified(CreateRoomRequest request) {
    return request.getRequestId().isEmpty()
        ? request.toBuilder().setRequestId(newId()).build()
        : request;
  }

  /** Returns the request with an id, so that a retry of it cannot make a second call. */
  static JoinRoomRequest identified(JoinRoomRequest request) {
    return request.getRequestId().isEmpty()
        ? request.toBuilder().setRequestId(newId()).build()
        : request;
  }

  /** Returns the command with an id, so that a retry of it does nothing twice. */
  static ControlCallRequest identified(ControlCallRequest command) {
    return command.getCommandId().isEmpty()
        ? command.toBuilder().setCommandId(newId()).build()
        : command;
  }

  static ListAgentsRequest agents(String tenantId) {
    return ListAgentsRequest.newBuilder().setTenantId(tenantId).build();
  }

  static SetLogLevelRequest logLevel(LogLevel level) {
    return SetLogLevelRequest.newBuilder().setLevel(level).build();
  }

  static CreateRoomRequest createRoom(String participantName, String agentId) {
    return CreateRoomRequest.newBuilder()
        .setParticipantName(participantName)
        .setAgentId(agentId)
        .build();
  }

  static JoinRoomRequest joinRoom(String participantName, String roomName) {
    return JoinRoomRequest.newBuilder()
        .setParticipantName(participantName)
        .setRoomName(roomName)
        .build();
  }

  static EndCallRequest endCall(String connectionId) {
    return EndCallRequest.newBuilder().setConnectionId(connectionId).build();
  }

  static GetConnectionStatusRequest status(String connectionId) {
    return GetConnectionStatusRequest.newBuilder().setConnectionId(connectionId).build();
  }

  static GetCallReportRequest report(String connectionId) {
    return GetCallReportRequest.newBuilder().setConnectionId(connectionId).build();
  }

  static DeleteCallDataRequest deletion(String connectionId) {
    return DeleteCallDataRequest.newBuilder().setConnectionId(connectionId).build();
  }

  static WatchEventsRequest events(String connectionId, long afterSequence) {
    return WatchEventsRequest.newBuilder()
        .setConnectionId(connectionId)
        .setAfterSequence(afterSequence)
        .build();
  }

  static StreamTelemetryRequest telemetry(String connectionId, Duration interval) {
    return StreamTelemetryRequest.newBuilder()
        .setConnectionId(connectionId)
        .setInterval(
            com.google.protobuf.Duration.newBuilder()
                .setSeconds(interval.getSeconds())
                .setNanos(interval.getNano()))
        .build();
  }

  private static String newId() {
    return UUID.randomUUID().toString();
  }
}

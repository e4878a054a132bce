package io.mediabridge.client;

import io.mediabridge.v1.AdminServiceGrpc;
import io.mediabridge.v1.AgentSummary;
import io.mediabridge.v1.CallEvent;
import io.mediabridge.v1.CallReport;
import io.mediabridge.v1.CallServiceGrpc;
import io.mediabridge.v1.ControlCallRequest;
import io.mediabridge.v1.ControlCallResponse;
import io.mediabridge.v1.CreateModelTokenRequest;
import io.mediabridge.v1.CreateModelTokenResponse;
import io.mediabridge.v1.CreateRoomRequest;
import io.mediabridge.v1.CreateRoomResponse;
import io.mediabridge.v1.DeleteCallDataResponse;
import io.mediabridge.v1.DumpTasksRequest;
import io.mediabridge.v1.DumpTasksResponse;
import io.mediabridge.v1.EndCallResponse;
import io.mediabridge.v1.GetCallReportResponse;
import io.mediabridge.v1.GetConnectionStatusResponse;
import io.mediabridge.v1.GetStatsRequest;
import io.mediabridge.v1.GetStatsResponse;
import io.mediabridge.v1.JoinRoomRequest;
import io.mediabridge.v1.JoinRoomResponse;
import io.mediabridge.v1.ListAgentsResponse;
import io.mediabridge.v1.ListCallsRequest;
import io.mediabridge.v1.ListCallsResponse;
import io.mediabridge.v1.LogLevel;
import io.mediabridge.v1.ModelServiceGrpc;
import io.mediabridge.v1.ProcessDump;
import io.mediabridge.v1.SetLogLevelResponse;
import io.mediabridge.v1.StreamTelemetryRequest;
import io.mediabridge.v1.StreamTelemetryResponse;
import io.mediabridge.v1.TelemetryServiceGrpc;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/**
 * The same calls as {@link MediabridgeClient}'s, for those who do not wait: made by {@link
 * MediabridgeClient#async}, and closed with it.
 *
 * <p>Futures that fail hold a {@link MediabridgeException}. Cancelling one breaks its call off;
 * what the server has done by then stays done.
 */
public final class MediabridgeAsyncClient {

  private final Rpcs rpcs;
  private final Watches watches;

  MediabridgeAsyncClient(Rpcs rpcs, Watches watches) {
    this.rpcs = rpcs;
    this.watches = watches;
  }

  /**
   * Begins a call.
   *
   * @param participantName the caller's name as others see it
   * @param agentId which agent answers
   * @return what the caller needs to join
   */
  public CompletableFuture<CreateRoomResponse> createRoom(String participantName, String agentId) {
    return createRoom(Requests.createRoom(participantName, agentId));
  }

  /**
   * Begins a call.
   *
   * @param request what it needs; gets a {@code request_id} where it has none
   * @return what the caller needs to join
   */
  public CompletableFuture<CreateRoomResponse> createRoom(CreateRoomRequest request) {
    return rpcs.promise(CallServiceGrpc.getCreateRoomMethod(), Requests.identified(request));
  }

  /**
   * Lets a human into the room of a call.
   *
   * @param participantName the human's name as others see it
   * @param roomName the room
   * @return what the human needs to join
   */
  public CompletableFuture<JoinRoomResponse> joinRoom(String participantName, String roomName) {
    return joinRoom(Requests.joinRoom(participantName, roomName));
  }

  /**
   * Lets a human into a room: one of a call, or one on LiveKit that then gets an agent.
   *
   * @param request which; gets a {@code request_id} where it has none
   * @return what the human needs to join
   */
  public CompletableFuture<JoinRoomResponse> joinRoom(JoinRoomRequest request) {
    return rpcs.promise(CallServiceGrpc.getJoinRoomMethod(), Requests.identified(request));
  }

  /**
   * Ends a call.
   *
   * @param connectionId which
   * @return the call as it ended; one that was over already is no error
   */
  public CompletableFuture<EndCallResponse> endCall(String connectionId) {
    return rpcs.promise(CallServiceGrpc.getEndCallMethod(), Requests.endCall(connectionId));
  }

  /**
   * Steers a running call.
   *
   * @param command what to do; gets a {@code command_id} where it has none
   * @return what became of it; a command that is refused is an answer, too
   */
  public CompletableFuture<ControlCallResponse> control(ControlCallRequest command) {
    return rpcs.promise(CallServiceGrpc.getControlCallMethod(), Requests.identified(command));
  }

  /**
   * Asks where a call is.
   *
   * @param connectionId which
   * @return where it is now, or how it ended
   */
  public CompletableFuture<GetConnectionStatusResponse> status(String connectionId) {
    return rpcs.promise(
        CallServiceGrpc.getGetConnectionStatusMethod(), Requests.status(connectionId));
  }

  /**
   * Asks for one page of the list of calls.
   *
   * @param request which page, of which calls
   * @return the page, the newest call first
   */
  public CompletableFuture<ListCallsResponse> listCalls(ListCallsRequest request) {
    return rpcs.promise(CallServiceGrpc.getListCallsMethod(), request);
  }

  /**
   * Asks who can answer.
   *
   * @return the agents that belong to no tenant, or to the one that the key is for
   */
  public CompletableFuture<List<AgentSummary>> agents() {
    return agents("");
  }

  /**
   * Asks who can answer a tenant's calls.
   *
   * @param tenantId the tenant
   * @return its agents, and those that belong to none
   */
  public CompletableFuture<List<AgentSummary>> agents(String tenantId) {
    var method = CallServiceGrpc.getListAgentsMethod();
    return rpcs.promise(method, Requests.agents(tenantId), ListAgentsResponse::getAgentsList);
  }

  /**
   * Asks for a call's report.
   *
   * @param connectionId which
   * @return the report, complete once the call has ended
   */
  public CompletableFuture<CallReport> report(String connectionId) {
    var method = CallServiceGrpc.getGetCallReportMethod();
    return rpcs.promise(method, Requests.report(connectionId), GetCallReportResponse::getReport);
  }

  /**
   * Deletes all that is kept of a call that is over, for good. A retry of what was done already
   * fails with NOT_FOUND.
   *
   * @param connectionId which
   * @return what there was
   */
  public CompletableFuture<DeleteCallDataResponse> deleteCallData(String connectionId) {
    var method = CallServiceGrpc.getDeleteCallDataMethod();
    return rpcs.promise(method, Requests.deletion(connectionId));
  }

  /**
   * Asks for the server's totals.
   *
   * @return the totals
   */
  public CompletableFuture<GetStatsResponse> stats() {
    return rpcs.promise(
        TelemetryServiceGrpc.getGetStatsMethod(), GetStatsRequest.getDefaultInstance());
  }

  /**
   * Changes how much the server and its workers log, until it stops. Needs the scope {@code admin}.
   *
   * @param level what is logged from now on
   * @return the level before
   */
  public CompletableFuture<LogLevel> setLogLevel(LogLevel level) {
    return rpcs.promise(
        AdminServiceGrpc.getSetLogLevelMethod(),
        Requests.logLevel(level),
        SetLogLevelResponse::getPrevious);
  }

  /**
   * Asks what the server and its workers do now. Needs the scope {@code admin}.
   *
   * @return the tasks and threads of each process, the server's own first
   */
  public CompletableFuture<List<ProcessDump>> dumpTasks() {
    return rpcs.promise(
        AdminServiceGrpc.getDumpTasksMethod(),
        DumpTasksRequest.getDefaultInstance(),
        DumpTasksResponse::getProcessesList);
  }

  /**
   * Asks for a key with which a browser talks to the model itself.
   *
   * @param request for which agent
   * @return a short-lived key
   */
  public CompletableFuture<CreateModelTokenResponse> createModelToken(
      CreateModelTokenRequest request) {
    return rpcs.promise(ModelServiceGrpc.getCreateModelTokenMethod(), request);
  }

  /**
   * Follows a call's events, as {@link EventWatch} does.
   *
   * @param connectionId which call
   * @param afterSequence the last sequence number that is known already; 0: none
   * @param eachEvent told every event once and in order, by one of gRPC's threads at a time; the
   *     next event waits until it returns, and where it throws, following ends
   * @return done behind the event {@code ended}; cancelling it ends following, never the call
   */
  public CompletableFuture<Void> follow(
      String connectionId, long afterSequence, Consumer<CallEvent> eachEvent) {
    return Follower.follow(watches.events(connectionId, afterSequence), eachEvent);
  }

  /**
   * Follows the figures of one call, or of all, as {@link TelemetryWatch} does.
   *
   * @param request of which calls, and how often
   * @param eachInterval told every interval's figures, as the events of {@link #follow} are
   * @return done when the call has ended; cancelling it ends following, never the call
   */
  public CompletableFuture<Void> followTelemetry(
      StreamTelemetryRequest request, Consumer<StreamTelemetryResponse> eachInterval) {
    return Follower.follow(watches.telemetry(request), eachInterval);
  }
}

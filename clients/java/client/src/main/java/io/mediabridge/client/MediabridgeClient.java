package io.mediabridge.client;

import io.grpc.Channel;
import io.grpc.ManagedChannel;
import io.mediabridge.v1.AdminServiceGrpc;
import io.mediabridge.v1.AgentSummary;
import io.mediabridge.v1.Call;
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
import io.mediabridge.v1.EndCallResponse;
import io.mediabridge.v1.GetConnectionStatusResponse;
import io.mediabridge.v1.GetStatsRequest;
import io.mediabridge.v1.GetStatsResponse;
import io.mediabridge.v1.JoinRoomRequest;
import io.mediabridge.v1.JoinRoomResponse;
import io.mediabridge.v1.ListCallsRequest;
import io.mediabridge.v1.ListCallsResponse;
import io.mediabridge.v1.LogLevel;
import io.mediabridge.v1.ModelServiceGrpc;
import io.mediabridge.v1.ProcessDump;
import io.mediabridge.v1.StreamTelemetryRequest;
import io.mediabridge.v1.TelemetryServiceGrpc;
import io.mediabridge.v1.ToolRegistration;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A connection to one mediabridge server, made on first use and shared by any number of threads.
 *
 * <pre>{@code
 * try (var bridge = MediabridgeClient.builder("bridge.internal:50051").apiKey(key).build()) {
 *   var call = bridge.createRoom("Ada", "greeter");
 *   // call.getServerUrl() and call.getAccessToken() let the caller's browser into the room
 *   try (var events = bridge.watch(call.getConnectionId())) {
 *     for (var event : events) {
 *       ...
 *     }
 *   }
 * }
 * }</pre>
 *
 * <p>Methods wait for the answer, at most as long as {@link ClientBuilder#deadline} or the deadline
 * of the current {@link io.grpc.Context} says, and throw a {@link MediabridgeException} where the
 * server refuses or does not answer. A thread that is interrupted while it waits gets one, too,
 * with the status {@code CANCELLED}. {@link #async} has the same methods for those who do not wait.
 */
public final class MediabridgeClient implements AutoCloseable {

  private static final long CLOSED_WITHIN_SECONDS = 5;

  private final ManagedChannel connection;
  private final Rpcs rpcs;
  private final Watches watches;
  private final MediabridgeAsyncClient async;

  MediabridgeClient(
      ManagedChannel connection, Channel channel, Duration deadline, RetryPolicy watchRetries) {
    this.connection = connection;
    rpcs = new Rpcs(channel, deadline);
    watches = new Watches(rpcs, watchRetries, MediabridgeClient::later, connection::isShutdown);
    async = new MediabridgeAsyncClient(rpcs, watches);
  }

  /**
   * Begins to describe a client.
   *
   * @param target the server, {@code host:port} or another name that gRPC can resolve
   * @return what describes it
   */
  public static ClientBuilder builder(String target) {
    return new ClientBuilder(target);
  }

  /** {@return the same calls for those who do not wait} */
  public MediabridgeAsyncClient async() {
    return async;
  }

  /**
   * Gives the connection itself, for stubs of your own, such as {@code
   * CallServiceGrpc.newBlockingStub(client.channel())}. What they throw becomes one of ours by
   * {@link MediabridgeException#of(Throwable)}.
   *
   * @return the connection, with the API key on every call
   */
  public Channel channel() {
    return rpcs.channel();
  }

  /**
   * Begins a call.
   *
   * @param participantName the caller's name as others see it
   * @param agentId which agent answers
   * @return what the caller needs to join
   */
  public CreateRoomResponse createRoom(String participantName, String agentId) {
    return createRoom(Requests.createRoom(participantName, agentId));
  }

  /**
   * Begins a call.
   *
   * @param request what it needs. Gets a {@code request_id} where it has none, so that a retry
   *     cannot make a second call; give one of your own where you may ask again after a failure
   * @return what the caller needs to join
   */
  public CreateRoomResponse createRoom(CreateRoomRequest request) {
    return rpcs.answer(CallServiceGrpc.getCreateRoomMethod(), Requests.identified(request));
  }

  /**
   * Lets a human into the room of a call.
   *
   * @param participantName the human's name as others see it
   * @param roomName the room
   * @return what the human needs to join
   */
  public JoinRoomResponse joinRoom(String participantName, String roomName) {
    return joinRoom(Requests.joinRoom(participantName, roomName));
  }

  /**
   * Lets a human into a room: one of a call, or one on LiveKit that then gets an agent.
   *
   * @param request which; gets a {@code request_id} where it has none
   * @return what the human needs to join
   */
  public JoinRoomResponse joinRoom(JoinRoomRequest request) {
    return rpcs.answer(CallServiceGrpc.getJoinRoomMethod(), Requests.identified(request));
  }

  /**
   * Ends a call and waits for its end.
   *
   * @param connectionId which
   * @return the call as it ended; one that was over already is no error
   */
  public EndCallResponse endCall(String connectionId) {
    return rpcs.answer(CallServiceGrpc.getEndCallMethod(), Requests.endCall(connectionId));
  }

  /**
   * Steers a running call: lets the agent say something, stops it, tells it something, and more.
   *
   * @param command what to do; gets a {@code command_id} where it has none, so that a retry does
   *     nothing twice
   * @return what became of it; a command that is refused is an answer, too
   */
  public ControlCallResponse control(ControlCallRequest command) {
    return rpcs.answer(CallServiceGrpc.getControlCallMethod(), Requests.identified(command));
  }

  /**
   * Asks where a call is.
   *
   * @param connectionId which
   * @return where it is now, or how it ended
   */
  public GetConnectionStatusResponse status(String connectionId) {
    return rpcs.answer(
        CallServiceGrpc.getGetConnectionStatusMethod(), Requests.status(connectionId));
  }

  /**
   * Asks for one page of the list of calls.
   *
   * @param request which page, of which calls
   * @return the page, the newest call first
   */
  public ListCallsResponse listCalls(ListCallsRequest request) {
    return rpcs.answer(CallServiceGrpc.getListCallsMethod(), request);
  }

  /**
   * Lists calls, asking for pages as they are needed.
   *
   * @param filters which calls; {@code page_size} says how many are asked for at a time
   * @return the calls, the newest first
   */
  public Stream<Call> calls(ListCallsRequest filters) {
    return Stream.iterate(listCalls(filters), Objects::nonNull, page -> pageAfter(page, filters))
        .flatMap(page -> page.getCallsList().stream());
  }

  /**
   * Asks who can answer.
   *
   * @return the agents that belong to no tenant, or to the one that the key is for
   */
  public List<AgentSummary> agents() {
    return agents("");
  }

  /**
   * Asks who can answer a tenant's calls.
   *
   * @param tenantId the tenant
   * @return its agents, and those that belong to none
   */
  public List<AgentSummary> agents(String tenantId) {
    return rpcs.answer(CallServiceGrpc.getListAgentsMethod(), Requests.agents(tenantId))
        .getAgentsList();
  }

  /**
   * Asks for a call's report.
   *
   * @param connectionId which
   * @return the report, complete once the call has ended
   */
  public CallReport report(String connectionId) {
    return rpcs.answer(CallServiceGrpc.getGetCallReportMethod(), Requests.report(connectionId))
        .getReport();
  }

  /**
   * Deletes all that is kept of a call that is over, for good. A retry of what was done already
   * fails with NOT_FOUND.
   *
   * @param connectionId which
   * @return what there was
   */
  public DeleteCallDataResponse deleteCallData(String connectionId) {
    return rpcs.answer(CallServiceGrpc.getDeleteCallDataMethod(), Requests.deletion(connectionId));
  }

  /**
   * Asks for the server's totals.
   *
   * @return the totals
   */
  public GetStatsResponse stats() {
    return rpcs.answer(
        TelemetryServiceGrpc.getGetStatsMethod(), GetStatsRequest.getDefaultInstance());
  }

  /**
   * Changes how much the server and its workers log, until it stops. Needs the scope {@code admin}.
   *
   * @param level what is logged from now on
   * @return the level before
   */
  public LogLevel setLogLevel(LogLevel level) {
    return rpcs.answer(AdminServiceGrpc.getSetLogLevelMethod(), Requests.logLevel(level))
        .getPrevious();
  }

  /**
   * Asks what the server and its workers do now. Needs the scope {@code admin}.
   *
   * @return the tasks and threads of each process, the server's own first
   */
  public List<ProcessDump> dumpTasks() {
    return rpcs.answer(AdminServiceGrpc.getDumpTasksMethod(), DumpTasksRequest.getDefaultInstance())
        .getProcessesList();
  }

  /**
   * Asks for a key with which a browser talks to the model itself.
   *
   * @param request for which agent
   * @return a short-lived key
   */
  public CreateModelTokenResponse createModelToken(CreateModelTokenRequest request) {
    return rpcs.answer(ModelServiceGrpc.getCreateModelTokenMethod(), request);
  }

  /**
   * Watches a call from its first event that is kept.
   *
   * @param connectionId which
   * @return its events; close it when you have seen enough
   */
  public EventWatch watch(String connectionId) {
    return watch(connectionId, 0);
  }

  /**
   * Watches a call from where an earlier watch stopped.
   *
   * @param connectionId which
   * @param afterSequence the last sequence number that is known already
   * @return the events behind it; close it when you have seen enough
   */
  public EventWatch watch(String connectionId, long afterSequence) {
    return new EventWatch(watches.events(connectionId, afterSequence));
  }

  /**
   * Watches one call's figures until it ends.
   *
   * @param connectionId which
   * @param interval how often, 100 ms to 60 s
   * @return its figures; close it when you have seen enough
   */
  public TelemetryWatch telemetry(String connectionId, Duration interval) {
    return telemetry(Requests.telemetry(connectionId, interval));
  }

  /**
   * Watches the figures of one call, or of all live ones.
   *
   * @param request of which calls, and how often
   * @return their figures; close it when you have seen enough
   */
  public TelemetryWatch telemetry(StreamTelemetryRequest request) {
    return new TelemetryWatch(watches.telemetry(request));
  }

  /**
   * Executes tools for the calls that the registration names, and waits until the bridge asks for
   * them.
   *
   * @param registration whose calls; its tool names are those of the tools
   * @param tools what is executed, by the names that the model knows
   * @return what executes them, until it is closed
   */
  public ToolServer serveTools(ToolRegistration registration, Map<String, ToolFunction> tools) {
    return new ToolServer(
            rpcs, registration, tools, watches.retries(), watches.timer(), watches.closed())
        .start();
  }

  /** Closes the connection, breaking off everything that is under way on it. No call ends by it. */
  @Override
  public void close() {
    connection.shutdownNow();
    try {
      connection.awaitTermination(CLOSED_WITHIN_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private ListCallsResponse pageAfter(ListCallsResponse page, ListCallsRequest filters) {
    String token = page.getNextPageToken();
    return token.isEmpty() ? null : listCalls(filters.toBuilder().setPageToken(token).build());
  }

  private static void later(Duration wait, Runnable work) {
    CompletableFuture.delayedExecutor(wait.toNanos(), TimeUnit.NANOSECONDS).execute(work);
  }
}

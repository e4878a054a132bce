package io.mediabridge.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.Status;
import io.mediabridge.testing.CuttableLine;
import io.mediabridge.testing.Sandbox;
import io.mediabridge.v1.AgentState;
import io.mediabridge.v1.CallEvent;
import io.mediabridge.v1.CallReport;
import io.mediabridge.v1.CallTelemetry;
import io.mediabridge.v1.CreateRoomRequest;
import io.mediabridge.v1.EndReason;
import io.mediabridge.v1.ListCallsRequest;
import io.mediabridge.v1.LogLevel;
import io.mediabridge.v1.StreamTelemetryRequest;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Real calls: over a real bridge and a real LiveKit server, with a model that is simulated. */
@Tag("live")
@Timeout(value = 180, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class LiveCallTest {

  /** A voice is louder; what a codec makes of silence is not. */
  private static final double VOICE_DBFS = -40;

  private static final double DIGITAL_SILENCE_DBFS = -127;
  private static final String AGENT = "greeter";

  private static Sandbox sandbox;
  private static MediabridgeClient client;

  @BeforeAll
  static void start() throws IOException {
    sandbox = Sandbox.start();
    client = MediabridgeClient.builder(sandbox.target()).plaintext().build();
  }

  @AfterAll
  static void stop() throws IOException {
    if (client != null) {
      client.close();
    }
    if (sandbox != null) {
      sandbox.close();
    }
  }

  @Test
  void aCallIsHeardMeasuredAndReported() throws IOException {
    var created = client.createRoom("Ada", AGENT);
    String id = created.getConnectionId();
    List<CallTelemetry> figures = new CopyOnWriteArrayList<>();
    CompletableFuture<Void> measuring =
        client
            .async()
            .followTelemetry(every100ms(id), each -> figures.addAll(each.getSamplesList()));

    var caller = sandbox.join(created);
    // Before the caller leaves, which would end the call, too.
    waitFor(id, CallEvent::hasTurnMeasured);
    client.endCall(id);
    caller.heardTheAgentAndLeft();
    measuring.join();
    List<CallEvent> events = allEventsOf(id);

    assertSounds(figures, AgentState.AGENT_STATE_SPEAKING, s -> s.getDownlink().getLevelDbfs());
    assertSounds(figures, AgentState.AGENT_STATE_LISTENING, s -> s.getUplink().getLevelDbfs());
    assertTrue(
        figures.stream().anyMatch(s -> s.getDownlink().getLevelDbfs() == DIGITAL_SILENCE_DBFS),
        "before the greeting nothing is played");
    CallReport report = events.get(events.size() - 1).getEnded().getReport();
    assertEquals(client.report(id), report);
    assertTrue(report.getComplete());
    assertEquals(EndReason.END_REASON_API_ENDED, report.getCall().getEndReason());
    assertEquals("Ada", report.getCall().getParticipants(0).getName());
    assertTrue(report.getTurns(0).getAgentText().startsWith("Hello"));
    assertTrue(report.getTurnLatency().getCount() > 0);
    double played = figures.get(figures.size() - 1).getDownlink().getPlayoutPositionMs();
    double playedInAll = seconds(report.getMedia().getPlayedOut()) * 1000;
    assertTrue(played > 1000 && played < playedInAll + 1, played + " of " + playedInAll + " ms");
  }

  @Test
  void aWatchOutlivesItsConnections() throws IOException {
    try (var line = new CuttableLine(sandbox.target());
        var watcher = MediabridgeClient.builder(line.target()).plaintext().build()) {
      String id = client.createRoom("Ada", AGENT).getConnectionId();
      List<Long> seen = new ArrayList<>();
      try (var events = watcher.watch(id)) {
        for (CallEvent event : events) {
          seen.add(event.getSequence());
          if (seen.size() == 2) {
            line.cut();
          }
          if (seen.size() == 4) {
            line.cut();
            client.endCall(id);
          }
        }
      }
      assertEquals(LongStream.rangeClosed(1, seen.size()).boxed().toList(), seen);
      assertEquals(allEventsOf(id).size(), seen.size());
    }
  }

  @Test
  void whoeverStopsWatchingEndsNoCall() {
    String id = client.createRoom("Ada", AGENT).getConnectionId();
    try (var events = client.watch(id)) {
      assertTrue(events.iterator().hasNext());
    }
    assertTrue(client.status(id).getIsActive());
    client.endCall(id);
    assertFalse(client.status(id).getIsActive());
    assertTrue(client.endCall(id).getAlreadyEnded());
  }

  @Test
  void theSameIdIsTheSameCall() {
    var request =
        CreateRoomRequest.newBuilder()
            .setParticipantName("Ada")
            .setAgentId(AGENT)
            .setRequestId("order-7")
            .putMetadata("order", "7")
            .build();
    var first = client.createRoom(request);
    assertEquals(first.getConnectionId(), client.createRoom(request).getConnectionId());
    assertNotEquals(first.getConnectionId(), client.createRoom("Ada", AGENT).getConnectionId());
    var ofOrder7 = ListCallsRequest.newBuilder().putMetadata("order", "7").build();
    try (var calls = client.calls(ofOrder7)) {
      assertEquals(
          List.of(first.getConnectionId()), calls.map(call -> call.getConnectionId()).toList());
    }
  }

  @Test
  void theServerLogsAsMuchAsItIsToldToAndShowsWhatItDoes() {
    LogLevel before = client.setLogLevel(LogLevel.LOG_LEVEL_ERROR);
    assertEquals(LogLevel.LOG_LEVEL_ERROR, client.setLogLevel(before));
    var front = client.dumpTasks().get(0);
    assertEquals("front", front.getName());
    assertTrue(front.getTasksCount() > 0 && front.getThreadsCount() > 0, front.toString());
  }

  @Test
  void aRefusalSaysWhatIsWrongWithWhichField() {
    var refused = assertThrows(MediabridgeException.class, () -> client.createRoom("", AGENT));
    assertEquals(Status.Code.INVALID_ARGUMENT, refused.code());
    assertEquals("mediabridge", refused.domain());
    assertEquals("participant_name", refused.violations().get(0).field());

    var unknown = assertThrows(MediabridgeException.class, () -> client.createRoom("Ada", "x"));
    assertEquals(Status.Code.NOT_FOUND, unknown.code());
    assertFalse(unknown.reason().isEmpty());
  }

  private static void waitFor(String connectionId, Predicate<CallEvent> awaited) {
    try (var events = client.watch(connectionId)) {
      for (CallEvent event : events) {
        if (awaited.test(event)) {
          return;
        }
      }
    }
    throw new AssertionError("the call ended before");
  }

  private static StreamTelemetryRequest every100ms(String connectionId) {
    return Requests.telemetry(connectionId, java.time.Duration.ofMillis(100));
  }

  private static List<CallEvent> allEventsOf(String connectionId) {
    List<CallEvent> all = new ArrayList<>();
    try (var events = client.watch(connectionId)) {
      events.forEach(all::add);
    }
    assertTrue(all.get(all.size() - 1).hasEnded());
    return all;
  }

  /** Sound was measured for half a second at least while the agent was in that state. */
  private static void assertSounds(
      List<CallTelemetry> figures, AgentState state, ToDoubleFunction<CallTelemetry> level) {
    Stream<CallTelemetry> then = figures.stream().filter(each -> each.getAgentState() == state);
    double loud =
        then.filter(each -> level.applyAsDouble(each) > VOICE_DBFS)
            .mapToDouble(each -> seconds(each.getInterval()))
            .sum();
    assertTrue(loud > 0.5, state + ": sound for " + loud + " s");
  }

  private static double seconds(com.google.protobuf.Duration duration) {
    return duration.getSeconds() + duration.getNanos() / 1e9;
  }
}

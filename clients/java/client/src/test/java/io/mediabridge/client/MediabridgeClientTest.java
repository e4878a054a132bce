package io.mediabridge.client;

import static io.mediabridge.testing.ScriptedBridge.answer;
import static io.mediabridge.testing.ScriptedBridge.refuse;
import static io.mediabridge.testing.ScriptedBridge.silence;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Message;
import io.grpc.Status;
import io.mediabridge.testing.ScriptedBridge;
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
import io.mediabridge.v1.DeleteCallDataRequest;
import io.mediabridge.v1.DeleteCallDataResponse;
import io.mediabridge.v1.DumpTasksRequest;
import io.mediabridge.v1.DumpTasksResponse;
import io.mediabridge.v1.EndCallRequest;
import io.mediabridge.v1.EndCallResponse;
import io.mediabridge.v1.GetCallReportRequest;
import io.mediabridge.v1.GetCallReportResponse;
import io.mediabridge.v1.GetConnectionStatusRequest;
import io.mediabridge.v1.GetConnectionStatusResponse;
import io.mediabridge.v1.GetStatsRequest;
import io.mediabridge.v1.GetStatsResponse;
import io.mediabridge.v1.Interrupt;
import io.mediabridge.v1.JoinRoomRequest;
import io.mediabridge.v1.JoinRoomResponse;
import io.mediabridge.v1.ListAgentsRequest;
import io.mediabridge.v1.ListAgentsResponse;
import io.mediabridge.v1.ListCallsRequest;
import io.mediabridge.v1.ListCallsResponse;
import io.mediabridge.v1.LogLevel;
import io.mediabridge.v1.ProcessDump;
import io.mediabridge.v1.SetLogLevelRequest;
import io.mediabridge.v1.SetLogLevelResponse;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class MediabridgeClientTest {

  private static final CreateRoomResponse CREATED =
      CreateRoomResponse.newBuilder().setConnectionId("call-1").build();
  private static final Status AWAY = Status.UNAVAILABLE.withDescription("away");

  private static final ListCallsRequest GREETERS =
      ListCallsRequest.newBuilder().setAgentId("greeter").setPageSize(2).build();
  private static final ControlCallRequest SILENCE =
      ControlCallRequest.newBuilder()
          .setConnectionId("call-1")
          .setInterrupt(Interrupt.getDefaultInstance())
          .build();
  private static final CreateModelTokenRequest GREETERS_KEY =
      CreateModelTokenRequest.newBuilder().setAgentId("greeter").build();
  private static final ProcessDump FRONT = ProcessDump.newBuilder().setName("front").build();
  private static final List<Message> ALL_REQUESTS =
      List.of(
          CreateRoomRequest.newBuilder().setParticipantName("Ada").setAgentId("greeter").build(),
          JoinRoomRequest.newBuilder().setParticipantName("Bob").setRoomName("room-1").build(),
          EndCallRequest.newBuilder().setConnectionId("call-1").build(),
          SILENCE,
          GetConnectionStatusRequest.newBuilder().setConnectionId("call-2").build(),
          GREETERS,
          ListAgentsRequest.newBuilder().setTenantId("acme").build(),
          GetCallReportRequest.newBuilder().setConnectionId("call-3").build(),
          DeleteCallDataRequest.newBuilder().setConnectionId("call-3").build(),
          GetStatsRequest.getDefaultInstance(),
          GREETERS_KEY,
          SetLogLevelRequest.newBuilder().setLevel(LogLevel.LOG_LEVEL_DEBUG).build(),
          DumpTasksRequest.getDefaultInstance());

  private final ScriptedBridge bridge = new ScriptedBridge();
  private final MediabridgeClient client = bridge.client();

  @AfterEach
  void close() {
    client.close();
    bridge.close();
  }

  /** Lets every method be answered once. */
  private void scriptAll() {
    bridge
        .on("CreateRoom", answer(CREATED))
        .on("JoinRoom", answer(JoinRoomResponse.newBuilder().setStatus("joined").build()))
        .on("EndCall", answer(EndCallResponse.newBuilder().setStatus("success").build()))
        .on(
            "GetConnectionStatus",
            answer(GetConnectionStatusResponse.newBuilder().setIsActive(true).build()))
        .on("ControlCall", answer(applied("hold-1")))
        .on("ListCalls", answer(page("", "call-1")))
        .on("ListAgents", answer(ListAgentsResponse.newBuilder().addAgents(greeter()).build()))
        .on(
            "GetCallReport",
            answer(
                GetCallReportResponse.newBuilder()
                    .setReport(CallReport.newBuilder().setComplete(true))
                    .build()))
        .on(
            "DeleteCallData",
            answer(DeleteCallDataResponse.newBuilder().setEventsDeleted(7).build()))
        .on("GetStats", answer(GetStatsResponse.newBuilder().setSlotsTotal(8).build()))
        .on("CreateModelToken", answer(CreateModelTokenResponse.newBuilder().setValue("k").build()))
        .on(
            "SetLogLevel",
            answer(SetLogLevelResponse.newBuilder().setPrevious(LogLevel.LOG_LEVEL_INFO).build()))
        .on("DumpTasks", answer(DumpTasksResponse.newBuilder().addProcesses(FRONT).build()));
  }

  @Test
  void everyMethodAsksForWhatItSays() {
    scriptAll();
    assertEquals("call-1", client.createRoom("Ada", "greeter").getConnectionId());
    assertEquals("joined", client.joinRoom("Bob", "room-1").getStatus());
    assertEquals("success", client.endCall("call-1").getStatus());
    assertEquals("hold-1", client.control(SILENCE).getCommandId());
    assertTrue(client.status("call-2").getIsActive());
    assertEquals(1, client.listCalls(GREETERS).getCallsCount());
    assertEquals(List.of(greeter()), client.agents("acme"));
    assertTrue(client.report("call-3").getComplete());
    assertEquals(7, client.deleteCallData("call-3").getEventsDeleted());
    assertEquals(8, client.stats().getSlotsTotal());
    assertEquals("k", client.createModelToken(GREETERS_KEY).getValue());
    assertEquals(LogLevel.LOG_LEVEL_INFO, client.setLogLevel(LogLevel.LOG_LEVEL_DEBUG));
    assertEquals(List.of(FRONT), client.dumpTasks());
    assertEquals(ALL_REQUESTS, withoutIds(bridge.requests()));
  }

  @Test
  void everyMethodIsThereForThoseWhoDoNotWait() {
    scriptAll();
    var async = client.async();
    assertEquals("call-1", async.createRoom("Ada", "greeter").join().getConnectionId());
    assertEquals("joined", async.joinRoom("Bob", "room-1").join().getStatus());
    assertEquals("success", async.endCall("call-1").join().getStatus());
    assertEquals("hold-1", async.control(SILENCE).join().getCommandId());
    assertTrue(async.status("call-2").join().getIsActive());
    assertEquals(1, async.listCalls(GREETERS).join().getCallsCount());
    assertEquals(List.of(greeter()), async.agents("acme").join());
    assertTrue(async.report("call-3").join().getComplete());
    assertEquals(7, async.deleteCallData("call-3").join().getEventsDeleted());
    assertEquals(8, async.stats().join().getSlotsTotal());
    assertEquals("k", async.createModelToken(GREETERS_KEY).join().getValue());
    assertEquals(LogLevel.LOG_LEVEL_INFO, async.setLogLevel(LogLevel.LOG_LEVEL_DEBUG).join());
    assertEquals(List.of(FRONT), async.dumpTasks().join());
    assertEquals(ALL_REQUESTS, withoutIds(bridge.requests()));
  }

  @Test
  void aCallIsTriedAgainUnderTheSameIdWhileTheServerIsAway() {
    bridge.on("CreateRoom", refuse(AWAY), refuse(AWAY), answer(CREATED));
    assertEquals(CREATED, client.createRoom("Ada", "greeter"));
    var sent = bridge.requests(CreateRoomRequest.class);
    assertEquals(3, sent.size());
    assertFalse(sent.get(0).getRequestId().isEmpty());
    assertEquals(List.of(sent.get(0), sent.get(0), sent.get(0)), sent);
  }

  @Test
  void aCommandIsGivenAgainUnderItsOwnId() {
    bridge.on("ControlCall", refuse(AWAY), answer(applied("any")), answer(applied("hold-1")));
    client.control(SILENCE);
    client.control(SILENCE.toBuilder().setCommandId("hold-1").build());
    var sent = bridge.requests(ControlCallRequest.class);
    assertFalse(sent.get(0).getCommandId().isEmpty());
    assertEquals(sent.get(0), sent.get(1));
    assertEquals("hold-1", sent.get(2).getCommandId());
  }

  @Test
  void aListOfAgentsIsAskedForAgainWhileTheServerIsAway() {
    bridge.on("ListAgents", refuse(AWAY), answer(ListAgentsResponse.getDefaultInstance()));
    assertEquals(List.of(), client.agents());
  }

  @Test
  void twoCallsHaveTwoIds() {
    bridge.on("CreateRoom", answer(CREATED), answer(CREATED));
    client.createRoom("Ada", "greeter");
    client.async().createRoom("Ada", "greeter").join();
    var sent = bridge.requests(CreateRoomRequest.class);
    assertNotEquals(sent.get(0).getRequestId(), sent.get(1).getRequestId());
  }

  @Test
  void anIdThatWasGivenIsKept() {
    bridge.on("CreateRoom", answer(CREATED)).on("JoinRoom", answer(joinedWith("mine")));
    client.createRoom(CreateRoomRequest.newBuilder().setRequestId("mine").build());
    client.joinRoom(JoinRoomRequest.newBuilder().setRequestId("mine").build());
    assertEquals("mine", bridge.requests(CreateRoomRequest.class).get(0).getRequestId());
    assertEquals("mine", bridge.requests(JoinRoomRequest.class).get(0).getRequestId());
  }

  @Test
  void aServerThatStaysAwayIsSaidSoInTheEnd() {
    bridge.on("GetStats", refuse(AWAY), refuse(AWAY), refuse(AWAY), refuse(AWAY), refuse(AWAY));
    var failure = assertThrows(MediabridgeException.class, client::stats);
    assertEquals(Status.Code.UNAVAILABLE, failure.code());
    assertEquals(4, bridge.requests().size());
  }

  @Test
  void whatIsRefusedForAnotherReasonIsNotTriedAgain() {
    bridge.on(
        "CreateRoom", refuse(Status.RESOURCE_EXHAUSTED.withDescription("full")), answer(CREATED));
    var failure =
        assertThrows(MediabridgeException.class, () -> client.createRoom("Ada", "greeter"));
    assertEquals(Status.Code.RESOURCE_EXHAUSTED, failure.code());
    assertEquals(1, bridge.requests().size());
  }

  @Test
  void withoutRetriesNothingIsTriedAgain() {
    bridge.on("GetStats", refuse(AWAY), answer(GetStatsResponse.getDefaultInstance()));
    try (var impatient = bridge.builder().retries(RetryPolicy.NONE).build()) {
      assertThrows(MediabridgeException.class, impatient::stats);
    }
    assertEquals(1, bridge.requests().size());
  }

  @Test
  void theKeyGoesAlongWithEveryCallAndWithStubsOfOnesOwn() {
    bridge.on("GetStats", answer(GetStatsResponse.getDefaultInstance()));
    bridge.on("ListCalls", answer(page("")));
    try (var known = bridge.builder().apiKey("sesame").build()) {
      known.stats();
      CallServiceGrpc.newBlockingStub(known.channel())
          .listCalls(ListCallsRequest.getDefaultInstance());
    }
    assertEquals(List.of("Bearer sesame", "Bearer sesame"), bridge.authorizations());
  }

  @Test
  void aKeyThatChangesIsAskedForBeforeEveryCall() {
    bridge.on("GetStats", answer(GetStatsResponse.getDefaultInstance()));
    bridge.on("ListCalls", answer(page("")));
    var keys = List.of("first", "second").iterator();
    try (var known = bridge.builder().apiKey(keys::next).build()) {
      known.stats();
      known.listCalls(ListCallsRequest.getDefaultInstance());
    }
    assertEquals(List.of("Bearer first", "Bearer second"), bridge.authorizations());
  }

  @Test
  void withoutAKeyNoneIsSent() {
    bridge.on("GetStats", answer(GetStatsResponse.getDefaultInstance()));
    client.stats();
    assertEquals(List.of(""), bridge.authorizations());
  }

  @Test
  void anAnswerThatDoesNotComeInTimeIsSaidSo() {
    bridge.on("GetStats", silence());
    try (var hasty = bridge.builder().deadline(Duration.ofMillis(100)).build()) {
      var failure = assertThrows(MediabridgeException.class, hasty::stats);
      assertEquals(Status.Code.DEADLINE_EXCEEDED, failure.code());
    }
  }

  @Test
  void callsAreListedPageByPageAsTheyAreNeeded() {
    bridge.on("ListCalls", answer(page("2", "call-1", "call-2")), answer(page("", "call-3")));
    try (var calls = client.calls(GREETERS)) {
      var found = calls.iterator();
      assertEquals("call-1", found.next().getConnectionId());
      assertEquals("call-2", found.next().getConnectionId());
      assertEquals(List.of(GREETERS), bridge.requests());
      assertEquals("call-3", found.next().getConnectionId());
      assertFalse(found.hasNext());
    }
    assertEquals(
        List.of(GREETERS, GREETERS.toBuilder().setPageToken("2").build()), bridge.requests());
  }

  @Test
  void cancellingAPromiseBreaksItsCallOff() throws InterruptedException {
    var asked = new CountDownLatch(1);
    var brokenOff = new CountDownLatch(1);
    bridge.on(
        "CreateRoom",
        (request, answer) -> {
          answer.setOnCancelHandler(brokenOff::countDown);
          asked.countDown();
        });
    CompletableFuture<CreateRoomResponse> promise = client.async().createRoom("Ada", "greeter");
    asked.await();
    promise.cancel(true);
    brokenOff.await();
  }

  @Test
  void aPromiseThatIsNotKeptSaysWhy() {
    bridge.on("EndCall", refuse(Status.NOT_FOUND.withDescription("no such call")));
    var promise = client.async().endCall("call-1");
    var failure = assertThrows(CompletionException.class, promise::join);
    var cause = assertInstanceOf(MediabridgeException.class, failure.getCause());
    assertEquals(Status.Code.NOT_FOUND, cause.code());
  }

  @Test
  void aThreadThatIsInterruptedWhileItWaitsIsToldSoAndStaysInterrupted() {
    bridge.on("GetStats", silence());
    Thread.currentThread().interrupt();
    var failure = assertThrows(MediabridgeException.class, client::stats);
    assertTrue(Thread.interrupted());
    assertEquals(Status.Code.CANCELLED, failure.code());
  }

  @Test
  void settingsThatMakeNoSenseAreRefusedByName() {
    var builder = MediabridgeClient.builder("127.0.0.1:1");
    assertNames("deadline", () -> builder.deadline(Duration.ZERO));
    assertNames("time", () -> builder.keepalive(Duration.ofSeconds(9), Duration.ofSeconds(1)));
    assertNames("timeout", () -> builder.keepalive(Duration.ofSeconds(10), Duration.ZERO));
    var second = Duration.ofSeconds(1);
    assertNames("retries", () -> new RetryPolicy(-1, second, second, 1));
    assertNames("first", () -> new RetryPolicy(1, Duration.ZERO, second, 1));
    assertNames("longest", () -> new RetryPolicy(1, second, Duration.ZERO, 1));
    assertNames("factor", () -> new RetryPolicy(1, second, second, Double.NaN));
  }

  private static void assertNames(String name, org.junit.jupiter.api.function.Executable setting) {
    var refused = assertThrows(IllegalArgumentException.class, setting);
    assertTrue(refused.getMessage().startsWith(name + " must"), refused.getMessage());
  }

  private static JoinRoomResponse joinedWith(String requestId) {
    return JoinRoomResponse.newBuilder().setCall(Call.newBuilder().setRequestId(requestId)).build();
  }

  /** Returns the requests without the ids that are made at random. */
  private static List<Message> withoutIds(List<Message> requests) {
    return requests.stream().map(MediabridgeClientTest::withoutId).toList();
  }

  private static Message withoutId(Message request) {
    var bare = request.toBuilder();
    for (String name : List.of("request_id", "command_id")) {
      var id = request.getDescriptorForType().findFieldByName(name);
      if (id != null) {
        bare.clearField(id);
      }
    }
    return bare.build();
  }

  private static AgentSummary greeter() {
    return AgentSummary.newBuilder().setAgentId("greeter").addLanguages("en").build();
  }

  private static ControlCallResponse applied(String commandId) {
    return ControlCallResponse.newBuilder().setCommandId(commandId).build();
  }

  private static ListCallsResponse page(String nextPageToken, String... connectionIds) {
    var page = ListCallsResponse.newBuilder().setNextPageToken(nextPageToken);
    for (String id : connectionIds) {
      page.addCalls(Call.newBuilder().setConnectionId(id));
    }
    return page.build();
  }
}

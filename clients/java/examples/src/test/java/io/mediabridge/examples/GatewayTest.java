package io.mediabridge.examples;

import static io.mediabridge.testing.ScriptedBridge.answer;
import static io.mediabridge.testing.ScriptedBridge.refuse;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.rpc.BadRequest;
import com.google.rpc.RetryInfo;
import io.grpc.Status;
import io.mediabridge.client.MediabridgeClient;
import io.mediabridge.testing.ScriptedBridge;
import io.mediabridge.v1.CreateRoomRequest;
import io.mediabridge.v1.CreateRoomResponse;
import io.mediabridge.v1.GetStatsResponse;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.http.HttpResponse;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the gateway makes of requests, and of the bridge's refusals. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class GatewayTest {

  private static final String ORIGIN = "https://shop.example";
  private static final String ADA = "{\"participantName\": \"Ada\", \"agentId\": \"greeter\"}";

  private final ScriptedBridge bridge = new ScriptedBridge();
  private final MediabridgeClient client = bridge.client();
  private Gateway gateway;
  private Http http;

  @BeforeEach
  void open() throws IOException {
    gateway = gatewayFor(Optional.of(ORIGIN));
    http = new Http(gateway);
  }

  @AfterEach
  void close() {
    gateway.close();
    client.close();
    bridge.close();
  }

  private Gateway gatewayFor(Optional<String> origin) throws IOException {
    var anyPort = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    return new Gateway(client, anyPort, origin);
  }

  @Test
  void whatCallersKnowIsPassedOnAndWhatNobodyKnowsIsLeftOut() throws Exception {
    var created = CreateRoomResponse.newBuilder().setConnectionId("call-1").setStatus("created");
    bridge.on("CreateRoom", answer(created.build()));
    var answered =
        http.post(
            "/livekit/create-room",
            "{\"participantName\": \"Ada\", \"agentId\": \"greeter\", \"voiceLanguage\": \"en\","
                + " \"tenantId\": \"acme\", \"theme\": \"dark\"}");
    assertEquals(200, answered.statusCode());
    assertEquals("{\"connectionId\":\"call-1\",\"status\":\"created\"}", answered.body());
    var asked = bridge.requests(CreateRoomRequest.class).get(0);
    assertEquals("Ada", asked.getParticipantName());
    assertEquals("greeter", asked.getAgentId());
    assertEquals("en", asked.getVoiceLanguage());
    assertEquals("acme", asked.getTenantId());
  }

  @ParameterizedTest
  @CsvSource({
    "INVALID_ARGUMENT, 400",
    "NOT_FOUND, 404",
    "ALREADY_EXISTS, 409",
    "FAILED_PRECONDITION, 409",
    "RESOURCE_EXHAUSTED, 429",
    "INTERNAL, 500",
    "UNAUTHENTICATED, 502",
    "DEADLINE_EXCEEDED, 504"
  })
  void aRefusalIsAStatusOfHttpAndASentence(Status.Code code, int status) throws Exception {
    bridge.on("CreateRoom", refuse(code.toStatus().withDescription("so it is")));
    var answered = http.post("/livekit/create-room", ADA);
    assertEquals(status, answered.statusCode());
    assertEquals("so it is\n", answered.body());
    assertTrue(header(answered, "Content-Type").startsWith("text/plain"));
  }

  @Test
  void wrongFieldsAreNamedLineByLine() throws Exception {
    var wrong = BadRequest.newBuilder();
    wrong.addFieldViolationsBuilder().setField("agent_id").setDescription("is required");
    wrong.addFieldViolationsBuilder().setField("room_name").setDescription("is taken");
    bridge.on("CreateRoom", refuse(Status.INVALID_ARGUMENT.withDescription("x"), wrong.build()));
    var answered = http.post("/livekit/create-room", "{}");
    assertEquals(400, answered.statusCode());
    assertEquals("agent_id: is required\nroom_name: is taken\n", answered.body());
  }

  @Test
  void whoeverShouldComeBackLaterIsToldWhen() throws Exception {
    var delay = com.google.protobuf.Duration.newBuilder().setSeconds(1).setNanos(1_000_000);
    var later = RetryInfo.newBuilder().setRetryDelay(delay).build();
    bridge.on("CreateRoom", refuse(Status.RESOURCE_EXHAUSTED.withDescription("full"), later));
    assertEquals("2", header(http.post("/livekit/create-room", ADA), "Retry-After"));
  }

  @ParameterizedTest
  @CsvSource({"''", "'not JSON'", "'{\"participantName\": 7'", "'[]'"})
  void whatIsNoJsonIsRefusedWithoutAsking(String body) throws Exception {
    var answered = http.post("/livekit/create-room", body);
    assertEquals(400, answered.statusCode());
    assertEquals("Invalid request body\n", answered.body());
    assertTrue(bridge.requests().isEmpty());
  }

  @Test
  void aBodyThatIsTooLongIsRefused() throws Exception {
    var answered = http.post("/livekit/create-room", " ".repeat(300_000));
    assertEquals(413, answered.statusCode());
  }

  @ParameterizedTest
  @CsvSource({"/", "/livekit", "/livekit/create-rooms", "/livekit/connection-status/"})
  void otherPathsAreNotFound(String path) throws Exception {
    assertEquals(404, http.post(path, "{}").statusCode());
  }

  @Test
  void otherMethodsAreToldWhichOneThereIs() throws Exception {
    var answered = http.get("/livekit/create-room");
    assertEquals(405, answered.statusCode());
    assertEquals("POST", header(answered, "Allow"));
    assertEquals(405, http.post("/livekit/connection-status/call-1", "{}").statusCode());
  }

  @Test
  void pagesOfTheAllowedOriginMayAsk() throws Exception {
    var asked = http.send("OPTIONS", "/livekit/create-room", "");
    assertEquals(204, asked.statusCode());
    assertEquals(ORIGIN, header(asked, "Access-Control-Allow-Origin"));
    assertEquals("Content-Type", header(asked, "Access-Control-Allow-Headers"));
    bridge.on("GetStats", answer(GetStatsResponse.getDefaultInstance()));
    assertEquals(ORIGIN, header(http.get("/livekit/stats"), "Access-Control-Allow-Origin"));
  }

  @Test
  void withoutAnAllowedOriginNoOtherPageMayAsk() throws Exception {
    try (var closed = gatewayFor(Optional.empty())) {
      var asked = new Http(closed).send("OPTIONS", "/livekit/create-room", "");
      assertFalse(asked.headers().map().keySet().stream().anyMatch(n -> n.startsWith("access-")));
    }
  }

  private static String header(HttpResponse<String> answer, String name) {
    return answer.headers().firstValue(name).orElse("");
  }
}

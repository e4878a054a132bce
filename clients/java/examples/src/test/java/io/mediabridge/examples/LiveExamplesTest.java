package io.mediabridge.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Value;
import io.mediabridge.client.MediabridgeClient;
import io.mediabridge.testing.Sandbox;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The examples, each with a caller who has a voice. */
@Tag("live")
@Timeout(value = 180, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class LiveExamplesTest {

  private static Sandbox sandbox;

  @BeforeAll
  static void start() throws IOException {
    sandbox = Sandbox.start();
  }

  @AfterAll
  static void stop() throws IOException {
    if (sandbox != null) {
      sandbox.close();
    }
  }

  @Test
  void theFirstCallIsHeardAndSummedUp() throws IOException {
    var command =
        new ProcessBuilder(
            ProcessHandle.current().info().command().orElseThrow(),
            "-cp",
            System.getProperty("java.class.path"),
            FirstCall.class.getName());
    command.environment().put("BRIDGE", sandbox.target());
    Process program = command.start();
    try (var printed = program.inputReader(StandardCharsets.UTF_8);
        var told = program.errorReader(StandardCharsets.UTF_8)) {
      sandbox.join(untilItCloses(printed)).heardTheAgentAndLeft();
      String all = told.lines().collect(Collectors.joining("\n"));
      assertEquals(0, program.onExit().join().exitValue(), all);
      assertTrue(all.contains("Hello, this is mediabridge."), all);
      assertTrue(all.contains("END_REASON_PARTICIPANT_LEFT after "), all);
    } finally {
      program.destroy();
    }
  }

  /** Reads a JSON object up to its last line: what prints it lives on. */
  private static String untilItCloses(BufferedReader json) throws IOException {
    var object = new StringBuilder();
    String line;
    do {
      line = json.readLine();
      object.append(line).append('\n');
    } while (line != null && !line.equals("}"));
    return object.toString();
  }

  @Test
  void aCallerHearsTheAgentOfACallThatWasMadeOverHttp() throws Exception {
    var anyPort = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    try (var client = MediabridgeClient.builder(sandbox.target()).plaintext().build();
        var gateway = new Gateway(client, anyPort, Optional.empty())) {
      var http = new Http(gateway);

      var answer =
          http.post(
              "/livekit/create-room",
              "{\"participantName\": \"Ada\", \"agentId\": \"greeter\", \"voiceLanguage\": \"en\"}");
      Map<String, Value> created = Http.members(answer);
      String id = text(created, "connectionId");
      assertEquals("created", text(created, "status"));
      assertTrue(text(created, "serverUrl").startsWith("ws://"));

      var caller = sandbox.join(answer.body());
      waitUntilAnswered(client, id); // by when the caller has yet to hear the answer

      var status = Http.members(http.get("/livekit/connection-status/" + id));
      assertEquals(id, text(status, "connectionId"));
      assertEquals(text(created, "roomName"), text(status, "roomName"));
      assertEquals(text(created, "participantId"), text(status, "participantId"));
      assertEquals("greeter", text(status, "agentId"));
      assertTrue(status.get("isActive").getBoolValue());
      assertTrue(status.get("isAIReady").getBoolValue());
      assertTrue(text(status, "lastActivity").compareTo(text(status, "createdAt")) > 0);

      var stats = Http.members(http.get("/livekit/stats"));
      assertEquals(1, stats.get("activeRooms").getNumberValue());
      assertEquals(1, stats.get("activeConnections").getNumberValue());
      assertFalse(text(stats, "timestamp").isEmpty());

      var joined =
          Http.members(
              http.post(
                  "/livekit/join-room",
                  "{\"participantName\": \"Bob\", \"roomName\": \"%s\"}"
                      .formatted(text(created, "roomName"))));
      assertEquals("joined", text(joined, "status"));
      assertEquals(id, text(joined, "connectionId"));

      var ended =
          Http.members(http.post("/livekit/end-call", "{\"connectionId\": \"%s\"}".formatted(id)));
      assertEquals("success", text(ended, "status"));
      assertFalse(text(ended, "message").isEmpty());
      caller.heardTheAgentAndLeft();
      status = Http.members(http.get("/livekit/connection-status/" + id));
      assertFalse(status.get("isActive").getBoolValue());

      assertEquals(404, http.get("/livekit/connection-status/call-0").statusCode());
      var unknown =
          http.post("/livekit/create-room", "{\"participantName\": \"Ada\", \"agentId\": \"x\"}");
      assertEquals(404, unknown.statusCode());
    }
  }

  private static void waitUntilAnswered(MediabridgeClient client, String id) {
    try (var events = client.watch(id)) {
      for (var event : events) {
        if (event.hasTurnMeasured()) {
          return;
        }
      }
    }
    throw new AssertionError("the call ended before");
  }

  private static String text(Map<String, Value> members, String name) {
    return members.get(name).getStringValue();
  }
}

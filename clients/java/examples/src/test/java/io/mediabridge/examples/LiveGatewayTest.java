package io.mediabridge.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Value;
import io.mediabridge.client.MediabridgeClient;
import io.mediabridge.testing.Sandbox;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A call that is made, looked at, joined and ended by nothing but HTTP. */
@Tag("live")
@Timeout(value = 90, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class LiveGatewayTest {

  @Test
  void aCallerHearsTheAgentOfACallThatWasMadeOverHttp() throws Exception {
    var anyPort = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    try (var sandbox = Sandbox.start();
        var client = MediabridgeClient.builder(sandbox.target()).plaintext().build();
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

      sandbox.join(answer.body()).heardTheAgentAndLeft();

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
      status = Http.members(http.get("/livekit/connection-status/" + id));
      assertFalse(status.get("isActive").getBoolValue());

      assertEquals(404, http.get("/livekit/connection-status/call-0").statusCode());
      var unknown =
          http.post("/livekit/create-room", "{\"participantName\": \"Ada\", \"agentId\": \"x\"}");
      assertEquals(404, unknown.statusCode());
    }
  }

  private static String text(Map<String, Value> members, String name) {
    return members.get(name).getStringValue();
  }
}

package io.mediabridge.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.mediabridge.client.MediabridgeClient;
import io.mediabridge.testing.Sandbox;
import io.mediabridge.v1.AgentState;
import io.mediabridge.v1.CallEvent;
import io.mediabridge.v1.TranscriptRole;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** An agent whose tool is Java. */
@Tag("live")
@Timeout(value = 180, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class OrdersTest {

  private static Sandbox sandbox;

  @BeforeAll
  static void start() throws IOException {
    String shop = Sandbox.repositoryPath("clients/go/examples/serve_tool/testdata");
    sandbox = Sandbox.start("--agents", shop + "/agents", "--script", shop + "/model.yaml");
  }

  @AfterAll
  static void stop() throws IOException {
    if (sandbox != null) {
      sandbox.close();
    }
  }

  @Test
  void theAgentSpeaksOfWhatTheToolFound() throws IOException {
    try (var client = MediabridgeClient.builder(sandbox.target()).plaintext().build();
        var orders = Orders.serve(client, "shop")) {
      var call = client.createRoom("Ada", "shop");
      var caller = sandbox.join(call);
      List<String> said = new ArrayList<>();
      try (var events = client.watch(call.getConnectionId())) {
        for (CallEvent event : events) {
          var words = event.getTranscript();
          if (words.getFinal() && words.getRole() == TranscriptRole.TRANSCRIPT_ROLE_AGENT) {
            said.add(words.getText());
          }
          // The caller is to hear it, too.
          var agent = event.getAgentStateChanged().getState();
          if (said.size() == 2 && agent == AgentState.AGENT_STATE_LISTENING) {
            break;
          }
        }
      }
      assertEquals(List.of("Your order is on its way", "And there is no other"), said);
      assertFalse(orders.ended().isDone());
      client.endCall(call.getConnectionId());
      caller.heardTheAgentAndLeft();
    }
  }
}

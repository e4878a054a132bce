package io.mediabridge.examples;

import com.google.protobuf.util.JsonFormat;
import io.mediabridge.client.MediabridgeClient;
import io.mediabridge.v1.CallEvent;
import io.mediabridge.v1.CallReport;
import io.mediabridge.v1.CreateRoomResponse;
import java.io.IOException;

/**
 * Begins a call, prints what its caller needs, and tells what happens until it is over:
 *
 * <pre>{@code
 * java -cp 'target/*:target/lib/*' io.mediabridge.examples.FirstCall |
 *   mediabridge join --wav question.wav
 * }</pre>
 */
public final class FirstCall {

  private FirstCall() {}

  /**
   * Makes the call.
   *
   * @param arguments the agent, where it is not {@code greeter}
   * @throws IOException never: the answer can be printed
   */
  public static void main(String[] arguments) throws IOException {
    String agent = arguments.length > 0 ? arguments[0] : "greeter";
    try (MediabridgeClient bridge = Environment.client()) {
      CreateRoomResponse call = bridge.createRoom("Ada", agent);
      // A service would hand this to its caller's browser, which joins by LiveKit's SDK.
      System.out.println(JsonFormat.printer().print(call));
      try (var events = bridge.watch(call.getConnectionId())) {
        for (CallEvent event : events) {
          tell(event);
        }
      }
    }
  }

  private static void tell(CallEvent event) {
    switch (event.getKindCase()) {
      case STATE_CHANGED -> say(event, event.getStateChanged().getState());
      case AGENT_STATE_CHANGED -> say(event, event.getAgentStateChanged().getState());
      case TRANSCRIPT -> {
        if (event.getTranscript().getFinal()) {
          say(event, event.getTranscript().getText());
        }
      }
      case ENDED -> sumUp(event.getEnded().getReport());
      default -> {} // there are many kinds, and a newer server has more
    }
  }

  private static void say(CallEvent event, Object what) {
    var offset = event.getCallOffset();
    System.err.printf("%6.1f s  %s%n", offset.getSeconds() + offset.getNanos() / 1e9, what);
  }

  private static void sumUp(CallReport report) {
    System.err.printf(
        "%s after %d turns; %d ms of speech were played%n",
        report.getCall().getEndReason(),
        report.getTurnsCount(),
        report.getMedia().getPlayedOut().getSeconds() * 1000
            + report.getMedia().getPlayedOut().getNanos() / 1_000_000);
  }
}

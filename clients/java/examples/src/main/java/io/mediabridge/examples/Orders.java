package io.mediabridge.examples;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import com.google.protobuf.util.JsonFormat;
import io.mediabridge.client.MediabridgeClient;
import io.mediabridge.client.ToolException;
import io.mediabridge.client.ToolServer;
import io.mediabridge.v1.ToolInvocation;
import io.mediabridge.v1.ToolRegistration;
import java.util.Map;

/** What a shop's agent may look up while it talks. */
final class Orders {

  private static final Map<Integer, String> STATES = Map.of(7, "on its way", 8, "delivered");

  private Orders() {}

  /** Looks orders up for the calls of an agent, until it is closed. */
  static ToolServer serve(MediabridgeClient bridge, String agentId) {
    var registration = ToolRegistration.newBuilder().addAgentIds(agentId).build();
    return bridge.serveTools(registration, Map.of("find_order", Orders::find));
  }

  private static String find(ToolInvocation invocation) throws ToolException {
    int number = numberIn(invocation.getArgumentsJson());
    String state = STATES.get(number);
    if (state == null) {
      throw new ToolException("order_not_found", "There is no order " + number + ".");
    }
    return "{\"number\": %d, \"state\": \"%s\"}".formatted(number, state);
  }

  private static int numberIn(String argumentsJson) throws ToolException {
    var arguments = Struct.newBuilder();
    try {
      JsonFormat.parser().merge(argumentsJson, arguments);
    } catch (InvalidProtocolBufferException unreadable) {
      throw new ToolException("bad_arguments", "The number was not understood.");
    }
    return (int)
        arguments.getFieldsOrDefault("number", Value.getDefaultInstance()).getNumberValue();
  }
}

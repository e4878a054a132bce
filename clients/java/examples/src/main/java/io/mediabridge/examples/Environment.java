package io.mediabridge.examples;

import io.mediabridge.client.MediabridgeClient;

/** What the examples read from the environment. */
final class Environment {

  private Environment() {}

  /**
   * Returns a client for {@code BRIDGE}, by default the server of this machine, with the key in
   * {@code MEDIABRIDGE_API_KEY}, if any; {@code BRIDGE_TLS=true} encrypts.
   */
  static MediabridgeClient client() {
    var client =
        MediabridgeClient.builder(read("BRIDGE", "127.0.0.1:50051"))
            .apiKey(read("MEDIABRIDGE_API_KEY", ""));
    return read("BRIDGE_TLS", "false").equals("true") ? client.build() : client.plaintext().build();
  }

  static String read(String name, String fallback) {
    String value = System.getenv(name);
    return value == null || value.isEmpty() ? fallback : value;
  }
}

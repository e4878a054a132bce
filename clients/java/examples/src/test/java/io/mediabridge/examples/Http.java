package io.mediabridge.examples;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import com.google.protobuf.util.JsonFormat;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Map;

/** A caller of the gateway, who knows nothing but HTTP and JSON. */
final class Http {

  private final HttpClient client = HttpClient.newHttpClient();
  private final String base;

  Http(Gateway gateway) {
    base = "http://127.0.0.1:" + gateway.port();
  }

  HttpResponse<String> post(String path, String body) throws IOException, InterruptedException {
    return send("POST", path, body);
  }

  HttpResponse<String> get(String path) throws IOException, InterruptedException {
    return send("GET", path, "");
  }

  HttpResponse<String> send(String method, String path, String body)
      throws IOException, InterruptedException {
    var request =
        HttpRequest.newBuilder(URI.create(base + path))
            .method(method, HttpRequest.BodyPublishers.ofString(body))
            .header("Content-Type", "application/json")
            .build();
    return client.send(request, HttpResponse.BodyHandlers.ofString());
  }

  /** Returns the members of a JSON object. */
  static Map<String, Value> members(HttpResponse<String> answer)
      throws InvalidProtocolBufferException {
    var object = Struct.newBuilder();
    JsonFormat.parser().merge(answer.body(), object);
    return object.getFieldsMap();
  }
}

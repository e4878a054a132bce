package io.mediabridge.examples;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.mediabridge.client.MediabridgeClient;
import io.mediabridge.client.MediabridgeException;
import io.mediabridge.v1.CreateRoomRequest;
import io.mediabridge.v1.EndCallRequest;
import io.mediabridge.v1.JoinRoomRequest;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * A REST gateway in front of mediabridge, with the JDK's own HTTP server: five endpoints, whose
 * JSON is the API's own.
 *
 * <p>It asks nobody who they are. Let your service do that, in a filter before these endpoints.
 */
public final class Gateway implements AutoCloseable {

  private static final System.Logger LOG = System.getLogger(Gateway.class.getName());

  // The bridge itself takes no longer requests.
  private static final int LONGEST_REQUEST_BYTES = 256 * 1024;
  // Each waits for the bridge most of the time.
  private static final int THREADS = 32;
  private static final String STATUS_PATH = "/livekit/connection-status/";

  private static final JsonFormat.Printer PRINTER =
      JsonFormat.printer().omittingInsignificantWhitespace();
  // Callers send what they like beside what is read here; that has always been so.
  private static final JsonFormat.Parser PARSER = JsonFormat.parser().ignoringUnknownFields();

  private interface Endpoint {
    Message answer(byte[] body) throws HttpError;
  }

  private final MediabridgeClient bridge;
  private final Optional<String> allowedOrigin;
  private final HttpServer server;
  private final ExecutorService threads = Executors.newFixedThreadPool(THREADS);
  private final Map<String, Map<String, Endpoint>> endpoints =
      Map.of(
          "/livekit/create-room", Map.of("POST", this::createRoom),
          "/livekit/join-room", Map.of("POST", this::joinRoom),
          "/livekit/end-call", Map.of("POST", this::endCall),
          "/livekit/stats", Map.of("GET", nothing -> stats()));

  /**
   * Listens and serves from now on.
   *
   * @param bridge carries out what is asked for; stays open when this is closed
   * @param address where to listen; port 0 takes a free one
   * @param allowedOrigin whose pages may ask, as CORS has it: an origin, or {@code *}; empty: only
   *     this gateway's own
   * @throws IOException the address cannot be listened on
   */
  public Gateway(
      MediabridgeClient bridge, InetSocketAddress address, Optional<String> allowedOrigin)
      throws IOException {
    this.bridge = bridge;
    this.allowedOrigin = allowedOrigin;
    server = HttpServer.create(address, 0);
    server.setExecutor(threads);
    server.createContext("/", this::serve);
    server.start();
  }

  /**
   * Serves on loopback until the process is ended: on {@code PORT}, by default 8080, and for the
   * pages of {@code ALLOWED_ORIGIN}. Looks orders up for the agent {@code ORDERS_FOR}, if any.
   *
   * @param arguments none
   * @throws IOException the port is taken
   */
  public static void main(String[] arguments) throws IOException {
    int port = Integer.parseInt(Environment.read("PORT", "8080"));
    String origin = Environment.read("ALLOWED_ORIGIN", "");
    String shop = Environment.read("ORDERS_FOR", "");
    MediabridgeClient bridge = Environment.client();
    if (!shop.isEmpty()) {
      Orders.serve(bridge, shop);
    }
    var gateway =
        new Gateway(
            bridge,
            new InetSocketAddress(InetAddress.getLoopbackAddress(), port),
            origin.isEmpty() ? Optional.empty() : Optional.of(origin));
    System.out.println("http://127.0.0.1:" + gateway.port());
  }

  /** {@return the port that it listens on} */
  public int port() {
    return server.getAddress().getPort();
  }

  /** Stops listening, and breaks off what is under way. */
  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }

  private Message createRoom(byte[] body) throws HttpError {
    return bridge.createRoom(parsed(body, CreateRoomRequest.newBuilder()).build());
  }

  private Message joinRoom(byte[] body) throws HttpError {
    return bridge.joinRoom(parsed(body, JoinRoomRequest.newBuilder()).build());
  }

  private Message endCall(byte[] body) throws HttpError {
    return bridge.endCall(parsed(body, EndCallRequest.newBuilder()).getConnectionId());
  }

  private Message stats() {
    return bridge.stats();
  }

  private void serve(HttpExchange exchange) throws IOException {
    try (exchange) {
      allowedOrigin.ifPresent(
          origin -> exchange.getResponseHeaders().set("Access-Control-Allow-Origin", origin));
      try {
        if (exchange.getRequestMethod().equals("OPTIONS")) {
          allowAsking(exchange);
        } else {
          send(exchange, 200, "application/json", PRINTER.print(answer(exchange)));
        }
      } catch (MediabridgeException refused) {
        send(exchange, HttpError.of(refused));
      } catch (HttpError wrong) {
        send(exchange, wrong);
      } catch (RuntimeException defect) {
        LOG.log(System.Logger.Level.ERROR, "a request failed", defect);
        send(exchange, new HttpError(500, "a defect of this gateway"));
      }
    }
  }

  private Message answer(HttpExchange exchange) throws HttpError, IOException {
    String path = exchange.getRequestURI().getPath();
    Map<String, Endpoint> methods = methodsOf(path);
    Endpoint endpoint = methods.get(exchange.getRequestMethod());
    if (endpoint == null) {
      exchange.getResponseHeaders().set("Allow", String.join(", ", methods.keySet()));
      throw new HttpError(405, "Method not allowed");
    }
    byte[] body = exchange.getRequestBody().readNBytes(LONGEST_REQUEST_BYTES + 1);
    if (body.length > LONGEST_REQUEST_BYTES) {
      throw new HttpError(413, "Request body too long");
    }
    return endpoint.answer(body);
  }

  private Map<String, Endpoint> methodsOf(String path) throws HttpError {
    if (path.startsWith(STATUS_PATH) && path.length() > STATUS_PATH.length()) {
      String connectionId = path.substring(STATUS_PATH.length());
      return Map.of("GET", nothing -> bridge.status(connectionId));
    }
    Map<String, Endpoint> methods = endpoints.get(path);
    if (methods == null) {
      throw new HttpError(404, "Not found");
    }
    return methods;
  }

  private static <B extends Message.Builder> B parsed(byte[] body, B request) throws HttpError {
    try {
      PARSER.merge(new String(body, StandardCharsets.UTF_8), request);
      return request;
    } catch (InvalidProtocolBufferException wrong) {
      throw new HttpError(400, "Invalid request body");
    }
  }

  /** Answers a page's question whether it may ask. */
  private void allowAsking(HttpExchange exchange) throws IOException {
    if (allowedOrigin.isPresent()) {
      exchange.getResponseHeaders().set("Access-Control-Allow-Methods", "GET, POST");
      exchange.getResponseHeaders().set("Access-Control-Allow-Headers", "Content-Type");
    }
    exchange.sendResponseHeaders(204, -1);
  }

  private static void send(HttpExchange exchange, HttpError error) throws IOException {
    error.retryAfter().ifPresent(wait -> exchange.getResponseHeaders().set("Retry-After", wait));
    send(exchange, error.status(), "text/plain; charset=utf-8", error.getMessage() + "\n");
  }

  private static void send(HttpExchange exchange, int status, String type, String text)
      throws IOException {
    byte[] body = text.getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", type);
    exchange.sendResponseHeaders(status, body.length);
    exchange.getResponseBody().write(body);
  }
}

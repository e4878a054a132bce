package io.mediabridge.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Timestamp;
import io.grpc.Grpc;
import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import io.mediabridge.v1.ServeToolsRequest;
import io.mediabridge.v1.ServeToolsResponse;
import io.mediabridge.v1.ToolCancellation;
import io.mediabridge.v1.ToolInvocation;
import io.mediabridge.v1.ToolRegistered;
import io.mediabridge.v1.ToolRegistration;
import io.mediabridge.v1.ToolResult;
import io.mediabridge.v1.ToolServiceGrpc;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a tool server says to a bridge that the test plays by hand, over a real connection. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ToolServerTest {

  private static final Duration HOUR = Duration.ofHours(1);
  private static final ToolRegistration ACMES =
      ToolRegistration.newBuilder().setTenantId("acme").build();

  /** One stream, as the bridge has it. */
  private record Stream(
      BlockingQueue<ServeToolsRequest> heard, StreamObserver<ServeToolsResponse> teller) {

    ServeToolsRequest next() throws InterruptedException {
      return heard.take();
    }

    ToolResult result() throws InterruptedException {
      return next().getResult();
    }

    void register() {
      tell(ServeToolsResponse.newBuilder().setRegistered(ToolRegistered.getDefaultInstance()));
    }

    void invoke(String id, String tool, Duration within) {
      Instant deadline = Instant.now().plus(within);
      tell(
          ServeToolsResponse.newBuilder()
              .setInvocation(
                  ToolInvocation.newBuilder()
                      .setToolCallId(id)
                      .setName(tool)
                      .setArgumentsJson("{\"number\": 7}")
                      .setDeadline(
                          Timestamp.newBuilder()
                              .setSeconds(deadline.getEpochSecond())
                              .setNanos(deadline.getNano()))));
    }

    void cancel(String id) {
      tell(
          ServeToolsResponse.newBuilder()
              .setCancellation(ToolCancellation.newBuilder().setToolCallId(id)));
    }

    private void tell(ServeToolsResponse.Builder response) {
      teller.onNext(response.build());
    }
  }

  private final BlockingQueue<Stream> streams = new LinkedBlockingQueue<>();
  private Server bridge;
  private MediabridgeClient client;

  @BeforeEach
  void open() throws IOException {
    bridge =
        Grpc.newServerBuilderForPort(0, InsecureServerCredentials.create())
            .addService(new Bridge())
            .build()
            .start();
    var hasty = new RetryPolicy(2, Duration.ofMillis(1), Duration.ofMillis(1), 1);
    client =
        MediabridgeClient.builder("127.0.0.1:" + bridge.getPort())
            .plaintext()
            .watchRetries(hasty)
            .build();
  }

  @AfterEach
  void close() {
    client.close();
    bridge.shutdownNow();
  }

  private final class Bridge extends ToolServiceGrpc.ToolServiceImplBase {
    @Override
    public StreamObserver<ServeToolsRequest> serveTools(StreamObserver<ServeToolsResponse> teller) {
      var stream = new Stream(new LinkedBlockingQueue<>(), teller);
      streams.add(stream);
      return new StreamObserver<>() {
        @Override
        public void onNext(ServeToolsRequest request) {
          stream.heard().add(request);
        }

        @Override
        public void onError(Throwable gone) {}

        @Override
        public void onCompleted() {}
      };
    }
  }

  private CompletableFuture<ToolServer> serving(Map<String, ToolFunction> tools) {
    return CompletableFuture.supplyAsync(() -> client.serveTools(ACMES, tools));
  }

  /** Lets the next stream register. */
  private Stream registered() throws InterruptedException {
    Stream stream = streams.take();
    stream.next();
    stream.register();
    return stream;
  }

  private static String never(ToolInvocation invocation) throws InterruptedException {
    new CountDownLatch(1).await();
    return "0";
  }

  @Test
  void itIsThereOnceTheBridgeSaysSo() throws Exception {
    var opening = serving(Map.of("b", any -> "0", "a", any -> "0"));
    Stream stream = streams.take();
    var asked = stream.next().getRegister();
    assertEquals("acme", asked.getTenantId());
    assertEquals(List.of("a", "b"), asked.getToolNamesList());
    assertFalse(opening.isDone());
    stream.register();
    var server = opening.join();
    var closing = CompletableFuture.runAsync(server::close);
    assertTrue(stream.next().hasLeave());
    stream.teller().onCompleted();
    closing.join();
    server.ended().join();
  }

  @Test
  void whatComesOfAToolIsToldAndOfOtherFailuresOnlyThatTheyWere() throws Exception {
    var opening =
        serving(
            Map.of(
                "find", invocation -> invocation.getArgumentsJson(),
                "refuse",
                    any -> {
                      throw new ToolException("order_not_found", "There is no order 7.", "row");
                    },
                "break",
                    any -> {
                      throw new IllegalStateException("the password is swordfish");
                    },
                "forget", any -> null,
                "babble", any -> "\"" + "ä".repeat(40_000) + "\""));
    Stream stream = registered();
    List<String> asked = List.of("find", "refuse", "break", "forget", "babble", "nothing");
    asked.forEach(tool -> stream.invoke("call of " + tool, tool, HOUR));
    Map<String, ToolResult> came = new HashMap<>();
    for (int count = 0; count < asked.size(); count++) {
      ToolResult result = stream.result();
      came.put(result.getToolCallId().replace("call of ", ""), result);
    }
    assertEquals("{\"number\": 7}", came.get("find").getOutputJson());
    var refused = came.get("refuse").getError();
    assertEquals("order_not_found", refused.getCode());
    assertEquals("There is no order 7.", refused.getMessage());
    assertEquals("row", refused.getPrivateDetail());
    assertEquals("tool_failed", came.get("break").getError().getCode());
    assertFalse(came.get("break").toString().contains("swordfish"));
    assertEquals("invalid_result", came.get("forget").getError().getCode());
    assertEquals("output_too_large", came.get("babble").getError().getCode());
    assertEquals("unknown_tool", came.get("nothing").getError().getCode());
    stream.teller().onError(Status.PERMISSION_DENIED.asException());
    opening.join().close();
  }

  @Test
  void aToolThatNobodyWaitsForIsInterrupted() throws Exception {
    var interrupted = new LinkedBlockingQueue<String>();
    var opening =
        serving(
            Map.of(
                "wait",
                invocation -> {
                  try {
                    return never(invocation);
                  } finally {
                    interrupted.add(invocation.getToolCallId());
                  }
                }));
    Stream stream = registered();
    stream.invoke("cancelled", "wait", HOUR);
    stream.invoke("late", "wait", Duration.ofMillis(100));
    assertEquals("late", interrupted.take());
    stream.cancel("cancelled");
    assertEquals("cancelled", interrupted.take());
    stream.invoke("lost", "wait", HOUR);
    stream.teller().onError(Status.PERMISSION_DENIED.asException());
    opening.join().close();
  }

  @Test
  void whatIsUnderWayIsAnsweredBeforeItIsGone() throws Exception {
    var mayAnswer = new CountDownLatch(1);
    var opening =
        serving(
            Map.of(
                "slow",
                any -> {
                  mayAnswer.await();
                  return "\"done\"";
                }));
    Stream stream = registered();
    stream.invoke("a", "slow", HOUR);
    var server = opening.join();
    var closing = CompletableFuture.runAsync(server::close);
    assertTrue(stream.next().hasLeave());
    mayAnswer.countDown();
    assertEquals("\"done\"", stream.result().getOutputJson());
    stream.teller().onCompleted();
    closing.join();
  }

  @Test
  void itComesBackHoweverOftenTheBridgeIsAwayAndIsToldOfARefusal() throws Exception {
    var opening = serving(Map.of("find", any -> "0"));
    registered().teller().onError(Status.UNAVAILABLE.asException());
    var server = opening.join();
    for (int lost = 0; lost < 5; lost++) {
      streams.take().teller().onError(Status.UNAVAILABLE.asException());
    }
    registered().teller().onCompleted();
    registered().teller().onError(Status.PERMISSION_DENIED.asException());
    var ended = server.ended();
    var failure = assertThrows(ExecutionException.class, ended::get);
    var refusal = assertInstanceOf(MediabridgeException.class, failure.getCause());
    assertEquals(Status.Code.PERMISSION_DENIED, refusal.code());
    server.close();
  }

  @Test
  void aBridgeThatRefusesOrIsNeverThereIsSaidSo() throws Exception {
    for (Status status : List.of(Status.PERMISSION_DENIED, Status.UNAVAILABLE)) {
      var opening = serving(Map.of("find", any -> "0"));
      int tries = status == Status.UNAVAILABLE ? 3 : 1;
      for (int count = 0; count < tries; count++) {
        streams.take().teller().onError(status.asException());
      }
      var failure = assertThrows(ExecutionException.class, opening::get);
      var refusal = assertInstanceOf(MediabridgeException.class, failure.getCause());
      assertEquals(status.getCode(), refusal.code());
    }
    assertTrue(streams.isEmpty());
  }
}

package io.mediabridge.client;

import io.grpc.ClientCall;
import io.grpc.Status;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import io.mediabridge.v1.ServeToolsRequest;
import io.mediabridge.v1.ServeToolsResponse;
import io.mediabridge.v1.ToolInvocation;
import io.mediabridge.v1.ToolLeave;
import io.mediabridge.v1.ToolRegistration;
import io.mediabridge.v1.ToolResult;
import io.mediabridge.v1.ToolServiceGrpc;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import java.util.function.Consumer;

/** One stream, from its registration to its end. */
final class ToolSession implements StreamObserver<ServeToolsResponse> {

  private final ToolRunner runner;
  private final Runnable registered;
  private final Consumer<MediabridgeException> lost;
  private final Map<String, Future<?>> running = new ConcurrentHashMap<>();
  private ClientCall<ServeToolsRequest, ServeToolsResponse> call;
  private StreamObserver<ServeToolsRequest> bridge;

  /**
   * Prepares a session.
   *
   * @param registered is told that the bridge asks from now on
   * @param lost is told once why the stream is over
   */
  ToolSession(ToolRunner runner, Runnable registered, Consumer<MediabridgeException> lost) {
    this.runner = runner;
    this.registered = registered;
    this.lost = lost;
  }

  synchronized void start(Rpcs rpcs, ToolRegistration registration) {
    call = rpcs.stream(ToolServiceGrpc.getServeToolsMethod());
    bridge = ClientCalls.asyncBidiStreamingCall(call, this);
    say(ServeToolsRequest.newBuilder().setRegister(registration).build());
  }

  /** Asks for nothing more. The stream ends when everything is answered. */
  void leave() {
    say(ServeToolsRequest.newBuilder().setLeave(ToolLeave.getDefaultInstance()).build());
  }

  synchronized void cancel() {
    call.cancel("no longer served", null);
  }

  @Override
  public void onNext(ServeToolsResponse told) {
    switch (told.getKindCase()) {
      case REGISTERED -> registered.run();
      case INVOCATION -> begin(told.getInvocation());
      case CANCELLATION -> stop(told.getCancellation().getToolCallId());
      case KIND_NOT_SET -> {} // of a later version
    }
  }

  @Override
  public void onError(Throwable failure) {
    end(MediabridgeException.of(failure));
  }

  @Override
  public void onCompleted() {
    var early = Status.UNAVAILABLE.withDescription("the bridge ended the stream");
    end(MediabridgeException.of(early, null));
  }

  private void end(MediabridgeException why) {
    running.keySet().forEach(this::stop);
    lost.accept(why);
  }

  private void begin(ToolInvocation invocation) {
    String id = invocation.getToolCallId();
    runner.run(invocation, work -> running.put(id, work), this::answer);
  }

  private void answer(ToolResult result) {
    running.remove(result.getToolCallId());
    say(ServeToolsRequest.newBuilder().setResult(result).build());
  }

  private void stop(String toolCallId) {
    Future<?> tool = running.remove(toolCallId);
    if (tool != null) {
      tool.cancel(true);
    }
  }

  /** Says something, one message at a time; once the stream is over, its end says why. */
  private synchronized void say(ServeToolsRequest request) {
    try {
      bridge.onNext(request);
    } catch (IllegalStateException over) {
      // The receiving side is told.
    }
  }
}

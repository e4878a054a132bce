package io.mediabridge.client;

import com.google.protobuf.Timestamp;
import io.mediabridge.v1.ToolError;
import io.mediabridge.v1.ToolInvocation;
import io.mediabridge.v1.ToolResult;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** Runs tools, each on a thread of its own: the bridge asks for no more than it was told to. */
final class ToolRunner implements AutoCloseable {

  // As in the comments of proto/bridge/v1/tool_service.proto.
  private static final int MAX_OUTPUT_BYTES = 64 * 1024;

  private final Map<String, ToolFunction> tools;
  private final ExecutorService threads =
      Executors.newCachedThreadPool(
          work -> {
            var thread = new Thread(work, "mediabridge tool");
            thread.setDaemon(true);
            return thread;
          });

  ToolRunner(Map<String, ToolFunction> tools) {
    this.tools = Map.copyOf(tools);
  }

  /**
   * Runs a tool, which is interrupted at its deadline; so it is where what is told is cancelled.
   */
  void run(ToolInvocation invocation, Consumer<Future<?>> begins, Consumer<ToolResult> came) {
    var work = new FutureTask<Void>(() -> came.accept(resultOf(invocation)), null);
    begins.accept(work);
    threads.execute(work);
    long leftNanos = Duration.between(Instant.now(), instantOf(invocation.getDeadline())).toNanos();
    CompletableFuture.delayedExecutor(leftNanos, TimeUnit.NANOSECONDS)
        .execute(() -> work.cancel(true));
  }

  /** Interrupts what is running. */
  @Override
  public void close() {
    threads.shutdownNow();
  }

  private ToolResult resultOf(ToolInvocation invocation) {
    var result = ToolResult.newBuilder().setToolCallId(invocation.getToolCallId());
    try {
      return result.setOutputJson(outputOf(invocation)).build();
    } catch (ToolException told) {
      return result.setError(errorOf(told)).build();
    } catch (Exception | Error failure) {
      // Its message may hold what neither the model nor a log may know.
      String kind = failure.getClass().getName();
      return result
          .setError(errorOf(new ToolException("tool_failed", "This did not work.", kind)))
          .build();
    }
  }

  private String outputOf(ToolInvocation invocation) throws Exception {
    ToolFunction tool = tools.get(invocation.getName());
    if (tool == null) {
      throw new ToolException("unknown_tool", "This cannot be done here.");
    }
    String output = tool.call(invocation);
    if (output == null) {
      throw new ToolException("invalid_result", "The answer could not be read.");
    }
    if (output.getBytes(StandardCharsets.UTF_8).length > MAX_OUTPUT_BYTES) {
      throw new ToolException("output_too_large", "The answer was too long to be read.");
    }
    return output;
  }

  private static ToolError errorOf(ToolException told) {
    return ToolError.newBuilder()
        .setCode(told.code())
        .setMessage(told.getMessage())
        .setPrivateDetail(told.privateDetail())
        .build();
  }

  private static Instant instantOf(Timestamp time) {
    return Instant.ofEpochSecond(time.getSeconds(), time.getNanos());
  }
}

package io.mediabridge.client;

import io.grpc.Status;
import io.mediabridge.v1.ToolRegistration;
import java.time.Duration;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;

/**
 * Runs tools for the bridge, made by {@link MediabridgeClient#serveTools}.
 *
 * <p>Where the connection breaks, the bridge is away or the key has lapsed, it registers again, for
 * as long as it takes; what was running is interrupted. Closing it asks for nothing more, and gives
 * what is under way ten seconds to be answered.
 */
public final class ToolServer implements AutoCloseable {

  // As long as a tool takes where its agent says nothing else.
  private static final Duration LEAVE_WITHIN = Duration.ofSeconds(10);

  private final Rpcs rpcs;
  private final ToolRegistration registration;
  private final ToolRunner runner;
  private final RetryPolicy patience;
  private final ResumingFeed.Timer timer;
  private final BooleanSupplier isClientClosed;
  private final CompletableFuture<Void> registered = new CompletableFuture<>();
  private final CompletableFuture<Void> ended = new CompletableFuture<>();

  // Guarded by this.
  private ToolSession session;
  private int failures;
  private boolean isLeaving;

  ToolServer(
      Rpcs rpcs,
      ToolRegistration registration,
      Map<String, ToolFunction> tools,
      RetryPolicy patience,
      ResumingFeed.Timer timer,
      BooleanSupplier isClientClosed) {
    this.rpcs = rpcs;
    this.registration =
        registration.toBuilder()
            .clearToolNames()
            .addAllToolNames(new TreeSet<>(tools.keySet()))
            .build();
    this.runner = new ToolRunner(tools);
    this.patience = patience;
    this.timer = timer;
    this.isClientClosed = isClientClosed;
  }

  /** Registers, and waits until the bridge has said so. */
  ToolServer start() {
    open();
    try {
      registered.get();
    } catch (ExecutionException refused) {
      close();
      throw MediabridgeException.of(refused.getCause());
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      close();
      Status status = Status.CANCELLED.withDescription("interrupted").withCause(interrupted);
      throw MediabridgeException.of(status, null);
    }
    return this;
  }

  /**
   * Returns when it is over.
   *
   * @return completed once it is closed; failed with a {@link MediabridgeException} where the
   *     bridge refuses it
   */
  public CompletableFuture<Void> ended() {
    return ended.copy();
  }

  @Override
  public void close() {
    ToolSession current;
    synchronized (this) {
      isLeaving = true;
      current = session;
    }
    if (current == null) {
      ended.complete(null);
    } else {
      current.leave();
      awaitEnd();
      current.cancel();
    }
    runner.close();
  }

  private void awaitEnd() {
    try {
      ended.get(LEAVE_WITHIN.toSeconds(), TimeUnit.SECONDS);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    } catch (TimeoutException | ExecutionException | CancellationException over) {
      // Whoever wants to know has asked ended().
    }
    ended.complete(null);
  }

  private synchronized void open() {
    if (isLeaving) {
      return;
    }
    session = new ToolSession(runner, this::begun, this::lost);
    session.start(rpcs, registration);
  }

  private synchronized void begun() {
    failures = 0;
    registered.complete(null);
  }

  private synchronized void lost(MediabridgeException failure) {
    session = null;
    if (isLeaving) {
      ended.complete(null);
    } else if (isFinal(failure)) {
      registered.completeExceptionally(failure);
      ended.completeExceptionally(failure);
    } else {
      failures++;
      Duration wait = patience.waitAfter(failures);
      Duration wish = failure.retryDelay().orElse(Duration.ZERO);
      timer.after(wish.compareTo(wait) > 0 ? wish : wait, this::open);
    }
  }

  private boolean isFinal(MediabridgeException failure) {
    boolean wasNeverThere = !registered.isDone() && failures >= patience.retries();
    return !failure.isWorthAnotherStream() || wasNeverThere || isClientClosed.getAsBoolean();
  }
}

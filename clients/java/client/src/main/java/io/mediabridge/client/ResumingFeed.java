package io.mediabridge.client;

import io.grpc.Status;
import io.mediabridge.v1.CallEvent;
import java.time.Duration;
import java.util.function.BooleanSupplier;
import java.util.function.LongFunction;

/**
 * A call's events, each once and in order: a stream that breaks is taken up again behind the last
 * event that was seen. Ends behind the event {@code ended}.
 */
final class ResumingFeed implements Feed<CallEvent> {

  /** Does something later. */
  interface Timer {
    void after(Duration wait, Runnable work);
  }

  private final LongFunction<Feed<CallEvent>> openAfter;
  private final RetryPolicy policy;
  private final Timer timer;
  private final BooleanSupplier givenUp;

  private Receiver<CallEvent> receiver;
  private Feed<CallEvent> current;
  private long seen;
  private int asked;
  private int failures;
  private boolean over;

  /**
   * Prepares to stream the events behind {@code afterSequence}.
   *
   * @param openAfter opens a stream of the events behind a sequence number
   * @param givenUp whether nobody wants another try, whatever became of the stream
   */
  ResumingFeed(
      LongFunction<Feed<CallEvent>> openAfter,
      long afterSequence,
      RetryPolicy policy,
      Timer timer,
      BooleanSupplier givenUp) {
    this.openAfter = openAfter;
    this.seen = afterSequence;
    this.policy = policy;
    this.timer = timer;
    this.givenUp = givenUp;
  }

  @Override
  public void start(Receiver<CallEvent> receiver) {
    this.receiver = receiver;
    open();
  }

  @Override
  public synchronized void request(int count) {
    asked += count;
    if (current != null) {
      current.request(count);
    }
  }

  @Override
  public synchronized void cancel() {
    over = true;
    if (current != null) {
      current.cancel();
    }
  }

  private synchronized void open() {
    if (over) {
      return;
    }
    current = openAfter.apply(seen);
    current.start(new Attempt());
    if (asked > 0) {
      current.request(asked);
    }
  }

  /** Decides what becomes of an event: whether it is new, and whether it is the last one. */
  private synchronized boolean take(CallEvent event) {
    if (over) {
      return false;
    }
    failures = 0;
    if (event.getSequence() <= seen) {
      current.request(1);
      return false;
    }
    seen = event.getSequence();
    asked--;
    over = event.hasEnded();
    return true;
  }

  /** Decides whether the stream is opened again, and does so. */
  private synchronized boolean resumes(MediabridgeException failure) {
    current = null;
    if (over) {
      return true; // nobody wants to know any more
    }
    boolean worthIt = failure.isWorthAnotherStream() && failures < policy.retries();
    if (!worthIt || givenUp.getAsBoolean()) {
      over = true;
      return false;
    }
    failures++;
    Duration wait = policy.waitAfter(failures);
    Duration wish = failure.retryDelay().orElse(Duration.ZERO);
    timer.after(wish.compareTo(wait) > 0 ? wish : wait, this::open);
    return true;
  }

  private final class Attempt implements Receiver<CallEvent> {

    @Override
    public void received(CallEvent event) {
      if (take(event)) {
        receiver.received(event);
        if (event.hasEnded()) {
          receiver.ended();
        }
      }
    }

    @Override
    public void ended() {
      var early = Status.UNAVAILABLE.withDescription("the stream ended before the call did");
      failed(MediabridgeException.of(early, null));
    }

    @Override
    public void failed(MediabridgeException failure) {
      if (!resumes(failure)) {
        receiver.failed(failure);
      }
    }
  }
}

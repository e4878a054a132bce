package io.mediabridge.client;

import io.grpc.Status;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * What a feed brings, for one thread that waits for it. At most {@link #WINDOW} items wait here;
 * more are not asked for, and wait at the server.
 */
final class Inbox<T> implements Iterator<T>, AutoCloseable {

  static final int WINDOW = 16;

  private sealed interface Letter<T> {}

  private record Item<T>(T content) implements Letter<T> {}

  private record End<T>() implements Letter<T> {}

  private record Failure<T>(MediabridgeException cause) implements Letter<T> {}

  private final Feed<T> feed;
  private final BlockingQueue<Letter<T>> letters = new LinkedBlockingQueue<>();
  private Letter<T> next;
  private volatile boolean closed;

  Inbox(Feed<T> feed) {
    this.feed = feed;
    feed.start(
        new Feed.Receiver<>() {
          @Override
          public void received(T item) {
            letters.add(new Item<>(item));
          }

          @Override
          public void ended() {
            letters.add(new End<>());
          }

          @Override
          public void failed(MediabridgeException failure) {
            letters.add(new Failure<>(failure));
          }
        });
    feed.request(WINDOW);
  }

  @Override
  public boolean hasNext() {
    if (next == null && !closed) {
      next = waitForLetter();
    }
    if (closed) {
      return false; // also when the feed reports that it was broken off
    }
    if (next instanceof Failure<T> failure) {
      throw failure.cause();
    }
    return next instanceof Item<T>;
  }

  @Override
  public T next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    T content = ((Item<T>) next).content();
    next = null;
    feed.request(1);
    return content;
  }

  /** Breaks the feed off: whoever waits, or asks from now on, finds that there is no next item. */
  @Override
  public void close() {
    closed = true;
    feed.cancel();
    letters.add(new End<>()); // wakes up whoever waits
  }

  private Letter<T> waitForLetter() {
    try {
      return letters.take();
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      Status status = Status.CANCELLED.withDescription("interrupted").withCause(interrupted);
      throw MediabridgeException.of(status, null);
    }
  }
}

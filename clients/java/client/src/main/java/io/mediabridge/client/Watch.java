package io.mediabridge.client;

import java.util.Iterator;

/**
 * Things that happen, one after the other, for one thread that waits for them in a loop. Closing
 * it, from any thread, ends the loop and nothing else.
 *
 * <p>It holds a few items at most: whoever is slower than they happen slows the stream down.
 *
 * @param <T> what happens
 */
public abstract sealed class Watch<T> implements Iterable<T>, AutoCloseable
    permits EventWatch, TelemetryWatch {

  private final Inbox<T> inbox;

  Watch(Feed<T> feed) {
    inbox = new Inbox<>(feed);
  }

  /**
   * Returns the items from here on, always by the same iterator. Its {@code hasNext} waits for the
   * next item, the end, or {@link #close}; it throws a {@link MediabridgeException} when the stream
   * fails or the waiting thread is interrupted.
   */
  @Override
  public Iterator<T> iterator() {
    return inbox;
  }

  @Override
  public void close() {
    inbox.close();
  }
}

package io.mediabridge.client;

import io.mediabridge.v1.CallEvent;

/**
 * The events of one call, each once and in order, up to and with {@code ended}.
 *
 * <p>A stream that breaks because the server is away is taken up again behind the last event seen,
 * as often as {@link ClientBuilder#watchRetries} says. Where events were lost meanwhile because
 * they are no longer kept, the loop fails with {@code OUT_OF_RANGE}.
 */
public final class EventWatch extends Watch<CallEvent> {

  EventWatch(Feed<CallEvent> feed) {
    super(feed);
  }
}

package io.mediabridge.client;

import io.mediabridge.v1.StreamTelemetryResponse;

/**
 * Figures of one call until it ends, or of all live calls, one message an interval.
 *
 * <p>A stream that breaks fails the loop: figures that were missed cannot be had any more, and a
 * new watch gives those from now on.
 */
public final class TelemetryWatch extends Watch<StreamTelemetryResponse> {

  TelemetryWatch(Feed<StreamTelemetryResponse> feed) {
    super(feed);
  }
}

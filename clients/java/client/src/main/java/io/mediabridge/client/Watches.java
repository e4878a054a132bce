package io.mediabridge.client;

import io.grpc.Context;
import io.mediabridge.v1.CallEvent;
import io.mediabridge.v1.CallServiceGrpc;
import io.mediabridge.v1.StreamTelemetryRequest;
import io.mediabridge.v1.StreamTelemetryResponse;
import io.mediabridge.v1.TelemetryServiceGrpc;
import io.mediabridge.v1.WatchEventsRequest;
import io.mediabridge.v1.WatchEventsResponse;
import java.util.function.BooleanSupplier;

/**
 * What can be watched over a channel.
 *
 * @param retries how often in a row a broken stream of events is taken up again
 * @param closed whether the client was closed, so that nothing is worth another try
 */
record Watches(Rpcs rpcs, RetryPolicy retries, ResumingFeed.Timer timer, BooleanSupplier closed) {

  /** Returns a call's events. A gRPC context that is cancelled ends it, however often it broke. */
  Feed<CallEvent> events(String connectionId, long afterSequence) {
    Context context = Context.current();
    return new ResumingFeed(
        seen -> stream(context, Requests.events(connectionId, seen)),
        afterSequence,
        retries,
        timer,
        () -> closed.getAsBoolean() || context.isCancelled());
  }

  private Feed<CallEvent> stream(Context context, WatchEventsRequest request) {
    Context other = context.attach();
    try {
      return rpcs.feed(
          CallServiceGrpc.getWatchEventsMethod(), request, WatchEventsResponse::getEvent);
    } finally {
      context.detach(other);
    }
  }

  Feed<StreamTelemetryResponse> telemetry(StreamTelemetryRequest request) {
    return rpcs.feed(TelemetryServiceGrpc.getStreamTelemetryMethod(), request, figures -> figures);
  }
}

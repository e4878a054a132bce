package io.mediabridge.client;

import static io.mediabridge.testing.ScriptedBridge.allEvents;
import static io.mediabridge.testing.ScriptedBridge.answer;
import static io.mediabridge.testing.ScriptedBridge.breakBehind;
import static io.mediabridge.testing.ScriptedBridge.ended;
import static io.mediabridge.testing.ScriptedBridge.event;
import static io.mediabridge.testing.ScriptedBridge.events;
import static io.mediabridge.testing.ScriptedBridge.refuse;
import static io.mediabridge.testing.ScriptedBridge.silence;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.Context;
import io.grpc.Status;
import io.mediabridge.testing.CuttableLine;
import io.mediabridge.testing.ScriptedBridge;
import io.mediabridge.v1.CallEvent;
import io.mediabridge.v1.CallTelemetry;
import io.mediabridge.v1.StreamTelemetryRequest;
import io.mediabridge.v1.StreamTelemetryResponse;
import io.mediabridge.v1.WatchEventsRequest;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Watches and followers, over a real connection. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class WatchTest {

  private static final Status AWAY = Status.UNAVAILABLE.withDescription("away");

  private final ScriptedBridge bridge = new ScriptedBridge();
  private final MediabridgeClient client = bridge.client();

  @AfterEach
  void close() {
    client.close();
    bridge.close();
  }

  private static List<Long> sequencesOf(Iterable<CallEvent> events) {
    List<Long> sequences = new ArrayList<>();
    events.forEach(event -> sequences.add(event.getSequence()));
    return sequences;
  }

  private List<Long> askedAfter() {
    return askedAfter(bridge);
  }

  private static List<Long> askedAfter(ScriptedBridge bridge) {
    return bridge.requests(WatchEventsRequest.class).stream()
        .map(WatchEventsRequest::getAfterSequence)
        .toList();
  }

  @Test
  void allEventsComeInOrderAndTheLastOneEndsTheLoop() {
    bridge.on("WatchEvents", allEvents(event(1), event(2), ended(3)));
    try (var events = client.watch("call-1")) {
      assertEquals(List.of(1L, 2L, 3L), sequencesOf(events));
    }
    var request = bridge.requests(WatchEventsRequest.class).get(0);
    assertEquals("call-1", request.getConnectionId());
    assertEquals(0, request.getAfterSequence());
  }

  @Test
  void aWatchGoesOnWhereAnEarlierOneStopped() {
    bridge.on("WatchEvents", allEvents(event(6), ended(7)));
    try (var events = client.watch("call-1", 5)) {
      assertEquals(List.of(6L, 7L), sequencesOf(events));
    }
    assertEquals(List.of(5L), askedAfter());
  }

  @Test
  void aStreamThatBreaksIsTakenUpAgain() {
    bridge.on(
        "WatchEvents",
        breakBehind(AWAY, event(1), event(2)),
        refuse(AWAY),
        allEvents(event(2), event(3), ended(4)));
    try (var events = client.watch("call-1")) {
      assertEquals(List.of(1L, 2L, 3L, 4L), sequencesOf(events));
    }
    assertEquals(List.of(0L, 2L, 2L), askedAfter());
  }

  @Test
  void aServerWhosePlaceAnotherTakesIsWatchedOn() throws IOException {
    bridge.on("WatchEvents", events(event(1)));
    try (var next = new ScriptedBridge();
        var line = new CuttableLine(bridge.target());
        var watcher = MediabridgeClient.builder(line.target()).plaintext().build();
        var events = watcher.watch("call-1")) {
      next.on("WatchEvents", allEvents(event(2), ended(3)));
      Iterator<CallEvent> found = events.iterator();
      assertEquals(1, found.next().getSequence());
      line.leadTo(next.target());
      bridge.close();
      assertEquals(List.of(2L, 3L), sequencesOf(() -> found));
      assertEquals(List.of(1L), askedAfter(next));
    }
  }

  @Test
  void eventsThatAreNoLongerKeptFailTheLoop() {
    var gone = Status.OUT_OF_RANGE.withDescription("no longer kept");
    bridge.on("WatchEvents", breakBehind(gone, event(1)));
    try (var events = client.watch("call-1")) {
      var found = events.iterator();
      found.next();
      var failure = assertThrows(MediabridgeException.class, found::hasNext);
      assertEquals(Status.Code.OUT_OF_RANGE, failure.code());
      assertSame(failure, assertThrows(MediabridgeException.class, found::next));
    }
  }

  @Test
  void behindTheEndThereIsNothing() {
    bridge.on("WatchEvents", allEvents(ended(1)));
    try (var events = client.watch("call-1")) {
      var found = events.iterator();
      found.next();
      assertFalse(found.hasNext());
      assertThrows(NoSuchElementException.class, found::next);
    }
  }

  @Test
  void closingAWatchEndsItsLoopAndItsStream() throws InterruptedException {
    var brokenOff = new CountDownLatch(1);
    bridge.on(
        "WatchEvents",
        (request, answer) -> {
          answer.setOnCancelHandler(brokenOff::countDown);
          events(event(1)).play(request, answer);
        });
    var events = client.watch("call-1");
    var begun = new CountDownLatch(1);
    var loop = CompletableFuture.runAsync(() -> events.forEach(event -> begun.countDown()));
    begun.await();
    events.close();
    loop.join();
    brokenOff.await();
  }

  @Test
  void aThreadThatIsInterruptedStopsWaitingAndStaysInterrupted() {
    bridge.on("WatchEvents", silence());
    try (var events = client.watch("call-1")) {
      Thread.currentThread().interrupt();
      var failure = assertThrows(MediabridgeException.class, () -> events.iterator().hasNext());
      assertEquals(Status.Code.CANCELLED, failure.code());
      assertTrue(Thread.interrupted());
    }
  }

  @Test
  void closingTheClientFailsTheLoop() {
    bridge.on("WatchEvents", events(event(1)));
    var found = client.watch("call-1").iterator();
    found.next();
    client.close();
    assertThrows(MediabridgeException.class, found::hasNext);
  }

  @Test
  void aContextThatIsCancelledEndsTheWatchAtOnce() {
    bridge.on("WatchEvents", events(event(1)));
    var anHour = Duration.ofHours(1);
    var context = Context.current().withCancellation();
    try (var patient =
            bridge.builder().watchRetries(new RetryPolicy(9, anHour, anHour, 1)).build();
        var events = watchIn(context, patient)) {
      var found = events.iterator();
      found.next();
      context.cancel(null);
      var failure = assertThrows(MediabridgeException.class, found::hasNext);
      assertEquals(Status.Code.CANCELLED, failure.code());
    }
  }

  @Test
  void aStreamThatIsTakenUpAgainStaysInItsContext() {
    bridge.on("WatchEvents", breakBehind(AWAY, event(1)), events(event(2)));
    var context = Context.current().withCancellation();
    try (var events = watchIn(context, client)) {
      var found = events.iterator();
      found.next();
      assertEquals(2, found.next().getSequence());
      context.cancel(null);
      assertThrows(MediabridgeException.class, found::hasNext);
    }
  }

  private static EventWatch watchIn(Context context, MediabridgeClient client) {
    Context other = context.attach();
    try {
      return client.watch("call-1");
    } finally {
      context.detach(other);
    }
  }

  @Test
  void manyEventsComeInOrder() {
    bridge.on(
        "WatchEvents",
        (request, answer) -> {
          for (int sequence = 1; sequence < 2000; sequence++) {
            events(event(sequence)).play(request, answer);
          }
          allEvents(ended(2000)).play(request, answer);
        });
    try (var events = client.watch("call-1")) {
      assertEquals(LongStream.rangeClosed(1, 2000).boxed().toList(), sequencesOf(events));
    }
  }

  @Test
  void aFollowerIsToldEveryEventOfABrokenStreamAndThatItEnded() {
    bridge.on("WatchEvents", breakBehind(AWAY, event(1), event(2)), allEvents(event(3), ended(4)));
    List<Long> told = new CopyOnWriteArrayList<>();
    client.async().follow("call-1", 0, event -> told.add(event.getSequence())).join();
    assertEquals(List.of(1L, 2L, 3L, 4L), told);
  }

  @Test
  void aFollowerThatThrowsIsToldNothingMore() throws InterruptedException {
    var brokenOff = new CountDownLatch(1);
    bridge.on(
        "WatchEvents",
        (request, answer) -> {
          answer.setOnCancelHandler(brokenOff::countDown);
          events(event(1), event(2)).play(request, answer);
        });
    var calls = new AtomicInteger();
    var following =
        client
            .async()
            .follow(
                "call-1",
                0,
                event -> {
                  calls.incrementAndGet();
                  throw new IllegalStateException("mine");
                });
    var failure = assertThrows(CompletionException.class, following::join);
    assertInstanceOf(IllegalStateException.class, failure.getCause());
    brokenOff.await();
    assertEquals(1, calls.get());
  }

  @Test
  void aFollowerThatCancelsIsToldNothingMore() throws InterruptedException {
    var asked = new CountDownLatch(1);
    var brokenOff = new CountDownLatch(1);
    bridge.on(
        "WatchEvents",
        (request, answer) -> {
          answer.setOnCancelHandler(brokenOff::countDown);
          asked.countDown();
        });
    var following = client.async().follow("call-1", 0, event -> {});
    asked.await();
    following.cancel(true);
    assertThrows(CancellationException.class, following::join);
    brokenOff.await();
  }

  @Test
  void aFollowerIsToldThatFollowingFailed() {
    bridge.on("WatchEvents", refuse(Status.NOT_FOUND.withDescription("no such call")));
    var following = client.async().follow("call-1", 0, event -> {});
    var failure = assertThrows(CompletionException.class, following::join);
    var cause = assertInstanceOf(MediabridgeException.class, failure.getCause());
    assertEquals(Status.Code.NOT_FOUND, cause.code());
  }

  private static StreamTelemetryResponse figures(double level) {
    var sample = CallTelemetry.newBuilder();
    sample.getDownlinkBuilder().setLevelDbfs(level);
    return StreamTelemetryResponse.newBuilder().addSamples(sample).build();
  }

  @Test
  void figuresComeUntilTheCallEnds() {
    bridge.on("StreamTelemetry", answer(figures(-20), figures(-127)));
    List<StreamTelemetryResponse> seen = new ArrayList<>();
    try (var telemetry = client.telemetry("call-1", Duration.ofMillis(1200))) {
      telemetry.forEach(seen::add);
    }
    assertEquals(List.of(figures(-20), figures(-127)), seen);
    var request = bridge.requests(StreamTelemetryRequest.class).get(0);
    assertEquals("call-1", request.getConnectionId());
    assertEquals(1, request.getInterval().getSeconds());
    assertEquals(200_000_000, request.getInterval().getNanos());
  }

  @Test
  void figuresThatBreakOffFailTheLoop() {
    bridge.on(
        "StreamTelemetry",
        (request, answer) -> {
          answer.onNext(figures(-20));
          answer.onError(AWAY.asRuntimeException());
        });
    try (var telemetry = client.telemetry("call-1", Duration.ofSeconds(1))) {
      var found = telemetry.iterator();
      assertEquals(figures(-20), found.next());
      var failure = assertThrows(MediabridgeException.class, found::hasNext);
      assertEquals(Status.Code.UNAVAILABLE, failure.code());
    }
    assertEquals(1, bridge.requests().size());
  }

  @Test
  void aFollowerOfFiguresIsToldThemAll() {
    bridge.on("StreamTelemetry", answer(figures(-20), figures(-30)));
    List<StreamTelemetryResponse> told = new CopyOnWriteArrayList<>();
    client.async().followTelemetry(StreamTelemetryRequest.getDefaultInstance(), told::add).join();
    assertEquals(List.of(figures(-20), figures(-30)), told);
  }
}

package io.mediabridge.client;

import static io.mediabridge.testing.ScriptedBridge.ended;
import static io.mediabridge.testing.ScriptedBridge.event;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Status;
import io.mediabridge.testing.ScriptedBridge;
import io.mediabridge.v1.CallEvent;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.junit.jupiter.api.Test;

class ResumingFeedTest {

  private static final RetryPolicy POLICY =
      new RetryPolicy(2, Duration.ofSeconds(1), Duration.ofSeconds(3), 2);
  private static final MediabridgeException AWAY =
      MediabridgeException.of(Status.UNAVAILABLE, null);

  /** A stream that the test plays by hand. */
  private static final class Stream implements Feed<CallEvent> {
    final long after;
    Receiver<CallEvent> receiver;
    int asked;
    boolean cancelled;

    Stream(long after) {
      this.after = after;
    }

    @Override
    public void start(Receiver<CallEvent> receiver) {
      this.receiver = receiver;
    }

    @Override
    public void request(int count) {
      asked += count;
    }

    @Override
    public void cancel() {
      cancelled = true;
    }
  }

  private record Wait(Duration length, Runnable work) {}

  private final Deque<Stream> streams = new ArrayDeque<>();
  private final Deque<Wait> waits = new ArrayDeque<>();
  private final List<Object> told = new ArrayList<>();
  private boolean givenUp;

  private final ResumingFeed feed =
      new ResumingFeed(
          after -> {
            streams.add(new Stream(after));
            return streams.getLast();
          },
          0,
          POLICY,
          (length, work) -> waits.add(new Wait(length, work)),
          () -> givenUp);

  private void start(int asked) {
    feed.start(
        new Feed.Receiver<>() {
          @Override
          public void received(CallEvent item) {
            told.add(item.getSequence());
          }

          @Override
          public void ended() {
            told.add("ended");
          }

          @Override
          public void failed(MediabridgeException failure) {
            told.add(failure.code());
          }
        });
    feed.request(asked);
  }

  private void receive(CallEvent... events) {
    for (CallEvent each : events) {
      streams.getLast().receiver.received(each);
    }
  }

  private void lose(MediabridgeException failure) {
    streams.getLast().receiver.failed(failure);
  }

  @Test
  void aBrokenStreamIsTakenUpBehindTheLastEventSeen() {
    start(8);
    receive(event(1), event(2));
    lose(AWAY);
    waits.remove().work().run();
    assertEquals(2, streams.getLast().after);
    receive(event(3), ended(4));
    assertEquals(List.of(1L, 2L, 3L, 4L, "ended"), told);
  }

  @Test
  void anEventThatComesTwiceIsToldOnceAndCostsNothing() {
    start(3);
    receive(event(1));
    lose(AWAY);
    waits.remove().work().run();
    assertEquals(2, streams.getLast().asked);
    receive(event(1), event(2));
    assertEquals(List.of(1L, 2L), told);
    assertEquals(3, streams.getLast().asked);
  }

  @Test
  void waitsGrowAndAreALittleShorterThanTheyCouldBe() {
    start(1);
    for (double full : List.of(1.0, 2.0)) {
      lose(AWAY);
      assertAlmost(full, waits.getLast().length());
      waits.getLast().work().run();
    }
    assertAlmost(3.0, POLICY.waitAfter(3));
    assertAlmost(3.0, POLICY.waitAfter(1000));
  }

  private static void assertAlmost(double fullSeconds, Duration wait) {
    double seconds = wait.toNanos() / 1e9;
    assertTrue(seconds <= fullSeconds && seconds >= 0.8 * fullSeconds, seconds + " s");
  }

  @Test
  void aServerThatNamesItsTimeIsNotAskedEarlier() {
    start(1);
    var delay = com.google.protobuf.Duration.newBuilder().setSeconds(30);
    lose(
        MediabridgeException.of(
            ScriptedBridge.refusal(
                Status.UNAVAILABLE.withDescription("draining"),
                RetryInfo.newBuilder().setRetryDelay(delay).build())));
    assertEquals(Duration.ofSeconds(30), waits.getLast().length());
  }

  @Test
  void aServerThatStaysAwayIsGivenUp() {
    start(1);
    lose(AWAY);
    waits.remove().work().run();
    lose(AWAY);
    waits.remove().work().run();
    lose(AWAY);
    assertTrue(waits.isEmpty());
    assertEquals(List.of(Status.Code.UNAVAILABLE), told);
  }

  @Test
  void anEventGivesBackAllTries() {
    start(8);
    for (int sequence = 1; sequence <= 5; sequence++) {
      receive(event(sequence));
      lose(AWAY);
      waits.remove().work().run();
    }
    assertEquals(List.of(1L, 2L, 3L, 4L, 5L), told);
  }

  @Test
  void aStreamThatSomeoneElseCancelsIsTakenUpAgain() {
    start(1);
    lose(MediabridgeException.of(Status.CANCELLED, null));
    assertEquals(1, waits.size());
  }

  @Test
  void aStreamWhoseKeyHasLapsedIsTakenUpWithTheNextOne() {
    start(2);
    receive(event(1));
    lose(unauthenticated(ErrorInfo.newBuilder().setReason("CREDENTIALS_LAPSED").build()));
    waits.remove().work().run();
    assertEquals(1, streams.getLast().after);
  }

  @Test
  void aKeyThatNobodyKnowsIsToldAtOnce() {
    start(1);
    lose(unauthenticated(ErrorInfo.newBuilder().setReason("UNKNOWN_KEY").build()));
    assertTrue(waits.isEmpty());
    assertEquals(List.of(Status.Code.UNAUTHENTICATED), told);
  }

  private static MediabridgeException unauthenticated(ErrorInfo why) {
    return MediabridgeException.of(
        ScriptedBridge.refusal(Status.UNAUTHENTICATED.withDescription("no"), why));
  }

  @Test
  void whatOtherTriesWouldNotMendIsToldAtOnce() {
    start(1);
    lose(MediabridgeException.of(Status.OUT_OF_RANGE, null));
    assertTrue(waits.isEmpty());
    assertEquals(List.of(Status.Code.OUT_OF_RANGE), told);
  }

  @Test
  void aStreamThatEndsBeforeTheCallIsTakenUpAgain() {
    start(2);
    receive(event(1));
    streams.getLast().receiver.ended();
    waits.remove().work().run();
    assertEquals(1, streams.getLast().after);
  }

  @Test
  void behindTheEndNothingIsTold() {
    start(8);
    receive(ended(1));
    receive(event(2));
    streams.getLast().receiver.ended();
    assertEquals(List.of(1L, "ended"), told);
    assertTrue(waits.isEmpty());
  }

  @Test
  void whoeverCancelsIsToldNothingMore() {
    start(8);
    feed.cancel();
    assertTrue(streams.getLast().cancelled);
    receive(event(1));
    lose(MediabridgeException.of(Status.CANCELLED, null));
    assertEquals(List.of(), told);
  }

  @Test
  void whoeverCancelsWhileItWaitsOpensNoStream() {
    start(1);
    lose(AWAY);
    feed.cancel();
    waits.remove().work().run();
    assertEquals(1, streams.size());
  }

  @Test
  void whereNobodyWantsAnotherTryThereIsNone() {
    start(1);
    givenUp = true;
    lose(AWAY);
    assertTrue(waits.isEmpty());
    assertEquals(List.of(Status.Code.UNAVAILABLE), told);
  }

  @Test
  void whatIsAskedForWhileItWaitsIsAskedOfTheNextStream() {
    start(1);
    lose(AWAY);
    feed.request(2);
    waits.remove().work().run();
    assertEquals(3, streams.getLast().asked);
  }
}

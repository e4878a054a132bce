package io.mediabridge.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.Status;
import org.junit.jupiter.api.Test;

class InboxTest {

  /** A feed that the test plays by hand. */
  private static final class Source implements Feed<String> {
    Receiver<String> receiver;
    int asked;
    boolean cancelled;

    @Override
    public void start(Receiver<String> receiver) {
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

  private final Source source = new Source();
  private final Inbox<String> inbox = new Inbox<>(source);

  @Test
  void asManyAreAskedForAsMayWaitHereAndOneForEachThatIsRead() {
    assertEquals(16, source.asked);
    source.receiver.received("a");
    assertTrue(inbox.hasNext());
    assertEquals(16, source.asked);
    assertEquals("a", inbox.next());
    assertEquals(17, source.asked);
  }

  @Test
  void whoeverClosesSeesNeitherWhatWaitedNorThatItWasBrokenOff() {
    source.receiver.received("a");
    inbox.close();
    source.receiver.failed(MediabridgeException.of(Status.CANCELLED, null));
    assertTrue(source.cancelled);
    assertFalse(inbox.hasNext());
  }
}

package io.mediabridge.client;

import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/** What a feed brings, for a function that is called with each item. */
final class Follower<T> implements Feed.Receiver<T> {

  private final Feed<T> feed;
  private final Consumer<T> each;
  private final CompletableFuture<Void> done = new CompletableFuture<>();

  private Follower(Feed<T> feed, Consumer<T> each) {
    this.feed = feed;
    this.each = each;
  }

  /** Calls the function until the feed ends, it fails, or what is returned is cancelled. */
  static <T> CompletableFuture<Void> follow(Feed<T> feed, Consumer<T> each) {
    var follower = new Follower<>(feed, each);
    feed.start(follower);
    feed.request(1);
    follower.done.whenComplete(
        (nothing, failure) -> {
          if (failure != null) {
            feed.cancel();
          }
        });
    return follower.done;
  }

  @Override
  public void received(T item) {
    if (done.isDone()) {
      return;
    }
    try {
      each.accept(item);
    } catch (RuntimeException | Error failure) {
      done.completeExceptionally(failure);
      return;
    }
    feed.request(1);
  }

  @Override
  public void ended() {
    done.complete(null);
  }

  @Override
  public void failed(MediabridgeException failure) {
    done.completeExceptionally(failure);
  }
}

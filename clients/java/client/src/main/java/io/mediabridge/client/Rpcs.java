package io.mediabridge.client;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.MethodDescriptor;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/**
 * The ways to use a channel: wait for an answer, be promised it, or be fed with many.
 *
 * @param deadline of an answer; a feed has none
 */
record Rpcs(Channel channel, Duration deadline) {

  /** Waits for the answer, in the caller's own thread. */
  <Q, A> A answer(MethodDescriptor<Q, A> method, Q request) {
    try {
      return ClientCalls.blockingUnaryCall(channel, method, withDeadline(), request);
    } catch (StatusRuntimeException refused) {
      throw MediabridgeException.of(refused);
    }
  }

  /** Promises the answer; cancelling the promise breaks the call off. */
  <Q, A> CompletableFuture<A> promise(MethodDescriptor<Q, A> method, Q request) {
    return promise(method, request, answer -> answer);
  }

  /** Promises what is wanted of the answer; cancelling the promise breaks the call off. */
  <Q, A, T> CompletableFuture<T> promise(
      MethodDescriptor<Q, A> method, Q request, Function<A, T> wanted) {
    var promised = new CompletableFuture<T>();
    ClientCall<Q, A> call = channel.newCall(method, withDeadline());
    ClientCalls.asyncUnaryCall(
        call,
        request,
        new StreamObserver<A>() {
          @Override
          public void onNext(A answer) {
            promised.complete(wanted.apply(answer));
          }

          @Override
          public void onError(Throwable refused) {
            promised.completeExceptionally(MediabridgeException.of(refused));
          }

          @Override
          public void onCompleted() {}
        });
    promised.whenComplete(
        (answer, failure) -> {
          if (promised.isCancelled()) {
            call.cancel("the promise was cancelled", null);
          }
        });
    return promised;
  }

  /** Returns what a method streams. */
  <Q, A, T> Feed<T> feed(MethodDescriptor<Q, A> method, Q request, Function<A, T> content) {
    return new RpcFeed<>(stream(method), request, content);
  }

  /** Returns a call that has yet to be started, and lives until one side ends it. */
  <Q, A> ClientCall<Q, A> stream(MethodDescriptor<Q, A> method) {
    return channel.newCall(method, CallOptions.DEFAULT);
  }

  private CallOptions withDeadline() {
    return CallOptions.DEFAULT.withDeadlineAfter(deadline.toNanos(), TimeUnit.NANOSECONDS);
  }
}

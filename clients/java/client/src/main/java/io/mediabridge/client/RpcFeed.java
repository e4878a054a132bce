package io.mediabridge.client;

import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import java.util.function.Function;

/** What one RPC streams. */
final class RpcFeed<Q, A, T> implements Feed<T> {

  private final ClientCall<Q, A> call;
  private final Q request;
  private final Function<A, T> content;

  RpcFeed(ClientCall<Q, A> call, Q request, Function<A, T> content) {
    this.call = call;
    this.request = request;
    this.content = content;
  }

  @Override
  public void start(Receiver<T> receiver) {
    call.start(
        new ClientCall.Listener<>() {
          @Override
          public void onMessage(A answer) {
            receiver.received(content.apply(answer));
          }

          @Override
          public void onClose(Status status, Metadata trailers) {
            if (status.isOk()) {
              receiver.ended();
            } else {
              receiver.failed(MediabridgeException.of(status, trailers));
            }
          }
        },
        new Metadata());
    call.sendMessage(request);
    call.halfClose();
  }

  @Override
  public void request(int count) {
    call.request(count);
  }

  @Override
  public void cancel() {
    call.cancel("no longer watched", null);
  }
}

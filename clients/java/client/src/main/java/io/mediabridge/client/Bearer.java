package io.mediabridge.client;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.stub.MetadataUtils;
import java.util.function.Supplier;

/**
 * Sends a key with every call.
 *
 * @param key what is good now; empty: none is sent
 */
record Bearer(Supplier<String> key) implements ClientInterceptor {

  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  @Override
  public <Q, A> ClientCall<Q, A> interceptCall(
      MethodDescriptor<Q, A> method, CallOptions options, Channel next) {
    String now = key.get();
    if (now.isEmpty()) {
      return next.newCall(method, options);
    }
    var headers = new Metadata();
    headers.put(AUTHORIZATION, "Bearer " + now);
    return MetadataUtils.newAttachHeadersInterceptor(headers).interceptCall(method, options, next);
  }
}

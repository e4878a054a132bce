package io.mediabridge.client;

import io.grpc.Channel;
import io.grpc.ChannelCredentials;
import io.grpc.ClientInterceptors;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.TlsChannelCredentials;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** Describes a {@link MediabridgeClient}. What is not said stays as it is described here. */
public final class ClientBuilder {

  // A page of 1,000 calls or a report of 1,000 turns; gRPC's own limit is half of it.
  private static final int MAX_ANSWER_BYTES = 8 * 1024 * 1024;

  // The server cuts off those who ping more often.
  private static final Duration SHORTEST_KEEPALIVE = Duration.ofSeconds(10);

  private final String target;
  private ChannelCredentials credentials = TlsChannelCredentials.create();
  private Supplier<String> apiKey = () -> "";
  private Duration deadline = Duration.ofSeconds(15);
  private Duration keepaliveTime = Duration.ofSeconds(30);
  private Duration keepaliveTimeout = Duration.ofSeconds(10);
  private RetryPolicy retries = RetryPolicy.CALLS;
  private RetryPolicy watchRetries = RetryPolicy.WATCHES;

  ClientBuilder(String target) {
    this.target = Objects.requireNonNull(target, "target");
  }

  /**
   * Speaks in the clear; for loopback, and for networks that encrypt by themselves. The API key can
   * be read on the way.
   *
   * @return this
   */
  public ClientBuilder plaintext() {
    return credentials(InsecureChannelCredentials.create());
  }

  /**
   * Secures the connection. By default that is TLS, which trusts the certificates that the system
   * trusts.
   *
   * @param credentials how, such as {@link TlsChannelCredentials} that trust your own authority
   * @return this
   */
  public ClientBuilder credentials(ChannelCredentials credentials) {
    this.credentials = Objects.requireNonNull(credentials, "credentials");
    return this;
  }

  /**
   * Says who asks.
   *
   * @param apiKey the key that goes along with every call; empty, as by default: none does
   * @return this
   */
  public ClientBuilder apiKey(String apiKey) {
    Objects.requireNonNull(apiKey, "apiKey");
    return apiKey(() -> apiKey);
  }

  /**
   * Says who asks, by a key or token that may change. One that is renewed in time keeps long
   * watches going: where the old one lapses, they are taken up again with the new.
   *
   * @param source gives what is good now, for every call; must not block
   * @return this
   */
  public ClientBuilder apiKey(Supplier<String> source) {
    this.apiKey = Objects.requireNonNull(source, "source");
    return this;
  }

  /**
   * Limits how long a call waits for its answer, retries and all. Watches have no limit.
   *
   * @param deadline the limit, by default 15 s: beginning and ending a call asks LiveKit, too
   * @return this
   */
  public ClientBuilder deadline(Duration deadline) {
    this.deadline = positive(deadline, "deadline");
    return this;
  }

  /**
   * Says how a connection without traffic is found to be dead.
   *
   * @param time how long it may be silent before a ping, by default 30 s, at least 10 s
   * @param timeout how long the ping's answer may take, by default 10 s
   * @return this
   */
  public ClientBuilder keepalive(Duration time, Duration timeout) {
    if (time.compareTo(SHORTEST_KEEPALIVE) < 0) {
      throw new IllegalArgumentException("time must be 10 s or more: " + time);
    }
    this.keepaliveTime = time;
    this.keepaliveTimeout = positive(timeout, "timeout");
    return this;
  }

  /**
   * Says how often a call is tried again while the server is away.
   *
   * @param policy by default {@link RetryPolicy#CALLS}
   * @return this
   */
  public ClientBuilder retries(RetryPolicy policy) {
    this.retries = Objects.requireNonNull(policy, "policy");
    return this;
  }

  /**
   * Says how often in a row a broken stream of events is taken up again.
   *
   * @param policy by default {@link RetryPolicy#WATCHES}
   * @return this
   */
  public ClientBuilder watchRetries(RetryPolicy policy) {
    this.watchRetries = Objects.requireNonNull(policy, "policy");
    return this;
  }

  /**
   * Makes the client. It connects on first use.
   *
   * @return the client; close it in the end
   */
  public MediabridgeClient build() {
    ManagedChannel connection = connection();
    Channel channel = ClientInterceptors.intercept(connection, new Bearer(apiKey));
    return new MediabridgeClient(connection, channel, deadline, watchRetries);
  }

  private ManagedChannel connection() {
    var channel =
        Grpc.newChannelBuilder(target, credentials)
            .maxInboundMessageSize(MAX_ANSWER_BYTES)
            .keepAliveTime(keepaliveTime.toNanos(), TimeUnit.NANOSECONDS)
            .keepAliveTimeout(keepaliveTimeout.toNanos(), TimeUnit.NANOSECONDS);
    ServiceConfig.retry(channel, retries);
    return channel.build();
  }

  private static Duration positive(Duration duration, String name) {
    if (duration.isNegative() || duration.isZero()) {
      throw new IllegalArgumentException(name + " must be positive: " + duration);
    }
    return duration;
  }
}

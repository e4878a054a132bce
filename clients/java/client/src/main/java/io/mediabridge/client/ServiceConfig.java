package io.mediabridge.client;

import io.grpc.ManagedChannelBuilder;
import io.grpc.MethodDescriptor;
import io.mediabridge.v1.AdminServiceGrpc;
import io.mediabridge.v1.CallServiceGrpc;
import io.mediabridge.v1.ModelServiceGrpc;
import io.mediabridge.v1.TelemetryServiceGrpc;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** Which calls gRPC itself tries again, and when. */
final class ServiceConfig {

  /** Doing these twice is as good as once: they read, are identified, or make what expires. */
  private static final List<MethodDescriptor<?, ?>> REPEATABLE =
      List.of(
          CallServiceGrpc.getCreateRoomMethod(),
          CallServiceGrpc.getJoinRoomMethod(),
          CallServiceGrpc.getEndCallMethod(),
          CallServiceGrpc.getControlCallMethod(),
          CallServiceGrpc.getGetConnectionStatusMethod(),
          CallServiceGrpc.getListCallsMethod(),
          CallServiceGrpc.getListAgentsMethod(),
          CallServiceGrpc.getGetCallReportMethod(),
          CallServiceGrpc.getDeleteCallDataMethod(),
          TelemetryServiceGrpc.getGetStatsMethod(),
          ModelServiceGrpc.getCreateModelTokenMethod(),
          AdminServiceGrpc.getDumpTasksMethod());

  // Clients stop trying again while most of their calls fail: a server that struggles gets rest.
  private static final Map<String, ?> THROTTLING = Map.of("maxTokens", 10.0, "tokenRatio", 0.1);

  private ServiceConfig() {}

  /** Has the channel's calls tried again as the policy says. */
  static void retry(ManagedChannelBuilder<?> channel, RetryPolicy policy) {
    if (policy.retries() == 0) {
      channel.disableRetry();
    } else {
      channel.maxRetryAttempts(policy.retries() + 1).defaultServiceConfig(retrying(policy));
    }
  }

  private static Map<String, ?> retrying(RetryPolicy policy) {
    var retries =
        Map.of(
            "maxAttempts", policy.retries() + 1.0,
            "initialBackoff", seconds(policy.first()),
            "maxBackoff", seconds(policy.longest()),
            "backoffMultiplier", policy.factor(),
            "retryableStatusCodes", List.of("UNAVAILABLE"));
    var names = REPEATABLE.stream().map(ServiceConfig::name).toList();
    return Map.of(
        "methodConfig",
        List.of(Map.of("name", names, "retryPolicy", retries)),
        "retryThrottling",
        THROTTLING);
  }

  private static Map<String, String> name(MethodDescriptor<?, ?> method) {
    // Never null in generated code.
    return Map.of("service", method.getServiceName(), "method", method.getBareMethodName());
  }

  private static String seconds(Duration duration) {
    return BigDecimal.valueOf(duration.toNanos(), 9).toPlainString() + "s";
  }
}

package io.mediabridge.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.Help;
import com.google.rpc.RetryInfo;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import io.mediabridge.testing.ScriptedBridge;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class MediabridgeExceptionTest {

  private static final MediabridgeException DETAILED =
      MediabridgeException.of(
          ScriptedBridge.refusal(
              Status.INVALID_ARGUMENT.withDescription("agent_id: is required"),
              Help.getDefaultInstance(),
              ErrorInfo.newBuilder()
                  .setReason("INVALID_REQUEST")
                  .setDomain("mediabridge")
                  .putMetadata("host", "a")
                  .build(),
              BadRequest.newBuilder()
                  .addFieldViolations(
                      BadRequest.FieldViolation.newBuilder()
                          .setField("agent_id")
                          .setDescription("is required"))
                  .build(),
              RetryInfo.newBuilder()
                  .setRetryDelay(
                      com.google.protobuf.Duration.newBuilder().setSeconds(1).setNanos(500_000_000))
                  .build()));

  @Test
  void detailsAreRead() {
    assertEquals(Status.Code.INVALID_ARGUMENT, DETAILED.code());
    assertEquals("agent_id: is required", DETAILED.description());
    assertEquals("INVALID_REQUEST", DETAILED.reason());
    assertEquals("mediabridge", DETAILED.domain());
    assertEquals(Map.of("host", "a"), DETAILED.metadata());
    assertEquals(List.of(new FieldViolation("agent_id", "is required")), DETAILED.violations());
    assertEquals(Optional.of(Duration.ofMillis(1500)), DETAILED.retryDelay());
    assertEquals(
        "INVALID_ARGUMENT (INVALID_REQUEST): agent_id: is required", DETAILED.getMessage());
  }

  @Test
  void aFailureOfAnotherOriginHasNoDetails() {
    var failure = MediabridgeException.of(Status.INTERNAL.asRuntimeException());
    assertEquals("INTERNAL", failure.getMessage());
    assertEquals("", failure.description());
    assertEquals("", failure.reason());
    assertEquals("", failure.domain());
    assertTrue(failure.metadata().isEmpty());
    assertTrue(failure.violations().isEmpty());
    assertTrue(failure.retryDelay().isEmpty());
  }

  @Test
  void whatTheFailureWasIsItsCause() {
    var cause = new IllegalStateException("not of gRPC");
    var failure = MediabridgeException.of(cause);
    assertEquals(Status.Code.UNKNOWN, failure.code());
    assertSame(cause, failure.getCause());
    assertSame(failure, MediabridgeException.of(failure));
  }

  @Test
  void detailsThatCannotBeReadAreLeftOut() {
    var garbled =
        Any.pack(ErrorInfo.getDefaultInstance()).toBuilder()
            .setValue(ByteString.copyFromUtf8("garbled"));
    var status =
        com.google.rpc.Status.newBuilder()
            .setCode(Status.Code.NOT_FOUND.value())
            .addDetails(garbled)
            .build();
    var failure = MediabridgeException.of(StatusProto.toStatusRuntimeException(status));
    assertEquals(Status.Code.NOT_FOUND, failure.code());
    assertEquals("", failure.reason());
  }

  @Test
  void detailsSurviveSerialization() throws IOException, ClassNotFoundException {
    var bytes = new ByteArrayOutputStream();
    try (var out = new ObjectOutputStream(bytes)) {
      out.writeObject(DETAILED);
    }
    try (var in = new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
      var copy = (MediabridgeException) in.readObject();
      assertEquals(DETAILED.violations(), copy.violations());
      assertEquals(DETAILED.retryDelay(), copy.retryDelay());
    }
  }
}

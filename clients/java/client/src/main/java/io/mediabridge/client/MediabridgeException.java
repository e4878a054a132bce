package io.mediabridge.client;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import java.io.Serializable;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The server refused, failed, or did not answer; or the call was broken off. */
public final class MediabridgeException extends RuntimeException {

  private static final long serialVersionUID = 1;

  // CANCELLED: by someone on the way, such as a proxy or a server that is being stopped; what we
  // cancel ourselves is over before its stream says so.
  private static final Set<Status.Code> PASSING =
      Set.of(Status.Code.UNAVAILABLE, Status.Code.CANCELLED);

  /** What a stream's key has expired with, or been revoked, in the middle of it. */
  private static final String CREDENTIALS_LAPSED = "CREDENTIALS_LAPSED";

  private final Status.Code code;
  private final Details details;

  private MediabridgeException(Status status, Details details) {
    super(messageOf(status, details), status.getCause());
    this.code = status.getCode();
    this.details = details;
  }

  /**
   * Returns what an exception of a gRPC stub says, for those who use the stubs themselves.
   *
   * @param failure what a stub threw or passed to {@code onError}
   * @return the same, with its details read
   */
  public static MediabridgeException of(Throwable failure) {
    if (failure instanceof MediabridgeException ours) {
      return ours;
    }
    return of(Status.fromThrowable(failure), Status.trailersFromThrowable(failure));
  }

  static MediabridgeException of(Status status, Metadata trailers) {
    return new MediabridgeException(status, Details.of(status, trailers));
  }

  /** {@return the gRPC status} */
  public Status.Code code() {
    return code;
  }

  /** {@return what went wrong, for people; empty where nothing was said} */
  public String description() {
    return details.description();
  }

  /** {@return why, for programs; empty where the failure is not mediabridge's own} */
  public String reason() {
    return details.reason();
  }

  /** {@return whose word the reason is: {@code mediabridge}, or empty without a reason} */
  public String domain() {
    return details.domain();
  }

  /** {@return what more the reason says, by name} */
  public Map<String, String> metadata() {
    return details.metadata();
  }

  /** {@return the wrong fields, where {@link #code()} is {@code INVALID_ARGUMENT}} */
  public List<FieldViolation> violations() {
    return details.violations();
  }

  /** {@return how long the server asks to wait before the next try, where it does} */
  public Optional<Duration> retryDelay() {
    return Optional.ofNullable(details.retryDelay());
  }

  /** Whether a stream that ended so may be opened again, with the key that is good then. */
  boolean isWorthAnotherStream() {
    return PASSING.contains(code) || reason().equals(CREDENTIALS_LAPSED);
  }

  private static String messageOf(Status status, Details details) {
    return status.getCode()
        + (details.reason().isEmpty() ? "" : " (" + details.reason() + ")")
        + (details.description().isEmpty() ? "" : ": " + details.description());
  }

  /** What is said beyond the status; of google.rpc's details those that are known here. */
  @SuppressWarnings("serial") // the collections are immutable ones of the JDK, which are
  private record Details(
      String description,
      String reason,
      String domain,
      Map<String, String> metadata,
      List<FieldViolation> violations,
      Duration retryDelay)
      implements Serializable {

    static Details of(Status status, Metadata trailers) {
      var said = StatusProto.fromStatusAndTrailers(status, trailers).getDetailsList();
      ErrorInfo info = find(said, ErrorInfo.getDefaultInstance());
      BadRequest bad = find(said, BadRequest.getDefaultInstance());
      RetryInfo retry = find(said, RetryInfo.getDefaultInstance());
      return new Details(
          status.getDescription() == null ? "" : status.getDescription(),
          info.getReason(),
          info.getDomain(),
          Map.copyOf(info.getMetadataMap()),
          bad.getFieldViolationsList().stream()
              .map(wrong -> new FieldViolation(wrong.getField(), wrong.getDescription()))
              .toList(),
          retry.hasRetryDelay() ? durationOf(retry.getRetryDelay()) : null);
    }

    private static Duration durationOf(com.google.protobuf.Duration duration) {
      return Duration.ofSeconds(duration.getSeconds(), duration.getNanos());
    }

    /** Returns the first detail of a kind, or the empty one where there is none. */
    private static <M extends Message> M find(List<Any> details, M empty) {
      for (Any detail : details) {
        if (detail.isSameTypeAs(empty)) {
          try {
            @SuppressWarnings("unchecked")
            M found = (M) empty.getParserForType().parseFrom(detail.getValue());
            return found;
          } catch (InvalidProtocolBufferException unreadable) {
            return empty;
          }
        }
      }
      return empty;
    }
  }
}

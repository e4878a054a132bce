package io.mediabridge.examples;

import io.mediabridge.client.FieldViolation;
import io.mediabridge.client.MediabridgeException;
import java.time.Duration;
import java.util.Optional;
import java.util.stream.Collectors;

/** A request that is not carried out, in HTTP's words. */
final class HttpError extends Exception {

  private static final long serialVersionUID = 1;

  private final int status;
  private final Duration retryAfter;

  HttpError(int status, String message) {
    this(status, message, null);
  }

  private HttpError(int status, String message, Duration retryAfter) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }

  static HttpError of(MediabridgeException refused) {
    return new HttpError(statusOf(refused), messageOf(refused), refused.retryDelay().orElse(null));
  }

  int status() {
    return status;
  }

  /** Returns the header {@code Retry-After}: whole seconds, rounded up. */
  Optional<String> retryAfter() {
    return Optional.ofNullable(retryAfter)
        .map(wait -> String.valueOf((wait.toMillis() + 999) / 1000));
  }

  private static int statusOf(MediabridgeException refused) {
    return switch (refused.code()) {
      case INVALID_ARGUMENT, OUT_OF_RANGE -> 400;
      case NOT_FOUND -> 404;
      case ALREADY_EXISTS, FAILED_PRECONDITION -> 409;
      case RESOURCE_EXHAUSTED -> 429;
      // Not the caller's key is wrong, but ours.
      case UNAUTHENTICATED, PERMISSION_DENIED -> 502;
      case UNAVAILABLE -> 503;
      case DEADLINE_EXCEEDED -> 504;
      default -> 500;
    };
  }

  private static String messageOf(MediabridgeException refused) {
    if (refused.violations().isEmpty()) {
      return refused.description();
    }
    return refused.violations().stream().map(HttpError::line).collect(Collectors.joining("\n"));
  }

  private static String line(FieldViolation wrong) {
    return wrong.field() + ": " + wrong.description();
  }
}

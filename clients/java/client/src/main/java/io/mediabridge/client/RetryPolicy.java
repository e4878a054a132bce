package io.mediabridge.client;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/**
 * How often in a row, and after how long, something is tried again when the server was away.
 *
 * @param retries how many tries follow the first one; 0 for none
 * @param first how long to wait before the first of them
 * @param longest how long to wait at most
 * @param factor by how much each wait is longer than the one before
 */
public record RetryPolicy(int retries, Duration first, Duration longest, double factor) {

  /** Of calls: short enough to be over before a deadline is. */
  public static final RetryPolicy CALLS =
      new RetryPolicy(3, Duration.ofMillis(200), Duration.ofSeconds(2), 2);

  /** Of watches: about a minute, longer than a server takes to restart. */
  public static final RetryPolicy WATCHES =
      new RetryPolicy(15, Duration.ofMillis(200), Duration.ofSeconds(5), 2);

  /** Never again. */
  public static final RetryPolicy NONE =
      new RetryPolicy(0, Duration.ofMillis(1), Duration.ofMillis(1), 1);

  // The share by which a wait is shortened at random, so that clients do not come back as one.
  private static final double JITTER = 0.2;

  /**
   * Checks the values.
   *
   * @param retries 0 or more
   * @param first longer than nothing
   * @param longest no shorter than {@code first}
   * @param factor 1 or more
   * @throws IllegalArgumentException a value makes no sense
   */
  public RetryPolicy {
    if (retries < 0) {
      throw new IllegalArgumentException("retries must not be negative: " + retries);
    }
    if (first.isNegative() || first.isZero()) {
      throw new IllegalArgumentException("first must be positive: " + first);
    }
    if (longest.compareTo(first) < 0) {
      throw new IllegalArgumentException("longest must not be shorter than first: " + longest);
    }
    if (!(factor >= 1) || Double.isInfinite(factor)) {
      throw new IllegalArgumentException("factor must be 1 or more: " + factor);
    }
  }

  /** Returns how long to wait after so many failures in a row, the first being number 1. */
  Duration waitAfter(int failures) {
    double fullNanos =
        Math.min(longest.toNanos(), first.toNanos() * Math.pow(factor, failures - 1.0));
    double share = 1 - JITTER * ThreadLocalRandom.current().nextDouble();
    return Duration.ofNanos((long) (fullNanos * share));
  }
}

package io.mediabridge.client;

import java.util.Objects;

/** What a tool throws that does not do what it is asked for. */
public final class ToolException extends Exception {

  private static final long serialVersionUID = 1;

  private final String code;
  private final String privateDetail;

  /**
   * Says what the model may know, and repeat to the caller.
   *
   * @param code for programs, such as {@code order_not_found}
   * @param message for the model
   */
  public ToolException(String code, String message) {
    this(code, message, "");
  }

  /**
   * Says more than the model may know.
   *
   * @param code for programs, such as {@code order_not_found}
   * @param message for the model
   * @param privateDetail for your own people
   */
  public ToolException(String code, String message, String privateDetail) {
    super(Objects.requireNonNull(message, "message"));
    this.code = Objects.requireNonNull(code, "code");
    this.privateDetail = Objects.requireNonNull(privateDetail, "privateDetail");
  }

  /** {@return what it is for programs} */
  public String code() {
    return code;
  }

  /** {@return what the model is not told} */
  public String privateDetail() {
    return privateDetail;
  }
}

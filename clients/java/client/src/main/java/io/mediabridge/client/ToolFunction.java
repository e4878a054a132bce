package io.mediabridge.client;

import io.mediabridge.v1.ToolInvocation;

/** A function that an agent's model may call. */
@FunctionalInterface
public interface ToolFunction {

  /**
   * Does what it is asked for, on a thread of its own. That thread is interrupted when nobody waits
   * for the answer any more.
   *
   * @param invocation what is asked; its arguments are what a model made of what a caller said, so
   *     check them like any input
   * @return any JSON value, which the model reads
   * @throws ToolException what the model is told instead
   * @throws Exception of anything else it is only told that it did not work
   */
  String call(ToolInvocation invocation) throws Exception;
}

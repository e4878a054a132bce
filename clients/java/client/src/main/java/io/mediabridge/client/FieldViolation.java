package io.mediabridge.client;

import java.io.Serializable;

/**
 * One wrong field of a request.
 *
 * @param field its path, in the names of the {@code .proto} files, such as {@code
 *     agent.turn_detection}
 * @param description what is wrong with it
 */
public record FieldViolation(String field, String description) implements Serializable {}

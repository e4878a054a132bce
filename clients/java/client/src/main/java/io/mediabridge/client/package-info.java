/**
 * How a Java service has calls made and follows them: {@link
 * io.mediabridge.client.MediabridgeClient} over the stubs that are generated from the API.
 *
 * <p>Requests and answers are the API's own messages, of the package {@code io.mediabridge.v1}; the
 * comments in the {@code .proto} files are their reference.
 */
package io.mediabridge.client;

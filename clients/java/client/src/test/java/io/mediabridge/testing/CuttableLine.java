package io.mediabridge.testing;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** A way to a server that can be cut: every connection on it breaks, and new ones can be made. */
public final class CuttableLine implements AutoCloseable {

  private final String host;
  private final int port;
  private final ServerSocket entrance;
  private final List<Socket> sockets = new CopyOnWriteArrayList<>();

  /**
   * Opens a way on a free port.
   *
   * @param target where it leads, {@code host:port}
   */
  public CuttableLine(String target) throws IOException {
    int colon = target.lastIndexOf(':');
    host = target.substring(0, colon);
    port = Integer.parseInt(target.substring(colon + 1));
    entrance = new ServerSocket(0, 0, InetAddress.getLoopbackAddress());
    daemon(this::accept);
  }

  /** {@return where it begins} */
  public String target() {
    return "127.0.0.1:" + entrance.getLocalPort();
  }

  /** Breaks every connection. */
  public void cut() throws IOException {
    for (Socket socket : sockets) {
      socket.close();
      sockets.remove(socket);
    }
  }

  @Override
  public void close() throws IOException {
    entrance.close();
    cut();
  }

  private void accept() throws IOException {
    while (true) {
      Socket near = entrance.accept();
      Socket far = new Socket(host, port);
      sockets.addAll(List.of(near, far));
      daemon(() -> pump(near.getInputStream(), far.getOutputStream()));
      daemon(() -> pump(far.getInputStream(), near.getOutputStream()));
    }
  }

  private static void pump(InputStream from, OutputStream to) throws IOException {
    byte[] buffer = new byte[8192];
    for (int read = from.read(buffer); read > 0; read = from.read(buffer)) {
      to.write(buffer, 0, read);
    }
  }

  private interface Work {
    void run() throws IOException;
  }

  private static void daemon(Work work) {
    var thread =
        new Thread(
            () -> {
              try {
                work.run();
              } catch (IOException cut) {
                // That is what this line is for.
              }
            },
            "cuttable line");
    thread.setDaemon(true);
    thread.start();
  }
}

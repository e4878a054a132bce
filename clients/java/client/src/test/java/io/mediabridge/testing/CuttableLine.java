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

  private final ServerSocket entrance;
  private final List<Socket> sockets = new CopyOnWriteArrayList<>();
  private volatile String target;

  /**
   * Opens a way on a free port.
   *
   * @param target where it leads, {@code host:port}
   */
  public CuttableLine(String target) throws IOException {
    this.target = target;
    entrance = new ServerSocket(0, 0, InetAddress.getLoopbackAddress());
    daemon(this::accept);
  }

  /** {@return where it begins} */
  public String target() {
    return "127.0.0.1:" + entrance.getLocalPort();
  }

  /** Lets connections from now on lead elsewhere. */
  public void leadTo(String target) {
    this.target = target;
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
      Socket far = connected(target);
      sockets.addAll(List.of(near, far));
      daemon(() -> pump(near.getInputStream(), far.getOutputStream()));
      daemon(() -> pump(far.getInputStream(), near.getOutputStream()));
    }
  }

  private static Socket connected(String target) throws IOException {
    int colon = target.lastIndexOf(':');
    return new Socket(target.substring(0, colon), Integer.parseInt(target.substring(colon + 1)));
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

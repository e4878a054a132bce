package io.mediabridge.testing;

import com.google.protobuf.MessageOrBuilder;
import com.google.protobuf.Struct;
import com.google.protobuf.util.JsonFormat;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;

/**
 * A whole mediabridge for tests: LiveKit, a simulated model and the bridge, each a process of its
 * own on free loopback ports. All of them end with this one, also when the JVM is killed.
 */
public final class Sandbox implements AutoCloseable {

  private static final Path REPOSITORY = Path.of("../../..").toAbsolutePath().normalize();
  private static final long GONE_WITHIN_SECONDS = 30;

  private final Process process;
  private final String target;

  private Sandbox(Process process, String target) {
    this.process = process;
    this.target = target;
  }

  /**
   * Starts all of it, and returns once calls can be made.
   *
   * @param arguments more of the command's
   */
  public static Sandbox start(String... arguments) throws IOException {
    Path logs = Files.createDirectories(Path.of("target", "sandbox"));
    File said = logs.resolve("sandbox.log").toFile();
    List<String> words = new ArrayList<>(List.of("sandbox", "--folder", logs.toString()));
    words.addAll(List.of(arguments));
    Process process = command(words).redirectError(said).start();
    BufferedReader output = process.inputReader(StandardCharsets.UTF_8);
    String line = output.readLine();
    if (line == null) {
      throw new IllegalStateException(
          "the sandbox did not start: " + Files.readString(said.toPath()));
    }
    return new Sandbox(process, field(line, "target"));
  }

  /** {@return the path of a file of the repository} */
  public static String repositoryPath(String name) {
    return REPOSITORY.resolve(name).toString();
  }

  /** {@return where the bridge serves gRPC} */
  public String target() {
    return target;
  }

  /**
   * Lets a caller with a voice join the call that an answer of CreateRoom or JoinRoom let it into.
   */
  public Caller join(MessageOrBuilder answer) throws IOException {
    return join(JsonFormat.printer().print(answer));
  }

  /** Lets a caller with a voice join the call that an answer in JSON let it into. */
  public Caller join(String answer) throws IOException {
    String speech = repositoryPath("bridge/demo/speech.wav");
    Process caller = command(List.of("join", "--wav", speech)).redirectErrorStream(true).start();
    try (var ticket = caller.outputWriter(StandardCharsets.UTF_8)) {
      ticket.write(answer);
    }
    return new Caller(caller);
  }

  @Override
  public void close() throws IOException {
    process.getOutputStream().close(); // asks it to end
    try {
      process.onExit().orTimeout(GONE_WITHIN_SECONDS, TimeUnit.SECONDS).join();
    } catch (CompletionException late) {
      process.destroyForcibly();
      throw late;
    }
  }

  private static ProcessBuilder command(List<String> arguments) {
    String named = System.getenv("MEDIABRIDGE_BIN");
    Path program = named == null ? REPOSITORY.resolve(".venv/bin/mediabridge") : Path.of(named);
    if (!Files.isExecutable(program)) {
      throw new IllegalStateException(
          program
              + " is not there: run 'make setup', set MEDIABRIDGE_BIN to the mediabridge command,"
              + " or leave these tests out with -DexcludedGroups=live");
    }
    List<String> words = new ArrayList<>(List.of(program.toString()));
    words.addAll(arguments);
    return new ProcessBuilder(words);
  }

  private static String field(String json, String name) throws IOException {
    var object = Struct.newBuilder();
    JsonFormat.parser().merge(json, object);
    return object.getFieldsOrThrow(name).getStringValue();
  }

  /** Somebody with a microphone in a call, who speaks, hears the answer out, and leaves. */
  public static final class Caller {

    private final Process process;

    private Caller(Process process) {
      this.process = process;
    }

    /** Waits until the caller has left; fails unless it heard the agent. */
    public void heardTheAgentAndLeft() throws IOException {
      try (var said = process.inputReader(StandardCharsets.UTF_8)) {
        String all = said.lines().reduce("", (before, line) -> before + line + "\n");
        if (process.onExit().join().exitValue() != 0) {
          throw new AssertionError(all);
        }
      }
    }
  }
}

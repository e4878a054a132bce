package io.mediabridge.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What README shows is Java that compiles against this client. */
class ReadmeTest {

  private static final Pattern JAVA = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL);
  private static final Pattern CLASS_NAME = Pattern.compile("public class (\\w+)");

  static Stream<String> programs() throws IOException {
    return JAVA.matcher(Files.readString(Path.of("../README.md")))
        .results()
        .map(block -> block.group(1));
  }

  @ParameterizedTest
  @MethodSource("programs")
  void whatIsShownCompiles(String shown, @TempDir Path classes) {
    Matcher named = CLASS_NAME.matcher(shown);
    boolean whole = named.find();
    String name = whole ? named.group(1) : "Excerpt";
    String program = whole ? shown : excerpt(shown);
    var source =
        new SimpleJavaFileObject(
            URI.create("string:///" + name + ".java"), JavaFileObject.Kind.SOURCE) {
          @Override
          public CharSequence getCharContent(boolean ignoreEncodingErrors) {
            return program;
          }
        };
    var complaints = new DiagnosticCollector<JavaFileObject>();
    var options = List.of("-d", classes.toString(), "-cp", System.getProperty("java.class.path"));
    ToolProvider.getSystemJavaCompiler()
        .getTask(null, null, complaints, options, null, List.of(source))
        .call();
    assertEquals(List.of(), complaints.getDiagnostics());
  }

  /** Returns a program around a few lines that use a client and a call's id. */
  private static String excerpt(String lines) {
    return """
        import io.grpc.TlsChannelCredentials;
        import io.mediabridge.client.*;
        import io.mediabridge.v1.*;
        import java.io.File;
        import java.time.Duration;
        class Excerpt {
          void excerpt(MediabridgeClient bridge, String id) throws Exception {
        """
        + lines
        + "}}";
  }
}

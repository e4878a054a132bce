package io.mediabridge.client;

import static io.mediabridge.testing.ScriptedBridge.answer;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.ChannelCredentials;
import io.grpc.Status;
import io.grpc.TlsChannelCredentials;
import io.grpc.TlsServerCredentials;
import io.mediabridge.testing.ScriptedBridge;
import io.mediabridge.v1.GetStatsResponse;
import java.io.IOException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Who is spoken to, and how. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SecureConnectionTest {

  private static final String PASSWORD = "of a key that lives as long as this test";
  private static final GetStatsResponse STATS =
      GetStatsResponse.newBuilder().setSlotsTotal(8).build();

  private static KeyStore keys;

  @BeforeAll
  static void makeACertificate(@TempDir Path folder) throws IOException, GeneralSecurityException {
    Path file = folder.resolve("keys.p12");
    var keytool = Path.of(System.getProperty("java.home"), "bin", "keytool").toString();
    Process making =
        new ProcessBuilder(
                List.of(
                    keytool,
                    "-genkeypair",
                    "-keystore",
                    file.toString(),
                    "-storepass",
                    PASSWORD,
                    "-alias",
                    "bridge",
                    "-keyalg",
                    "EC",
                    "-dname",
                    "CN=bridge",
                    "-validity",
                    "1",
                    "-ext",
                    "san=ip:127.0.0.1"))
            .inheritIO()
            .start();
    assertEquals(0, making.onExit().join().exitValue());
    keys = KeyStore.getInstance(file.toFile(), PASSWORD.toCharArray());
  }

  private static ScriptedBridge secureBridge() throws GeneralSecurityException {
    var own = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    own.init(keys, PASSWORD.toCharArray());
    var credentials = TlsServerCredentials.newBuilder().keyManager(own.getKeyManagers()).build();
    return new ScriptedBridge(credentials).on("GetStats", answer(STATS));
  }

  private static ChannelCredentials trustingTheCertificate() throws GeneralSecurityException {
    var trusted = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trusted.init(keys);
    return TlsChannelCredentials.newBuilder().trustManager(trusted.getTrustManagers()).build();
  }

  @Test
  void aServerThatIsTrustedIsGivenTheKey() throws GeneralSecurityException {
    try (var bridge = secureBridge();
        var client =
            bridge.builder().credentials(trustingTheCertificate()).apiKey("sesame").build()) {
      assertEquals(STATS, client.stats());
      assertEquals(List.of("Bearer sesame"), bridge.authorizations());
    }
  }

  @Test
  void aServerThatTheSystemDoesNotTrustIsToldNothing() throws GeneralSecurityException {
    try (var bridge = secureBridge();
        var client = MediabridgeClient.builder(bridge.target()).apiKey("sesame").build()) {
      var failure = assertThrows(MediabridgeException.class, client::stats);
      assertEquals(Status.Code.UNAVAILABLE, failure.code());
      assertTrue(bridge.authorizations().isEmpty());
    }
  }

  @Test
  void unlessToldToNobodySpeaksInTheClear() {
    try (var bridge = new ScriptedBridge().on("GetStats", answer(STATS));
        var client = MediabridgeClient.builder(bridge.target()).apiKey("sesame").build()) {
      var failure = assertThrows(MediabridgeException.class, client::stats);
      assertEquals(Status.Code.UNAVAILABLE, failure.code());
      assertTrue(bridge.authorizations().isEmpty());
    }
  }
}

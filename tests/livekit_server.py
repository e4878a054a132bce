"""Where do tests get a LiveKit server: a real one, on free loopback ports, for one session.

A pytest plugin, named in pyproject.toml. Tests take `livekit_server`, or
`own_livekit_server` where they kill or restart it.
"""

import contextlib
import importlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

API_KEY: Final = "devkey"
API_SECRET: Final = "a-secret-of-at-least-32-characters"  # noqa: S105 (of a server on loopback)

# One that dies is noticed at once.
_READY_WITHIN_S: Final = 60.0
_GONE_WITHIN_S: Final = 10.0
_SIGNAL_EVERY_S: Final = 0.2
# A server's ports: one for signalling, one for media over TCP, the rest for media over UDP.
_PORTS: Final = 200
# Below the range the kernel hands out, so that no client socket sits in it.
_LOWEST_PORT: Final = 20_000
_HIGHEST_PORT: Final = 32_000


class LiveKitServer:
    """One livekit-server process; its ports stay the same over restarts."""

    api_key: Final = API_KEY
    api_secret: Final = API_SECRET

    def __init__(
        self,
        binary: Path,
        webhooks: Sequence[str] = (),
        *,
        address: str = "127.0.0.1",
        device: str = "lo",
    ) -> None:
        """
        :param webhooks: where it sends its webhooks to.
        :param address: where media is had, and signalling beside loopback; of `device`.
        """
        self._binary = binary
        self._webhooks = webhooks
        self._address = address
        self._device = device
        self._port = _free_ports()
        self._process: subprocess.Popen[bytes] | None = None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed in `stop`)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start the process and return once it answers."""
        assert self._process is None
        # Asked for by name: --dev alone offers no loopback candidate, and nothing connects.
        self._process = subprocess.Popen(
            [self._binary, "--config-body", self._config()],
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._wait_until_ready()

    def kill(self) -> None:
        """Take the server away without a goodbye."""
        self._end(signal.SIGKILL)

    def terminate(self) -> None:
        """Let the server say goodbye to everyone."""
        # The first signal only makes it wait for its rooms to empty; the next one ends it.
        self._end(signal.SIGTERM)

    def send(self, what: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(what)

    def restart(self) -> None:
        self.kill()
        self.start()

    def stop(self) -> None:
        """End the process if it runs, and give back its log file."""
        if self._process is not None:
            self.terminate()
        self._log.close()

    def _end(self, how: signal.Signals) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _GONE_WITHIN_S
        while self._process.poll() is None:
            self._process.send_signal(how if time.monotonic() < deadline else signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                # Again after a moment: the server drops a signal that comes right after another.
                self._process.wait(_SIGNAL_EVERY_S)
        self._process = None

    def _config(self) -> str:
        tcp, first_udp, last_udp = self._port + 1, self._port + 2, self._port + _PORTS - 1
        return f"""
port: {self._port}
bind_addresses: {sorted({"127.0.0.1", self._address})}
rtc: {{tcp_port: {tcp}, port_range_start: {first_udp}, port_range_end: {last_udp},
      node_ip: {self._address}, use_external_ip: false, enable_loopback_candidate: true,
      interfaces: {{includes: ["lo", "{self._device}"]}},
      # LiveKit's own default is names on the Internet: each client resolves them in threads.
      stun_servers: ["127.0.0.1:3478"]}}
keys: {{{API_KEY}: {API_SECRET}}}
logging: {{level: warn}}
webhook: {{api_key: {API_KEY}, urls: {json.dumps(list(self._webhooks))}}}
"""

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY_WITHIN_S
        while time.monotonic() < deadline:
            assert self._process is not None
            if self._process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/", timeout=1) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.02)  # a process offers nothing to wait on but its port
        self._log.seek(0)
        log = self._log.read().decode(errors="replace")
        pytest.fail(f"livekit-server did not become ready:\n{log[-2000:]}")


def find_server() -> Path | None:
    """Return livekit-server's binary: named by the environment, the demo's own, or on the PATH."""
    named = os.environ.get("MEDIABRIDGE_LIVEKIT_SERVER")
    if named:
        return Path(named)
    try:
        demo = importlib.import_module("bridge.demo.livekit")
    except ImportError:
        found = shutil.which("livekit-server")
        return Path(found) if found else None
    found_by_demo: Path | None = demo.find()
    return found_by_demo


@pytest.fixture(scope="session")
def livekit_server() -> Iterator[LiveKitServer]:
    """A server every test may use and none may end."""
    yield from _running()


@pytest.fixture
def own_livekit_server() -> Iterator[LiveKitServer]:
    """A server for one test, which may kill and restart it."""
    yield from _running()


@contextlib.contextmanager
def livekit_telling(*webhooks: str) -> Iterator[LiveKitServer]:
    """Run a server that sends its webhooks to these addresses."""
    yield from _running(webhooks)


def _running(webhooks: Sequence[str] = ()) -> Iterator[LiveKitServer]:
    binary = find_server()
    if binary is None:
        pytest.skip("no livekit-server: set MEDIABRIDGE_LIVEKIT_SERVER to its path")
    server = LiveKitServer(binary, webhooks)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _free_ports() -> int:
    """Return the first of a range of ports that no other server of this machine has."""
    starts = range(_LOWEST_PORT, _HIGHEST_PORT, _PORTS)
    offset = os.getpid() % len(starts)  # concurrent runs start their search apart
    for first in [*starts[offset:], *starts[:offset]]:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", first))
            except OSError:
                continue
            return int(first)
    raise RuntimeError("no free range of ports")

"""Where does the demo get a LiveKit server: found, else built; then run on loopback."""

import asyncio
import json
import os
import random
import secrets
import shutil
import socket
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from bridge.demo.processes import Child, PartFailed

VERSION: Final = "v1.13.3"
ENVIRONMENT_NAME: Final = "MEDIABRIDGE_LIVEKIT_SERVER"

# One that dies is noticed at once.
_READY_WITHIN_S: Final = 120.0
_PROBE_WITHIN_S: Final = 5.0
# A port that was free may be taken before the server gets it.
_ATTEMPTS: Final = 3
_UDP_PORTS: Final = 200
# Below the range the kernel hands out, so that no client socket sits in it.
_UDP_LOWEST: Final = 20_000
_UDP_HIGHEST: Final = 32_000


class NoServer(Exception):
    """There is no LiveKit server to run; the message says what can be done about it."""


def find(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the binary: named by the environment, on the PATH, or built earlier; None: nowhere.

    :raises NoServer: the environment names something that cannot be run.
    """
    named = environ.get(ENVIRONMENT_NAME)
    if named:
        if not _is_program(Path(named)):
            raise NoServer(f"{ENVIRONMENT_NAME} is {named}, which is no program")
        return Path(named)
    on_path = shutil.which("livekit-server", path=environ.get("PATH", os.defpath))
    if on_path:
        return Path(on_path)
    built = cache_path(environ)
    return built if _is_program(built) else None


def cache_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where a server built here is kept."""
    # The specification ignores relative paths in the variable.
    named = Path(environ.get("XDG_CACHE_HOME", ""))
    base = named if named.is_absolute() else Path(environ.get("HOME") or Path.home()) / ".cache"
    return base / "mediabridge" / f"livekit-server-{VERSION}"


class LiveKitServer:
    """One livekit-server on loopback, with keys of its own; `async with` means it answers."""

    def __init__(self, binary: Path, log: Path | None = None, webhook_url: str = "") -> None:
        """Prepare a server; what happens in its rooms is told to `webhook_url`, if there is one."""
        self.api_key = f"key{secrets.token_hex(6)}"
        self.api_secret = secrets.token_hex(32)
        self._binary = binary
        self._log = log
        self._webhook_url = webhook_url
        self._port = 0
        self._child: Child | None = None
        self._parts = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Start the server.

        :raises PartFailed: it ended, or did not answer in time.
        """
        if self._log is None:
            folder = self._parts.enter_context(tempfile.TemporaryDirectory())
            self._log = Path(folder) / "livekit-server.log"
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self._parts.aclose)
            for attempt in range(1, _ATTEMPTS + 1):
                try:
                    await self._start(self._log)
                    break
                except PartFailed:
                    if attempt == _ATTEMPTS:
                        raise
            undo.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._parts.aclose()

    @property
    def url(self) -> str:
        """Where clients connect to."""
        return f"ws://127.0.0.1:{self._port}"

    @property
    def child(self) -> Child:
        """The process."""
        if self._child is None:
            raise RuntimeError("livekit-server has not been started")
        return self._child

    async def _start(self, log: Path) -> None:
        self._port, rtc_port = _free_tcp_ports(2)
        config = _config(self._port, rtc_port, {self.api_key: self.api_secret})
        if self._webhook_url:
            config += (
                f"webhook: {{api_key: {self.api_key}, urls: [{json.dumps(self._webhook_url)}]}}\n"
            )
        # By the environment, not by --config-body: the arguments can be read by anyone.
        environ = {**os.environ, "LIVEKIT_CONFIG": config}
        async with AsyncExitStack() as undo:
            child = Child("livekit-server", [self._binary], environ, log)
            self._child = await undo.enter_async_context(child)
            await child.ready(self._answers, _READY_WITHIN_S)
            self._parts.push_async_exit(undo.pop_all())

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(_PROBE_WITHIN_S):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                try:
                    writer.write(b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
                    return b" 200 " in await reader.readline()
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return False


def _config(port: int, rtc_port: int, keys: Mapping[str, str]) -> str:
    """Return the configuration, in YAML.

    Without `enable_loopback_candidate` the server offers no way to it on loopback.
    """
    udp_first = _free_udp_range()
    named_keys = "".join(f"\n  {key}: {secret}" for key, secret in keys.items())
    return f"""
port: {port}
bind_addresses: ["127.0.0.1"]
rtc:
  tcp_port: {rtc_port}
  port_range_start: {udp_first}
  port_range_end: {udp_first + _UDP_PORTS - 1}
  node_ip: 127.0.0.1
  use_external_ip: false
  enable_loopback_candidate: true
  interfaces: {{includes: ["lo"]}}
  # LiveKit's own default is names on the Internet, for which loopback has no use.
  stun_servers: ["127.0.0.1:3478"]
keys: {named_keys}
logging: {{level: warn}}
"""


def _free_tcp_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _free_udp_range() -> int:
    """Return the first port of a range that is likely no one else's: servers take single ports."""
    starts = range(_UDP_LOWEST, _UDP_HIGHEST, _UDP_PORTS)
    return random.choice(starts)  # noqa: S311 (no secret)


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)

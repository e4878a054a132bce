"""A bad network between a caller and everybody else: packets are lost and late, at random.

The caller lives in a network namespace of its own; what goes in and out of it passes two tunnel
devices and this process between them. Nothing leaves this machine.
"""

import asyncio
import fcntl
import os
import random
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

NAMESPACE: Final = "mb-far"
NEAR_DEVICE: Final = "mb-near"
NEAR_ADDRESS: Final = "10.99.0.1"
_FAR_DEVICE: Final = "mb-far"
_FAR_ADDRESS: Final = "10.99.0.2"

_TUN: Final = Path("/dev/net/tun")
_SET_DEVICE: Final = 0x400454CA  # TUNSETIFF
_PLAIN_PACKETS: Final = 0x0001 | 0x1000  # IFF_TUN, IFF_NO_PI
_LARGEST: Final = 65_536


def is_possible() -> bool:
    """Return whether this process may make devices and namespaces."""
    return os.access(_TUN, os.R_OK | os.W_OK) and os.geteuid() == 0


class Link:
    """Carries packets both ways, less some, and some of them late."""

    def __init__(self, near: int, far: int) -> None:
        self._other = {near: far, far: near}
        self._chance = random.Random(7)  # noqa: S311 - the same losses in every run
        self.loss = 0.0
        """The share of packets that are lost, each way."""
        self.jitter_s = 0.0
        """Packets are late by up to this much, each by its own."""
        self.lost = 0

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        for device in self._other:
            loop.add_reader(device, self._carry, device)

    def stop(self) -> None:
        loop = asyncio.get_running_loop()
        for device in self._other:
            loop.remove_reader(device)

    def _carry(self, device: int) -> None:
        with suppress(BlockingIOError):
            while True:
                packet = os.read(device, _LARGEST)
                if self._chance.random() < self.loss:
                    self.lost += 1
                    continue
                late_s = self._chance.random() * self.jitter_s
                asyncio.get_running_loop().call_later(late_s, self._put, device, packet)

    def _put(self, device: int, packet: bytes) -> None:
        with suppress(OSError):  # the devices may be gone by now
            os.write(self._other[device], packet)


@contextmanager
def linked() -> Iterator[Link]:
    """Make the namespace and its link; the near end has an address as long as this lasts."""
    near = far = -1
    _ip("netns", "add", NAMESPACE)
    try:
        near, far = _device(NEAR_DEVICE), _device(_FAR_DEVICE)
        _ip("link", "set", _FAR_DEVICE, "netns", NAMESPACE)
        _ip("addr", "add", f"{NEAR_ADDRESS}/30", "dev", NEAR_DEVICE)
        _ip("link", "set", NEAR_DEVICE, "up")
        _ip("-n", NAMESPACE, "addr", "add", f"{_FAR_ADDRESS}/30", "dev", _FAR_DEVICE)
        _ip("-n", NAMESPACE, "link", "set", _FAR_DEVICE, "up")
        _ip("-n", NAMESPACE, "link", "set", "lo", "up")
        yield Link(near, far)
    finally:
        for device in (near, far):
            with suppress(OSError):
                os.close(device)
        _ip("netns", "del", NAMESPACE)


def in_namespace(*command: str) -> list[str]:
    """Return a command that runs another one behind the link."""
    return ["ip", "netns", "exec", NAMESPACE, *command]


def _device(name: str) -> int:
    device = os.open(_TUN, os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _SET_DEVICE, struct.pack("16sH", name.encode(), _PLAIN_PACKETS))
    return device


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)

"""Have any of some files changed since somebody last looked?"""

import time
from pathlib import Path
from typing import Final

# File systems stamp by the kernel's tick, of up to 10 ms: two writes within one may look the same.
_TICK_NS: Final = 20_000_000

Stamp = tuple[int, int, int]
"""Tells a changed file from an unchanged one without reading it."""


class WatchedFiles:
    """Some files, which may come and go, and be links to others that are put in their place."""

    def __init__(self, *paths: Path) -> None:
        self._stamps: dict[Path, Stamp | None] = dict.fromkeys(paths)
        self._may_have_changed_since = False

    def have_changed(self) -> bool:
        """Tell whether any file is, or may be, another than at the last asking. Blocks.

        To be asked before files are read: a change while they are read is then told by the next.
        """
        before, uncertain = self._stamps, self._may_have_changed_since
        settled_ns = time.time_ns() - _TICK_NS
        self._stamps = {path: stamp_of(path) for path in before}
        self._may_have_changed_since = any(
            stamp is not None and stamp[1] > settled_ns for stamp in self._stamps.values()
        )
        return uncertain or self._stamps != before


def stamp_of(path: Path) -> Stamp | None:
    """Return None for what is not there, or is a link to nothing."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size

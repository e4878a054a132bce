"""Have any of some files changed since somebody last looked?"""

from pathlib import Path

Stamp = tuple[int, int, int]
"""Tells a changed file from an unchanged one without reading it."""


class WatchedFiles:
    """Some files, which may come and go, and be links to others that are put in their place."""

    def __init__(self, *paths: Path) -> None:
        self._stamps: dict[Path, Stamp | None] = dict.fromkeys(paths)

    def have_changed(self) -> bool:
        """Tell whether any file is another than at the last asking. Blocks.

        To be asked before files are read: a change while they are read is then told by the next.
        """
        before = self._stamps
        self._stamps = {path: stamp_of(path) for path in before}
        return self._stamps != before


def stamp_of(path: Path) -> Stamp | None:
    """Return None for what is not there, or is a link to nothing."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size

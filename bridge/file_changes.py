"""Have files changed since somebody last looked?"""

from pathlib import Path

_Stamp = tuple[int, int, int]


class WatchedFiles:
    """Some files, which may come and go, and be links to others that are put in their place."""

    def __init__(self, *paths: Path) -> None:
        self._stamps: dict[Path, _Stamp | None] = dict.fromkeys(paths)

    def have_changed(self) -> bool:
        """Tell whether any file is another than at the last asking. Blocks.

        To be asked before files are read: a change while they are read is then told by the next.
        """
        before = self._stamps
        self._stamps = {path: _stamp(path) for path in before}
        return self._stamps != before


def _stamp(path: Path) -> _Stamp | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size

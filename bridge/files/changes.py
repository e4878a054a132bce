"""Have any of some files changed since somebody last looked?"""

from pathlib import Path

from bridge.files.watched import Stamp, stamp_of


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

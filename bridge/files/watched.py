"""Has a file changed? And one file that is read again whenever it has."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Stamp:
    """Tells a changed file from an unchanged one without reading it."""

    mtime_ns: int
    size: int
    inode: int


def stamp_of(path: Path) -> Stamp:
    try:
        status = path.stat()
    except OSError:  # gone, or a link to nothing: reading it will tell
        return Stamp(0, 0, 0)
    return Stamp(status.st_mtime_ns, status.st_size, status.st_ino)

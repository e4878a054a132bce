"""Generates what is made from proto/; with --check, fails if what is committed differs."""

import argparse
import asyncio
import filecmp
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Final

from grpc_tools import protoc

from bridge.demo.livekit_build import find_go

ROOT: Final = Path(__file__).resolve().parent.parent
PROTO: Final = ROOT / "proto"
PACKAGE: Final = Path("bridge/v1")
# Between a server and its worker processes: nobody else's.
WORKERS: Final = Path("bridge/workers/v1")

GO: Final = ROOT / "clients/go"
REST: Final = GO / "gateway/internal/rest"
GO_MODULE: Final = "github.com/mediabridge/mediabridge/clients/go"


@dataclass(frozen=True, slots=True)
class Output:
    """A folder that holds nothing but generated files."""

    folder: Path
    files: str
    """Which of its files count; what else is there was left by an interpreter or an editor."""
    generate: Callable[[Path], None]
    """Writes the files into a folder that exists and is empty."""


def _python(target: Path, package: Path = PACKAGE) -> None:
    """Write the stubs; gRPC stubs only for files that hold services."""
    plugins = [_python_plugin("mypy"), _python_plugin("mypy_grpc")]
    with tempfile.TemporaryDirectory() as scratch:
        messages = _protos(package)
        _protoc(plugins, [f"--python_out={scratch}", f"--mypy_out=quiet:{scratch}"], messages)
        services = [path for path in messages if path.stem.endswith("_service")]
        outputs = [f"--grpc_python_out={scratch}", f"--mypy_grpc_out=quiet:{scratch}"]
        _protoc(plugins, outputs, services)
        shutil.copytree(Path(scratch) / package, target, dirs_exist_ok=True)
    (target / "__init__.py").write_text(
        f'"""Generated from proto/{package} by `make generate`; never edited."""\n'
    )


def _go(target: Path) -> None:
    options = f"module={GO_MODULE}/{PACKAGE}:{target}"
    plugins = _go_plugins("go", "go-grpc")
    _protoc(plugins, [f"--go_out={options}", f"--go-grpc_out={options}"], _protos(PACKAGE))


def _rest(target: Path) -> None:
    """Write the REST gateway's handlers, apart from the stubs, and their OpenAPI document."""
    rules = f"grpc_api_configuration={GO / 'gateway/rest.yaml'}"
    handlers = f"module={GO_MODULE}/{PACKAGE},standalone=true,{rules}"
    document = (
        f"{rules},openapi_configuration={GO / 'gateway/openapi.yaml'},allow_merge=true,"
        "merge_file_name=gateway,openapi_naming_strategy=simple,disable_default_errors=true"
    )
    outputs = [f"--grpc-gateway_out={handlers}:{target}", f"--openapiv2_out={document}:{target}"]
    _protoc(_go_plugins("grpc-gateway", "openapiv2"), outputs, _protos(PACKAGE))


OUTPUTS: Final = (
    Output(ROOT / PACKAGE, "*.py*", _python),
    Output(ROOT / WORKERS, "*.py*", partial(_python, package=WORKERS)),
    Output(GO / PACKAGE, "*", _go),
    Output(REST, "*", _rest),
)


def _protos(package: Path) -> list[Path]:
    return sorted((PROTO / package).glob("*.proto"))


def _protoc(plugins: Sequence[str], outputs: Sequence[str], files: Sequence[Path]) -> None:
    includes = [f"-I{PROTO}", f"-I{resources.files('grpc_tools') / '_proto'}"]
    if protoc.main(["protoc", *includes, *plugins, *outputs, *map(str, files)]) != 0:
        sys.exit("protoc failed")


def _python_plugin(name: str) -> str:
    program = Path(sysconfig.get_path("scripts")) / f"protoc-gen-{name}"
    return f"--plugin=protoc-gen-{name}={program}"


def _go_plugins(*names: str) -> list[str]:
    """Build the plug-ins that go.mod pins, into Go's own cache."""
    go = asyncio.run(find_go())
    if go is None:
        sys.exit("there is no Go: install it, or the extra `demo`")
    plugins = []
    for name in names:
        # With -n the tool is built and its path printed.
        tool = [str(go.program), "tool", "-n", f"protoc-gen-{name}"]
        made = subprocess.run(
            tool, cwd=GO, env=go.environ, check=True, stdout=subprocess.PIPE, text=True
        )
        plugins.append(f"--plugin=protoc-gen-{name}={made.stdout.strip()}")
    return plugins


def _differences(output: Output, fresh: Path) -> list[str]:
    folders = (fresh, output.folder)
    names = {p.name for folder in folders for p in folder.glob(output.files) if p.is_file()}
    _, changed, missing = filecmp.cmpfiles(*folders, sorted(names), shallow=False)
    return changed + missing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    for output in OUTPUTS:
        with tempfile.TemporaryDirectory() as scratch:
            fresh = Path(scratch)
            output.generate(fresh)
            if not check:
                shutil.rmtree(output.folder, ignore_errors=True)
                shutil.copytree(fresh, output.folder)
            elif stale := _differences(output, fresh):
                where = output.folder.relative_to(ROOT)
                sys.exit(f"{where} is out of date ({', '.join(stale)}): make generate")


if __name__ == "__main__":
    main()

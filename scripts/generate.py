"""Generates bridge/v1 from proto/; with --check, fails if what is committed differs."""

import argparse
import filecmp
import shutil
import sys
import sysconfig
import tempfile
from importlib import resources
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
PACKAGE = Path("bridge/v1")
INIT = '"""Generated from proto/bridge/v1 by `make generate`; never edited."""\n'


def generate(target: Path) -> None:
    """Write the stubs below `target`; gRPC stubs only for files that hold services."""
    scripts = Path(sysconfig.get_path("scripts"))
    messages = sorted((PROTO / PACKAGE).glob("*.proto"))
    services = [path for path in messages if path.stem.endswith("_service")]
    common = [
        "protoc",
        f"-I{PROTO}",
        f"-I{resources.files('grpc_tools') / '_proto'}",
        f"--plugin=protoc-gen-mypy={scripts / 'protoc-gen-mypy'}",
        f"--plugin=protoc-gen-mypy_grpc={scripts / 'protoc-gen-mypy_grpc'}",
    ]
    runs = (
        ([f"--python_out={target}", f"--mypy_out=quiet:{target}"], messages),
        ([f"--grpc_python_out={target}", f"--mypy_grpc_out=quiet:{target}"], services),
    )
    for outputs, files in runs:
        if protoc.main([*common, *outputs, *map(str, files)]) != 0:
            sys.exit("protoc failed")
    (target / PACKAGE / "__init__.py").write_text(INIT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch)
        generate(target)
        fresh, committed = target / PACKAGE, ROOT / PACKAGE
        if check:
            names = sorted(
                {p.name for d in (fresh, committed) for p in d.glob("*.py*") if p.is_file()}
            )
            _, changed, missing = filecmp.cmpfiles(fresh, committed, names, shallow=False)
            if changed or missing:
                sys.exit(
                    f"bridge/v1 is out of date ({', '.join(changed + missing)}): make generate"
                )
            return
        shutil.rmtree(committed, ignore_errors=True)
        shutil.copytree(fresh, committed)


if __name__ == "__main__":
    main()

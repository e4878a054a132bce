"""Where do tests get a real Prometheus: its own folder, named by the environment, or the PATH.

A pytest plugin, named in pyproject.toml.
"""

import os
import shutil
from pathlib import Path
from typing import Final

import pytest

VARIABLE: Final = "MEDIABRIDGE_PROMETHEUS"
"""Names the folder that holds `prometheus` and `promtool`."""

MISSING: Final = f"no Prometheus: install one, or name its folder in {VARIABLE}"


@pytest.fixture(scope="session")
def promtool() -> Path:
    return _program("promtool")


@pytest.fixture(scope="session")
def prometheus() -> Path:
    return _program("prometheus")


def _program(name: str) -> Path:
    found = shutil.which(name, path=os.environ.get(VARIABLE) or os.environ.get("PATH"))
    if found is None:
        pytest.skip(MISSING)
    return Path(found).resolve()

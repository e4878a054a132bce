"""Does a recording lie where it belongs, whatever the ids say?"""

from pathlib import Path

import pytest

from bridge.ids import ConnectionId, TenantId
from bridge.recording.folder import path_for

CALL = ConnectionId("call-1")
TENANTS = ["acme", "", "no-tenant", "..", ".", "a/b", "a b", "../../etc", "ä" * 128, "a\0b", "%2E"]


@pytest.mark.parametrize("tenant", TENANTS)
def test_file_lies_one_directory_below_the_root(tmp_path: Path, tenant: str) -> None:
    path = path_for(tmp_path / "root", TenantId(tenant), CALL, ".wav")
    assert path.parent.parent == tmp_path / "root"
    assert path.parent.resolve().parent == (tmp_path / "root").resolve()
    assert path.name == "call-1.wav"
    path.write_bytes(b"")


def test_no_two_tenants_share_a_directory(tmp_path: Path) -> None:
    directories = {path_for(tmp_path, TenantId(one), CALL, "").parent for one in TENANTS}
    assert len(directories) == len(TENANTS)


def test_id_of_a_call_leads_nowhere_else(tmp_path: Path) -> None:
    path = path_for(tmp_path, TenantId("acme"), ConnectionId("../../call"), ".ogg")
    assert path.parent == tmp_path / "tenant-acme"


def test_directories_are_their_owner_s_alone(tmp_path: Path) -> None:
    path = path_for(tmp_path / "root", TenantId("acme"), CALL, ".wav")
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.parent.parent.stat().st_mode & 0o777 == 0o700

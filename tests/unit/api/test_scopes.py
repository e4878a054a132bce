"""Which scope each RPC asks for, and that none has been forgotten."""

import re
from pathlib import Path

import pytest
from google.protobuf.descriptor import FileDescriptor
from grpc_channelz.v1 import channelz_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from bridge.access.principal import Scope
from bridge.api import server
from bridge.api.scopes import SCOPE_OF, scope_of
from tests.unit.api.descriptors import FILES, path_of

OTHERS: tuple[FileDescriptor, ...] = (
    channelz_pb2.DESCRIPTOR,
    health_pb2.DESCRIPTOR,
    reflection_pb2.DESCRIPTOR,
)


def paths(*files: FileDescriptor) -> set[str]:
    return {
        path_of(method)
        for file in files
        for service in file.services_by_name.values()
        for method in service.methods
    }


def test_every_rpc_has_its_scope_and_nothing_else_has_one() -> None:
    assert set(SCOPE_OF) == paths(*FILES, *OTHERS)


def test_every_service_of_ours_is_served() -> None:
    ours = {service.full_name for file in FILES for service in file.services_by_name.values()}
    assert set(server.SERVICES) == ours


@pytest.mark.parametrize("path", sorted(paths(*FILES)))
def test_no_rpc_of_ours_is_anybodys(path: str) -> None:
    assert scope_of(path) is not None


def test_rpc_that_was_forgotten_is_an_admins() -> None:
    assert scope_of("/bridge.v1.CallService/Forgotten") is Scope.ADMIN


def test_documentation_has_the_same_table() -> None:
    text = (Path(__file__).parents[3] / "docs/security.md").read_text()
    rows = dict(re.findall(r"^\| `([a-z:]+)` \| (.*) \|$", text, re.MULTILINE))
    assert set(rows) == {scope.value for scope in Scope}
    for scope in set(Scope) - {Scope.ADMIN, Scope.ROOMS_ENTER}:
        named = {path.rpartition("/")[2] for path, needed in SCOPE_OF.items() if needed is scope}
        assert set(rows[scope.value].split(", ")) == named

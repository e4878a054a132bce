"""A thousand requests nobody should make: each gets an answer that says what is wrong."""

import asyncio
from functools import cache
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given
from hypothesis import strategies as st

from bridge.agents.catalogue import FileCatalogue
from tests.effort import examples
from tests.unit.api.descriptors import methods, path_of
from tests.unit.api.rig import Api, reason_of, serving, wrong_fields_of

ALLOWED = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.FAILED_PRECONDITION,
}
Refused = grpc.aio.AioRpcError
REQUESTS = 1000
_BATCH = 50

# What is sometimes right, so that requests get past the first check.
_RIGHT = st.sampled_from(["greeter", "receptionist", "acme", "lobby", "en", "Ada", "r1", "call-1"])
_TEXTS = st.one_of(
    _RIGHT,
    st.text(max_size=200),
    st.text(alphabet="\x00\x01\n\t\x7f\u200b\u202e\U0001f600", max_size=10),
    st.integers(100, 2000).map(lambda length: "x" * length),
)
_INTS = {
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_ENUM: (-(2**31), 2**31 - 1),
}


def scalars(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    match field.type:
        case FieldDescriptor.TYPE_STRING:
            return _TEXTS
        case FieldDescriptor.TYPE_BOOL:
            return st.booleans()
        case FieldDescriptor.TYPE_DOUBLE:
            return st.floats()
        case kind:
            least, most = _INTS[kind]
            return st.one_of(st.integers(0, 9), st.integers(least, most))


def values(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    kind = field.message_type
    if kind is None:
        one = scalars(field)
    elif kind.GetOptions().map_entry:
        return st.dictionaries(_TEXTS, _TEXTS, max_size=40)
    else:
        one = messages(kind)
    return st.lists(one, max_size=5) if field.is_repeated else one


def messages(kind: Descriptor) -> st.SearchStrategy[dict[str, Any]]:
    """Return fields and their values, some left out, of this message and those within."""
    optional = {field.name: values(field) for field in kind.fields}
    return st.fixed_dictionaries({}, optional=optional)


def assemble(kind: Descriptor, chosen: dict[str, Any]) -> Message:
    message = GetMessageClass(kind)()
    for name, value in chosen.items():
        field = kind.fields_by_name[name]
        target = getattr(message, name)
        if field.message_type is None:
            if field.is_repeated:
                target.extend(value)
            else:
                setattr(message, name, value)
        elif field.message_type.GetOptions().map_entry:
            target.update(value)
        elif field.is_repeated:
            target.extend(assemble(field.message_type, one) for one in value)
        else:
            target.CopyFrom(assemble(field.message_type, value))
            target.SetInParent()
    return message


def asks() -> st.SearchStrategy[tuple[MethodDescriptor, Message]]:
    def of(method: MethodDescriptor) -> st.SearchStrategy[tuple[MethodDescriptor, Message]]:
        kind = method.input_type
        return messages(kind).map(lambda chosen: (method, assemble(kind, chosen)))

    return st.sampled_from(list(methods())).flatmap(of)


async def ask(api: Api, method: MethodDescriptor, request: Message) -> None:
    channel: Any = api.channel  # the types know no bytes
    path = path_of(method)
    raw = request.SerializeToString()
    if not method.server_streaming:
        await channel.unary_unary(path)(raw)
        return
    stream = channel.unary_stream(path)(raw)
    reading = asyncio.ensure_future(stream.read())
    while not reading.done():
        # Telemetry of all calls, rightly asked for, comes when its interval has passed.
        await api.world.clock.advance(60)
    reading.result()
    stream.cancel()


@given(batch=st.lists(asks(), min_size=_BATCH, max_size=_BATCH))
@examples(REQUESTS // _BATCH)
async def test_malformed_requests_are_refused_by_name(
    batch: list[tuple[MethodDescriptor, Message]],
) -> None:
    async with serving(slots=_BATCH, agents=real_agents()) as api:
        for method, request in batch:
            assert_well_refused(method, request, await answer(api, method, request))


@cache
def real_agents() -> FileCatalogue:
    """Return the agents of the repository: their own checks are to be met, too."""
    catalogue = FileCatalogue(Path(__file__).parents[3] / "agents", "m")
    assert catalogue.load() == ()
    return catalogue


async def answer(api: Api, method: MethodDescriptor, request: Message) -> Refused | None:
    """Return how the request was refused; None where it was not."""
    try:
        await ask(api, method, request)
    except grpc.aio.AioRpcError as error:
        return error
    return None


def assert_well_refused(method: MethodDescriptor, request: Message, error: Refused | None) -> None:
    if error is None:
        return
    assert error.code() in ALLOWED, (method.name, request, error)
    assert reason_of(error)
    if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
        assert wrong_fields_of(error), (method.name, request)

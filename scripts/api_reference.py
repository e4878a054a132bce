"""Writes docs/api-reference.md from the comments in proto/; with --check, fails if it differs."""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Final

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    ServiceDescriptorProto,
)
from grpc_tools import protoc

from bridge.v1 import options_pb2

ROOT: Final = Path(__file__).resolve().parent.parent
PROTO: Final = ROOT / "proto"
PAGE: Final = ROOT / "docs/api-reference.md"
PACKAGE: Final = "bridge.v1"

# What callers ask for first; what these mention comes behind.
ORDER: Final = (
    "call_service",
    "telemetry_service",
    "tool_service",
    "model_service",
    "event",
    "call",
    "report",
    "telemetry",
    "agent",
    "admin_service",
)
# Only extends protobuf's own options.
LEFT_OUT: Final = "options"

HEAD: Final = """\
# API reference

<!-- Made from the comments in proto/bridge/v1 by `make generate`; edit them instead. -->

Which message comes when, errors, limits and retries: [api.md](api.md). Names in JSON are the
fields' in lowerCamelCase, unless another one is given. *Sensitive* fields hold secrets, prompts or
spoken words, and are never logged.
"""

Comments = Mapping[tuple[int, ...], str]
"""What stands above something, by its path in the file's descriptor."""

# Numbers of fields in descriptor.proto: they make up those paths.
_MESSAGES, _ENUMS, _SERVICES = 4, 5, 6
_FIELDS = _VALUES = _METHODS = 2

_SCALARS: Final = {
    FieldDescriptorProto.TYPE_BOOL: "bool",
    FieldDescriptorProto.TYPE_DOUBLE: "double",
    FieldDescriptorProto.TYPE_INT32: "int32",
    FieldDescriptorProto.TYPE_INT64: "int64",
    FieldDescriptorProto.TYPE_STRING: "string",
}


def page(files: Mapping[str, FileDescriptorProto]) -> str:
    stems = {Path(name).stem for name in files}
    if unknown := stems - {*ORDER, LEFT_OUT}:
        sys.exit(f"where in the reference do they stand? {', '.join(sorted(unknown))}")
    parts = [HEAD]
    for stem in ORDER:
        parts += _sections(files[f"bridge/v1/{stem}.proto"])
    return "\n".join(parts)


def described() -> dict[str, FileDescriptorProto]:
    """Return the API's files with their comments."""
    with tempfile.NamedTemporaryFile(suffix=".binpb") as image:
        includes = [f"-I{PROTO}", f"-I{resources.files('grpc_tools') / '_proto'}"]
        files = sorted(map(str, (PROTO / "bridge/v1").glob("*.proto")))
        outputs = ["--include_source_info", f"--descriptor_set_out={image.name}"]
        if protoc.main(["protoc", *includes, *outputs, *files]) != 0:
            sys.exit("protoc failed")
        found = FileDescriptorSet.FromString(Path(image.name).read_bytes())
    return {file.name: file for file in found.file}


def _sections(file: FileDescriptorProto) -> Iterator[str]:
    comments = {
        tuple(where.path): where.leading_comments
        for where in file.source_code_info.location
        if where.leading_comments
    }
    for number, service in enumerate(file.service):
        yield from _service(service, comments, (_SERVICES, number))
    for number, message in enumerate(file.message_type):
        yield from _message(message, comments, (_MESSAGES, number))
    for number, enum in enumerate(file.enum_type):
        yield from _enum(enum, comments, (_ENUMS, number))


def _service(
    service: ServiceDescriptorProto, comments: Comments, at: tuple[int, ...]
) -> Iterator[str]:
    yield f"## {service.name}\n"
    yield _text(comments[at])
    for number, method in enumerate(service.method):
        asked, answered = _type(method.input_type), _type(method.output_type)
        asked = f"stream of {asked}" if method.client_streaming else asked
        answered = f"stream of {answered}" if method.server_streaming else answered
        yield f"### {service.name}/{method.name}\n"
        yield f"{asked} → {answered}\n"
        yield _text(comments[(*at, _METHODS, number)])


def _message(message: DescriptorProto, comments: Comments, at: tuple[int, ...]) -> Iterator[str]:
    yield f"### {message.name}\n"
    yield _text(comments[at])
    if not message.field:
        return
    maps = {entry.name: entry for entry in message.nested_type if entry.options.map_entry}
    yield "| field | type | |\n|---|---|---|"
    for number, field in enumerate(message.field):
        meaning = _line(comments[(*at, _FIELDS, number)])
        if field.options.Extensions[options_pb2.sensitive]:
            meaning = f"{meaning} *Sensitive.*"
        yield f"| {_name(field)} | {_field_type(message, field, maps)} | {meaning} |"
    yield ""


def _enum(enum: EnumDescriptorProto, comments: Comments, at: tuple[int, ...]) -> Iterator[str]:
    yield f"### {enum.name}\n"
    yield _text(comments[at])
    yield "| value | number | |\n|---|---|---|"
    for number, value in enumerate(enum.value):
        yield f"| `{value.name}` | {value.number} | {_line(comments[(*at, _VALUES, number)])} |"
    yield ""


def _name(field: FieldDescriptorProto) -> str:
    head, *rest = field.name.split("_")
    usual = head + "".join(word.capitalize() for word in rest)
    return f"`{field.name}`" + (
        f", in JSON `{field.json_name}`" if field.json_name != usual else ""
    )


def _field_type(
    message: DescriptorProto, field: FieldDescriptorProto, maps: Mapping[str, DescriptorProto]
) -> str:
    entry = maps.get(field.type_name.rpartition(".")[2])
    if entry is not None:
        key, value = entry.field
        return f"map of {_plain(key)} to {_plain(value)}"
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return f"list of {_plain(field)}"
    if field.HasField("oneof_index") and not field.proto3_optional:
        return f"{_plain(field)}, one of `{message.oneof_decl[field.oneof_index].name}`"
    return _plain(field)


def _plain(field: FieldDescriptorProto) -> str:
    return _SCALARS[field.type] if field.type in _SCALARS else _type(field.type_name)


def _type(full_name: str) -> str:
    """Return a link to one of ours, and the name of one of protobuf's own."""
    package, _, name = full_name.removeprefix(".").rpartition(".")
    return f"[{name}](#{name.lower()})" if package == PACKAGE else name


def _text(comment: str) -> str:
    return "\n".join(line.removeprefix(" ") for line in comment.rstrip().splitlines()) + "\n"


def _line(comment: str) -> str:
    return " ".join(comment.split()).replace("|", "\\|")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    fresh = page(described())
    if not parser.parse_args().check:
        PAGE.write_text(fresh)
    elif not PAGE.exists() or PAGE.read_text() != fresh:
        sys.exit(f"{PAGE.relative_to(ROOT)} is out of date: make generate")


if __name__ == "__main__":
    main()

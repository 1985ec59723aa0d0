"""The services and messages of gRPC, out of proto/: what the compiler read, comments and all."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from google.protobuf.descriptor_pb2 import (
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
)

from docs.site.markdown import cell, code, page, prose, table

PROTOS = Path(__file__).parents[2] / "proto"


def described() -> list[FileDescriptorProto]:
    """Our files, with the places and comments of their sources."""
    from grpc_tools import protoc  # of the extra dev

    files = sorted(path.relative_to(PROTOS).as_posix() for path in PROTOS.rglob("*.proto"))
    with TemporaryDirectory() as folder:
        out = Path(folder) / "described"
        shared = Path(protoc.__file__).parent / "_proto"
        options = [f"-I{PROTOS}", f"-I{shared}", "--include_source_info", f"--descriptor_set_out={out}"]
        if protoc.main(["protoc", *options, *files]):  # pyright: ignore[reportUnknownMemberType] -- untyped
            raise SystemExit("protoc does not take the files of proto/")
        return list(FileDescriptorSet.FromString(out.read_bytes()).file)


def protos_page() -> str:
    parts = [
        "Written from `proto/`. How to call it: [gRPC](../grpc.md). Within one version of the package "
        "nothing is removed "
        "or renumbered ([compatibility](../compatibility.md))."
    ]
    for file in described():
        notes = {tuple(place.path): place.leading_comments for place in file.source_code_info.location}
        parts.append(f"## {file.name}")
        for number, service in enumerate(file.service):
            parts += [f"### service {service.name}", _said(notes, (6, number))]
            rows = [(_method(one), _said(notes, (6, number, 2, at))) for at, one in enumerate(service.method)]
            parts.append(table(("method", "meaning"), rows))
        for number, message in enumerate(file.message_type):
            parts += [f"### {message.name}", _said(notes, (4, number))]
            rows = [
                (str(field.number), code(field.name), _type(field), _said(notes, (4, number, 2, at)))
                for at, field in enumerate(message.field)
            ]
            parts.append(table(("number", "field", "type", "meaning"), rows) or "No fields.")
        for number, enum in enumerate(file.enum_type):
            rows = [
                (str(value.number), code(value.name), _said(notes, (5, number, 2, at)))
                for at, value in enumerate(enum.value)
            ]
            parts += [
                f"### enum {enum.name}",
                _said(notes, (5, number)),
                table(("number", "value", "meaning"), rows),
            ]
    return page("Protos", *parts)


def _said(notes: dict[tuple[int, ...], str], path: tuple[int, ...]) -> str:
    return prose("\n".join(line.strip() for line in notes.get(path, "").strip().splitlines()))


def _method(method: MethodDescriptorProto) -> str:
    asked, told = (name.rpartition(".")[2] for name in (method.input_type, method.output_type))
    return f"{code(method.name)} ({asked}) → {'stream of ' if method.server_streaming else ''}{told}"


_TYPES = {
    FieldDescriptorProto.Type.Value(name): name.removeprefix("TYPE_").lower()
    for name in FieldDescriptorProto.Type.keys()  # noqa: SIM118 -- an enum's wrapper, no dict
}


def _type(field: FieldDescriptorProto) -> str:
    kind = field.type_name.rpartition(".")[2] or _TYPES[field.type]
    repeated = field.label == FieldDescriptorProto.LABEL_REPEATED
    return cell(f"{'repeated ' if repeated else ''}{kind}{', optional' if field.proto3_optional else ''}")


def words() -> Iterator[str]:
    """Every service, method, message and enum by its name."""
    for file in described():
        yield from (one.name for one in (*file.message_type, *file.enum_type))
        for service in file.service:
            yield service.name
            yield from (one.name for one in service.method)

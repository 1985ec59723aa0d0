"""The pieces of a tool's result and of a resource."""

import msgspec

from toolward.types.values import JsonObject


class TextContent(msgspec.Struct, frozen=True, tag_field="type", tag="text", omit_defaults=True):
    text: str
    annotations: JsonObject | None = None


class ImageContent(
    msgspec.Struct, frozen=True, tag_field="type", tag="image", omit_defaults=True, rename="camel"
):
    data: bytes  # base64 in JSON, as msgspec and MCP both do
    mime_type: str
    annotations: JsonObject | None = None


class AudioContent(
    msgspec.Struct, frozen=True, tag_field="type", tag="audio", omit_defaults=True, rename="camel"
):
    data: bytes
    mime_type: str
    annotations: JsonObject | None = None


class ResourceLink(
    msgspec.Struct, frozen=True, tag_field="type", tag="resource_link", omit_defaults=True, rename="camel"
):
    uri: str
    name: str
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    annotations: JsonObject | None = None


class ResourceBody(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """The contents of a resource: text or blob, one of them."""

    uri: str
    mime_type: str | None = None
    text: str | None = None
    blob: bytes | None = None


class EmbeddedResource(msgspec.Struct, frozen=True, tag_field="type", tag="resource", omit_defaults=True):
    resource: ResourceBody
    annotations: JsonObject | None = None


Content = TextContent | ImageContent | AudioContent | ResourceLink | EmbeddedResource

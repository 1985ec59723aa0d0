"""A caller's text as the bytes of a file: in the encoding, and with the ends of lines, that it has already."""

from collections.abc import Callable

from toolservers.files.text.encodings import (
    HEAD,
    NotText,
    Text,
    decode,
    encoding_of,
    require_characters,
)


def new_file(content: str) -> bytes:
    require_characters(content, "`content`")
    return content.encode()


def instead(content: str, path: str) -> Callable[[bytes], bytes]:
    """Of what a file has: this content. In place of what is no text stands UTF-8."""
    plain = new_file(content)

    def make(data: bytes) -> bytes:
        try:
            text = decode(data, path)
        except NotText:
            return plain
        return text.encode(text.with_ends(content))

    return make


def at_the_end(content: str, path: str) -> Callable[[bytes], bytes]:
    """Of what a file has, or its first HEAD bytes: what is added. Raises NotText where it is none."""
    plain = new_file(content)

    def tail(data: bytes) -> bytes:
        if not data:
            return plain
        if len(data) == HEAD:  # it may go on in the middle of a character
            encoding = encoding_of(data, path, whole=False)
            text = Text(data[len(encoding.bom) :].decode(encoding.codec, "ignore"), encoding)
        else:
            text = decode(data, path)
        return text.encoding.encode(text.with_ends(content))

    return tail

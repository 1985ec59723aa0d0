"""What a file seems to be, judged by its first bytes and never by its name."""

IMAGES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
"""Those that models take, beside WebP, by how they begin."""

_BINARIES = {
    b"%PDF-": "a PDF document",
    b"PK\x03\x04": "a ZIP archive, or a document that is one (docx, xlsx, odt, jar)",
    b"PK\x05\x06": "an empty ZIP archive",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an old Office document (doc, xls, ppt, msg)",
    b"\x1f\x8b": "gzip data",
    b"BZh": "bzip2 data",
    b"\xfd7zXZ\x00": "xz data",
    b"\x28\xb5\x2f\xfd": "zstd data",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"SQLite format 3\x00": "an SQLite database",
    b"\x7fELF": "a program or library (ELF)",
    b"MZ": "a Windows program or library",
    b"\xca\xfe\xba\xbe": "a Java class or a macOS program",
    b"\x00asm": "WebAssembly",
    b"\x93NUMPY": "a NumPy array",
    b"OggS": "Ogg sound or video",
    b"ID3": "MP3 sound",
    b"fLaC": "FLAC sound",
    b"II*\x00": "a TIFF image",
    b"MM\x00*": "a TIFF image",
    b"BM": "a BMP image",
    b"PAR1": "a Parquet table",
}


def image_type(head: bytes) -> str | None:
    """The media type of an image that models take; `head` needs 12 bytes."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for begin, kind in IMAGES.items() if head.startswith(begin)), None)


def binary_kind(head: bytes) -> str:
    """Of what is known to be no text; `head` should have some hundred bytes."""
    image = image_type(head)
    if image is not None:
        return f"an image ({image})"
    for begin, kind in _BINARIES.items():
        if head.startswith(begin):
            return kind
    if head[4:8] == b"ftyp":
        return "MP4 or similar video, sound or image"
    for name, zeros, others in (("little", head[1::2], head[::2]), ("big", head[::2], head[1::2])):
        if len(zeros) > 1 and not any(zeros) and all(others[:-1]):
            return f"UTF-16 text ({name} endian) without the byte order mark that would tell it"
    return "binary data"

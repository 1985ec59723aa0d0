"""Small changes to bytes: many cheap inputs out of one that took long to draw."""

import random

TOKENS = (
    b"", b"0", b"-1", b"1e999", b"99999999999999999999", b"null", b"true", b'"', b"\\", b"\\ud800", b"{", b"}",
    b"[", b"]", b",", b":", b"\x00", b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf",
    b"\r\n", b"\n", b"\r", b" ", b"\t", b"\x7f", b"\x0b", b"%00", b"../", b'"id":1,', b"\xff\xff\xff\xff\x7f",
)  # fmt: skip


def changed(chance: random.Random, raw: bytes) -> bytes:
    """`raw` with one to three changes."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        start = chance.randint(0, len(raw))
        end = min(start + chance.choice((0, 1, 1, 2, 8, 64)), len(raw))
        match chance.randrange(5):
            case 0:
                raw = raw[:start] + chance.choice(TOKENS) + raw[end:]
            case 1:
                raw = raw[:start] + raw[end:]
            case 2:
                raw = raw[:end] + raw[start:end] * chance.choice((1, 2, 50)) + raw[end:]
            case 3:
                raw = raw[:start] + chance.randbytes(end - start) + raw[end:]
            case _:
                raw = raw[:start] + raw[start:end][::-1] + raw[end:]
    return raw[:100_000]

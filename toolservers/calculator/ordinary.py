"""The many ways to write a sign or a digit, brought to one. Each character becomes one, so places stay."""

import unicodedata

_SIGNS = {
    "-": "−–‐‑﹣－",
    "+": "＋﹢",
    "*": "×·⋅∙∗＊",
    "/": "÷∕⁄／",
    "%": "％﹪",
    "(": "（",
    ")": "）",
    ",": "，",
    ".": "．",
    "^": "＾",
    "=": "＝",
    " ": "\u00a0\u2007\u2009\u202f\u3000\t\r\n",
}
_TABLE = {ord(sign): plain for plain, signs in _SIGNS.items() for sign in signs}
_TABLE |= {ord("A") + count: chr(ord("a") + count) for count in range(26)}


def ordinary(text: str) -> str:
    """`２５ × 4` is `25 * 4`. Superscripts are no digits here: `5²` must not become 52."""
    plain = text.translate(_TABLE)
    return plain if plain.isascii() else "".join(map(_digit, plain))


def _digit(sign: str) -> str:
    value = unicodedata.decimal(sign, None)
    return sign if value is None else str(value)

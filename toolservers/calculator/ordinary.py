"""The many ways to write a sign or a digit, brought to one. Each character becomes one, so places stay."""

import unicodedata
from string import ascii_uppercase

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
    "!": "！",
    "°": "º˚",
    " ": "\u00a0\u2007\u2009\u202f\u3000\t\r\n",
}
_TABLE = {ord(sign): plain for plain, signs in _SIGNS.items() for sign in signs} | {
    ord(letter): letter.lower() for letter in ascii_uppercase
}


def ordinary(text: str) -> str:
    """In ASCII where a sign has an ASCII form. A superscript keeps its own: 5 squared must not become 52."""
    plain = text.translate(_TABLE)
    return plain if plain.isascii() else "".join(map(_digit, plain))


def _digit(sign: str) -> str:
    value = unicodedata.decimal(sign, None)
    return sign if value is None else str(value)

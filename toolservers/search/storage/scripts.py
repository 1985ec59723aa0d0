"""Text as the full-text index takes it. FTS5's tokenizer splits at blanks and signs; where a script writes no
blanks between words, each character is a word here, and words of several are phrases."""

import re

# Han, kana, Bopomofo, Yi; Thai, Lao, Myanmar, Khmer; their extensions. Hangul is written with blanks.
_UNSPACED = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u303f\u3040-\u30ff\u3100-\u312f\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf"
    "\uf900-\ufaff\uff66-\uff9f\U0001b000-\U0001b16f\U00020000-\U000323af])"
)


def spaced(text: str) -> str:
    """For the index and for queries alike."""
    return text if text.isascii() else _UNSPACED.sub(r" \1 ", text)


def is_unspaced(character: str) -> bool:
    return _UNSPACED.match(character) is not None

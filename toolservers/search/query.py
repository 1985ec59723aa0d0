"""From what somebody typed to an FTS5 MATCH expression that never fails to parse."""

import re
from typing import NamedTuple

MAX_TERMS = 64

# Words that stand in nearly every question and say nothing about its subject.
_COMMON = """
    a about after all also am an and any are as at be because been before but by can cannot could d did do does
    doing don done for from get gets getting give got had has have having he her here him his how i if in into is
    it its just know let like ll m may me might much must my need no not now of on one or our out please re s say
    says shall she should show so some t tell than that the their them then there these they thing this those to
    too up us ve very want was we were what when whether which who why will with would you your
"""
STOP_WORDS = frozenset(_COMMON.split())

_WORD = re.compile(r"\w+")


class Terms(NamedTuple):
    """The words of a question that are looked for, without repeats; `left_out` counts those beyond the bound."""

    words: tuple[str, ...]
    left_out: int

    @property
    def match(self) -> str:
        """Any of the words will do, and BM25 puts the documents with more of them first. Each is quoted, so
        nothing in it is an operator; a word holds no quotation mark."""
        return " OR ".join(f'"{word}"' for word in self.words)


def terms(query: str) -> Terms:
    words = dict.fromkeys(word for word in _WORD.findall(query.casefold()) if word not in STOP_WORDS)
    kept = tuple(words)[:MAX_TERMS]
    return Terms(kept, len(words) - len(kept))

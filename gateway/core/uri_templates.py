"""Which URIs are of a template (RFC 6570), as far as it takes to find the backend that has them.

A template is a backend's word, so matching is by RE2, in linear time, and bounded. What a variable stands for is
the backend's affair: only whether a URI can be an expansion is decided here, by the characters that each operator
of the RFC (section 3.2) lets through.
"""

import re
from collections.abc import Callable

from gateway.core.patterns import whole_match
from toolward.errors import ConfigurationError

MAX_URI = 8_192
"""Characters of a URI that anybody reads, or that a backend lists."""

MAX_EXPRESSIONS = 20
"""Of one template that is matched."""

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")

_EXPRESSION = re.compile(r"\{([+#./;?&]?)([A-Za-z0-9_.%,*:]+)\}")
_OF_OPERATOR = {
    "": "[^/?#]*",
    "+": ".*",
    "#": "(?:#.*)?",
    ".": r"(?:\.[^/?#]*)?",
    "/": "(?:/[^?#]*)?",
    ";": "(?:;[^/?#]*)?",
    "?": r"(?:\?[^#]*)?",
    "&": "(?:&[^#]*)?",
}


def flaw_in_uri(uri: str) -> str:
    """What is wrong with the text of a URI or template, or nothing. Goes on from *it*."""
    if not uri or len(uri) > MAX_URI:
        return f"has {len(uri):,} characters; 1 to {MAX_URI:,} are taken"
    return "" if uri.isprintable() else "has characters in it that cannot be seen"


class UriTemplate:
    """`kb://articles/{id}`. `prefix` is what stands before its first expression: of several templates that a URI
    can be of, the one with the longest is meant."""

    __slots__ = ("_match", "prefix")

    def __init__(self, text: str) -> None:
        """Raises ConfigurationError for what no URI can be found by: no scheme before its first expression, or what
        RFC 6570 does not have."""
        pieces = _EXPRESSION.split(text)  # literal, operator, variables, literal, …
        self.prefix = pieces[0]
        if SCHEME.match(self.prefix) is None:
            raise ConfigurationError("it does not begin with a scheme")
        if any(sign in literal for literal in pieces[::3] for sign in "{}"):
            raise ConfigurationError("it has an expression that RFC 6570 does not know")
        if len(pieces) > 3 * MAX_EXPRESSIONS + 1:
            raise ConfigurationError(f"it has more than {MAX_EXPRESSIONS} expressions")
        expression = re.escape(self.prefix)
        for operator, literal in zip(pieces[1::3], pieces[3::3], strict=True):
            expression += _OF_OPERATOR[operator] + re.escape(literal)
        self._match: Callable[[str], bool] = whole_match(expression)

    def matches(self, uri: str) -> bool:
        return uri.startswith(self.prefix) and self._match(uri)

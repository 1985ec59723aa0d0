"""Who calls by a client's certificate: the names in it, and the principal that each of them is.

A door that has verified a certificate says its names under a header's name that no client can send.
"""

import json
from collections.abc import Iterable, Mapping

import msgspec

from toolward.errors import Unauthenticated
from toolward.types import Principal

HEADER = ":certificate"

_decode = msgspec.json.Decoder(list[str]).decode


def said(
    *,
    uris: Iterable[str] = (),
    dns: Iterable[str] = (),
    emails: Iterable[str] = (),
    common: Iterable[str] = (),
) -> str:
    """The header's text. `common` are names of the subject: only for a certificate without other names
    (RFC 6125, 6.4.4)."""
    names = [f"uri {one}" for one in uris] + [f"dns {one.lower()}" for one in dns]
    names += [f"email {one}" for one in emails] + [f"cn {one}" for one in common]
    return json.dumps(names, separators=(",", ":"))  # ASCII: headers hold no more


def named(name: str) -> tuple[str, ...]:
    """As what a configured name may stand in a certificate: `spiffe://corp.example/crm`, `ada@corp.example`,
    `crm.corp.example`, or a subject's common name, which may be anything."""
    if ":" in name:
        kind = f"uri {name}"
    elif "@" in name:
        kind = f"email {name}"
    else:
        kind = f"dns {name.lower()}"
    return (kind, f"cn {name}")


class Certificates:
    """Known certificates by their names; a name must be the same to the letter."""

    def __init__(self, principals: Mapping[str, Principal]) -> None:
        """By configured names."""
        self._known = {one: principal for name, principal in principals.items() for one in named(name)}

    def find(self, header: str) -> Principal:
        """Raises Unauthenticated for a certificate that names nobody, or two."""
        found = list({one.id: one for name in _decode(header) if (one := self._known.get(name))}.values())
        if len(found) == 1:
            return found[0]
        raise Unauthenticated(
            "The certificate has the names of several principals."
            if found
            else "The certificate is that of nobody who is known here.",
            hint="Write its name beside a principal (`certificate`), or send a token.",
        )

"""The section `principals` of `toolward.yaml`: who may call, and what proves it."""

import re

from gateway.config.reader import Section
from gateway.config.settings import PrincipalSettings

LOCAL = PrincipalSettings(id="local", roles=("operator",))
"""The person at this computer, who proves themself by the installation's secret."""

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,127}")


def flaw_in_word(word: str) -> str:
    """What is wrong with an id, a role or a tenant; empty where nothing is."""
    return "" if _WORD.fullmatch(word) else f"has {word[:60]!r}; use A-Z, a-z, 0-9 and _.@-, at most 128"


def read_principals(root: Section, *, by_certificate: bool) -> tuple[PrincipalSettings, ...]:
    """`by_certificate`: the doors ask for the certificates of clients."""
    if "principals" not in root:
        return (LOCAL,)
    found: list[PrincipalSettings] = []
    for at in root.sections("principals"):
        one = _principal(at)
        if any(one.id == other.id for other in found):
            at.wrong("id", f"is {one.id!r} a second time; every principal has an id of its own")
        if one.token and any(one.token == other.token for other in found):
            at.wrong("token", "is the token of another principal; every principal has its own")
        if one.certificate and any(one.certificate == other.certificate for other in found):
            at.wrong("certificate", "is that of another principal; every principal has its own")
        if one.certificate and not by_certificate:
            at.wrong("certificate", "says nothing without `tls.client_ca`: no client is asked for one")
        found.append(one)
    return tuple(found)


def _principal(at: Section) -> PrincipalSettings:
    at.only("id", "roles", "tenant", "token", "certificate")
    one = PrincipalSettings(
        id=at.needed_text("id", "id: ada"),
        roles=at.texts("roles"),
        tenant=at.text("tenant", "default"),
        token=at.text("token", secret=True),
        certificate=at.text("certificate"),
    )
    words = (("id", one.id), ("tenant", one.tenant), *(("roles", role) for role in one.roles))
    for key, word in words:
        if word and (flaw := flaw_in_word(word)):
            at.wrong(key, flaw)
    return one

"""The section `gateways`: other gateways that call this one for people, and what they may say of them."""

from gateway.config.reader import Section
from gateway.config.settings import GatewaySettings
from toolward.auth.on_behalf import SHORTEST_KEY


def read_gateways(root: Section) -> tuple[GatewaySettings, ...]:
    found: list[GatewaySettings] = []
    for at in root.sections("gateways"):
        at.only("id", "key", "tenants", "roles")
        one = GatewaySettings(
            id=at.needed_text("id", "id: east"),
            key=_key(at),
            tenants=at.texts("tenants") if "tenants" in at else ("default",),
            roles=at.texts("roles"),
        )
        if any(one.id == other.id for other in found):
            at.wrong("id", f"is {one.id!r} a second time; every gateway is a principal of its own")
        if one.key and any(one.key == other.key for other in found):
            at.wrong("key", "is the key of another gateway; every gateway has its own")
        found.append(one)
    return tuple(found)


def _key(at: Section) -> str:
    if "key" not in at:
        at.missing("key", 'key: "${file:east.key}"')
        return ""
    key = at.text("key", secret=True)
    if len(key) < SHORTEST_KEY:
        at.wrong("key", f"must have {SHORTEST_KEY} characters or more (openssl rand -base64 32)")
    return key

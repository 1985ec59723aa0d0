"""What is to be known of an identity provider before its tokens are taken. Apart from what checks them, so that
reading a configuration loads no cryptography."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from toolward.auth.on_behalf import SKEW


class SignIn(msgspec.Struct, frozen=True):
    """As which client of the provider's we let people sign in with a browser. Without a secret it is a public
    client; `name` is what people read; `scope` is what is asked for."""

    client_id: str
    client_secret: str = ""
    auth: Literal["basic", "post"] = "basic"
    name: str = ""
    scope: str = "openid"

    def __repr__(self) -> str:  # it holds a secret
        return f"SignIn({self.client_id!r})"


class JwtSettings(msgspec.Struct, frozen=True):
    """Whose tokens are taken, and what their claims say of a caller. A claim is named as it is, or by a path with
    dots (`realm_access.roles`).

    `audience` is one, or several of which a token must have one. `keys` is the path or URL of the issuer's JWK set;
    empty = the one that its metadata names. `networks` are those that the names of these addresses may lead to,
    beside public ones. `skew` is in seconds.

    `prefix` comes before every id. `tenant` is that of tokens without the claim; empty = they are refused; an empty
    `tenant_claim` is looked for in none. With `roles` (theirs -> ours), only what it names counts. With `scopes`
    (theirs -> globs over tools and operations), a caller may do no more than those of the token's claim `scope`.
    """

    issuer: str
    audience: str | tuple[str, ...]
    keys: str = ""
    roles_claim: str = "roles"
    tenant_claim: str = "tenant"
    networks: tuple[str, ...] = ()
    id_claim: str = "sub"
    prefix: str = ""
    tenant: str = "default"
    roles: Mapping[str, str] | None = None
    scopes: Mapping[str, tuple[str, ...]] | None = None
    skew: int = SKEW
    sign_in: SignIn | None = None

"""Proving who calls. A door hands over the request's headers and gets a principal, or refuses.

tokens      bearer tokens: those of an installation, and a file of hashed ones
api_keys    `tw_PREFIX_SECRET`: many, each with roles, scopes and an end
jwt, keys   tokens that an identity provider signed (the extra `jwt`; loaded only where it is configured)
issuers     several such providers; discovery, where each has its keys; claims, what their tokens say of a caller
certificates  the names in a client's certificate
on_behalf   for whom a gateway calls
"""

from toolward.auth.tokens import (
    Authenticate,
    Tokens,
    Verify,
    bearer,
    load_tokens,
    local_secret,
    new_secret,
    open_to_all,
    proven,
)

__all__ = [
    "Authenticate",
    "Tokens",
    "Verify",
    "bearer",
    "load_tokens",
    "local_secret",
    "new_secret",
    "open_to_all",
    "proven",
]

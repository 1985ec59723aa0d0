"""What only the browser that begins to sign in at a provider has, so that no other one can go on."""

import base64
import hashlib
from typing import NamedTuple


class Handshake(NamedTuple):
    """`state` comes back with the browser, `nonce` in the ID token; `verifier` (RFC 7636) is shown to the provider
    when the code is used."""

    state: str
    nonce: str
    verifier: str

    @property
    def challenge(self) -> str:
        """What the provider is shown of the verifier before (RFC 7636, 4.2)."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

"""The `state` of an InputRequired: proof that we asked about this call. A client hands it back with the answer."""

import hashlib
import hmac

from gateway.core.digests import canonical
from gateway.core.ports import RequestSpec

_WHAT = "toolward request state 1"


class Seal:
    """Without a key nothing is sealed, and nothing holds."""

    def __init__(self, key: bytes = b"") -> None:
        self._key = key

    def of(self, spec: RequestSpec) -> str:
        """Bound to the request, its caller, tool, arguments and expiry. That it is used once is the request's own
        state: it is answered once. Empty without a key."""
        if not self._key:
            return ""
        request = spec.request
        said = [_WHAT, request.id, *spec.binding, spec.tool_digest, spec.sent_digest, request.expires_at]
        return hmac.new(self._key, canonical(said), hashlib.sha256).hexdigest()

    def holds(self, state: str, spec: RequestSpec) -> bool:
        expected = self.of(spec)
        return bool(expected) and hmac.compare_digest(expected.encode(), state.encode(errors="replace"))

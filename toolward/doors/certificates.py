"""The names in the certificate by which a client has connected, as a door hands them on to `Authenticate`.

Both doors look at the same kinds of names, so that a certificate is nobody else at the other one.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from toolward.auth.certificates import HEADER, said

NOTHING: Mapping[str, str] = {}


def of_connection(transport: Any) -> Mapping[str, str]:
    """The header, from a transport whose handshake is done; none where the client showed no certificate."""
    connection = transport.get_extra_info("ssl_object")
    found: Mapping[str, Any] | None = None if connection is None else connection.getpeercert()
    if not found:
        return NOTHING
    others: dict[str, list[str]] = {"URI": [], "DNS": [], "email": [], "IP Address": []}
    for kind, name in found.get("subjectAltName", ()):
        others.get(kind, []).append(name)
    subject = [value for part in found.get("subject", ()) for key, value in part if key == "commonName"]
    text = said(
        uris=others["URI"],
        dns=others["DNS"],
        emails=others["email"],
        common=() if any(others.values()) else subject,
    )
    return {HEADER: text}


def of_call(context: Mapping[str, Iterable[bytes]]) -> str:
    """The header's text from a gRPC call's `auth_context`; empty where the client showed no certificate."""
    if "x509_pem_cert" not in context:
        return ""

    def texts(key: str) -> list[str]:
        return [one.decode(errors="replace") for one in context.get(key, ())]

    others = texts("x509_subject_alternative_name")
    return said(
        uris=texts("peer_uri"),
        dns=texts("peer_dns"),
        emails=texts("peer_email"),
        common=() if others else texts("x509_common_name"),
    )

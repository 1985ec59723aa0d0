"""Encryption of the doors on sockets; with the CA of their clients, only those whom it vouches for connect."""

import ssl
from pathlib import Path
from typing import Any, Literal

import msgspec

from toolward.errors import ConfigurationError

Clients = Literal["required", "optional"]


class Tls(msgspec.Struct, frozen=True):
    """Files in PEM: the certificate with its chain, its key, and where clients must have one, their CA.
    `clients` says whether they must; gRPC can only demand one, so it asks for none where they need not."""

    certificate: Path
    key: Path
    client_ca: Path | None = None
    clients: Clients = "required"

    def context(self) -> ssl.SSLContext:
        """Raises ConfigurationError that names the file."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self.certificate, self.key)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise _unusable(f"The certificate {self.certificate} with the key {self.key}", error) from None
        if self.client_ca is not None:
            try:
                context.load_verify_locations(self.client_ca)
            except (OSError, ValueError) as error:
                raise _unusable(f"The clients' CA {self.client_ca}", error) from None
            context.verify_mode = ssl.CERT_REQUIRED if self.clients == "required" else ssl.CERT_OPTIONAL
        return context

    def grpc_credentials(self) -> Any:
        """grpc.ServerCredentials. Raises ConfigurationError that names the file."""
        import grpc

        self.context()  # gRPC itself would say only that it failed
        ca = self.client_ca.read_bytes() if self.client_ca and self.clients == "required" else None
        pair = (self.key.read_bytes(), self.certificate.read_bytes())
        return grpc.ssl_server_credentials([pair], ca, require_client_auth=ca is not None)


def _unusable(what: str, error: Exception) -> ConfigurationError:
    said = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
    return ConfigurationError(
        f"{what} cannot be used: {said}.", hint="Both must be PEM files that this user may read."
    )

"""Encryption towards a server over gRPC: whom a client believes, and what it shows of itself."""

from pathlib import Path
from typing import Any

import msgspec

from toolward.errors import ConfigurationError


class ClientTls(msgspec.Struct, frozen=True):
    """Files in PEM. `roots` are the certificates, or their CAs, that are believed; None = those of this computer.
    `certificate` and `key` are the client's own. `name` is the one that must stand in the server's certificate;
    empty = the host that is called."""

    roots: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    name: str = ""

    def credentials(self) -> Any:
        """grpc.ChannelCredentials. Raises ConfigurationError."""
        import grpc

        return grpc.ssl_channel_credentials(*map(_text, (self.roots, self.key, self.certificate)))

    def options(self) -> tuple[tuple[str, str], ...]:
        return (("grpc.ssl_target_name_override", self.name),) if self.name else ()


def _text(path: Path | None) -> bytes | None:
    try:
        return None if path is None else path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror or error}.", hint="Check the path and who may read it."
        ) from None

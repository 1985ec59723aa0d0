"""What every tool server can be told, by flags or by the environment: where it serves, whom it trusts, how it
speaks of itself. Secrets come by the environment or by files, never by flags, which other users can see."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from toolward.doors.limits import BODY_BYTES, CALLS
from toolward.errors import ConfigurationError
from toolward.telemetry.logs import FORMS

TOKEN = "TOOLWARD_TOKEN"  # noqa: S105 -- the name of a variable, not a token
PRINCIPAL_KEY = "TOOLWARD_PRINCIPAL_KEY"

SECRETS = f"""secrets, each also as {TOKEN}_FILE and the like, for files that hold them:
  {TOKEN}            the bearer token that callers over HTTP and gRPC must send
  {PRINCIPAL_KEY}    shared with a gateway, which signs with it for whom it calls

OTEL_EXPORTER_OTLP_ENDPOINT and OpenTelemetry's other variables: where spans are sent (needs toolward[otel])."""


@dataclass(frozen=True)
class Options:
    """Empty texts mean: not given."""

    http: Annotated[str, "HOST:PORT: serve MCP over Streamable HTTP at /mcp"] = ""
    grpc: Annotated[str, "HOST:PORT: serve gRPC"] = ""
    hosts: Annotated[str, "names, with commas, that the HTTP door answers for beside its address"] = ""
    sessions: Annotated[bool, "true: give every MCP client before 2026-07-28 a session over HTTP"] = False
    tokens: Annotated[str, "TOML file of hashed bearer tokens; --new-token ID makes an entry"] = ""
    jwt_issuer: Annotated[str, "take JWTs of this issuer"] = ""
    jwt_audience: Annotated[str, "... for this audience: the URL of the MCP door, as clients know it"] = ""
    jwt_keys: Annotated[
        str, "... checked with this JWK set: a file or a URL; otherwise found by the issuer's metadata"
    ] = ""
    jwt_networks: Annotated[str, "networks, with commas, that the URL's name may lead to; or: private"] = ""
    jwt_roles_claim: Annotated[str, "the claim that has a caller's roles"] = "roles"
    jwt_tenant_claim: Annotated[str, "the claim that has a caller's tenant"] = "tenant"
    tls_cert: Annotated[str, "PEM file: certificate and chain of the HTTP and gRPC doors"] = ""
    tls_key: Annotated[str, "PEM file: its key"] = ""
    tls_client_ca: Annotated[str, "PEM file: let in only clients with a certificate of this CA"] = ""
    max_calls: Annotated[int, "calls in work at once; more are told to come back"] = CALLS
    max_body: Annotated[int, "bytes of one HTTP request"] = BODY_BYTES
    drain: Annotated[int, "seconds that calls in work have when the server stops"] = 10
    drain_delay: Annotated[int, "seconds of serving on, before, while /readyz says no"] = 0
    log_format: Annotated[str, "text or json"] = "text"
    log_level: Annotated[str, "debug, info, warning or error"] = "warning"

    def __post_init__(self) -> None:
        """Raises ConfigurationError."""
        for name, allowed in _CHOICES.items():
            if (given := getattr(self, name)) not in allowed:
                raise ConfigurationError(
                    f"--{name.replace('_', '-')} is {given!r}; it can be {', '.join(allowed)}."
                )
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise ConfigurationError(f"--{name.replace('_', '-')} must be {least} or more.")


_CHOICES = {"log_format": FORMS, "log_level": ("debug", "info", "warning", "error")}
_LEAST = {"max_calls": 1, "max_body": 1024, "drain": 0, "drain_delay": 0}


def secret(name: str, environment: Mapping[str, str] = os.environ) -> str:
    """The secret `name`, or the text of the file that `name`_FILE names; empty where there is neither. Raises
    ConfigurationError for a file that cannot be read, or is empty: that was not meant."""
    if value := environment.get(name, ""):
        return value
    path = environment.get(f"{name}_FILE", "")
    if not path:
        return ""
    try:
        value = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or error
        raise ConfigurationError(f"{name}_FILE is {path}, which cannot be read: {said}.") from None
    if not value:
        raise ConfigurationError(f"{name}_FILE is {path}, which is empty.")
    return value

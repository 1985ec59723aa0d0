"""From options to whom a tool server trusts, and on which terms its doors are open."""

from pathlib import Path

from toolward.auth import Authenticate, Tokens, Verify, load_tokens, open_to_all
from toolward.auth.on_behalf import OnBehalf
from toolward.auth.tokens import Token, bearer_or, known_token
from toolward.doors.address import Address
from toolward.doors.entrance import Entrance
from toolward.doors.limits import Limits
from toolward.doors.protected_resource import ProtectedResource
from toolward.doors.terms import Terms
from toolward.doors.tls import Tls
from toolward.errors import ConfigurationError
from toolward.kit.options import PRINCIPAL_KEY, TOKEN, Options, secret
from toolward.telemetry.tracing import Tracing
from toolward.types import Principal

LOCAL = Principal("local", roles=("operator",))
"""Who calls where nothing more is known: over stdio, with the one token of a start, or on open loopback."""


def proves_nobody(options: Options) -> bool:
    """Whether callers on sockets are let in as they come."""
    return not (secret(TOKEN) or options.tokens or options.jwt_issuer or options.tls_client_ca)


def authentication(options: Options, *addresses: Address | None) -> Authenticate:
    """Raises ConfigurationError where an address can be reached from elsewhere and nobody would have to prove who
    they are."""
    known: list[Token] = list(load_tokens(Path(options.tokens))) if options.tokens else []
    if token := secret(TOKEN):
        known.append(known_token(token, LOCAL))
    verify = _jwt(options)
    if known or verify is not None:
        return bearer_or(Tokens(*known), verify)
    for address in addresses:
        if address is not None and not address.is_loopback and not options.tls_client_ca:
            raise ConfigurationError(
                f"{address} can be reached from other computers, and nothing says who may call.",
                hint=f"Set {TOKEN}, give --tokens, --jwt-issuer or --tls-client-ca, or serve on 127.0.0.1.",
            )
    return open_to_all(LOCAL)


def _jwt(options: Options) -> Verify | None:
    if not (options.jwt_issuer or options.jwt_audience or options.jwt_keys):
        return None
    try:
        from toolward.auth.jwt import JwtSettings, jwt_verifier  # a tenth of a second, for those who use it
    except ImportError as error:
        raise ConfigurationError(
            f"To take JWTs, the package {error.name} is needed.",
            hint="Install it: pip install 'toolward[jwt]'",
        ) from None
    return jwt_verifier(
        JwtSettings(
            options.jwt_issuer,
            options.jwt_audience,
            options.jwt_keys,
            options.jwt_roles_claim,
            options.jwt_tenant_claim,
            tuple(word.strip() for word in options.jwt_networks.split(",") if word.strip()),
        )
    )


def terms(options: Options, tracing: Tracing | None) -> Terms:
    """Raises ConfigurationError."""
    key = secret(PRINCIPAL_KEY)
    limits = Limits(calls=options.max_calls, body_bytes=options.max_body)
    return Terms(
        entrance=Entrance(limits=limits, on_behalf=OnBehalf(key) if key else None, tracing=tracing),
        tls=_tls(options),
        hosts=tuple(name.strip() for name in options.hosts.split(",") if name.strip()),
        sessions=options.sessions,
        limits=limits,
        drain=options.drain,
        drain_delay=options.drain_delay,
        protected=_protected(options),
    )


def _tls(options: Options) -> Tls | None:
    if not (options.tls_cert or options.tls_key or options.tls_client_ca):
        return None
    if not (options.tls_cert and options.tls_key):
        raise ConfigurationError(
            "For TLS, a certificate and its key are needed.", hint="Give --tls-cert and --tls-key."
        )
    ca = Path(options.tls_client_ca) if options.tls_client_ca else None
    return Tls(Path(options.tls_cert), Path(options.tls_key), ca)


def _protected(options: Options) -> ProtectedResource | None:
    """Clients find the issuer by it. An audience that is no URL is another system's name for us, and then there is
    nothing that they could be told."""
    if not options.jwt_issuer or "://" not in options.jwt_audience:
        return None
    if not options.jwt_audience.startswith(("http://", "https://")):
        return None
    return ProtectedResource(options.jwt_audience, options.jwt_issuer)

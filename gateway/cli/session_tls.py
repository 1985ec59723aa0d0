"""How a command reaches the gateway of this computer where `tls` is configured.

It has the certificate at hand, so it believes that very one, whatever names it is for and whoever issued it.
"""

from pathlib import Path

from toolward.client.client_tls import ClientTls
from toolward.doors.tls import Tls
from toolward.errors import ConfigurationError


def tls_to(tls: Tls | None) -> ClientTls | None:
    """Where the gateway wants a certificate of its clients, it is shown its own: its clients' CA can have issued
    that one, too. Raises ConfigurationError."""
    if tls is None:
        return None
    if _wants_one(tls):
        return ClientTls(tls.certificate, tls.certificate, tls.key, _name_in(tls.certificate))
    return ClientTls(tls.certificate, name=_name_in(tls.certificate))


def hint_for(tls: Tls | None) -> str:
    """What to do where it does not let us in."""
    if tls is None or not _wants_one(tls):
        return ""
    return (
        "If it is: it wants a certificate of its clients, and a command shows it the gateway's own "
        "(tls.certificate). Let tls.client_ca vouch for that one, for clients too, or write clients: optional."
    )


def _wants_one(tls: Tls) -> bool:
    return tls.client_ca is not None and tls.clients == "required"


def _name_in(file: Path) -> str:
    """A name that the first certificate of the file is for. Raises ConfigurationError."""
    from cryptography import x509

    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"The certificate {file} cannot be used: {error}.", hint="It must be PEM."
        ) from None
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return str(common[0].value) if common else ""
    hosts = [name.replace("*", "gateway") for name in names.get_values_for_type(x509.DNSName)]
    return next(iter((*hosts, *map(str, names.get_values_for_type(x509.IPAddress)))), "")

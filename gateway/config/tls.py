"""The section `tls` of `toolward.yaml`: encryption of both doors, and whether clients show a certificate."""

from pathlib import Path
from typing import cast, get_args

from gateway.config.reader import Section
from toolward.doors.tls import Clients, Tls


def read_tls(root: Section, directory: Path) -> Tls | None:
    """What is in the files is looked at when the doors open."""
    if "tls" not in root:
        return None
    at = root.section("tls")
    at.only("certificate", "key", "client_ca", "clients")
    for key in ("certificate", "key"):
        if key not in at:
            at.missing(key, f"{key}: {key}.pem")
    if "clients" in at and "client_ca" not in at:
        at.wrong("clients", "says nothing without `client_ca`, which vouches for their certificates")
    ca = _file(at, "client_ca", directory) if "client_ca" in at else None
    clients = cast(Clients, at.one_of("clients", *get_args(Clients))) if "clients" in at else "required"
    return Tls(_file(at, "certificate", directory), _file(at, "key", directory), ca, clients)


def _file(at: Section, key: str, directory: Path) -> Path:
    path = directory / Path(at.text(key)).expanduser()
    if key in at and not path.is_file():
        at.wrong(key, f"names {path}, and there is no such file; mend the path")
    return path

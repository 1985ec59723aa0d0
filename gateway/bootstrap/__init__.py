"""The only place that constructs things: settings in, a running gateway out."""

from gateway.bootstrap.doors import open_doors
from gateway.bootstrap.house import Gateway, ledger_file, open_gateway
from gateway.bootstrap.identity import local_person, secret_file
from gateway.bootstrap.links import make_link

__all__ = [
    "Gateway",
    "ledger_file",
    "local_person",
    "make_link",
    "open_doors",
    "open_gateway",
    "secret_file",
]

"""The only place that constructs things: settings in, a running gateway out.

What is named here is loaded when it is asked for: a command that only asks a gateway that runs needs none of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_WHERE = {
    "Gateway": "house",
    "ledger_file": "house",
    "local_person": "identity",
    "make_link": "links",
    "open_doors": "doors",
    "open_gateway": "house",
    "secret_file": "identity",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)

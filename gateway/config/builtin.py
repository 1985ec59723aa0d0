"""The configuration where there is none: the four tool servers of this installation, two over MCP stdio, one over
MCP HTTP, one over gRPC, for the person at this computer.

No token is written here: whoever starts a server on a socket makes one for that start.
"""

import shlex
import socket
import sys
from pathlib import Path

from gateway.config.principals import LOCAL
from gateway.config.settings import Settings
from gateway.config.shipped import shipped_agents, shipped_policies
from gateway.core.catalog import ToolFacts
from gateway.core.spec import GrpcSpec, HttpSpec, Launch, Spec, StdioSpec
from toolward.doors.address import Address

SOURCE = "the built-in default"
CRM = Address("127.0.0.1", 8740)
FILES = Address("127.0.0.1", 8731)

_READS = ToolFacts(changes=False, idempotent=True)
_KEYED = ToolFacts(changes=True, keeps_keys=True)

FACTS = {
    "calculator.*": _READS,
    "search.search": _READS,
    "search.fetch": _READS,
    "search.list_documents": _READS,
    "search.get_index_status": _READS,
    "search.add_documents": _KEYED,
    "search.delete_documents": _KEYED,
    "search.watch_folder": _KEYED,
    "files.list_files": _READS,
    "files.read_file": _READS,
    "files.search_text": _READS,
    "files.write_file": _KEYED,
    "files.edit_file": _KEYED,
    "files.copy_path": _KEYED,
    "files.move_path": _KEYED,
    "files.delete_path": _KEYED,
    "files.undo_change": _KEYED,
    "crm.find_records": _READS,
    "crm.get_record": _READS,
    "crm.create_ticket": _KEYED,
    "crm.update_ticket": _KEYED,
    "crm.add_ticket_message": _KEYED,
    "crm.update_customer": _KEYED,
    "crm.change_order": _KEYED,
    "crm.create_return": _KEYED,
    "crm.refund_payment": _KEYED,
    "crm.create_credit_memo": _KEYED,
    "crm.change_subscription": _KEYED,
    "crm.schedule_meeting": _KEYED,
}
"""What we know of our own tools, by qualified name or glob. Of the CRM's admin tools (`reset_world` and the like)
nothing is said: then they change things and are repeated for nobody."""


def builtin_settings(home: Path, *, free_ports: bool = False) -> Settings:
    """The files server works in `workspace(home)`, the CRM's database is `home`/crm.db, the search server's index
    `home`/search.db; the servers make them.

    With `free_ports` the servers get others than the usual ports, which may be taken: for a command that brings
    servers of its own.
    """
    at_crm, at_files = (_free(CRM), _free(FILES)) if free_ports else (CRM, FILES)
    crm = {"TOOLWARD_CRM_DATABASE": str(home / "crm.db")}
    files = {"TOOLWARD_FILES_ROOT": str(workspace(home)), "TOOLWARD_FILES_STATE": str(home / "files-state")}
    backends: tuple[Spec, ...] = (
        _on_stdio("search", {"TOOLWARD_SEARCH_INDEX": str(home / "search.db")}),
        _on_stdio("calculator", {}),
        HttpSpec(
            name="crm",
            address=f"http://{at_crm}/mcp",
            url=f"http://{at_crm}/mcp",
            start=Launch(_server("crm", "--http", str(at_crm)), crm),
            on_behalf_of=True,
        ),
        GrpcSpec(
            name="files",
            address=str(at_files),
            target=str(at_files),
            start=Launch(_server("files", "--grpc", str(at_files)), files),
            on_behalf_of=True,
        ),
    )
    return Settings(
        source=SOURCE,
        backends=backends,
        facts=FACTS,
        agents=shipped_agents(),
        policies=shipped_policies(),
        principals=(LOCAL,),
    )


def workspace(home: Path) -> Path:
    """Where the files server of the built-in configuration works."""
    return home / "workspace"


def _free(usual: Address) -> Address:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((usual.host, 0))
        return usual._replace(port=int(probe.getsockname()[1]))


def _on_stdio(name: str, environment: dict[str, str]) -> StdioSpec:
    launch = Launch(_server(name), environment)
    return StdioSpec(name=name, address=shlex.join(launch.command), launch=launch, on_behalf_of=True)


def _server(name: str, *flags: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"toolservers.{name}", *flags)

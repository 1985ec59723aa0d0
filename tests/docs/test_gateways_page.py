"""What docs/gateways.md says can be read, and its two gateways fit each other."""

import re
from pathlib import Path

from gateway.config.parse import read_settings
from gateway.config.settings import Settings
from gateway.core.entries import MAX_HOPS
from gateway.core.spec import GrpcSpec, HttpSpec
from toolward.auth.on_behalf import OnBehalf
from toolward.auth.peers import Peer, Peers
from toolward.outbound.token_server import ASSUMED_LIFETIME
from toolward.types import Principal

PAGE = (Path(__file__).parents[2] / "docs" / "gateways.md").read_text(encoding="utf-8")
ENVIRONMENT = {"ERP_SECRET": "s", "EAST_TOKEN": "t" * 40, "EAST_KEY": "k" * 40}


def examples(folder: Path) -> list[Settings]:
    found: list[Settings] = []
    for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL):
        (folder / "toolward.yaml").write_text(text)
        found.append(read_settings(folder / "toolward.yaml", ENVIRONMENT))
    return found


def test_its_examples_can_be_read_and_the_two_gateways_believe_each_other(tmp_path: Path) -> None:
    erp, inner, outer = examples(tmp_path)
    (backend,) = erp.backends
    assert isinstance(backend, HttpSpec)
    assert backend.oauth is not None
    (reached,) = outer.backends
    assert isinstance(reached, GrpcSpec)
    (entry,) = inner.gateways
    peer = next(one for one in inner.principals if one.token == reached.token)
    assert peer.id == entry.id
    peers = Peers([Peer(entry.id, entry.key, entry.tenants, entry.roles)])
    said = OnBehalf(reached.principal_key).sign(Principal("ada", ("support", "lead"), "acme"))
    assert peers.read_from(Principal(peer.id), said).principal == Principal("ada", ("support",), "acme")


def test_its_numbers_are_the_numbers() -> None:
    assert f"({ASSUMED_LIFETIME / 60:g} minutes where the server does not say)" in " ".join(PAGE.split())
    assert f"A call passes {MAX_HOPS} at most" in PAGE

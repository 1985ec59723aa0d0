"""Where a name may lead: every form of an address that is not a public one, and what opens which of them."""

import ipaddress
import socket
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolward.errors import ConfigurationError, Denied
from toolward.outbound.egress import Origin, Origins
from toolward.outbound.reach import PUBLIC, Reach, is_public

NOT_PUBLIC_V4 = (
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.2.0/24 192.168.0.0/16"
    " 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4"
)
NOT_PUBLIC_V6 = (
    "::/8 100::/64 fc00::/7 fe80::/10 fec0::/10 ff00::/8 2001:db8::/32 2001::/32 2002::/16 64:ff9b:1::/48"
)
PRIVATE_V4 = NOT_PUBLIC_V4.split(" ")
NOT_PUBLIC = PRIVATE_V4 + NOT_PUBLIC_V6.split(" ")


def leads_to(*addresses: str, networks: Sequence[str] = ()) -> Reach:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return Reach(networks, resolve)


def within(network: str) -> st.SearchStrategy[str]:
    net = ipaddress.ip_network(network)
    return st.integers(0, net.num_addresses - 1).map(lambda at: str(net[at]))


inner = st.sampled_from(PRIVATE_V4).flatmap(within)


# --- what a name may not lead to -------------------------------------------------------------------------


@given(st.sampled_from(NOT_PUBLIC).flatmap(within))
def test_no_address_of_these_networks_is_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@given(inner, st.sampled_from(["::ffff:", "64:ff9b::", "2002:"]))
def test_an_ipv4_address_is_judged_inside_an_ipv6_one_too(address: str, form: str) -> None:
    number = int(ipaddress.IPv4Address(address))
    written = f"2002:{number >> 16:x}:{number & 0xFFFF:x}::1" if form == "2002:" else f"{form}{address}"
    assert not is_public(ipaddress.ip_address(written))


@pytest.mark.parametrize("address", ["9.9.9.9", "2620:fe::fe", "::ffff:9.9.9.9", "64:ff9b::9.9.9.9"])
async def test_a_name_leads_to_public_addresses(address: str) -> None:
    assert await leads_to(address).addresses("host.example", 443) == (address,)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "::1",
        "10.1.2.3",
        "169.254.169.254",
        "fd00:ec2::254",
        "100.64.0.1",
        "0.0.0.0",
        "::",
        "fe80::1%1",
    ],
)
async def test_a_name_leads_to_no_other(address: str) -> None:
    with pytest.raises(Denied, match=r"the name leads to .*, which is no public address"):
        await leads_to(address).addresses("host.example", 443)


async def test_one_bad_address_spoils_the_name() -> None:
    with pytest.raises(Denied, match=r"10\.0\.0\.1"):
        await leads_to("9.9.9.9", "10.0.0.1").addresses("host.example", 443)


async def test_a_name_without_an_address_is_not_there() -> None:
    with pytest.raises(socket.gaierror):
        await leads_to().addresses("host.example", 443)


# --- what opens it ---------------------------------------------------------------------------------------


@given(inner.filter(lambda one: ipaddress.ip_address(one).is_private))
def test_a_refusal_names_the_network_that_would_open_it(address: str) -> None:
    with pytest.raises(Denied) as caught:
        leads_to(address).addresses("host.example", 1).send(None)
    assert f"networks: [{address}]" in caught.value.hint


@pytest.mark.parametrize(
    ("networks", "address"),
    [
        (["10.0.0.0/8"], "10.1.2.3"),
        (["10.1.2.3"], "10.1.2.3"),
        (["10.0.0.0/8"], "::ffff:10.1.2.3"),
        (["private"], "172.19.0.2"),
        (["private"], "192.168.1.1"),
        (["private"], "fd12:3456::1"),
        (["127.0.0.0/8"], "127.0.0.1"),
        (["169.254.169.254"], "169.254.169.254"),
    ],
)
async def test_a_configured_network_is_open(networks: list[str], address: str) -> None:
    assert await leads_to(address, networks=networks).addresses("crm", 8700) == (address,)


@pytest.mark.parametrize(
    ("networks", "address"),
    [
        (["10.0.0.0/8"], "192.168.0.1"),
        (["private"], "127.0.0.1"),
        (["private"], "169.254.1.1"),
        (["private"], "fd00:ec2::254"),
        (["169.254.0.0/16"], "169.254.169.254"),  # a cloud's credentials: only by their very address
        (["0.0.0.0/0"], "169.254.169.254"),
        (["100.64.0.0/10"], "100.100.100.200"),
        (["0.0.0.0/0"], "::ffff:169.254.169.254"),
        (["0.0.0.0/0"], "0.0.0.0"),
        (["0.0.0.0/0"], "224.0.0.1"),
    ],
)
async def test_it_opens_nothing_else(networks: list[str], address: str) -> None:
    with pytest.raises(Denied):
        await leads_to(address, networks=networks).addresses("crm", 8700)


@pytest.mark.parametrize("text", ["10.0.0.1/8", "internal", "", "10.0.0.0/33", "1"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is no network"):
        Reach([text])


@pytest.mark.parametrize("host", ["localhost", "crm.localhost"])
async def test_localhost_is_this_computer_and_nothing_else(host: str) -> None:
    assert await leads_to("127.0.0.1", "::1").addresses(host, 80) == ("127.0.0.1", "::1")
    with pytest.raises(Denied):
        await leads_to("10.0.0.1").addresses(host, 80)


@pytest.mark.parametrize("host", ["localhost.example", "notlocalhost"])
async def test_nothing_else_is_localhost(host: str) -> None:
    with pytest.raises(Denied):
        await leads_to("127.0.0.1").addresses(host, 80)


# --- addresses as they are written ------------------------------------------------------------------------


UNICAST = [
    st.ip_addresses(v=4).filter(
        lambda one: not (one.is_unspecified or one.is_multicast or int(one) == 2**32 - 1)
    ),
    st.ip_addresses(network="2000::/3"),
    st.ip_addresses(network="fc00::/7"),
]


@given(st.one_of(UNICAST))
async def test_an_address_that_is_written_is_that_address_and_needs_no_resolver(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    written = f"[{address}]" if address.version == 6 else str(address)
    origin = Origin.of(f"http://{written}:8710")
    assert origin.host == str(address)
    assert await leads_to("6.6.6.6").addresses(origin.host, 8710) == (str(address),)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "::ffff:0.0.0.0"]
)
async def test_an_address_of_nobody_or_of_many_is_no_destination(host: str) -> None:
    with pytest.raises(Denied, match="no address of one computer"):
        await PUBLIC.addresses(host, 80)


@given(st.ip_addresses(v=4), st.sampled_from(["decimal", "hex", "octal", "short", "dotted hex", "zeros"]))
def test_other_spellings_of_an_ipv4_address_are_no_origin(address: ipaddress.IPv4Address, form: str) -> None:
    number, parts = int(address), [int(part) for part in str(address).split(".")]
    written = {
        "decimal": str(number),
        "hex": hex(number),
        "octal": ".".join(f"0{part:o}" for part in parts),
        "short": f"{parts[0]}.{number & 0xFFFFFF}",
        "dotted hex": ".".join(map(hex, parts)),
        "zeros": f"{parts[0]:04d}.{parts[1]}.{parts[2]}.{parts[3]}",
    }[form]
    with pytest.raises(ConfigurationError, match="no plain IPv4 address"):
        Origin.of(f"http://{written}/")
    with pytest.raises(Denied):
        Origins([f"http://{address}/"]).check(f"http://{written}/")

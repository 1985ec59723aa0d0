import pytest

from toolward.doors.address import allowed_names, parse_address
from toolward.doors.origin import Origins
from toolward.errors import ConfigurationError, Denied


@pytest.mark.parametrize("host", ["127.0.0.1:8700", "localhost", "LOCALHOST:1", "[::1]:8700"])
def test_a_door_on_loopback_answers_for_loopback(host: str) -> None:
    Origins().check({"host": host, "origin": f"http://{host}"})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example"},
        *({"host": f"localhost:{port}"} for port in ("8700@evil.example", '"><b>', "87 00", "٨٧")),
        {"host": "[::1]x:1"},
        {"host": "localhost", "origin": "http://evil.example"},
        {"host": "localhost", "origin": "http://localhost:1@evil.example"},
        {"host": "localhost", "origin": "null"},
        {"host": "localhost", "origin": "file://localhost"},
    ],
)
def test_others_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Denied):
        Origins().check(headers)


def test_a_door_that_listens_everywhere_answers_for_any_host_and_that_hosts_pages() -> None:
    origins = allowed_names(parse_address("0.0.0.0:8700"))
    origins.check({"host": "crm:8700"})
    origins.check({"host": "crm:8700", "origin": "https://crm"})
    with pytest.raises(Denied):
        origins.check({"host": "crm:8700", "origin": "http://evil.example"})


@pytest.mark.parametrize(
    ("text", "shown"), [("8710", "127.0.0.1:8710"), ("[::1]:5", "[::1]:5"), ("h:0", "h:0")]
)
def test_addresses_are_read(text: str, shown: str) -> None:
    assert str(parse_address(text)) == shown


@pytest.mark.parametrize("text", ["", "host", "host:", "host:port", "host:70000", "h:-1"])
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is not an address"):
        parse_address(text)

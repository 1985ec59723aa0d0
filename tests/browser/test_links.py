"""Every link, form and live piece of the console leads somewhere, also from room to room."""

from urllib.parse import parse_qsl, urlsplit

from gateway.servers.console.pages import NAVIGATION
from tests.browser.crawling import Crawler
from tests.browser.seeded import Seeded
from tests.browser.started import Started

STARTS = (
    *(where for _, where, _ in NAVIGATION),
    *(f"/inbox/{{{name}}}" for name in ("approval", "question", "escalation")),
    *("/runs/{completed}", "/runs/{failed}", "/runs/{approval_run}", "/calls/{call}", "/calls?rule="),
)


def test_nothing_leads_nowhere(gateway_at: Started, seeded: Seeded) -> None:
    with gateway_at.client() as client, gateway_at.client() as stranger:
        del client.headers["authorization"], stranger.headers["authorization"]
        code = dict(parse_qsl(urlsplit(gateway_at.link()).query))["code"]
        assert client.post("/sign-in", data={"code": code, "next": "/"}).status_code == 303
        crawler = Crawler(client, stranger)
        crawler.follow(*(path.format_map(seeded._asdict()) for path in STARTS))
    assert not crawler.broken, "\n".join(crawler.broken)
    for kind in (
        ("GET", "/policies/why", "call"),
        ("GET", "/policies/change", "principal", "request", "tool"),
        ("GET", "/calls", "rule"),
        ("GET", "/calls/ID"),
        ("GET", "/runs/ID/requests/ID.json"),
        ("GET", "/tools/ID"),
        ("POST", "/inbox/ID/answer"),
        ("POST", "/runs/ID/cancel"),
    ):
        assert kind in crawler.followed, sorted(crawler.followed)

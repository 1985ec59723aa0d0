"""*Inbox*: what people are asked, one request on one page, and their answers."""

from gateway.servers.console.inbox.pages import shown

__all__ = ["shown"]

"""*Tools*: how backends are, what each tool takes and does, and a call of it, always through policy."""

from gateway.servers.console.tools.pages import shown

__all__ = ["shown"]

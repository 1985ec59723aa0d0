"""Serve any ToolProvider over MCP stdio, MCP Streamable HTTP and gRPC. Each door turns its requests into
(principal, call, context) and its answers back; nothing is decided here."""

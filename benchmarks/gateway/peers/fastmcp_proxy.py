"""FastMCP's proxy: `python fastmcp_proxy.py UPSTREAM-URL PORT default|shared`, by the Python of an environment of
its own. `default` is what its documentation has first; `shared` keeps one connected client for all calls. Both
without sessions, with answers as JSON, on uvloop, without an access log: the fastest that it can be told to be."""

import sys
from importlib import import_module
from typing import Any


async def main(upstream: str, port: int, way: str) -> None:
    server = import_module("fastmcp.server")
    options: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "path": "/mcp",
        "show_banner": False,
        "log_level": "error",
        "stateless_http": True,
        "json_response": True,
        "uvicorn_config": {"access_log": False},
    }
    if way == "default":
        await server.create_proxy(upstream).run_http_async(**options)
        return
    proxies = import_module("fastmcp.server.providers.proxy")
    async with import_module("fastmcp").Client(upstream) as client:
        await proxies.FastMCPProxy(client_factory=lambda: client).run_http_async(**options)


if __name__ == "__main__":
    import_module("uvloop").run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))

"""The command that the suites start for each client scenario: it hands what they say to a client that is loaded
already (`tests.conformance.client.serving`), at the socket that it is given, and ends as that does."""

import json
import os
import socket
import sys

with socket.socket(socket.AF_UNIX) as channel:
    channel.connect(sys.argv[1])
    context = os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}")
    channel.sendall(json.dumps({"url": sys.argv[-1], "context": json.loads(context)}).encode() + b"\n")
    said = channel.makefile().read()
print(said)
sys.exit(0 if said.startswith("done") else 1)

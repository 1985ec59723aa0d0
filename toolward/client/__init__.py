"""Call tools, and agents, wherever they are.

from toolward.client import connect

async with connect("http://127.0.0.1:8710/mcp") as tools:
    result = await tools.call("calculate", {"expression": "15% of 84.80"})
"""

from toolward.client.client import Client
from toolward.client.connecting import connect
from toolward.client.retries import Retries

__all__ = ["Client", "Retries", "connect"]

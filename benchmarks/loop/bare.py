"""The least that a durable loop can cost here: `python bare.py ENDPOINT-URL TOOLS-URL`.

No policy, no validation, no chain, no leases: bytes spliced by hand, and each of a turn's three events committed to
SQLite (on disk, like ours) before the next step. It says how fast the machine was while the others were measured.
"""

import asyncio
import sqlite3
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import uvloop

from benchmarks.loop.measuring import obey
from toolward.outbound.pool import Pool

_HEADERS = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
_encode = msgspec.json.encode


class Loop:
    def __init__(self, endpoint: str, tools: str, database: sqlite3.Connection) -> None:
        self._model, self._tools = Pool(endpoint), Pool(tools)
        self._path, self._mcp = f"{urlsplit(endpoint).path}/chat/completions", urlsplit(tools).path
        self._database = database
        self._runs = 0
        self._listed = b""

    async def open(self) -> None:
        listed = await self._ask(self._tools, self._mcp, b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}')
        tools = msgspec.json.decode(listed)["result"]["tools"]
        functions = [
            {"name": one["name"], "description": one["description"], "parameters": one["inputSchema"]}
            for one in tools
        ]
        self._listed = _encode([{"type": "function", "function": one} for one in functions])

    async def run(self, turns: int) -> str:
        self._runs += 1
        run, seq = self._runs, 0
        said = [b'{"role":"user","content":"What became of my orders?"}']
        head = b'{"model":"scripted/%d/look_0","tools":%b,"messages":[' % (turns, self._listed)
        while True:
            reply = await self._ask(self._model, self._path, head + b",".join(said) + b"]}")
            message = msgspec.json.decode(reply)["choices"][0]["message"]
            seq = self._keep(run, seq, _encode(message))
            if not (calls := message.get("tool_calls")):
                return str(message["content"])
            said.append(_encode(message))
            for call in calls:
                seq = self._keep(run, seq, _encode(call))
                text = await self._call(call["function"])
                seq = self._keep(run, seq, text)
                said.append(b'{"role":"tool","tool_call_id":%b,"content":%b}' % (_encode(call["id"]), text))

    async def _call(self, function: dict[str, str]) -> bytes:
        name, arguments = _encode(function["name"]), function["arguments"].encode()
        call = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":%b,"arguments":%b}}'
        answer = msgspec.json.decode(await self._ask(self._tools, self._mcp, call % (name, arguments)))
        return _encode(answer["result"]["content"][0]["text"])

    async def _ask(self, pool: Pool, path: str, body: bytes) -> bytes:
        return (await pool.request("POST", path, _HEADERS, body, timeout=30)).body

    def _keep(self, run: int, seq: int, body: bytes) -> int:
        with self._database:
            self._database.execute("INSERT INTO events VALUES (?, ?, ?)", (run, seq, body))
        return seq + 1


async def main(endpoint: str, tools: str) -> None:
    with tempfile.TemporaryDirectory(prefix="toolward-bench-") as folder:
        database = sqlite3.connect(Path(folder) / "events.db")
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE events (run INTEGER, seq INTEGER, body BLOB, PRIMARY KEY (run, seq))")
        loop = Loop(endpoint, tools, database)
        await loop.open()
        await obey(loop.run)


if __name__ == "__main__":
    (asyncio if "--asyncio" in sys.argv else uvloop).run(main(*sys.argv[1:3]))

"""The same answer from grpc.aio with generated code alone: `python bare_grpc.py PORT`. Nothing is authenticated,
no argument is checked, no deadline set, no error mapped."""

import asyncio
import json
import sys
from typing import Any

import grpc
import uvloop

from toolward.v1 import common_pb2 as common
from toolward.v1 import tools_pb2 as pb
from toolward.v1 import tools_pb2_grpc as rpc


class Tools(rpc.ToolServiceServicer):
    async def CallTool(  # noqa: N802 -- the name in the proto
        self, request: pb.CallToolRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.CallToolResponse:
        arguments = json.loads(request.arguments_json)
        text = json.dumps({"sum": arguments["a"] + arguments["b"]}, separators=(",", ":"))
        content = common.Content(text=common.TextContent(text=text))
        return pb.CallToolResponse(result=pb.ToolResult(content=[content], structured_content_json=text))


async def main(port: int) -> None:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    rpc.add_ToolServiceServicer_to_server(Tools(), server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))

"""The same answer from grpc.aio and nothing else: `python bare_grpc.py PORT`. Nothing is authenticated,
no argument is checked, no deadline set, no error mapped."""

import json
import sys
from typing import Any

import grpc
import uvloop

from toolward.v1 import common_pb2 as common
from toolward.v1 import tools_pb2 as pb


async def call_tool(request: pb.CallToolRequest, context: Any) -> pb.CallToolResponse:
    arguments = json.loads(request.arguments_json)
    text = json.dumps({"sum": arguments["a"] + arguments["b"]}, separators=(",", ":"))
    content = common.Content(text=common.TextContent(text=text))
    return pb.CallToolResponse(result=pb.ToolResult(content=[content], structured_content_json=text))


async def main(port: int) -> None:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    handler = grpc.unary_unary_rpc_method_handler(
        call_tool, pb.CallToolRequest.FromString, pb.CallToolResponse.SerializeToString
    )
    service = grpc.method_handlers_generic_handler("toolward.v1.ToolService", {"CallTool": handler})
    server.add_generic_rpc_handlers([service])
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))

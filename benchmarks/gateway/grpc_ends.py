"""Bare grpc.aio, on uvloop: `python -m benchmarks.gateway.grpc_ends upstream PORT` is a tool server with canned
answers; `… hop PORT ADDRESS` hands each call on over one channel, with no authentication, no check, no deadline, no
error mapped: what a hop over gRPC costs in Python at the least."""

import sys
from typing import Any

import grpc
import uvloop

from toolward.v1 import common_pb2 as common
from toolward.v1 import tools_pb2 as pb
from toolward.v1 import tools_pb2_grpc as rpc

SERVICE = "toolward.v1.ToolService"
TEXT = "Order ORD-1003: shipped by Nordpost, two lines, nothing open."
SCHEMA = (
    '{"type":"object","properties":{"customer":{"type":"string","maxLength":64},"amount_minor":{"type":"integer",'
    '"minimum":0},"path":{"type":"string"}},"required":["customer","amount_minor","path"],'
    '"additionalProperties":false}'
)


def answer() -> pb.CallToolResponse:
    return pb.CallToolResponse(
        result=pb.ToolResult(content=[common.Content(text=common.TextContent(text=TEXT))])
    )


def canned() -> dict[str, Any]:
    """Answers made once, given as bytes."""
    made = (
        pb.Tool(name=f"tool_{n}", description=f"Archive {n}.", input_schema_json=SCHEMA) for n in range(10)
    )
    tools = pb.ListToolsResponse(tools=made).SerializeToString()
    result = answer().SerializeToString()

    async def list_tools(request: bytes, context: Any) -> bytes:
        return tools

    async def call_tool(request: bytes, context: Any) -> bytes:
        return result

    return {
        "ListTools": grpc.unary_unary_rpc_method_handler(list_tools),
        "CallTool": grpc.unary_unary_rpc_method_handler(call_tool),
    }


def hop(address: str) -> dict[str, Any]:
    stub: Any = rpc.ToolServiceStub(grpc.aio.insecure_channel(address))

    async def call_tool(request: pb.CallToolRequest, context: Any) -> pb.CallToolResponse:
        return await stub.CallTool(request)

    handler = grpc.unary_unary_rpc_method_handler(
        call_tool, pb.CallToolRequest.FromString, pb.CallToolResponse.SerializeToString
    )
    return {"CallTool": handler}


async def main(role: str, port: str, address: str = "") -> None:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    handlers = hop(address) if role == "hop" else canned()
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, handlers)])
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))

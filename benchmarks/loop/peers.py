"""Other frameworks, each as its documentation has it: `python peers.py NAME ENDPOINT-URL TOOLS-URL`, by the Python
of an environment of its own (`peers/NAME.txt`).

What they can keep they keep: one client, one MCP session, the list of tools. Their packages are no dependencies of
ours, so they are imported by name. Nothing is durable here.
"""

import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
measuring: Any = import_module("measuring")

INSTRUCTIONS = "You look orders up, one after the other, and say what became of them."
INPUT = "What became of my orders?"
MOST = 1_000  # turns
KEY = "none"

RunOne = Callable[[int], Any]


def model_name(turns: int) -> str:
    return f"scripted/{turns}/look_0"


@asynccontextmanager
async def pydantic_ai(endpoint: str, tools: str) -> AsyncGenerator[RunOne, None]:
    ai, mcp = import_module("pydantic_ai"), import_module("pydantic_ai.mcp")
    openai = import_module("pydantic_ai.models.openai")
    provider = import_module("pydantic_ai.providers.openai").OpenAIProvider(base_url=endpoint, api_key=KEY)
    usage = import_module("pydantic_ai.usage").UsageLimits(request_limit=MOST)
    toolset = mcp.MCPToolset(tools)
    agent = ai.Agent(instructions=INSTRUCTIONS, toolsets=[toolset])

    async def run(turns: int) -> str:
        model = openai.OpenAIChatModel(model_name(turns), provider=provider)
        return (await agent.run(INPUT, model=model, usage_limits=usage)).output

    async with agent:
        yield run


@asynccontextmanager
async def openai_agents(endpoint: str, tools: str) -> AsyncGenerator[RunOne, None]:
    agents = import_module("agents")
    agents.set_tracing_disabled(True)
    client = import_module("openai").AsyncOpenAI(base_url=endpoint, api_key=KEY)
    server = import_module("agents.mcp").MCPServerStreamableHttp(
        params={"url": tools, "timeout": 30}, cache_tools_list=True
    )

    async def run(turns: int) -> str:
        model = agents.OpenAIChatCompletionsModel(model=model_name(turns), openai_client=client)
        agent = agents.Agent(name="desk", instructions=INSTRUCTIONS, model=model, mcp_servers=[server])
        return (await agents.Runner.run(agent, INPUT, max_turns=MOST)).final_output

    async with server:
        yield run


@asynccontextmanager
async def langchain(endpoint: str, tools: str) -> AsyncGenerator[RunOne, None]:
    create_agent = import_module("langchain.agents").create_agent
    chat = import_module("langchain_openai").ChatOpenAI
    adapters = import_module("langchain_mcp_adapters.client")
    load = import_module("langchain_mcp_adapters.tools").load_mcp_tools
    client = adapters.MultiServerMCPClient({"desk": {"transport": "streamable_http", "url": tools}})
    asked = {"messages": [{"role": "user", "content": INPUT}]}
    made: dict[int, Any] = {}
    async with client.session("desk") as session:
        listed = await load(session)

        def agent(turns: int) -> Any:
            model = chat(model=model_name(turns), base_url=endpoint, api_key=KEY)
            return create_agent(model, listed, system_prompt=INSTRUCTIONS)

        async def run(turns: int) -> str:
            if turns not in made:
                made[turns] = agent(turns)
            ended = await made[turns].ainvoke(asked, {"recursion_limit": 3 * MOST})
            return ended["messages"][-1].content

        yield run


PEERS: dict[str, Callable[[str, str], AbstractAsyncContextManager[RunOne]]] = {
    "pydantic-ai": pydantic_ai,
    "openai-agents": openai_agents,
    "langchain": langchain,
}


async def main(name: str, endpoint: str, tools: str) -> None:
    async with PEERS[name](endpoint, tools) as run:
        await measuring.obey(run)


if __name__ == "__main__":
    import_module("uvloop").run(main(*sys.argv[1:4]))

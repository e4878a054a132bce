"""A gateway in a process of its own, so that a test can kill it: it executes `find_order`.

    python -m tests.e2e.tool_gateway ADDRESS answers|hangs AGENT...

It says "registered" once it is, and "asked" whenever it is asked.
"""

import asyncio
import sys

from bridge.client import BridgeClient


async def answers(arguments: dict[str, object]) -> object:
    print("asked", flush=True)
    return {"number": arguments["number"], "shipped": True}


async def hangs(_arguments: dict[str, object]) -> object:
    print("asked", flush=True)
    await asyncio.Event().wait()
    raise AssertionError("nothing sets it")


async def main() -> None:
    address, what, *agents = sys.argv[1:]
    tools = {"find_order": {"answers": answers, "hangs": hangs}[what]}
    async with (
        BridgeClient(address) as bridge,
        bridge.serve_tools(tools, agent_ids=agents) as server,
    ):
        print("registered", flush=True)
        await server.forever()


if __name__ == "__main__":
    asyncio.run(main())

"""Looks orders up whenever the model of one agent asks for one, until it is stopped.

    python serve_tool.py receptionist

BRIDGE is the server (127.0.0.1:50051), MEDIABRIDGE_API_KEY the key, where it wants one. The agent's
file, or the call's request, must have a tool find_order: docs/tools.md.
"""

import asyncio
import os
import sys

from bridge.client import BridgeCallError, BridgeClient, ToolError, current_invocation

ORDERS = {7: "on its way", 8: "being packed"}


async def find_order(arguments: dict[str, object]) -> object:
    """What a model made of what a caller said: checked like any input."""
    number = arguments.get("number")
    print("asked by", current_invocation().connection_id, "for", number, flush=True)
    if not isinstance(number, int) or number not in ORDERS:
        # The model is told the message, and may repeat it to the caller.
        raise ToolError("order_not_found", f"There is no order {number}.")
    return {"number": number, "state": ORDERS[number]}


async def main(agent_id: str) -> None:
    target = os.environ.get("BRIDGE", "127.0.0.1:50051")
    async with (
        BridgeClient(target, api_key=os.environ.get("MEDIABRIDGE_API_KEY")) as bridge,
        bridge.serve_tools({"find_order": find_order}, agent_ids=[agent_id]) as server,
    ):
        print("registered", flush=True)
        await server.forever()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: serve_tool.py AGENT")
    try:
        asyncio.run(main(sys.argv[1]))
    except BridgeCallError as refused:
        sys.exit(str(refused))
    except KeyboardInterrupt:
        pass

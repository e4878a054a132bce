"""Places a call, says what its caller needs, and sums the call up when it is over.

    python place_call.py greeter --name Ada

BRIDGE is the server (127.0.0.1:50051), MEDIABRIDGE_API_KEY the key, where it wants one.
"""

import argparse
import asyncio
import os
import sys

from bridge.client import (
    BridgeCallError,
    BridgeClient,
    InvalidArgumentError,
    ResourceExhaustedError,
)
from bridge.v1.call_pb2 import EndReason
from bridge.v1.report_pb2 import CallReport


async def main(agent_id: str, caller_name: str) -> None:
    target = os.environ.get("BRIDGE", "127.0.0.1:50051")
    async with BridgeClient(target, api_key=os.environ.get("MEDIABRIDGE_API_KEY")) as bridge:
        call = await bridge.create_room(caller_name, agent_id, metadata={"source": "example"})
        print("call  ", call.connection_id)
        print("room  ", call.room_name)
        print("server", call.server_url)
        print("token ", call.access_token, flush=True)
        async for event in bridge.watch(call.connection_id):
            if event.HasField("ended"):
                sum_up(event.ended.report)


def sum_up(report: CallReport) -> None:
    for turn in report.turns:
        print(f"{turn.index}. caller: {turn.user_text}")
        print(f"   agent:  {turn.agent_text}")
    print(EndReason.Name(report.call.end_reason))


def explain(refused: BridgeCallError) -> str:
    """Say what a person can do about it."""
    match refused:
        case InvalidArgumentError():
            return "\n".join(f"{wrong.field}: {wrong.description}" for wrong in refused.violations)
        case ResourceExhaustedError():
            return f"{refused.message}; try again in {refused.retry_after}"
        case _:
            return str(refused)


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("agent")
    options.add_argument("--name", default="Ada")
    asked = options.parse_args()
    try:
        asyncio.run(main(asked.agent, asked.name))
    except BridgeCallError as error:
        sys.exit(explain(error))

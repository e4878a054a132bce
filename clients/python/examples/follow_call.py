"""Follows a call: its events as they happen, and every second how loud each side is.

    python follow_call.py call-1e2c…

BRIDGE is the server (127.0.0.1:50051), MEDIABRIDGE_API_KEY the key, where it wants one.
"""

import asyncio
import os
import sys
from datetime import timedelta

from bridge.client import BridgeCallError, BridgeClient, NotFoundError
from bridge.v1.event_pb2 import CallEvent, TranscriptRole


async def main(connection_id: str) -> None:
    target = os.environ.get("BRIDGE", "127.0.0.1:50051")
    async with (
        BridgeClient(target, api_key=os.environ.get("MEDIABRIDGE_API_KEY")) as bridge,
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(show_levels(bridge, connection_id))
        # Goes on by itself where the connection breaks, and ends behind the call's last event.
        async for event in bridge.watch(connection_id):
            print(f"{event.sequence:4} {told(event)}", flush=True)


async def show_levels(bridge: BridgeClient, connection_id: str) -> None:
    try:
        async for interval in bridge.telemetry(connection_id, interval=timedelta(seconds=1)):
            for call in interval.samples:
                uplink, downlink = call.uplink.level_dbfs, call.downlink.level_dbfs
                print(f"     caller {uplink:4.0f} dBFS, agent {downlink:4.0f} dBFS", flush=True)
    except NotFoundError:
        pass  # it is over already: there are events to read, and no more figures


def told(event: CallEvent) -> str:
    kind = event.WhichOneof("kind") or "unknown"
    if kind == "transcript":
        who = TranscriptRole.Name(event.transcript.role).removeprefix("TRANSCRIPT_ROLE_").lower()
        return f"{who}: {event.transcript.text}"
    return kind


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: follow_call.py CONNECTION_ID")
    try:
        asyncio.run(main(sys.argv[1]))
    except* BridgeCallError as refusals:
        sys.exit(str(refusals.exceptions[0]))

"""LiveKit Agents' own server: a process a call, jobs from LiveKit's dispatch.

Runs in its own environment; standard library and livekit-agents only.
"""

import asyncio
import logging
import os
from pathlib import Path

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, room_io
from livekit.plugins import openai
from openai.types.realtime import realtime_audio_input_turn_detection as turns

_GREETS = os.environ["BENCH_GREETS"] == "yes"


async def answer(job: JobContext) -> None:
    """Carry one call."""
    model = openai.realtime.RealtimeModel(
        base_url=os.environ["BENCH_MODEL"],
        api_key="none",
        input_audio_transcription=None,
        turn_detection=turns.ServerVad(
            type="server_vad",
            threshold=0.5,
            prefix_padding_ms=0,
            silence_duration_ms=200,
            create_response=True,
            interrupt_response=True,
        ),
    )
    # Else the microphone is replaced by silence while the agent speaks for the first time.
    session = AgentSession(llm=model, aec_warmup_duration=None)
    await session.start(
        Agent(instructions="You are a mirror."),
        room=job.room,
        # Its gain control would make tones of one loudness into others.
        room_options=room_io.RoomOptions(
            audio_input=room_io.AudioInputOptions(auto_gain_control=False)
        ),
    )
    if _GREETS:
        session.generate_reply(instructions="Begin.")


server = AgentServer(
    ws_url=os.environ["LIVEKIT_URL"],
    api_key=os.environ["LIVEKIT_API_KEY"],
    api_secret=os.environ["LIVEKIT_API_SECRET"],
    host="127.0.0.1",
    port=int(os.environ["BENCH_PORT"]),
    # However busy the machine is: LiveKit gives no job to a server that says so, and what it does
    # then is to be seen.
    load_fnc=lambda: 0.0,
)
server.rtc_session(answer)
server.on("worker_registered", lambda *_: Path(os.environ["BENCH_READY"]).touch())

if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(server.run())

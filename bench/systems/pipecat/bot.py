"""Pipecat: a pipeline for each call, all of them in one process. `bot.py PORT`.

Runs in its own environment; standard library, pipecat and uvloop only.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable

import uvloop
from loguru import logger
from pipecat.frames.frames import LLMRunFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.services.openai.realtime.events import (
    AudioConfiguration,
    AudioInput,
    SessionProperties,
    TurnDetection,
)
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.transports.livekit.transport import LiveKitParams, LiveKitTransport
from pipecat.workers.runner import WorkerRunner

from bench.orders import take_orders

_GREETS = os.environ["BENCH_GREETS"] == "yes"
# The model's: otherwise the transport resamples to 16 kHz, and back.
_RATE_HZ = 24_000


async def join(call: str, url: str, token: str) -> Callable[[], Awaitable[None]]:
    """Run a pipeline in a room."""
    transport = LiveKitTransport(
        url,
        token,
        f"bench-{call}",
        params=LiveKitParams(audio_in_enabled=True, audio_out_enabled=True),
    )
    detection = TurnDetection(threshold=0.5, prefix_padding_ms=0, silence_duration_ms=200)
    model = OpenAIRealtimeLLMService(
        api_key="none",
        base_url=os.environ["BENCH_MODEL"].replace("http", "ws", 1) + "/realtime",
        settings=OpenAIRealtimeLLMService.Settings(
            system_instruction="You are a mirror.",
            session_properties=SessionProperties(
                audio=AudioConfiguration(input=AudioInput(turn_detection=detection))
            ),
        ),
    )
    context = LLMContext([{"role": "user", "content": "Begin."}] if _GREETS else [])
    both = LLMContextAggregatorPair(context)
    pipeline = Pipeline(
        [transport.input(), both.user(), model, transport.output(), both.assistant()]
    )
    worker = PipelineWorker(
        pipeline,
        params=PipelineParams(audio_in_sample_rate=_RATE_HZ, audio_out_sample_rate=_RATE_HZ),
        idle_timeout_secs=None,
    )

    async def begin(_transport: object, _participant: str) -> None:
        await worker.queue_frames([LLMRunFrame()])

    transport.event_handler("on_first_participant_joined")(begin)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run(), name=f"call {call}")

    async def leave() -> None:
        await worker.cancel()
        await running

    return leave


if __name__ == "__main__":
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    uvloop.run(take_orders(int(sys.argv[1]), join))

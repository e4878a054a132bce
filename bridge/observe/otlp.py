"""How do spans get to a collector? In batches, from a thread of their own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

# One that does not answer must not hold up the server's end.
_EXPORT_S: Final = 5.0
_EVERY_S: Final = 2.0


@asynccontextmanager
async def exporting(endpoint: str, version: str, host_id: str) -> AsyncIterator[TracerProvider]:
    """Send what is traced to a collector; a full queue drops spans. Leaving sends the rest."""
    resource = Resource.create(
        {
            "service.name": "mediabridge",
            "service.version": version,
            "service.instance.id": host_id,
        }
    )
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(
        endpoint, insecure=urlsplit(endpoint).scheme == "http", timeout=_EXPORT_S
    )
    provider.add_span_processor(
        BatchSpanProcessor(
            exporter,
            schedule_delay_millis=_EVERY_S * 1000,
            export_timeout_millis=_EXPORT_S * 1000,
        )
    )
    try:
        yield provider
    finally:
        await asyncio.to_thread(provider.shutdown)

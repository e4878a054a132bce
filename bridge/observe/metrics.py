"""Which metrics are there? All of them, with their names, labels and buckets.

No label holds a tenant, a call, a key or a room: each set of labels is a time series for ever. All
labels come from enums of ours or from names in the code.
"""

from collections.abc import Sequence
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

PREFIX: Final = "mediabridge"

# Around what people find prompt (300 ms), slow (800 ms), and broken (2 s).
_TURN_S: Final = (
    0.02,
    0.05,
    0.1,
    0.2,
    0.3,
    0.4,
    0.5,
    0.6,
    0.8,
    1.0,
    1.25,
    1.5,
    2.0,
    3.0,
    5.0,
    10.0,
)
_SETUP_S: Final = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
_DURATION_S: Final = (1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)
# Emptying a buffer: microseconds while the loop is free.
_STOP_S: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25)
_OUTAGE_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 20.0)
# A frame is 20 ms; the uplink's queue holds 500 ms, a model's answer fills seconds of playout.
_QUEUE_S: Final = (0.02, 0.04, 0.06, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_NETWORK_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
_TOOL_S: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
_RPC_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Every metric of one server, in a registry of their own."""

    def __init__(self, version: str) -> None:
        # The moment in which each series began, as a series of its own: nobody asks for it.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._gauge("build_info", "What runs: always 1.", "version").labels(version).set(1)
        self._of_calls()
        self._of_talk()
        self._of_media()
        self._of_server()

    def _of_calls(self) -> None:
        self.calls = self._gauge("calls", "Calls there are now, by their state.", "state")
        self.calls_started = self._counter("calls_started", "Calls that have begun.")
        self.calls_ended = self._counter(
            "calls_ended", "Calls that have ended: why, and whose fault it was.", "reason", "fault"
        )
        self.call_duration = self._histogram(
            "call_duration_seconds",
            "From the first caller's arrival to the end, of calls that have ended.",
            _DURATION_S,
        )
        self.call_setup = self._histogram(
            "call_setup_seconds",
            "From a call's creation until it has reached a stage of its start.",
            _SETUP_S,
            "stage",
        )
        self.call_warnings = self._counter(
            "call_warnings", "What went wrong in calls that went on, by code.", "code"
        )
        self.link_interruptions = self._counter(
            "link_interruptions", "Connections that broke in a call's middle, by which.", "link"
        )
        self.link_reconnects = self._counter(
            "link_reconnects", "Connections that were repaired in a call's middle.", "link"
        )
        self.link_outage = self._histogram(
            "link_outage_seconds", "How long broken connections took to repair.", _OUTAGE_S, "link"
        )
        self.limits_near = self._counter(
            "limits_near", "Calls that have nearly used up a limit of theirs, by limit.", "limit"
        )

    def _of_talk(self) -> None:
        self.turn_latency = self._histogram(
            "turn_latency_seconds",
            "From a caller's last sound to the first of the answer.",
            _TURN_S,
        )
        self.turn_latency_part = self._histogram(
            "turn_latency_part_seconds",
            "Where that time went: endpointing, model, transport, playout.",
            _TURN_S,
            "part",
        )
        self.barge_in_stop = self._histogram(
            "barge_in_stop_seconds",
            "From the model's word that the caller interrupts to silence.",
            _STOP_S,
        )
        self.interruptions_dismissed = self._counter(
            "interruptions_dismissed", "Sounds of callers that did not stop the agent in the end."
        )
        self.model_responses = self._counter(
            "model_responses", "Answers of models, by how they ended.", "status"
        )
        self.model_tokens = self._counter(
            "model_tokens",
            "Tokens of models; cached ones are counted within the input, too.",
            "kind",
        )
        self.cost = self._counter(
            "cost", "What calls have cost, by the operator's prices, in the currency.", "currency"
        )
        self.tool_calls = self._counter(
            "tool_calls", "Calls of tools that are over, by what became of them.", "status"
        )
        self.tool_duration = self._histogram(
            "tool_duration_seconds", "From the model's call of a tool to its outcome.", _TOOL_S
        )

    def _of_media(self) -> None:
        self.audio_queue = self._histogram(
            "audio_queue_seconds",
            "Sound that waits: in, for the model; out, to be played. A sample of each live call.",
            _QUEUE_S,
            "direction",
        )
        self.audio_dropped = self._counter(
            "audio_dropped_seconds", "Sound of callers that was lost on its way to the model."
        )
        self.audio_discarded = self._counter(
            "audio_discarded_seconds", "Sound of models that was never played: mostly interrupted."
        )
        self.audio_received = self._counter(
            "audio_received_seconds", "Sound that came from models."
        )
        self.underruns = self._counter(
            "underruns", "How often an agent's voice ran dry within an utterance."
        )
        self.packets = self._counter(
            "packets", "Packets between bots and LiveKit, from the room and to it.", "direction"
        )
        self.packets_lost = self._counter(
            "packets_lost", "Packets that were lost between bots and LiveKit.", "direction"
        )
        self.round_trip = self._histogram(
            "round_trip_seconds",
            "There and back, to the model or to LiveKit. A sample of each live call.",
            _NETWORK_S,
            "link",
        )
        self.jitter = self._histogram(
            "jitter_seconds",
            "Jitter of what comes from rooms. A sample of each live call.",
            _NETWORK_S,
        )

    def _of_server(self) -> None:
        self.slots = self._gauge("slots", "Calls that could be carried at a time.", "process")
        self.slots_free = self._gauge("slots_free", "Calls that could be taken now.", "process")
        self.draining = self._gauge("draining", "1: takes no more calls.", "process")
        self.loop_lag = self._gauge(
            "event_loop_lag_seconds",
            "How late a process was at worst, in the last ten seconds.",
            "process",
        )
        self.worker_load = self._gauge(
            "worker_load_ratio", "Of a worker's main thread, the share that was busy.", "process"
        )
        self.worker_memory = self._gauge(
            "worker_resident_memory_bytes", "Resident memory of a worker.", "process"
        )
        self.worker_starts = self._counter("worker_starts", "Workers that were started.")
        self.worker_losses = self._counter(
            "worker_losses", "Workers that went without being asked to."
        )
        self.store_stuck = self._gauge("store_stuck", "1: the store does not take calls' records.")
        self.store_waiting = self._gauge(
            "store_waiting", "What waits to be written to the store.", "kind"
        )
        self.rpcs = self._counter("rpcs", "RPCs that are over.", "service", "method", "code")
        self.rpc_duration = self._histogram(
            "rpc_duration_seconds", "How long RPCs took that are no streams.", _RPC_S, "method"
        )
        self.streams_open = self._gauge("streams_open", "Streams that are open now.", "method")
        self.calls_refused = self._counter(
            "calls_refused", "Calls that nobody would take or could begin, by reason.", "reason"
        )
        self.limits_hit = self._counter(
            "limits_hit", "Requests that were refused for a limit, by its name.", "limit"
        )

    def _gauge(self, name: str, what: str, *labels: str) -> Gauge:
        return Gauge(name, what, labels, namespace=PREFIX, registry=self.registry)

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(name, what, labels, namespace=PREFIX, registry=self.registry)

    def _histogram(self, name: str, what: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(
            name, what, labels, namespace=PREFIX, registry=self.registry, buckets=buckets
        )

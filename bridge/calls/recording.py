"""How is a call recorded: both sides, as they were heard, from the first caller's coming on?"""

from collections.abc import Callable
from typing import Final

from bridge.calls.egress import CallEgress
from bridge.calls.record import CallRecord
from bridge.errors import RecordingError
from bridge.ports.call import CallSpec
from bridge.ports.clock import Clock
from bridge.ports.egress import Egress
from bridge.ports.event import RecordingFinished, RecordingStarted
from bridge.ports.recording import Recordings, RecordingTrouble, Tape
from bridge.ports.room import AudioOutput

_WORDS_OF: Final = {
    RecordingTrouble.FAILED: "the recording cannot be written any more",
    RecordingTrouble.BEHIND: "the disk is too slow: some sound is missing in the recording",
}


class CallRecording:
    """One call's recordings, if it has any. What goes wrong with it never ends the call."""

    def __init__(
        self,
        spec: CallSpec,
        record: CallRecord,
        recordings: Recordings | None,
        egress: Egress | None,
        clock: Clock,
    ) -> None:
        """
        :param recordings: where the bridge itself records to, if it does.
        :param egress: LiveKit's recorder, if there is one.
        """
        self._spec = spec
        self._record = record
        self._recordings = recordings
        self._clock = clock
        self._tape: Tape | None = None
        self._is_over = False
        self._paused = spec.recording is not None and spec.recording.paused
        self._egress: CallEgress | None = None
        if egress is not None and spec.recording is not None:
            self._egress = CallEgress(spec, record, egress, paused=self._paused)

    @property
    def is_wanted(self) -> bool:
        return self._spec.recording is not None

    async def run(self) -> None:
        """Record from now on; return once nothing has to be looked after any more."""
        await self._begin_tape()
        if self._egress is not None:
            await self._egress.keep_up()

    async def finish(self) -> None:
        """Close what is recorded; nothing is added to it any more."""
        tape, self._tape = self._tape, None
        try:
            if tape is not None:
                recorded = await tape.finish(self._clock.monotonic_s())
                self._record.tell(RecordingFinished(recorded))
            if self._egress is not None:
                await self._egress.finish()
        finally:
            self._is_over = True

    def look_again(self) -> None:
        """Note that a track has come."""
        if self._egress is not None:
            self._egress.look_again()

    def pause(self, paused: bool) -> None:
        """Let silence stand in place of what is said, or no longer."""
        if paused and not self._paused and self._tape is not None:
            # What the agent has already begun to say is heard after this.
            self._tape.cut(self._clock.monotonic_s())
        self._paused = paused
        if self._egress is not None:
            self._egress.pause(paused)

    def hear(self, pcm: memoryview) -> None:
        """Take what the callers say."""
        if self._tape is not None and not self._paused:
            self._tape.hear(pcm, self._clock.monotonic_s())

    def heard_through(self, output: AudioOutput) -> AudioOutput:
        """Return the output, so that what is heard of it is recorded."""
        if not self.is_wanted:
            return output
        return _RecordedOutput(output, self._speak, self._cut, self._clock)

    async def _begin_tape(self) -> None:
        plan = self._spec.recording
        if plan is None or self._recordings is None:
            return
        starts_s = self._clock.monotonic_s()
        try:
            tape = await self._recordings.begin(
                self._spec.tenant_id, self._spec.connection_id, plan, starts_s, self._on_trouble
            )
        except RecordingError as error:
            self._record.warn(RecordingTrouble.FAILED.value, f"nothing is recorded: {error}")
            return
        self._tape = tape
        self._record.recording_is(tape.so_far)
        self._record.tell(RecordingStarted(tape.uri, plan.format))

    def _speak(self, pcm: memoryview, starts_s: float) -> None:
        if self._tape is not None and not self._paused:
            self._tape.speak(pcm, starts_s)

    def _cut(self, at_s: float) -> None:
        if self._tape is not None:
            self._tape.cut(at_s)

    def _on_trouble(self, trouble: RecordingTrouble) -> None:
        # A disk that comes back when the call is over has nobody to complain to.
        if not self._is_over:
            self._record.warn(trouble.value, _WORDS_OF[trouble])


class _RecordedOutput:
    """An `AudioOutput` that tells when what is written to it will be heard."""

    def __init__(
        self,
        output: AudioOutput,
        speak: Callable[[memoryview, float], None],
        cut: Callable[[float], None],
        clock: Clock,
    ) -> None:
        self._output = output
        self._speak = speak
        self._cut = cut
        self._clock = clock

    async def write(self, frame: memoryview) -> None:
        self._speak(frame, self._clock.monotonic_s() + self._output.queued_ms / 1000)
        await self._output.write(frame)

    def clear(self) -> None:
        self._output.clear()
        self._cut(self._clock.monotonic_s())

    @property
    def queued_ms(self) -> float:
        return self._output.queued_ms

    def __str__(self) -> str:
        return f"recorded -> {self._output}"

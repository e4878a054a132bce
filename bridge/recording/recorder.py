"""Who writes all recordings of a process? One thread, a few times a second."""

import asyncio
import threading
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from bridge.errors import RecordingError
from bridge.ids import ConnectionId, TenantId
from bridge.ports.clock import Clock
from bridge.ports.recording import OnTrouble, RecordingPlan, Tape
from bridge.recording import files, folder
from bridge.recording.tape import FileTape

# Rarely enough that the thread costs the event loop nothing; a crash costs little more than that.
_EVERY_S: Final = 0.25
# As long as a disk may take for what is left when the process stops.
_LEAVE_S: Final = 5.0


class FileRecordings:
    """`Recordings` in a directory. Entering starts the writer; leaving waits for what is left."""

    def __init__(self, root: Path, clock: Clock) -> None:
        self._root = root
        self._clock = clock
        self._tapes: list[FileTape] = []
        self._lock = threading.Lock()  # of the list, never held while writing
        self._due = threading.Event()
        self._leaving = False
        # A daemon: a disk that stands still for ever must not keep the process.
        self._thread = threading.Thread(target=self._run, name="recordings", daemon=True)

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leaving = True
        self._due.set()
        await asyncio.to_thread(self._thread.join, _LEAVE_S)

    async def begin(
        self,
        tenant_id: TenantId,
        connection_id: ConnectionId,
        plan: RecordingPlan,
        starts_s: float,
        on_trouble: OnTrouble,
    ) -> Tape:
        creating = asyncio.get_running_loop().run_in_executor(
            None, self._create, tenant_id, connection_id, plan
        )
        try:
            path, file = await asyncio.shield(creating)
        except OSError as error:
            raise RecordingError(f"no file for it: {type(error).__name__}") from error
        except asyncio.CancelledError:
            creating.add_done_callback(_close_unused)
            raise
        tape = FileTape(file, path, plan, starts_s, on_trouble, self._due.set)
        with self._lock:
            self._tapes.append(tape)
        return tape

    def _create(
        self, tenant_id: TenantId, connection_id: ConnectionId, plan: RecordingPlan
    ) -> tuple[Path, files.SoundFile]:
        suffix = folder.SUFFIX_OF[plan.format]
        path = folder.path_for(self._root, tenant_id, connection_id, suffix)
        return path, files.create(path, plan.format)

    def _run(self) -> None:
        while True:
            self._due.wait(_EVERY_S)
            self._due.clear()
            with self._lock:
                tapes = list(self._tapes)
            for tape in tapes:
                tape.write(self._clock.monotonic_s())
            with self._lock:
                self._tapes = [tape for tape in self._tapes if not tape.closed]
            if self._leaving:
                return


def _close_unused(created: "asyncio.Future[tuple[Path, files.SoundFile]]") -> None:
    if not created.cancelled() and created.exception() is None:
        created.result()[1].close()

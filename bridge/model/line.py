"""Which connection carries the conversation now, and which comes after it?"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final, Self

from bridge.errors import ModelError, ModelFailure
from bridge.model.floor import Floor, Request
from bridge.model.items import Item
from bridge.model.legs import Leg, margins, over, total
from bridge.model.memory import Memory
from bridge.model.patience import Patience
from bridge.model.session import RealtimeSession
from bridge.model.settings import ContinuitySettings
from bridge.pcm import MODEL_RATE_HZ, duration_ms
from bridge.ports.clock import Clock
from bridge.ports.model import ModelCounters
from bridge.ports.model_config import ConfigChange, ManualTurns, ModelConfig
from bridge.ports.model_event import (
    ModelEvent,
    ResponseDone,
    ResponseStatus,
    SessionInterrupted,
    SessionResumed,
    SessionRotated,
    ToolAnswered,
)

Connect = Callable[[ModelConfig, Sequence[Item]], Awaitable[RealtimeSession]]

# Nothing will be different at the next try.
_FATAL: Final = frozenset({ModelFailure.AUTH, ModelFailure.QUOTA, ModelFailure.CONFIG_REJECTED})
# A moment is looked for, not announced; a pause in a talk is longer.
_LOOK_EVERY_S: Final = 0.25
# A successor that could not be opened is tried again while the old session still lives.
_ROTATE_AGAIN_S: Final = 10.0
# After a resume, a caller who was cut off and has not stopped is heard within this time.
_STILL_SPEAKING_S: Final = 1.0


class Line:
    """Keeps a conversation connected. Entering opens the first connection, and fails if that does.

    `tell` hands on events, and may make a connection wait; `give_up` learns why there is no line
    any more.
    """

    def __init__(
        self,
        connect: Connect,
        config: ModelConfig,
        clock: Clock,
        settings: ContinuitySettings,
        *,
        memory: Memory,
        floor: Floor,
        tell: Callable[[ModelEvent], Awaitable[None]],
        give_up: Callable[[ModelError], Awaitable[None]],
    ) -> None:
        self._connect = connect
        self._config = config
        self._clock = clock
        self._settings = settings
        self._memory = memory
        self._floor = floor
        self._tell = tell
        self._give_up = give_up
        self._patience = Patience(settings.failures_in_a_row, settings.reconnect_within_s)
        self._tasks = asyncio.TaskGroup()
        self._keeper: asyncio.Task[None] | None = None
        self._legs: set[Leg] = set()
        self._successor: Leg | None = None  # hears the user already
        self._resumed_s = 0.0
        self._past = ModelCounters()
        self._lost_bytes = 0
        self.leg: Leg | None = None
        """The connection in use; None in a gap."""
        self.session_id = ""

    async def __aenter__(self) -> Self:
        items = self._memory.items()
        session = await self._connect(self._config, items)
        await self._tasks.__aenter__()
        leg = self._begin(session, items, self._memory.revision)
        self._use(leg)
        leg.on_air.set()
        self._keeper = self._tasks.create_task(self._keep(leg), name="model-keeper")
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            if self._keeper is not None:
                self._keeper.cancel()
            await asyncio.gather(*(leg.session.aclose() for leg in list(self._legs)))
        finally:
            for leg in self._legs:
                leg.task.cancel()  # it may wait for a reader who is gone
            # As in RealtimeSession: the body's error must come out as it is.
            await self._tasks.__aexit__(None, None, None)

    def send_audio_nowait(self, pcm: bytes | memoryview) -> None:
        """Queue audio of the user; in a gap it is dropped and counted."""
        if self.leg is None:
            self._lost_bytes += len(pcm)
        else:
            self.leg.session.send_audio_nowait(pcm)
        if self._successor is not None:
            self._successor.session.send_audio_nowait(pcm)

    @property
    def answers_turns(self) -> bool:
        """Whether the model answers by itself when a turn ends."""
        return self._config.create_response and self._config.turn_detection != ManualTurns()

    async def ask(self, request: Request) -> None:
        """Ask for a response; in a gap nothing happens, and the floor owes it."""
        if self.leg is not None:
            with suppress(ModelError):
                await self.leg.session.respond(
                    tag=request.tag, instructions=request.instructions, say=request.say
                )

    async def update(self, change: ConfigChange) -> None:
        """Go on with another configuration, on this connection and on those to come."""
        self._config = change.applied_to(self._config)
        if self.leg is not None:
            with suppress(ModelError):
                await self.leg.session.update(change)

    def counters(self) -> ModelCounters:
        lost_ms = duration_ms(self._lost_bytes, MODEL_RATE_HZ)
        totals = replace(self._past, audio_dropped_ms=self._past.audio_dropped_ms + lost_ms)
        return totals if self.leg is None else total(totals, self.leg.session.counters())

    def _begin(self, session: RealtimeSession, items: list[Item], revision: int) -> Leg:
        now_s = self._clock.monotonic_s()
        rotate_at_s, force_at_s = margins(session.expires_in_s, self._settings, now_s)
        leg = Leg(session, items, revision, now_s, rotate_at_s, force_at_s)
        leg.task = self._tasks.create_task(self._carry(leg), name="model-reader")
        leg.task.add_done_callback(lambda _: self._legs.discard(leg))
        self._legs.add(leg)
        return leg

    def _use(self, leg: Leg) -> None:
        self.leg, self.session_id = leg, leg.session.session_id

    async def _carry(self, leg: Leg) -> None:
        """Hand on what one connection says, until its end."""
        async with leg.session as session:
            await leg.on_air.wait()
            try:
                async for event in session.events():
                    if leg.retired:
                        return
                    await self._take(event)
            except ModelError as error:
                leg.failure = error
                leg.dropped_ms = session.counters().audio_dropped_ms

    async def _take(self, event: ModelEvent) -> None:
        self._memory.note(event)
        self._floor.note(event)
        if isinstance(event, ResponseDone) and event.status is ResponseStatus.COMPLETED:
            self._patience.proved()
        await self._tell(self._memory.original(event) if type(event) is ToolAnswered else event)

    async def _keep(self, leg: Leg) -> None:
        """See to it that there is a connection, until that is hopeless."""
        try:
            while True:
                await self._attend(leg)
                leg = await (self._follow(leg) if leg.is_over else self._rotate(leg))
        except ModelError as error:
            if self.leg is not None:
                self._past, self.leg = over(self._past, self.leg.session.counters()), None
            await self._give_up(error)

    async def _attend(self, leg: Leg) -> None:
        """Wait until a connection is lost, or should be replaced and may be."""
        while not leg.is_over:
            now_s = self._clock.monotonic_s()
            if now_s >= leg.force_at_s or (now_s >= leg.rotate_at_s and self._floor.is_quiet):
                return
            if self._floor.owes_politely and now_s >= self._resumed_s + _STILL_SPEAKING_S:
                await self._pay()
            due_s = leg.rotate_at_s
            if now_s >= due_s or self._floor.owes_politely:
                due_s = now_s + _LOOK_EVERY_S
            await self._wait(leg, due_s - now_s)

    async def _wait(self, leg: Leg, seconds: float) -> None:
        with suppress(TimeoutError):
            async with self._clock.timeout(seconds):
                await asyncio.wait({leg.task})

    async def _pay(self) -> None:
        if (owed := self._floor.pay()) is not None:
            await self.ask(owed)

    async def _follow(self, lost: Leg) -> Leg:
        """Replace a lost connection.

        :raises ModelError: it cannot be.
        """
        began_s = self._clock.monotonic_s()
        if began_s - lost.began_s >= self._settings.proven_after_s:
            self._patience.proved()
        failure = lost.failure or ModelError(ModelFailure.LOST, "closed")
        if failure.failure in _FATAL:
            raise failure
        last, lost_bytes = lost.session.counters(), self._lost_bytes
        self._past, self.leg = over(self._past, last), None
        await self._tell_cut()
        await self._tell(SessionInterrupted(self.session_id, failure.failure))
        leg = await self._reopen(failure)
        await leg.catch_up(self._memory, lambda: self._config)
        self._use(leg)
        self._resumed_s = self._clock.monotonic_s()
        gap_ms = (self._resumed_s - began_s) * 1000
        self._past = replace(
            self._past, reconnects=self._past.reconnects + 1, gap_ms=self._past.gap_ms + gap_ms
        )
        discarded_ms = last.audio_dropped_ms - lost.dropped_ms
        lost_ms = discarded_ms + duration_ms(self._lost_bytes - lost_bytes, MODEL_RATE_HZ)
        await self._tell(SessionResumed(self.session_id, gap_ms, lost_ms, len(leg.items)))
        leg.on_air.set()
        if not self._floor.owes_politely:
            await self._pay()
        return leg

    async def _reopen(self, failure: ModelError) -> Leg:
        """Try until a session is open.

        :raises ModelError: the last try's failure.
        """
        while True:
            now_s = self._clock.monotonic_s()
            self._patience.failed(now_s)
            delay_s = self._patience.delay_s(now_s)
            if failure.failure in _FATAL or delay_s is None:
                raise _for_good(failure)
            await self._clock.sleep(delay_s)
            left_s = self._patience.left_s(self._clock.monotonic_s())
            try:
                return await self._open(min(self._settings.attempt_deadline_s, left_s))
            except ModelError as error:
                failure = error

    async def _open(self, deadline_s: float) -> Leg:
        """Open a connection that knows the conversation, and is not read yet."""
        items, revision = self._memory.items(), self._memory.revision
        try:
            async with self._clock.timeout(deadline_s):
                return self._begin(await self._connect(self._config, items), items, revision)
        except TimeoutError:
            raise ModelError(ModelFailure.UNAVAILABLE, "deadline") from None

    async def _rotate(self, old: Leg) -> Leg:
        """Replace a connection whose time is nearly up; return the one that goes on."""
        try:
            new = await self._open(self._settings.attempt_deadline_s)
        except ModelError:
            # Whatever it is, the old one still works. It says so itself when it does not.
            old.rotate_at_s = old.force_at_s = self._clock.monotonic_s() + _ROTATE_AGAIN_S
            return old
        # Both hear the user for a while: words that begin at the moment of the switch are whole.
        self._successor = new
        await self._wait(old, self._settings.overlap_s)
        now_s = self._clock.monotonic_s()
        in_time = self._floor.is_quiet and self._memory.revision == new.revision
        if old.is_over or not (in_time or now_s >= old.force_at_s):
            self._successor = None
            old.rotate_at_s = now_s + _LOOK_EVERY_S
            self._retire(new)
            return old
        await new.catch_up(self._memory, lambda: self._config)
        self._successor = None
        await self._switch(old, new)
        return new

    async def _switch(self, old: Leg, new: Leg) -> None:
        past = over(self._past, old.session.counters())
        heard_twice_ms = new.session.counters().audio_sent_ms
        self._past = replace(
            past,
            audio_sent_ms=past.audio_sent_ms - heard_twice_ms,
            rotations=past.rotations + 1,
        )
        self._retire(old)
        self._use(new)
        await self._tell_cut()
        await self._tell(SessionRotated(self.session_id, len(new.items)))
        self._resumed_s = self._clock.monotonic_s()
        new.on_air.set()
        if not self._floor.owes_politely:
            await self._pay()

    def _retire(self, leg: Leg) -> None:
        leg.retired = True
        leg.on_air.set()
        self._tasks.create_task(leg.session.aclose(), name="model-closer")

    async def _tell_cut(self) -> None:
        for event in self._floor.cut(self._memory.text_of):
            await self._tell(event)


def _for_good(failure: ModelError) -> ModelError:
    # There was a session, and it is lost: that nobody answers any more is only how.
    if failure.failure is ModelFailure.UNAVAILABLE:
        return ModelError(ModelFailure.LOST, failure.detail)
    return failure

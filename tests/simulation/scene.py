"""A call in which anything may happen, and what a simulation remembers of it."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

from bridge.ids import Identity
from bridge.ports.call import Ending, EndReason
from bridge.ports.control import Command, CommandId, ControlOutcome
from tests.fakes.model import FakeSession
from tests.fakes.room import FakeBot, FakeHuman
from tests.unit.calls.rig import Carried, World


@dataclass(slots=True)
class Scene:
    """One call, those around it, and what was asked of it."""

    carried: Carried
    asking: asyncio.TaskGroup
    humans: dict[Identity, FakeHuman] = field(default_factory=dict)
    commands: list[asyncio.Task[ControlOutcome]] = field(default_factory=list)
    asked_for: Ending | None = None
    """The end that somebody was told to have decided."""
    was_cut: bool = False
    closed_in_trouble: bool = False
    """While the end was being told, somebody did not answer who has to be told."""
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def world(self) -> World:
        return self.carried.world

    @property
    def session(self) -> FakeSession | None:
        """Return the model's session, while there is one."""
        sessions = self.world.models.sessions
        return None if not sessions or sessions[-1].closed else sessions[-1]

    @property
    def bots(self) -> list[FakeBot]:
        room = self.world.livekit.rooms.get(self.carried.spec.room_name)
        return [] if room is None else list(room.bots.values())

    def look(self) -> None:
        """Note who does not answer while the call closes."""
        world = self.world
        parts = (world.events.appending, world.store.saving, world.rooms.deleting)
        is_well = all(part.is_well for part in parts) and not world.livekit.unreachable
        if self.carried.call.view().ending is not None and not is_well:
            self.closed_in_trouble = True

    def human(self, identity: Identity) -> FakeHuman | None:
        """Return a human who is in the room."""
        human = self.humans.get(identity)
        return None if human is None or human.gone is not None else human

    def enter(self, identity: Identity) -> None:
        if self.carried.spec.room_name in self.world.livekit.rooms:
            self.humans[identity] = self.world.enter(self.carried.spec, identity)

    def command(self, command_id: CommandId, command: Command) -> None:
        """Ask for something, as a host lets gateways do until a call is over."""
        if not self.carried.call.is_over:
            applying = self.carried.call.control(command_id, command)
            self.commands.append(self.asking.create_task(applying, name=f"command {command_id}"))

    def cut(self) -> None:
        """Cut the call, as the watchdog does: once."""
        if not self.was_cut:
            self.was_cut = True
            self.carried.task.cancel()

    def end(self, reason: EndReason) -> None:
        ending = Ending(reason, "asked for")
        if self.carried.call.end(ending):
            assert self.asked_for is None, "two were told to have decided the end"
            self.asked_for = ending


@dataclass(frozen=True, slots=True)
class Stimulus:
    """Something that happens; a failed simulation shows its name."""

    name: str
    act: Callable[[Scene], None] = field(repr=False)

    def __repr__(self) -> str:
        return self.name

"""Everything that can happen to a call: from the room, the model, tools, gateways and stores."""

from collections.abc import Callable
from functools import partial
from typing import Final

from hypothesis import strategies as st

from bridge.errors import ModelError, ModelFailure, RoomRejected, RoomUnreachable
from bridge.ids import Identity
from bridge.ports.agent import TurnsChange
from bridge.ports.call import EndReason
from bridge.ports.control import (
    AddContext,
    Command,
    CommandId,
    CommitTurn,
    EndSoftly,
    Interrupt,
    Mute,
    PressKeys,
    Respond,
    Say,
    SayBehaviour,
    SetMetadata,
    Side,
    UpdateAgent,
)
from bridge.ports.model_config import ContextItem, ItemRole, ManualTurns
from bridge.ports.model_event import (
    ModelWarning,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    SessionInterrupted,
    SessionResumed,
    SessionRotated,
    SpeechStarted,
    SpeechStopped,
    UserTextDelta,
    UserTextDone,
)
from bridge.ports.room_event import LeaveReason, MediaInterrupted, MediaResumed, OutputSubscribed
from bridge.ports.tool import ToolFailure, ToolOutput
from bridge.ports.usage import TokenCounts
from tests.fakes.model import FakeSession
from tests.fakes.room import FakeBot, FakeHuman
from tests.simulation.scene import Scene, Stimulus
from tests.tones import tone
from tests.unit.calls.rig import Answering

IDENTITIES: Final = (Identity("caller-1"), Identity("ada"), Identity("bob"))
TOOLS: Final = ("hang_up", "lookup", "slow", "fragile", "unknown")
_WORDS: Final = tone(440, 100)


def of_bot(name: str, act: Callable[[FakeBot], None]) -> Stimulus:
    def step(scene: Scene) -> None:
        for bot in scene.bots:
            act(bot)

    return Stimulus(name, step)


def of_human(name: str, identity: Identity, act: Callable[[FakeHuman], None]) -> Stimulus:
    def step(scene: Scene) -> None:
        if (human := scene.human(identity)) is not None:
            act(human)

    return Stimulus(f"{identity} {name}", step)


def of_model(name: str, act: Callable[[FakeSession, str], None]) -> Stimulus:
    """Something that the model says; `act` gets a fresh id for it."""

    def step(scene: Scene) -> None:
        if (session := scene.session) is not None:
            act(session, f"s{next(scene.numbers)}")

    return Stimulus(f"the model {name}", step)


def _speak(human: FakeHuman) -> None:
    if human.track_sid is not None:
        human.speak(_WORDS)


def _publish(human: FakeHuman) -> None:
    if human.track_sid is None:
        human.publish()


def _humans(identity: Identity) -> st.SearchStrategy[Stimulus]:
    return st.sampled_from(
        [
            Stimulus(f"{identity} enters", lambda scene: scene.enter(identity)),
            Stimulus(f"{identity} enters", lambda scene: scene.enter(identity)),
            of_human("publishes", identity, _publish),
            of_human("unpublishes", identity, lambda human: human.unpublish()),
            of_human("mutes", identity, lambda human: human.mute()),
            of_human("unmutes", identity, lambda human: human.unmute()),
            of_human("speaks", identity, _speak),
            of_human("writes", identity, lambda human: human.write("Hello?")),
            *(
                of_human(
                    f"is gone: {reason.value}", identity, partial(FakeHuman.leave, reason=reason)
                )
                for reason in LeaveReason
            ),
        ]
    )


def _room_deleted(scene: Scene) -> None:
    room = scene.world.livekit.rooms.pop(scene.carried.spec.room_name, None)
    if room is not None:
        room.close()


ROOM: Final[st.SearchStrategy[Stimulus]] = st.one_of(
    *map(_humans, IDENTITIES),
    st.sampled_from(
        [
            of_bot("media interrupted", lambda bot: bot.emit(MediaInterrupted())),
            of_bot("media resumed", lambda bot: bot.emit(MediaResumed())),
            of_bot("media resumed", lambda bot: bot.emit(MediaResumed())),
            of_bot("output subscribed", lambda bot: bot.emit(OutputSubscribed())),
        ]
    ),
)


def _begin(session: FakeSession, _: str) -> None:
    if session.responding is None:
        session.begin_answer(audio_ms=700)


def _go_on(session: FakeSession, _: str) -> None:
    if (response_id := session.responding) is not None:
        session.end_answer(response_id)


def _fail_answer(session: FakeSession, _: str) -> None:
    if (response_id := session.responding) is not None:
        session.push(
            ResponseDone(response_id, ResponseStatus.FAILED, TokenCounts(), "server_error")
        )


def _spend(session: FakeSession, number: str) -> None:
    if session.responding is None:
        session.push(
            ResponseStarted(number, None),
            ResponseDone(number, ResponseStatus.COMPLETED, TokenCounts(output_text=4000)),
        )


def _call(*names: str) -> Callable[[FakeSession, str], None]:
    def act(session: FakeSession, _: str) -> None:
        if session.responding is None:
            session.call(*names)

    return act


def _reconnect(session: FakeSession, number: str) -> None:
    if (response_id := session.responding) is not None:
        status = ResponseStatus.FAILED
        session.push(ResponseDone(response_id, status, TokenCounts(), "session_interrupted"))
    session.push(
        SessionInterrupted(session.session_id, ModelFailure.LOST),
        SessionResumed(number, gap_ms=300, lost_audio_ms=300, replayed_items=2),
    )


MODEL: Final[st.SearchStrategy[Stimulus]] = st.sampled_from(
    [
        of_model("begins an answer", _begin),
        of_model("begins an answer", _begin),
        of_model("ends its answer", _go_on),
        of_model("answers", lambda s, _: None if s.responding else s.answer(audio_ms=500)),
        of_model("fails in its answer", _fail_answer),
        of_model("spends", _spend),
        of_model("hears speech", lambda s, n: s.push(SpeechStarted(n, 0))),
        of_model("hears the same speech", lambda s, _: s.push(SpeechStarted("u", 0))),
        of_model("hears its end", lambda s, _: s.push(SpeechStopped("u", 0))),
        of_model("reads", lambda s, _: s.push(UserTextDelta("u", "Hm"))),
        of_model("has read", lambda s, _: s.push(UserTextDone("u", "Hm"))),
        of_model("has read nothing", lambda s, _: s.push(UserTextDone("u", ""))),
        of_model("warns", lambda s, _: s.push(ModelWarning("odd", "something refused"))),
        of_model("is made anew", _reconnect),
        of_model("is rotated", lambda s, n: s.push(SessionRotated(n, 3))),
        of_model("takes nothing", lambda s, _: s.takes_commands.clear()),
        of_model("takes commands", lambda s, _: s.takes_commands.set()),
        *(of_model(f"calls {name}", _call(name)) for name in TOOLS),
        of_model("calls two", _call("lookup", "slow")),
        of_model("calls all", _call(*TOOLS)),
    ]
)


def _of_tool(name: str, act: Callable[[Scene], None]) -> Stimulus:
    return Stimulus(f"the tool {name}", act)


def _answer_all(outcome: ToolOutput | ToolFailure) -> Callable[[Scene], None]:
    def act(scene: Scene) -> None:
        scene.world.tools.answer_all(outcome)

    return act


EXECUTORS: Final[st.SearchStrategy[Stimulus]] = st.sampled_from(
    [
        _of_tool("does it", _answer_all(ToolOutput("{}"))),
        _of_tool("fails", _answer_all(ToolFailure("broken", "It broke."))),
        _of_tool("has done nothing", _answer_all(ToolFailure("lost", undone=True))),
        _of_tool("raises", lambda scene: scene.world.tools.break_all_down(ValueError("a defect"))),
    ]
)

COMMANDS: Final[st.SearchStrategy[Command]] = st.one_of(
    st.builds(Say, st.just("Hello."), st.sampled_from(SayBehaviour), interruptible=st.booleans()),
    st.just(Interrupt()),
    st.builds(Respond, st.sampled_from([None, "Be short."])),
    st.builds(AddContext, st.just(ContextItem(ItemRole.SYSTEM, "It rains.")), st.booleans()),
    st.builds(Mute, st.sampled_from(Side), st.booleans()),
    st.just(UpdateAgent(voice="other")),
    st.just(UpdateAgent(turn_detection=TurnsChange(ManualTurns()))),
    st.just(UpdateAgent(turn_detection=TurnsChange(create_response=False))),
    st.just(UpdateAgent(tools=("lookup",))),
    st.just(SetMetadata({"a": "b"})),
    st.just(CommitTurn()),
    st.just(PressKeys("1#")),
    st.builds(EndSoftly, st.sampled_from([None, "Goodbye."])),
)
# Few ids: the same command comes twice, also while the first is being applied.
STEERING: Final[st.SearchStrategy[Stimulus]] = st.builds(
    lambda number, command: Stimulus(
        f"command {number}: {command}",
        lambda scene: scene.command(CommandId(str(number)), command),
    ),
    st.integers(1, 9),
    COMMANDS,
)


def _of_part(
    name: str, part: Callable[[Scene], Answering], error: Callable[[], Exception]
) -> list[Stimulus]:
    def fail(scene: Scene) -> None:
        # Its own each time: an error keeps all who have ever handed it on.
        part(scene).error = error()

    return [
        Stimulus(f"{name} hangs", lambda scene: part(scene).hang()),
        Stimulus(f"{name} fails", fail),
        Stimulus(f"{name} recovers", lambda scene: part(scene).recover()),
    ]


SURROUNDINGS: Final[st.SearchStrategy[Stimulus]] = st.sampled_from(
    [
        *_of_part(
            "the log", lambda scene: scene.world.events.appending, lambda: OSError("disk full")
        ),
        *_of_part(
            "the store", lambda scene: scene.world.store.saving, lambda: OSError("disk full")
        ),
        *_of_part(
            "the end of rooms", lambda s: s.world.rooms.deleting, lambda: RoomUnreachable("gone")
        ),
        *_of_part("joining", lambda scene: scene.world.rooms.joining, lambda: RoomRejected("no")),
    ]
)

ENDS: Final[st.SearchStrategy[Stimulus]] = st.one_of(
    st.sampled_from(LeaveReason).map(
        lambda reason: of_bot(f"the bot is out: {reason.value}", lambda bot: bot.close(reason))
    ),
    st.sampled_from(ModelFailure).map(
        lambda failure: of_model(
            f"fails: {failure.value}", lambda session, _: session.fail(ModelError(failure))
        )
    ),
    st.sampled_from([EndReason.API_ENDED, EndReason.SERVER_DRAINING]).map(
        lambda reason: Stimulus(f"end: {reason.value}", lambda scene: scene.end(reason))
    ),
    st.sampled_from(
        [
            Stimulus("the room is deleted", _room_deleted),
            Stimulus("LiveKit dies", lambda scene: scene.world.livekit.die()),
            Stimulus("the call is cut", lambda scene: scene.cut()),
        ]
    ),
)


ENTERS: Final = Stimulus("a caller enters", lambda scene: scene.enter(IDENTITIES[0]))
PUBLISHES: Final = of_human("publishes", IDENTITIES[0], _publish)
BEGINNINGS: Final = st.sampled_from([(), (ENTERS,), (ENTERS, PUBLISHES), (ENTERS, PUBLISHES)])
"""Most calls get as far as talking: most of what can happen to them happens there."""

ANYTHING: Final[st.SearchStrategy[Stimulus]] = st.one_of(
    ROOM, MODEL, MODEL, MODEL, EXECUTORS, STEERING, STEERING, SURROUNDINGS
)

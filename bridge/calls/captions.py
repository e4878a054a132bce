"""What can the people in the room read along? The call's words, and the agent's state."""

from bridge.ids import Identity
from bridge.ports.call import AgentState
from bridge.ports.event import (
    AgentStateChanged,
    EventKind,
    LinkState,
    ModelStateChanged,
    Role,
    Transcript,
)
from bridge.ports.room import Bot, Segment


class Captions:
    """Follows a call's events and shows in the room what its people may see of them."""

    def __init__(self, caller: Identity) -> None:
        self._caller = caller
        self._bot: Bot | None = None
        self._state: AgentState | None = None  # None: the agent is not there yet

    def show_by(self, bot: Bot) -> None:
        """Show from now on, by the bot that is in the room."""
        self._bot = bot
        if self._state is not None:
            bot.tell_agent_state(self._state)

    def on(self, kind: EventKind) -> None:
        """Take an event of the call. Never waits and never fails."""
        match kind:
            case Transcript():
                self._on_words(kind)
            case AgentStateChanged(AgentState.TOOL):
                # That tools exist is nothing that its people need to know.
                self._on_state(AgentState.THINKING)
            case AgentStateChanged(state):
                self._on_state(state)
            case ModelStateChanged(LinkState.READY) if self._state is None:
                self._on_state(AgentState.IDLE)
            case _:
                pass

    def _on_words(self, words: Transcript) -> None:
        if self._bot is None or not words.text:
            return
        speaker = None
        if words.role is Role.USER:
            # Whom the model heard before anybody was loud enough to tell: the caller, most likely.
            speaker = words.speaker or self._caller
        self._bot.tell_text(Segment(words.item_id, speaker, words.text, words.final))

    def _on_state(self, state: AgentState) -> None:
        self._state = state
        if self._bot is not None:
            self._bot.tell_agent_state(state)

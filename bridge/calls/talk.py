"""How does the talk with the model begin, and what goes on beside it?"""

from bridge.calls.conversation import Conversation
from bridge.calls.ending import Verdict
from bridge.calls.media import CallMedia
from bridge.calls.parts import Spawn
from bridge.calls.record import CallRecord
from bridge.calls.silence import SilencePolicy
from bridge.calls.speech.turn_control import session_config
from bridge.calls.stay import Stay
from bridge.calls.tools.toolbox import ToolServices
from bridge.errors import ModelError
from bridge.ports.call import StartPolicy
from bridge.ports.clock import Clock
from bridge.ports.event import LinkState
from bridge.ports.model import ModelService
from bridge.ports.tool import ToolExecutors


class Talk:
    """Opens the model's session and carries the conversation over it, from the greeting on."""

    def __init__(
        self,
        models: ModelService,
        tools: ToolExecutors,
        *,
        media: CallMedia,
        stay: Stay,
        verdict: Verdict,
        record: CallRecord,
        clock: Clock,
        spawn: Spawn,
    ) -> None:
        self._spec = record.view().spec
        self._models = models
        self._tools = tools
        self._media = media
        self._stay = stay
        self._verdict = verdict
        self._record = record
        self._clock = clock
        self._spawn = spawn

    async def run(self) -> None:
        """Talk until the model has nothing more to say.

        :raises ModelError: the session could not be opened, or is lost for good.
        """
        if self._spec.start_policy is StartPolicy.ON_JOIN:
            await self._stay.somebody_came.wait()
        self._record.model_is(LinkState.CONNECTING)
        async with self._models.open(session_config(self._spec.agent)) as session:
            self._record.model_is(LinkState.READY, session.session_id)
            await self._stay.track_published.wait()
            tools = ToolServices(self._tools, end=self._verdict.reach)
            conversation = self._media.converse(session, tools)
            self._spawn(conversation.voice.play(), "playout")
            self._spawn(conversation.voice.fall_silent(), "silence")
            self._spawn(conversation.turns.keep_time(), "turns")
            self._spawn(conversation.turns.ask_for_answers(), "answers")
            self._spawn(self._greet(conversation), "greeting")
            try:
                await conversation.listen()
            except ModelError:
                self._record.model_is(LinkState.LOST, session.session_id)
                raise

    async def _greet(self, conversation: Conversation) -> None:
        await self._stay.somebody_came.wait()
        await self._stay.output_subscribed.wait()
        await conversation.greet(self._spec.agent.greeting)
        if self._spec.agent.silence:
            self._spawn(self._mind_silence(conversation), "silence steps")

    async def _mind_silence(self, conversation: Conversation) -> None:
        policy = SilencePolicy(
            self._spec.agent.silence,
            utterances=conversation.utterances,
            quiet=conversation.quiet,
            verdict=self._verdict,
            record=self._record,
            clock=self._clock,
            is_held=lambda: conversation.toolbox.is_working or not self._stay.anyone_there,
        )
        await policy.run()

"""Who stops the agent when callers speak, and who answers their turns: the model itself, or we?

By itself the model does both, and knows nothing of rules: it stops a response at the first sound
and answers each turn at its end. Where that is not wanted, because there are rules for
interruptions or words that must not be interrupted, it is told to do neither, and the bridge does
both. Each answer then has to be asked for, which takes a way to the model; so the model decides
wherever it can.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from bridge.calls.speech.quiet import Quiet
from bridge.ports.agent import ResolvedAgent, TurnsChange
from bridge.ports.model import ModelSession
from bridge.ports.model_config import ConfigChange, ManualTurns, ModelConfig, TurnDetection


def session_config(agent: ResolvedAgent) -> ModelConfig:
    """Return what the agent's session is told at its start."""
    if _is_ours(agent):
        return replace(agent.model, create_response=False, interruptible=False)
    return agent.model


def _is_ours(agent: ResolvedAgent) -> bool:
    rules = agent.interruption
    return not agent.model.interruptible or bool(rules.min_speech_s or rules.resume_after_s)


class TurnControl:
    """Takes decisions from the model and gives them back, from moment to moment."""

    def __init__(self, agent: ResolvedAgent, session: ModelSession, quiet: Quiet) -> None:
        self._is_interruptible = agent.model.interruptible
        self._session = session
        self._quiet = quiet
        self._always_ours = _is_ours(agent)
        self._ours = self._always_ours
        self._protections = 0
        self.detection: TurnDetection = agent.model.turn_detection
        self.agent_answers = agent.model.create_response
        """Whether turns are answered without the gateway's asking."""

    @property
    def is_interruptible(self) -> bool:
        """Return whether what callers say may stop the agent now."""
        return self._is_interruptible and not self._protections

    @property
    def is_manual(self) -> bool:
        return isinstance(self.detection, ManualTurns)

    @property
    def model_stops(self) -> bool:
        """Return whether the model itself stops a response when somebody speaks."""
        return not (self._ours or self.is_manual)

    @property
    def model_answers(self) -> bool:
        """Return whether the model itself answers a turn that has ended."""
        return self.model_stops and self.agent_answers

    def changed(self, turns: TurnsChange) -> ConfigChange:
        """Let turns be found otherwise, or be answered by somebody else; return what to tell."""
        self.detection = turns.detection or self.detection
        if turns.create_response is not None:
            self.agent_answers = turns.create_response
        return ConfigChange(
            turn_detection=turns.detection,
            create_response=None if self._ours else turns.create_response,
        )

    @asynccontextmanager
    async def protected(self) -> AsyncIterator[None]:
        """Let nothing that callers say inside stop the agent.

        :raises ModelError: the session is gone.
        """
        self._protections += 1
        try:
            if not self._ours:
                self._ours = True
                await self._session.update(ConfigChange(create_response=False, interruptible=False))
            yield
        finally:
            self._protections -= 1

    async def settle(self) -> None:
        """Let the model decide again what it may, unless somebody speaks.

        A turn that is under way is ours to its end: both of us would answer it, or neither.

        :raises ModelError: the session is gone.
        """
        stays_ours = self._always_ours or self._protections or self._quiet.user_is_speaking
        if self._ours and not stays_ours:
            self._ours = False
            await self._session.update(
                ConfigChange(create_response=self.agent_answers, interruptible=True)
            )

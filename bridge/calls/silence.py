"""What happens when nobody says anything? The agent's silence steps, one after the other."""

from collections.abc import Callable, Sequence
from typing import Final

from bridge.calls.ending import Farewell, Verdict
from bridge.calls.record import CallRecord
from bridge.calls.speech.quiet import Quiet
from bridge.calls.speech.utterances import Utterances
from bridge.ports.agent import SilenceStep
from bridge.ports.call import Ending, EndReason
from bridge.ports.clock import Clock
from bridge.ports.event import SilenceStepReached

SILENCE_TAG: Final = "silence"


class SilencePolicy:
    """Runs the steps of one call. A caller who speaks begins them anew."""

    def __init__(
        self,
        steps: Sequence[SilenceStep],
        *,
        utterances: Utterances,
        quiet: Quiet,
        verdict: Verdict,
        record: CallRecord,
        clock: Clock,
        is_held: Callable[[], bool],
    ) -> None:
        """
        :param is_held: whether silence means nothing now: nobody is there, or a tool works.
        """
        self._steps = steps
        self._utterances = utterances
        self._quiet = quiet
        self._verdict = verdict
        self._record = record
        self._clock = clock
        self._is_held = is_held

    async def run(self) -> None:
        """Watch for silence until a step ends the call, or until cancelled."""
        not_before_s = self._clock.monotonic_s()
        while True:
            spoken = self._quiet.times_user_spoke
            for index, step in enumerate(self._steps, start=1):
                await self._quiet.lasting(step.after_s, not_before_s=not_before_s)
                if self._is_held():
                    not_before_s = self._clock.monotonic_s()
                    break
                if self._quiet.times_user_spoke != spoken:
                    break
                if await self._take(index, step):
                    return
            else:
                await self._quiet.user_speaks()

    async def _take(self, index: int, step: SilenceStep) -> bool:
        """Take a step; return whether it ends the call."""
        self._record.tell(SilenceStepReached(index, step.ends))
        if step.ends:
            ending = Ending(EndReason.IDLE_TIMEOUT, f"nobody spoke: silence step {index}")
            self._verdict.reach(ending, farewell=Farewell(step.say))
            return True
        if step.say is not None:
            await self._utterances.say(step.say, tag=SILENCE_TAG)
        else:
            await self._utterances.prompt(step.prompt, tag=SILENCE_TAG)
        return False

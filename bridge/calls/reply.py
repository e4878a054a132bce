"""Where does the time go between a caller's last sound and the first of the answer?"""

from dataclasses import dataclass

from bridge.ports.report import TurnLatency


@dataclass(slots=True)
class Reply:
    """An answer on its way; all moments are the monotonic clock's."""

    silent_s: float
    """The caller's last sound went to the model."""
    decided_s: float
    """It was known here that the turn is over, or later, that it is to be answered."""
    begun: bool = False
    asked: bool = False
    """The answer was asked for; else the model began it by itself."""

    def begin(self, asked_s: float | None) -> None:
        """Note that an answer begins; only the first counts, those behind it follow its tools.

        :param asked_s: when it was asked for; None where the model began it by itself.
        """
        if self.begun:
            return
        self.begun = True
        if asked_s is not None:
            self.asked = True
            self.decided_s = max(self.decided_s, asked_s)

    def latency(self, first_audio_s: float, heard_s: float, round_trip_s: float) -> TurnLatency:
        """Return the parts of the time until the first sound was heard; they add up to it.

        The end of a turn is told by way of the network, and so is an answer that is asked for:
        each takes a round trip. Where a ping took longer than that did, no part is below 0.
        """
        decided_s = min(self.decided_s, first_audio_s)
        asked_round_trip_s = round_trip_s if self.asked else 0.0
        endpointing_s = max(0.0, decided_s - self.silent_s - round_trip_s)
        model_s = max(0.0, first_audio_s - decided_s - asked_round_trip_s)
        playout_s = heard_s - first_audio_s
        transport_s = first_audio_s - self.silent_s - endpointing_s - model_s
        return TurnLatency(endpointing_s, model_s, transport_s, playout_s)

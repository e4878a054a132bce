"""How long, how large: the limits of one model session."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RealtimeSettings:
    """Limits of a session; the defaults are meant for a provider across the Internet."""

    open_deadline_s: float = 10.0
    """For everything from the name's resolution to the accepted configuration."""
    key_deadline_s: float = 10.0
    """For an ephemeral key."""
    send_deadline_s: float = 5.0
    """A socket that takes nothing for so long is dead."""
    ping_interval_s: float = 4.0
    ping_timeout_s: float = 4.0
    """A peer that vanished is noticed within interval + timeout + close deadline: 10 s."""
    close_deadline_s: float = 2.0
    outbox_ms: int = 500
    """Older audio would only make the model hear the past."""
    max_message_bytes: int = 1 << 20
    """16 s of sound in one delta, far more than any provider sends; a bound on memory."""
    max_waiting_messages: int = 64
    """Frames read ahead of the reader. While it is full pongs wait too, so it holds a burst."""

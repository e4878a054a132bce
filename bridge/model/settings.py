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


@dataclass(frozen=True, slots=True)
class ContinuitySettings:
    """How a conversation outlives its connections."""

    reconnect_within_s: float = 10.0
    """Longer silence is no pause any more: the call is better ended than kept waiting."""
    failures_in_a_row: int = 8
    """Losses and failed openings after which there is no other try."""
    proven_after_s: float = 3.0
    """A session that lasted so long, or gave a whole answer, ends a row of failures."""
    attempt_deadline_s: float = 4.0
    """For one opening: one that hangs must leave time for another."""
    session_limit_s: float = 3600.0
    """How long a provider lets a session live that does not say so itself."""
    rotate_before_s: float = 300.0
    """From so long before the limit on, the next quiet moment is taken."""
    force_before_s: float = 30.0
    """A talk without any is cut here: better now than in the middle of an opening."""
    overlap_s: float = 0.5
    """For so long both sessions hear the user, more than it takes to notice that one speaks."""

"""What does a provider's refusal mean: how has the model failed us, if at all?"""

from typing import Final

from websockets.exceptions import ConnectionClosed, InvalidStatus

from bridge.errors import ModelError, ModelFailure
from bridge.model.commands import Command
from bridge.model.fields import MalformedFrame, error_code, parse_object
from bridge.model.wire import Refused
from bridge.ports.model_event import ModelWarning

# Codes after which no response will ever come in this session.
FATAL_CODES: Final = {
    "insufficient_quota": ModelFailure.QUOTA,
    "billing_hard_limit_reached": ModelFailure.QUOTA,
    "invalid_api_key": ModelFailure.AUTH,
    "account_deactivated": ModelFailure.AUTH,
    "session_expired": ModelFailure.SESSION_EXPIRED,
}

# Codes that only stand in the way of opening: an open session survives them.
_OPENING_CODES: Final = {
    **FATAL_CODES,
    "rate_limit_exceeded": ModelFailure.RATE_LIMITED,
    "server_error": ModelFailure.UNAVAILABLE,
}

# The rest of the 4xx says that the request is wrong: an unknown model, a bad parameter.
_STATUSES: Final = {
    401: ModelFailure.AUTH,
    403: ModelFailure.AUTH,
    407: ModelFailure.UNAVAILABLE,  # a proxy's own refusal
    408: ModelFailure.UNAVAILABLE,
    429: ModelFailure.RATE_LIMITED,
}

# Refusing these means that what they would have changed is already gone: a race, not a fault.
_HARMLESS_COMMANDS: Final = frozenset({Command.CANCEL, Command.TRUNCATE, Command.DELETE})
_HARMLESS_CODES: Final = frozenset({"response_cancel_not_active"})

_GOING_AWAY: Final = 1001


def http_error(status: int, code: str) -> ModelError:
    """Return what an HTTP answer that is no success means; a known code outweighs the status."""
    failure = _OPENING_CODES.get(code) or _STATUSES.get(status)
    if failure is None:
        wrong_request = 400 <= status < 500
        failure = ModelFailure.CONFIG_REJECTED if wrong_request else ModelFailure.UNAVAILABLE
    return ModelError(failure, f"http {status} {code}".rstrip())


def opening_error(error: Exception) -> ModelError:
    """Return what kept a session from opening, or a key from being made."""
    match error:
        case InvalidStatus():
            return http_error(error.response.status_code, refusal_code(error.response.body or b""))
        case ConnectionClosed():
            return ModelError(ModelFailure.UNAVAILABLE, f"closed {_close_code(error)}")
        case TimeoutError():
            return ModelError(ModelFailure.UNAVAILABLE, "deadline")
        case _:
            return ModelError(ModelFailure.UNAVAILABLE, type(error).__name__)


def rejected_configuration(refused: Refused) -> ModelError:
    """Return what an `error` event means that answers the configuration."""
    failure = _OPENING_CODES.get(refused.code, ModelFailure.CONFIG_REJECTED)
    return ModelError(failure, f"{refused.code} {refused.param}".rstrip())


def fatal_error(code: str) -> ModelError | None:
    """Return the end of the session that `code` means, if it means one."""
    failure = FATAL_CODES.get(code)
    return None if failure is None else ModelError(failure, code)


def is_harmless(refused: Refused) -> bool:
    """Return whether the server refused what had become needless anyway."""
    sent = refused.event_id
    return refused.code in _HARMLESS_CODES or (
        sent is not None and sent.command in _HARMLESS_COMMANDS
    )


def warning(refused: Refused) -> ModelWarning:
    """Return what to tell of a refusal, in our words."""
    sent = refused.event_id
    what = f"{sent.command} refused" if sent else "refused"
    message = f"{what}: {refused.param}" if refused.param else what
    tag = sent.tag if sent and sent.command is Command.RESPOND else None
    return ModelWarning(refused.code, message, tag)


def lost_error(closed: ConnectionClosed, *, past_limit: bool) -> ModelError:
    """Return what an open session's closed socket means.

    OpenAI ends a session at its limit with a bare 1001, whose reason is a sentence: the limit it
    announced at the beginning tells that end from others.
    """
    received = closed.rcvd.code if closed.rcvd else None
    if received == _GOING_AWAY and past_limit:
        return ModelError(ModelFailure.SESSION_EXPIRED, "closed 1001")
    return ModelError(ModelFailure.LOST, f"closed {_close_code(closed)}")


def _close_code(closed: ConnectionClosed) -> str:
    if closed.rcvd is not None:
        return str(closed.rcvd.code)
    # We hung up first: on a missing pong, a message beyond all measure, invalid framing.
    return f"by us, {closed.sent.code}" if closed.sent is not None else "abnormally"


def refusal_code(body: bytes) -> str:
    """Return the code that an HTTP answer gives for its refusal, if it gives one."""
    try:
        return error_code(parse_object(bytes(body)))
    except MalformedFrame:
        return ""

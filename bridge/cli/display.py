"""Where is a call shown: live on a terminal, as one line an event anywhere else."""

from types import TracebackType
from typing import Final, Protocol, Self

from rich.console import Console
from rich.live import Live

from bridge.cli.view import CallScreen, after_event, after_telemetry, render
from bridge.cli.words import line
from bridge.v1.event_pb2 import CallEvent
from bridge.v1.telemetry_pb2 import CallTelemetry

# As fast as the eye follows a bar; drawing costs a few milliseconds of the loop.
_DRAWN_PER_SECOND: Final = 8


class Display(Protocol):
    """Shows what happens in one call, while entered."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def event(self, event: CallEvent) -> None: ...

    def telemetry(self, sample: CallTelemetry) -> None: ...


def display_for(console: Console, connection_id: str) -> Display:
    """Return the display that suits the console."""
    if console.is_terminal:
        return LiveDisplay(console, connection_id)
    return PlainDisplay(console)


class LiveDisplay:
    """Redraws the call in place."""

    def __init__(self, console: Console, connection_id: str) -> None:
        self._screen = CallScreen(connection_id)
        self._live = Live(console=console, auto_refresh=False)
        self._drawn_at_s = 0.0
        self._console = console

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.update(render(self._screen), refresh=True)
        self._live.stop()

    def event(self, event: CallEvent) -> None:
        """Take in an event; what it changes is seen at once, or with the next drawing."""
        self._screen = after_event(self._screen, event)
        self._draw()

    def telemetry(self, sample: CallTelemetry) -> None:
        """Take in figures."""
        self._screen = after_telemetry(self._screen, sample)
        self._draw()

    def _draw(self) -> None:
        now_s = self._console.get_time()
        due = now_s - self._drawn_at_s >= 1 / _DRAWN_PER_SECOND
        self._live.update(render(self._screen), refresh=due)
        if due:
            self._drawn_at_s = now_s


class PlainDisplay:
    """Prints each event as it comes; figures change too often to be printed."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return

    def event(self, event: CallEvent) -> None:
        """Print an event."""
        said = line(event)
        if said is not None:
            print_line(self._console, said)

    def telemetry(self, sample: CallTelemetry) -> None:
        """Ignore figures."""


def print_line(console: Console, text: str) -> None:
    """Print text as it is: unwrapped, uncoloured, and without reading markup into it."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)

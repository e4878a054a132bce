"""How is a gateway's call given a caller: `mediabridge join`, with a recording as the voice."""

import asyncio
import json
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from bridge import logs
from bridge.cli.display import print_line
from bridge.cli.file_options import speech_option
from bridge.cli.hearing import Hearing, hearing_of
from bridge.cli.listening import Listening
from bridge.cli.microphone import Microphone, UnusableRecording, load_speech
from bridge.cli.placing import converse_at_most
from bridge.cli.running import run
from bridge.errors import RoomError
from bridge.groups import only_error
from bridge.room.caller import Caller

# A ticket is below 8 KiB; whoever pipes something else in should hear of it.
_LONGEST_TICKET: Final = 65_536
_DECODER: Final = json.JSONDecoder()


class UnusableTicket(Exception):
    """Standard input holds no way into a room; the message does not repeat it."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A way into a room."""

    server_url: str
    access_token: str


@dataclass(frozen=True, slots=True)
class Attended:
    """A call that the caller has left."""

    hearing: Hearing
    """Of the agent, by the caller."""
    recording: bytes
    """A WAV file: the caller left, the agent right."""


@click.command("join")
@speech_option
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Record the call to this WAV file: the caller left, the agent right.",
)
@click.option(
    "--max-seconds",
    type=click.FloatRange(1, 3600),
    default=120.0,
    show_default=True,
    help="Leave after this long at the latest.",
)
def command(*, wav: Path, out: Path | None, max_seconds: float) -> None:
    """Be the caller of a call: read the JSON that created it, join, speak, hear the answer, leave.

    Standard input holds what CreateRoom or JoinRoom answered, straight from a gateway: serverUrl
    and accessToken are used. The exit status is 0 only if the caller heard the agent.
    """
    console = Console()
    logs.configure("error", "auto")
    try:
        ticket = ticket_from(iter(partial(sys.stdin.readline, _LONGEST_TICKET), ""))
        attended = run(attend(ticket, load_speech(wav), max_seconds))
    except (UnusableTicket, UnusableRecording, RoomError) as wrong:
        raise click.ClickException(str(wrong)) from wrong
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(attended.recording)
        print_line(console, f"recording: {out} (caller left, agent right)")
    print_line(console, f"the caller {attended.hearing}")
    if not attended.hearing.is_sound:
        raise SystemExit(1)


def ticket_from(lines: Iterable[str]) -> Ticket:
    """Return the way into the room that the first JSON object holds.

    Reads no further than its end: whoever wrote it may live on, and keep the pipe open.

    :raises UnusableTicket: it holds none.
    """
    answer = _first_object(lines)
    url, token = answer.get("serverUrl"), answer.get("accessToken")
    for name, value in (("serverUrl", url), ("accessToken", token)):
        if not isinstance(value, str) or not value:
            raise UnusableTicket(f"the JSON on standard input has no {name}")
    return Ticket(str(url), str(token))


def _first_object(lines: Iterable[str]) -> dict[str, object]:
    text = ""
    for line in lines:
        text += line
        start = text.find("{")
        with suppress(ValueError):
            if start >= 0:
                answer: dict[str, object] = _DECODER.raw_decode(text, start)[0]
                return answer
        if len(text) > _LONGEST_TICKET:
            break
    raise UnusableTicket("standard input holds no JSON of CreateRoom or JoinRoom")


async def attend(ticket: Ticket, speech: bytes, max_seconds: float) -> Attended:
    """Join, speak once the greeting is over, hear the answer out, and leave.

    :raises RoomUnreachable: LiveKit did not let the caller in.
    """
    turns = Listening()
    joining = Caller.join(
        ticket.server_url,
        ticket.access_token,
        on_heard=turns.hear_agent,
        on_spoken=turns.hear_caller,
        max_seconds=max_seconds,
    )
    with only_error():
        async with joining as caller, asyncio.TaskGroup() as tasks:
            microphone = Microphone(caller)
            background = [
                tasks.create_task(microphone.run(), name="microphone"),
                tasks.create_task(_notice_the_end(caller, turns), name="end"),
            ]
            await converse_at_most(max_seconds, turns, microphone, speech)
            for task in background:
                task.cancel()
    return Attended(hearing_of(caller.heard.samples), caller.stereo())


async def _notice_the_end(caller: Caller, turns: Listening) -> None:
    await caller.wait_until_gone()
    turns.hang_up()

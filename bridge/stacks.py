"""What is every task and thread of this process at? Places in the code, and no values."""

import asyncio
import gc
import sys
import threading
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from inspect import isasyncgen, iscoroutine
from types import FrameType
from typing import Any


@dataclass(frozen=True, slots=True)
class Stack:
    """Where one task or thread is: "file:line function", the outermost first."""

    name: str
    frames: tuple[str, ...]


def stacks_of_tasks() -> list[Stack]:
    """Return the tasks of the running loop, by name."""
    tasks = sorted(asyncio.all_tasks(), key=asyncio.Task.get_name)
    return [Stack(task.get_name(), tuple(_awaited(task.get_coro()))) for task in tasks]


def stacks_of_threads() -> list[Stack]:
    """Return the threads that run Python, the one that asks among them."""
    frames = sys._current_frames()  # noqa: SLF001 - the one way there is
    return [
        Stack(thread.name, tuple(_places(frames[thread.ident])))
        for thread in threading.enumerate()
        if thread.ident in frames
    ]


def _awaited(awaited: Any) -> Iterator[str]:  # noqa: ANN401 - coroutines, generators, futures
    """Follow what waits for what, to the last that is written in Python."""
    while awaited is not None:
        frame: FrameType | None = _first_of(awaited, "cr_frame", "gi_frame", "ag_frame")
        if frame is not None:
            yield _place(frame, frame.f_lineno)
            awaited = _first_of(awaited, "cr_await", "gi_yieldfrom", "ag_await")
        else:
            awaited = _behind(awaited)


def _first_of(awaited: Any, *names: str) -> Any:  # noqa: ANN401 - as above
    found = (getattr(awaited, name, None) for name in names)
    return next((one for one in found if one is not None), None)


def _behind(opaque: object) -> object:
    """Return the generator or coroutine that a step of it stands for: such steps do not tell."""
    return next(
        (one for one in gc.get_referents(opaque) if isasyncgen(one) or iscoroutine(one)), None
    )


def _places(frame: FrameType) -> Iterator[str]:
    for each, line in traceback.walk_stack(frame):
        yield _place(each, line)


def _place(frame: FrameType, line: int | None) -> str:
    code = frame.f_code
    # What was compiled from Cython has no lines.
    return f"{code.co_filename.rpartition('/')[2]}:{line or 0} {code.co_qualname}"

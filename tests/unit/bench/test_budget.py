"""How a profile is sorted into the budget of a call."""

import os
import threading
import time

from bench import functions, threads
from bench.threads import ThreadTimes

_LOOP = "run (uvloop/__init__.py:92);Runner.run (asyncio/runners.py:118)"
_MAIN = f"thread (1): MainThread;<module> (bridge/cli/main.py:73);{_LOOP}"


def test_a_sample_belongs_to_the_innermost_stage_that_is_known() -> None:
    stages = functions.by_stage(
        [
            f"{_MAIN};Uplink._hear (bridge/calls/uplink.py:70);push (bridge/media/level.py:55) 3",
            f"{_MAIN};_send (bridge/model/session.py:2);send (websockets/connection.py:4) 2",
            f"{_MAIN};write (bridge/room/output.py:2);wait (asyncio/tasks.py:4) 1",
            f"{_MAIN} 4",
        ]
    )

    assert stages == {
        "media: mix, levels, resampling, playout": 3,
        "model: socket, JSON, session": 2,
        "room: FFI requests and events": 1,
        functions.LOOP: 4,
    }


def test_other_threads_are_no_part_of_the_event_loops_budget() -> None:
    assert not functions.by_stage(["thread (7);ffi_event_callback (rtc/_ffi_client.py:185) 5"])


def test_a_thread_is_charged_with_what_it_used_between_two_readings() -> None:
    before = ThreadTimes.of(os.getpid())
    began_s = time.thread_time()
    while (burnt_s := time.thread_time() - began_s) < 0.05:
        pass
    used = ThreadTimes.of(os.getpid()).since(before)

    part = threads.PYTHON if threading.get_native_id() == os.getpid() else threads.OTHERS
    assert burnt_s * 0.9 < used[part] < burnt_s + 0.5

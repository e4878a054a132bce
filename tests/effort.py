"""How hard do tests by random input try? A little by default, much where somebody has the time."""

import os
from typing import Final

from hypothesis import HealthCheck, settings

EFFORT: Final = int(os.environ.get("MEDIABRIDGE_TEST_EFFORT", "1"))
"""How many times as many inputs as CI tries."""


def examples(count: int) -> settings:
    """Try so many inputs, times the effort.

    CI tries the same ones each time: a change is never blamed for what chance has found. More
    effort means other ones each time.
    """
    return settings(
        max_examples=count * EFFORT,
        derandomize=EFFORT == 1,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )

"""Where an error arose, without what it says: its text may hold spoken words or secrets."""

import traceback


def frames_of(error: BaseException) -> list[str]:
    """Return the traceback as "file:line function", the place that raised last."""
    return [
        f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]

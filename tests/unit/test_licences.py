"""Is a package noticed whose licence nobody has agreed to?"""

from importlib.metadata import files, metadata

import pytest

from scripts.licences import (
    LOCK,
    SAID_IN_FILE,
    SAID_IN_TEXT,
    licences_in,
    licences_of,
    locked,
    problem,
)

MIT = ["License :: OSI Approved :: MIT License"]
GPL = ["License :: OSI Approved :: GNU General Public License v3 (GPLv3)"]


@pytest.mark.parametrize(
    ("expression", "text", "classifiers", "licences"),
    [
        ("Apache-2.0 OR BSD-3-Clause", None, [], {"Apache-2.0", "BSD-3-Clause"}),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", None, GPL, {"MPL-2.0", "Apache-2.0", "MIT"}),
        (None, "Apache License 2.0", [], {"Apache-2.0"}),
        (None, "MIT License", GPL, {"MIT"}),
        (None, "Copyright (c) 2015\nAll rights reserved", MIT, {"MIT"}),
        (None, "ask us", MIT, {"MIT"}),
        (None, None, ["License :: DFSG approved", *MIT], {"MIT"}),
        (None, "GPL-3.0", GPL, {"GNU General Public License v3 (GPLv3)"}),
        (None, "", [], set()),
    ],
)
def test_what_a_package_says_of_itself_is_read(
    expression: str | None, text: str | None, classifiers: list[str], licences: set[str]
) -> None:
    assert licences_in(expression, text, classifiers) == licences


def test_only_what_was_agreed_to_passes() -> None:
    assert problem("x", {"MIT", "Zlib"}) is None
    assert problem("x", {"MIT", "GPL-3.0-only"}) == "x: GPL-3.0-only"
    assert problem("x", set()) == "x: says nothing of its licence"


def test_exception_is_one_package_s() -> None:
    assert problem("soxr", {"LGPL-2.1-or-later"}) is None
    assert problem("x", {"LGPL-2.1-or-later"}) == "x: LGPL-2.1-or-later"


def test_lock_file_is_read_as_far_as_it_concerns_this_machine() -> None:
    lock = (
        "a==1 \\\n    --hash=sha256:00\n    # via b\nb==2 ; sys_platform == 'win32' \\\nc[d]==3\n"
    )
    assert locked(lock) == ["a", "c"]
    assert {"grpcio", "pyjwt"} <= set(locked(LOCK.read_text()))


def test_a_licence_that_stands_in_a_package_s_file_alone_stands_there() -> None:
    for name, licence in SAID_IN_FILE.items():
        (file,) = [one for one in files(name) or [] if one.name == "LICENSE"]
        assert file.read_text().partition("\n")[0].endswith(f"{licence} License ({licence})")
        assert licences_of(name) == {licence}


def test_a_licence_that_stands_in_free_text_alone_stands_there() -> None:
    for name, licence in SAID_IN_TEXT.items():
        assert metadata(name)["License"] == licence
        assert licences_of(name) == {licence}


def test_installed_packages_are_known() -> None:
    assert licences_of("grpcio") == {"Apache-2.0"}

"""Can a recording be played whenever its writer dies, and who may read it?"""

import io
import os
import struct
import wave
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bridge.media.level import Samples
from bridge.ports.recording import RecordingFormat
from bridge.recording.files import OpusFile, WavFile, create
from tests.tones import amplitude_at, tone

FORMATS = list(RecordingFormat)


def rows(ms: float = 1000) -> Samples:
    left, right = (np.frombuffer(tone(hz, ms), np.int16) for hz in (440, 1000))
    return np.stack((left, right), 1)


@pytest.mark.parametrize("form", FORMATS)
def test_channels_hold_what_was_written(tmp_path: Path, form: RecordingFormat) -> None:
    path = tmp_path / "call"
    file = create(path, form)
    for _ in range(8):
        file.write(rows(250))
    size = file.close()
    assert size == path.stat().st_size
    data, rate_hz = soundfile.read(path, dtype="int16")
    assert rate_hz == 48_000
    assert len(data) == pytest.approx(96_000, abs=1000)
    for channel, (own_hz, other_hz) in enumerate(((440, 1000), (1000, 440))):
        heard = np.ascontiguousarray(data[:, channel]).tobytes()
        assert amplitude_at(heard, own_hz) > 6000
        assert amplitude_at(heard, other_hz) < 300


@pytest.mark.parametrize("form", FORMATS)
def test_file_can_be_played_while_it_is_written(tmp_path: Path, form: RecordingFormat) -> None:
    path = tmp_path / "call"
    file = create(path, form)
    for _ in range(20):
        file.write(rows(250))
    left_by_a_crash = io.BytesIO(path.read_bytes())
    data, _ = soundfile.read(left_by_a_crash, dtype="int16")
    assert 3.9 * 48_000 <= len(data) <= 5 * 48_000, "about the newest second may be missing"
    file.close()


def test_wav_s_header_is_right_after_each_write(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    file = create(path, RecordingFormat.WAV)
    for written in range(1, 4):
        file.write(rows(250))
        with wave.open(str(path)) as read:
            assert read.getnframes() == written * 12_000
            assert (read.getnchannels(), read.getframerate()) == (2, 48_000)
    file.close()


def test_wav_of_more_than_4_gib_says_so_as_rf64_does(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    file = WavFile(os.open(path, os.O_RDWR | os.O_CREAT))
    file._data_bytes = 2**32  # as after six hours
    file.write(rows(10))
    header = path.read_bytes()[:80]
    assert header[:4] == b"RF64"
    assert header[12:16] == b"ds64"
    assert struct.unpack_from("<QQQ", header, 20) == (
        72 + 2**32 + 1920,
        2**32 + 1920,
        (2**32 + 1920) // 4,
    )
    file.close()


@pytest.mark.parametrize("form", FORMATS)
def test_nobody_else_can_read_a_recording(tmp_path: Path, form: RecordingFormat) -> None:
    path = tmp_path / "call"
    mask = os.umask(0)
    try:
        create(path, form).close()
    finally:
        os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_there_already_is_never_written_over(tmp_path: Path, form: RecordingFormat) -> None:
    there, link = tmp_path / "there", tmp_path / "link"
    there.write_bytes(b"kept")
    link.symlink_to(there)
    for path in (there, link):
        with pytest.raises(FileExistsError):
            create(path, form)
    assert there.read_bytes() == b"kept"


def test_full_disk_is_an_error_of_the_system_s(monkeypatch: pytest.MonkeyPatch) -> None:
    descriptor = os.open("/dev/full", os.O_RDWR)
    file = OpusFile(descriptor)
    with pytest.raises(OSError, match="System error"):
        file.write(rows(10_000))
    with suppress(OSError):
        file.close()
    descriptor = os.open("/dev/full", os.O_RDWR)
    monkeypatch.setattr(os, "open", lambda *_: descriptor)
    with pytest.raises(OSError, match="No space"):  # its header alone is too much
        create(Path("call"), RecordingFormat.WAV)
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(descriptor)

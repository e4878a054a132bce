"""How the file of prices is read, and how a mistake in it is reported."""

import re
from pathlib import Path

import pytest

from bridge.files.checked import BadFile
from bridge.files.watched import WatchedFile
from bridge.money.prices import FilePrices, PriceTable, read_prices
from bridge.ports.money import CallPrices, TokenPrices, TranscriptionPrices
from tests.fakes.watching import watching

ROOT = Path(__file__).parents[3]
FILE = """\
version: 2026-11
currency: USD
models:
  talker:
    input_text: 4
    input_audio: 32.00
    input_image: 5
    output_text: 16.5
    output_audio: 64.000001
    cached_text: 0.40
transcription:
  scribe: {minute: 0.017}
  clerk: {input_audio: 2.5, output_text: 10}
"""


def prices(model: str = "talker", transcriber: str | None = None) -> CallPrices | None:
    return read_prices("p.yaml", FILE.encode()).of(model, transcriber)


def problem(text: str) -> str:
    with pytest.raises(BadFile) as bad:
        read_prices("p.yaml", text.encode())
    (only,) = bad.value.problems
    return str(only)


def test_prices_are_exact_micro_units_for_a_million_tokens() -> None:
    assert prices() == CallPrices(
        currency="USD",
        version="2026-11",
        model=TokenPrices(
            input_text=4_000_000,
            input_audio=32_000_000,
            input_image=5_000_000,
            cached_text=400_000,
            cached_audio=32_000_000,
            cached_image=5_000_000,
            output_text=16_500_000,
            output_audio=64_000_001,
        ),
    )


def test_transcribers_have_prices_by_the_minute_or_by_tokens() -> None:
    scribe, clerk = prices(transcriber="scribe"), prices(transcriber="clerk")
    assert scribe is not None
    assert scribe.transcription == TranscriptionPrices(minute=17_000)
    assert clerk is not None
    assert clerk.transcription == TranscriptionPrices(
        input_text=2_500_000, input_audio=2_500_000, output_text=10_000_000
    )


@pytest.mark.parametrize(
    ("model", "transcriber"), [("other", None), ("other", "scribe"), ("talker", "other")]
)
def test_where_any_model_of_a_call_has_no_price_the_call_has_none(
    model: str, transcriber: str | None
) -> None:
    assert prices(model, transcriber) is None
    assert PriceTable().of("talker", None) is None


def test_every_amount_of_six_digits_on_either_side_of_the_point_is_read_as_it_stands() -> None:
    for digits in ("0.000001", "0.1", "0.3", "123456.789012", "999999.999999", "1e-6", "7"):
        table = read_prices("p.yaml", FILE.replace("16.5", digits).encode()).of("talker", None)
        assert table is not None
        whole, _, fraction = ("0.000001" if digits == "1e-6" else digits).partition(".")
        assert table.model.output_text == int(whole) * 10**6 + int(fraction.ljust(6, "0"))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("16.5", "-1", "p.yaml:8:5: models.talker.output_text: must be 0 or more, and below"),
        ("16.5", "1000000", "p.yaml:8:5: models.talker.output_text: must be 0 or more, and below"),
        ("16.5", "0.0000001", "p.yaml:8:5: models.talker.output_text: must have at most six dig"),
        ("16.5", "cheap", "p.yaml:8:5: models.talker.output_text: must be a number"),
        ("16.5", "true", "p.yaml:8:5: models.talker.output_text: must be a number"),
        ("16.5", "'1.5'", "p.yaml:8:5: models.talker.output_text: must be a number"),
        ("    output_text: 16.5\n", "", "p.yaml:4:3: models.talker.output_text: is required"),
        ("    output_text: 16.5\n", "    outptu_text: 1\n    output_text: 1\n", "is unknown"),
        ("USD", "$", 'p.yaml:2:1: currency: must be three capital letters, such as "USD"'),
        ("version: 2026-11\n", "", "p.yaml:1:1: version: is required"),
        ("2026-11", "2026", "p.yaml:1:1: version: Input should be a valid string"),
        ("models:", "model:", "p.yaml:3:1: model: is unknown; did you mean models?"),
        ("{minute: 0.017}", "{}", "p.yaml:12:3: transcription.scribe: must have minute, or"),
        ("{minute: 0.017}", "{input_audio: 1}", "must have minute, or input_audio and output_text"),
        ("{minute: 0.017}", "{minute: 1, input_audio: 1}", "or prices of tokens, not both"),
        ("  talker:", "  talker:\n    input_text: 1", "models.talker.input_text: is given twice"),
        (FILE, "[]", "p.yaml:1:1: must be a mapping: version: ..., currency: ..., models: ..."),
    ],
)
def test_a_mistake_is_reported_with_line_and_field(old: str, new: str, expected: str) -> None:
    assert expected in problem(FILE.replace(old, new))


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(BadFile) as bad:
        read_prices("p.yaml", FILE.replace("16.5", "-1").replace("USD", "usd").encode())
    assert [problem.line for problem in bad.value.problems] == [2, 8]


def test_the_example_is_good_says_that_it_is_one_and_has_its_date() -> None:
    raw = (ROOT / "prices.example.yaml").read_bytes()
    found = read_prices("prices.example.yaml", raw).of("gpt-realtime-2.1", "gpt-realtime-whisper")
    assert found is not None
    assert re.fullmatch(r"example-\d{4}-\d{2}-\d{2}", found.version)
    assert raw.startswith(b"# An example, and no offer")
    assert found.transcription == TranscriptionPrices(minute=17_000)


async def test_prices_that_change_are_read_again_and_a_mistake_leaves_the_old_ones(
    tmp_path: Path,
) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(FILE)
    watched = WatchedFile(path, read_prices)
    table = FilePrices(watched)
    async with watching(watched) as clock:
        path.write_text(FILE.replace("2026-11", "2026-12"))
        await clock.step()
        changed = table.of("talker", None)
        assert changed is not None
        assert changed.version == "2026-12"
        path.write_text(FILE.replace("USD", "dollars"))
        await clock.step()
        assert table.of("talker", None) == changed
        assert [str(one)[:9] for one in watched.problems] == ["p.yaml:2:"]
        path.unlink()
        await clock.step()
        assert table.of("talker", None) == changed
        assert [str(one) for one in watched.problems] == ["p.yaml: is no file"]
        path.write_text(FILE)
        await clock.step()
        assert table.of("talker", None) == prices()
        assert watched.problems == ()


def test_a_file_that_is_not_there_cannot_be_watched(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"none\.yaml: is no file"):
        WatchedFile(tmp_path / "none.yaml", read_prices)

"""Do the commands say what they need, and refuse what makes no sense?"""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from rich.console import Console

from bridge.cli.delete import told
from bridge.cli.display import LiveDisplay, PlainDisplay, display_for
from bridge.cli.extras import needs_extra
from bridge.cli.main import main
from bridge.cli.model import faults_from
from bridge.cli.watch import watch_one
from bridge.client import BridgeClient
from bridge.v1.call_pb2 import CALL_STATE_ACTIVE
from bridge.v1.call_service_pb2 import DeleteCallDataResponse
from bridge.v1.telemetry_service_pb2 import StreamTelemetryResponse
from tests.unit.cli import messages
from tests.unit.client.fake_bridge import FakeBridge, serving

COMMANDS = (
    *("serve", "call", "join", "watch", "health"),
    *("model", "sandbox", "doctor", "debug", "demo", "delete"),
)

WITHOUT_EXTRAS = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"livekit", "numpy", "soxr", "pydantic", "aiohttp", "uvloop",
                                  "structlog", "matplotlib", "openai", "yaml", "orjson"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from bridge.cli.main import main
main(sys.argv[1:])
"""


def base_install(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as where only the base install is there."""
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRAS, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_help_lists_every_command() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    for name in COMMANDS:
        assert name in result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    assert CliRunner().invoke(main, [name, "--help"]).exit_code == 0


def test_an_unknown_command_is_refused() -> None:
    assert CliRunner().invoke(main, ["dance"]).exit_code == 2


def test_client_commands_work_in_the_base_install() -> None:
    assert base_install("--help").returncode == 0
    assert base_install("watch", "--help").returncode == 0


def test_a_missing_extra_is_named() -> None:
    result = base_install("serve")
    assert result.returncode == 1
    assert "pip install 'mediabridge[server]'" in result.stderr


def test_a_module_of_ours_that_is_missing_is_a_defect() -> None:
    with pytest.raises(ModuleNotFoundError), needs_extra("server", "this"):
        raise ModuleNotFoundError(name="bridge.nothing")


def test_a_third_party_module_that_is_missing_is_advice() -> None:
    advice = pytest.raises(click.ClickException, match=r"mediabridge\[demo\]")
    with advice, needs_extra("demo", "this"):
        raise ModuleNotFoundError(name="matplotlib")


def test_faults_are_read_by_name() -> None:
    faults = faults_from(["drop_after_s=2.5", "on_response=stall", "times=1"])
    assert (faults.drop_after_s, faults.on_response, faults.times) == (2.5, "stall", 1)


@pytest.mark.parametrize("word", ["drop=1", "times=-1", "on_response=dance", "times"])
def test_a_fault_that_makes_no_sense_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="fault"):
        faults_from([word])


def test_a_picture_of_another_kind_is_refused_before_the_call(tmp_path: Path) -> None:
    wav = tmp_path / "in.wav"
    wav.write_bytes(b"")
    result = CliRunner().invoke(
        main, ["call", "--agent", "a", "--wav", str(wav), "--picture", "x.gif"]
    )
    assert result.exit_code == 2
    assert ".png or .svg" in result.output


def test_speech_that_cannot_be_read_is_refused_before_the_call(tmp_path: Path) -> None:
    wav = tmp_path / "in.wav"
    wav.write_bytes(b"not a recording")
    result = CliRunner().invoke(main, ["call", "--agent", "a", "--wav", str(wav)])
    assert result.exit_code == 1
    assert "in.wav" in result.output


def test_a_variable_without_a_value_is_refused_before_the_call(tmp_path: Path) -> None:
    wav = tmp_path / "in.wav"
    wav.write_bytes(b"")
    arguments = ["call", "--agent", "a", "--wav", str(wav), "--variable", "order_id"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "must be NAME=VALUE, not order_id" in result.output


def test_a_server_does_not_start_with_prices_that_are_wrong(tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("version: v1\ncurrency: dollars\n")
    environment = {
        "LIVEKIT_ENABLED": "false",
        "OPENAI_BASE_URL": "http://127.0.0.1:1/v1",
        "MEDIABRIDGE_LISTEN": f"unix:{tmp_path}/socket",
        "MEDIABRIDGE_STORE_URL": "memory:",
        "MEDIABRIDGE_PRICES": str(prices),
    }
    result = CliRunner().invoke(main, ["serve"], env=environment)
    assert result.exit_code == 1
    assert "MEDIABRIDGE_PRICES: prices.yaml:2:1: currency: must be three cap" in result.output


def test_a_server_that_is_not_there_is_said_so() -> None:
    result = CliRunner().invoke(main, ["watch", "--server", "unix:/nowhere/at/all"])
    assert result.exit_code == 1
    assert "UNAVAILABLE" in result.output


def test_a_terminal_gets_the_live_view() -> None:
    assert isinstance(display_for(Console(force_terminal=True), "c"), LiveDisplay)
    assert isinstance(display_for(Console(force_terminal=False), "c"), PlainDisplay)


def test_the_live_view_ends_with_its_last_state() -> None:
    console = Console(force_terminal=True, width=100)
    with console.capture() as captured, LiveDisplay(console, "call-1") as display:
        display.event(messages.state(CALL_STATE_ACTIVE))
        display.event(messages.said("i1", "Good day"))
        display.telemetry(messages.sample())
    assert "Good day" in captured.get().rpartition("call-1")[2]


async def test_watching_a_call_prints_its_events_and_its_report() -> None:
    fake = FakeBridge()
    fake.answers["StreamTelemetry"] = lambda _: [
        StreamTelemetryResponse(samples=[messages.sample()])
    ]
    last = messages.ended()
    last.sequence = 2
    first = messages.said("i1", "Good day")
    first.sequence = 1
    fake.streams = [[first, last]]
    console = Console(force_terminal=False, width=100)
    with console.capture() as captured:
        async with serving(fake) as target, BridgeClient(target) as bridge:
            await watch_one(bridge, "call-1", 0, messages.HALF_A_SECOND, console)
    assert "agent said: Good day" in captured.get()
    assert "p50 230 ms" in captured.get()


def test_deleting_a_call_says_what_is_gone_and_what_is_not() -> None:
    deleted = DeleteCallDataResponse(
        events_deleted=7, recordings_deleted=1, recordings_left=["s3://calls/1.ogg"]
    )
    assert list(told(deleted)) == [
        "deleted: 7 events, no report, 1 recordings, 0 webhooks",
        "not within this server's reach: s3://calls/1.ogg",
    ]

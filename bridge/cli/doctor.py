"""What is wrong, and what to do about it: `mediabridge doctor`."""

import asyncio
import json
import stat
from typing import Final
from urllib.parse import urlsplit

import click
from rich.console import Console
from rich.text import Text

from bridge import logs
from bridge.addresses import as_http_url
from bridge.api.tls import CertificateFiles
from bridge.cli.money import money_of
from bridge.cli.reaching import models_of, rooms_of
from bridge.cli.running import run
from bridge.cli.tooling import surroundings_of
from bridge.cli.webhooking import endpoints_file
from bridge.clock import SystemClock
from bridge.doctor import files, keeping, livekit, machine, model
from bridge.doctor.finding import Finding, Health, failed, ok, skipped, warning
from bridge.ports.clock import Clock
from bridge.settings import LiveKitSettings, Settings, SettingsError
from bridge.store.database import parse_url

_SETTINGS: Final = "settings"
_OTLP_PORT: Final = 4317
_STYLES: Final = {
    Health.OK: ("ok", "green"),
    Health.WARNING: ("warning", "yellow"),
    Health.FAILED: ("FAILED", "bold red"),
    Health.SKIPPED: ("-", "dim"),
}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print findings as JSON.")
def command(*, as_json: bool) -> None:
    """Check what a server needs, with its own settings, and say what to do about what is wrong.

    Reads the same environment and .env as `mediabridge serve`. Makes a room on LiveKit and leaves
    it, and opens a session with the model and closes it; neither costs anything. Exits with 1 if
    calls would not work, with 0 if they would, warnings included.
    """
    logs.configure("error", "auto")
    try:
        settings = Settings.load()
    except SettingsError as wrong:
        findings = [_wrong_setting(name, problem) for name, problem in wrong.problems.items()]
    else:
        findings = run(examine(settings, SystemClock()))
    if as_json:
        click.echo(json.dumps([_fields(finding) for finding in findings], indent=2))
    else:
        _show(findings, Console())
    if any(finding.health is Health.FAILED for finding in findings):
        raise SystemExit(1)


async def examine(settings: Settings, clock: Clock) -> list[Finding]:
    """Make every check; those that ask others are made at the same time."""
    asked = await asyncio.gather(_ask_livekit(settings, clock), _ask_model(settings))
    certificate = None
    if settings.tls_cert is not None and settings.tls_key is not None:
        certificate = CertificateFiles(settings.tls_cert, settings.tls_key, settings.tls_client_ca)
    return [
        ok(_SETTINGS, "every variable is understood"),
        *(finding for findings in asked for finding in findings),
        *await asyncio.to_thread(
            files.check_agents, settings.agents_dir, surroundings_of(settings)
        ),
        files.check_certificate(certificate, clock.now()),
        files.check_keys(settings.keys_file),
        _check_money(settings),
        _check_webhooks(settings),
        files.check_recordings(settings.recordings_dir),
        await keeping.check_store(parse_url(settings.store_url.get_secret_value())),
        machine.check_descriptors(settings.slots),
        await machine.check_listen(settings.listen, has_tls=settings.has_tls),
        await machine.check_metrics_listen(settings.metrics_listen),
        await _check_collector(settings.otlp_endpoint),
    ]


async def _ask_livekit(settings: Settings, clock: Clock) -> list[Finding]:
    reached: LiveKitSettings | None = settings.livekit
    if reached is None:
        return [skipped(livekit.REACH, "LIVEKIT_ENABLED is false: no calls are carried")]
    async with rooms_of(settings, reached, clock) as rooms:
        return await livekit.check_livekit(as_http_url(reached.server_url), rooms, clock)


async def _ask_model(settings: Settings) -> list[Finding]:
    async with models_of(settings) as models:
        return await model.check_model(models, settings.openai_realtime_model, models.realtime_url)


def _check_money(settings: Settings) -> Finding:
    if settings.prices is None and settings.budgets is None:
        return skipped("money", "neither MEDIABRIDGE_PRICES nor MEDIABRIDGE_BUDGETS is set")
    try:
        money_of(settings)
    except SettingsError as wrong:
        return failed("money", str(wrong), "docs/money.md says what may stand there.")
    return ok("money", "the files of prices and budgets can be used")


def _check_webhooks(settings: Settings) -> Finding:
    if settings.webhooks is None:
        return skipped("webhooks", "MEDIABRIDGE_WEBHOOKS is not set")
    advice = "docs/webhooks.md says what may stand there."
    try:
        endpoints_file(settings)
    except SettingsError as wrong:
        return failed("webhooks", str(wrong), advice)
    if settings.webhooks.stat().st_mode & stat.S_IROTH:
        return warning("webhooks", "others can read the secrets of the endpoints", "chmod 600 it.")
    return ok("webhooks", "the file of endpoints can be used")


async def _check_collector(endpoint: str | None) -> Finding:
    if endpoint is None:
        return skipped(machine.TRACES, "MEDIABRIDGE_OTLP_ENDPOINT is not set")
    parts = urlsplit(endpoint)
    return await machine.check_collector(parts.hostname or "", parts.port or _OTLP_PORT)


def _wrong_setting(name: str, problem: str) -> Finding:
    advice = "docs/settings.md says what may stand there. Nothing else was looked at."
    return failed(_SETTINGS, f"{name}: {problem}", advice)


def _fields(finding: Finding) -> dict[str, str]:
    return {
        "check": finding.check,
        "health": finding.health.value,
        "detail": finding.detail,
        "advice": finding.advice,
    }


def _show(findings: list[Finding], console: Console) -> None:
    width = max(len(finding.check) for finding in findings)
    for finding in findings:
        word, style = _STYLES[finding.health]
        line = Text.assemble((f"{word:8}", style), f"{finding.check:{width}}  {finding.detail}")
        console.print(line, soft_wrap=True)
        if finding.advice:
            console.print(Text(f"{'':8}{'':{width}}  -> {finding.advice}"), soft_wrap=True)

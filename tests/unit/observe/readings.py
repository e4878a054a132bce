"""What Prometheus would read."""

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from bridge.observe.metrics import Metrics


def readings(metrics: Metrics) -> dict[str, float]:
    """Return every sample of ours by its name and labels, as `calls{state="active"}`."""
    return parsed(generate_latest(metrics.registry).decode())


def parsed(exposition: str) -> dict[str, float]:
    """Return the samples of a text that a scraper got, by their names without our prefix."""
    found = {}
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            name = sample.name.removeprefix("mediabridge_")
            found[f"{name}{{{labels}}}" if labels else name] = sample.value
    return found

"""Does Prometheus's own promtool take the rules, and do they tell of what they should alone?"""

import subprocess
from pathlib import Path

import pytest
import yaml

RULES = Path(__file__).parents[3] / "deploy/prometheus"


def ran(promtool: Path, *arguments: str | Path, folder: Path = RULES) -> str:
    done = subprocess.run(
        [promtool, *arguments], cwd=folder, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_takes_the_rules(promtool: Path) -> None:
    assert "SUCCESS" in ran(promtool, "check", "rules", "alerts.yaml")


def test_each_alert_fires_where_it_should_and_nowhere_else(promtool: Path) -> None:
    assert "SUCCESS" in ran(promtool, "test", "rules", "alerts_test.yaml")


def test_promtool_takes_the_example_of_a_scrape(promtool: Path, tmp_path: Path) -> None:
    (tmp_path / "alerts.yaml").symlink_to(RULES / "alerts.yaml")
    jobs = yaml.safe_load((RULES / "scrape.yaml").read_text())
    config = {"rule_files": ["alerts.yaml"], "scrape_configs": jobs}
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(config))
    ran(promtool, "check", "config", "prometheus.yaml", folder=tmp_path)


@pytest.mark.parametrize("group", yaml.safe_load((RULES / "alerts.yaml").read_text())["groups"])
def test_each_alert_is_seen_to_fire_and_not_to(group: dict[str, list[dict[str, str]]]) -> None:
    scenes = yaml.safe_load((RULES / "alerts_test.yaml").read_text())["tests"]
    for rule in group["rules"]:
        fired = [
            {alert["exp_labels"]["instance"] for alert in look.get("exp_alerts", [])}
            for scene in scenes
            for look in scene["alert_rule_test"]
            if look["alertname"] == rule["alert"]
        ]
        assert {"broken"} in fired, rule["alert"]
        assert all(one <= {"broken"} for one in fired), rule["alert"]

"""docs/alerts.md and deploy/prometheus: each alert comes, and has a section on what to do."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "prometheus"
PAGE = (ROOT / "docs" / "alerts.md").read_text("utf-8")


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "alerts.yaml").read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_every_alert_has_a_section_in_the_order_of_the_rules() -> None:
    assert re.findall(r"^## (\w+)$", PAGE, re.MULTILINE) == [each["alert"] for each in alerts()]


def test_every_alert_says_what_it_is_and_where_to_read_on() -> None:
    for each in alerts():
        notes = each["annotations"]
        assert set(notes) == {"summary", "description", "runbook"}, each["alert"]
        assert notes["runbook"] == f"docs/alerts.md#{each['alert'].lower()}"
        assert each["labels"]["severity"] in {"critical", "warning", "info"}


def test_every_alert_is_seen_to_come_and_not_to_come() -> None:
    tests = yaml.safe_load((FOLDER / "alerts_test.yaml").read_text("utf-8"))["tests"]
    come, quiet = set(), set()
    names = {each["alert"] for each in alerts()}
    for test in tests:
        for look in test.get("promql_expr_test", []):
            found = {re.findall('"(.*)"', each["labels"])[0] for each in look["exp_samples"]}
            come |= found
            quiet |= names - found
    assert come == quiet == names


def test_the_command_for_the_operator_makes_a_rule_of_all_alerts() -> None:
    page = (ROOT / "docs" / "telemetry.md").read_text("utf-8")
    command = re.findall(r"```sh\n(\{ printf.*?)```", page, re.DOTALL)[0]
    assert "| kubectl apply -f -" in command
    shown = command.replace("| kubectl apply -f -", "")
    made = yaml.safe_load(subprocess.check_output(["sh", "-c", shown], cwd=ROOT, text=True))
    assert (made["kind"], made["metadata"]["name"]) == ("PrometheusRule", "gateway")
    assert [rule for group in made["spec"]["groups"] for rule in group["rules"]] == alerts()

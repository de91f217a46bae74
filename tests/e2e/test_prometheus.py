"""A real Prometheus over two replicas: the documented settings, the alerts, the dashboard."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.support.gateway_process import GatewayProcess
from tests.support.plain_app import PlainApp
from tests.support.prometheus import FOLDER, Prometheus
from tests.support.servers import wait_until

DASHBOARD = FOLDER.parent / "grafana" / "maintenance-gateway.json"
FLAGS = """
flags:
  site: {}
  search: {paths: [/search], max: 1s}
  reindex: {paths: [/books], user: {cookie: uid}}
webhooks:
  team: {url: 'http://127.0.0.1:9/'}
"""
TWICE = "count(count_over_time(gateway_build_info[1m]) > 1)"
# What Grafana puts in for its variables.
PUT_IN = {
    "$job": "maintenance-gateway",
    "$instance": ".*",
    "$__rate_interval": "1m",
    "$__range": "1m",
}
# What there is nothing of here: no guard, no wait, nothing lost, nobody with a bypass link.
BYPASSED = "gateway_requests_bypassed_total"
NEEDS_MORE = re.compile(rf"> 0$|{BYPASSED}")

Replicas = tuple[GatewayProcess, GatewayProcess]


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    """Two gateways with one store, in front of one app."""
    folder = tmp_path_factory.mktemp("replicas")
    with PlainApp() as app:
        one = GatewayProcess(folder / "one", app.url, FLAGS)
        other = GatewayProcess(folder / "other", app.url, FLAGS)
        other.replace_config(other.config_text(FLAGS).replace(f"{folder}/other", f"{folder}/one"))
        with one, other:
            yield one, other


@pytest.fixture(scope="module")
def prometheus(
    replicas: Replicas, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """Scraping both, after each has had some of everything that a dashboard shows."""
    one, other = replicas
    for gateway in replicas:
        with socket.create_connection(("127.0.0.1", gateway.port), 30) as line:
            line.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nno request\r\n\r\n")
            while line.recv(4096):  # an answer of the app, then one of the gateway itself
                pass
    one.flip("search", enabled=True)
    other.call("PUT", "flags/reindex/users/ann")
    folder = tmp_path_factory.mktemp("prometheus") / "server"
    found = Prometheus(folder, [f"127.0.0.1:{each.control}" for each in replicas])
    with found.server:
        wait_until(found.ready, "Prometheus is ready")
        wait_until(
            lambda: found.value(TWICE) == 2, "both are scraped twice, so that there are rates"
        )
        yield found


def panels() -> list[dict[str, Any]]:
    document = json.loads(DASHBOARD.read_text("utf-8"))
    found: list[dict[str, Any]] = document["panels"]
    return found


def put_in(expression: str) -> str:
    for name, value in sorted(PUT_IN.items(), reverse=True):
        expression = expression.replace(name, value)
    assert "$" not in expression
    return expression


def shown() -> list[str]:
    return [put_in(each["expr"]) for panel in panels() for each in panel.get("targets", [])]


def annotated() -> list[str]:
    document = json.loads(DASHBOARD.read_text("utf-8"))
    return [put_in(each["expr"]) for each in document["annotations"]["list"]]


def alerting() -> list[str]:
    groups = yaml.safe_load((FOLDER / "alerts.yaml").read_text("utf-8"))["groups"]
    return [rule["expr"] for group in groups for rule in group["rules"]]


def test_both_replicas_are_scraped_and_each_sees_both(prometheus: Prometheus) -> None:
    wait_until(lambda: prometheus.value("count(gateway_members{state='live'} == 2)") == 2, "both")
    assert prometheus.value("sum(up)") == 2
    assert prometheus.value("max(gateway_members_behind)") == 0
    assert prometheus.value("max(gateway_lease_age_seconds)") is not None


def test_expressions_name_only_metrics_that_gateways_expose(prometheus: Prometheus) -> None:
    exposed = set(prometheus.ask("label/__name__/values"))
    named = set(re.findall(r"\bgateway_\w+", " ".join([*shown(), *annotated(), *alerting()])))
    assert len(named) > 30
    assert named - exposed == {BYPASSED}


@pytest.mark.parametrize("expressions", [alerting, annotated])
def test_expressions_evaluate(prometheus: Prometheus, expressions: Any) -> None:
    for expression in expressions():
        prometheus.ask("query", query=expression)


def test_every_panel_of_the_dashboard_has_something_to_show(prometheus: Prometheus) -> None:
    empty = {each for each in shown() if not prometheus.ask("query", query=each)["result"]}
    assert len(shown()) > 40
    assert {each for each in empty if not NEEDS_MORE.search(each)} == set()


def test_a_flag_that_is_on_for_too_long_fires(prometheus: Prometheus) -> None:
    wait_until(lambda: prometheus.alerts().get("GatewayFlagForgotten") == "firing", "it fires")
    since = prometheus.value('time() - gateway_flag_on_since_timestamp_seconds{flag="search"}')
    assert since is not None
    assert since > 1


def test_a_yaml_that_is_wrong_is_pending_and_then_no_more(
    prometheus: Prometheus, replicas: Replicas
) -> None:
    one, _ = replicas
    assert "GatewayConfigInvalid" not in prometheus.alerts()
    right = one.config.read_text()
    one.replace_config(right.replace("flags:", "flag:"))
    wait_until(
        lambda: prometheus.alerts().get("GatewayConfigInvalid") == "pending", "it is pending"
    )
    one.replace_config(right)
    wait_until(lambda: "GatewayConfigInvalid" not in prometheus.alerts(), "it is over")

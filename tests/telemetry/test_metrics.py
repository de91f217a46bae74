"""The exposition, as Prometheus reads it."""

from __future__ import annotations

import subprocess

from gateway.telemetry.metrics import DELIVERY_OUTCOMES
from gateway.webhooks.outcome import Verdict
from tests.support.exposition import exposition, families
from tests.support.prometheus import program

REFUSED = "gateway_requests_refused"


def samples(name: str) -> dict[tuple[tuple[str, str], ...], float]:
    """By labels, of one series."""
    found = [sample for family in families() for sample in family.samples if sample.name == name]
    return {tuple(sample.labels.items()): sample.value for sample in found}


def test_every_metric_is_of_the_gateway_and_says_what_it_is() -> None:
    found = families()
    assert len(found) > 20
    assert all(each.name.startswith("gateway_") and each.documentation for each in found)
    assert all(each.type in {"counter", "gauge", "histogram"} for each in found)


def test_buckets_of_a_histogram_add_up() -> None:
    buckets = samples("gateway_app_seconds_bucket")
    of_200 = [value for labels, value in buckets.items() if ("class", "2xx") in labels]
    assert of_200 == sorted(of_200)
    assert buckets[("class", "2xx"), ("le", "0.01")] == 0
    assert buckets[("class", "2xx"), ("le", "0.025")] == 1
    assert buckets[("class", "none"), ("le", "30.0")] == 0
    assert buckets[("class", "none"), ("le", "+Inf")] == 1
    assert samples("gateway_app_seconds_count")[("class", "2xx"),] == 1
    assert samples("gateway_app_seconds_sum")[("class", "2xx"),] == 0.02


def test_what_is_counted_together_is_labelled_apart() -> None:
    assert samples("gateway_app_answers_total")[("class", "2xx"),] == 1
    assert samples("gateway_own_seconds_count") == {
        (("decision", "forward"),): 1,
        (("decision", "refuse"),): 1,
    }
    assert set(samples("gateway_held_seconds_count")) == {
        (("outcome", outcome),) for outcome in ("forwarded", "refused", "left")
    }


def test_labels_are_bounded_by_the_yaml_and_by_what_the_gateway_answers() -> None:
    allowed = {"flag", "kind", "class", "decision", "outcome", "status"}
    allowed |= {"webhook", "state", "version", "le"}
    used = {label for each in families() for sample in each.samples for label in sample.labels}
    assert used == allowed


def test_a_flag_is_on_since_it_was_put_on_and_since_never_while_it_is_off() -> None:
    on = {dict(labels)["flag"]: value for labels, value in samples("gateway_flag_on").items()}
    assert on == {"site": 1, "search": 1, "reindex": 0}
    assert samples("gateway_flag_on_since_timestamp_seconds") == {(("flag", "site"),): 1.7e9}


def test_refusals_by_flag_and_tries_by_webhook_begin_at_0() -> None:
    refused = {flag: value for ((_, flag),), value in samples(f"{REFUSED}_total").items()}
    assert refused == {"site": 1, "search": 0, "reindex": 0}
    told = samples("gateway_webhook_deliveries_total")
    assert told[("outcome", "delivered"), ("webhook", "team")] == 1
    assert {labels[0][1] for labels in told} == {*Verdict, "given_up"} == set(DELIVERY_OUTCOMES)
    assert [value for labels, value in told.items() if ("webhook", "pager") in labels] == [0] * 5


def test_members_are_counted_by_how_they_stand() -> None:
    counts = {state: value for ((_, state),), value in samples("gateway_members").items()}
    assert counts == {"live": 2, "leaving": 0, "silent": 0, "crashed": 1}
    assert samples("gateway_members_behind") == {(): 1}


def test_guards_are_counted_by_flags_of_the_yaml_alone() -> None:
    counts = samples("gateway_guards")
    assert {dict(labels)["flag"] for labels in counts} == {"site", "search", "reindex"}
    assert counts[("flag", "reindex"), ("state", "running")] == sum(counts.values()) == 1


def test_drains_are_told_by_what_became_of_them() -> None:
    assert samples("gateway_drain_seconds_count") == {
        (("outcome", "drained"),): 1,
        (("outcome", "given_up"),): 1,
    }


def test_prometheus_own_linter_finds_nothing() -> None:
    done = subprocess.run(
        [program("promtool"), "check", "metrics"],
        input=exposition(),
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

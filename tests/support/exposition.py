"""All that ``/metrics`` can tell, of a gateway with each kind of flag."""

from __future__ import annotations

from dataclasses import replace

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from gateway.core.flags import Exemptions
from gateway.core.quiescence import Standing
from gateway.core.snapshot import compile_snapshot
from gateway.telemetry.metrics import Guarded, Metrics, Seen
from gateway.telemetry.tally import DrainEnd, Tally
from tests.support.figures import figures
from tests.support.flags import flag, user_flag

FLAGS = (flag("site"), replace(flag("search", "/search"), longest=60.0), user_flag("reindex"))
SEEN = Seen(
    since={"site": 1_700_000_000.0},
    forgotten={"search"},
    members=(Standing.LIVE, Standing.LIVE, Standing.CRASHED),
    behind=1,
    guards=(Guarded("reindex", abandoned=False), Guarded("of another YAML", abandoned=True)),
    webhooks=("team", "pager"),
)


def busy_tally() -> Tally:
    """One of each label."""
    tally = Tally()
    tally.cpu = 1.5
    tally.connections = tally.forwarded = tally.retried = tally.unlogged = 3
    for count in (tally.refuse, tally.hold, tally.bypass):
        count("site")
    tally.hold("")
    tally.noticed("shown")
    tally.ask("forward")
    tally.deliver("team", "delivered")
    tally.failed(502)
    tally.say(400)
    tally.answered(200, 0.02, 0.00001)
    tally.unanswered(60.0)
    tally.refusal_times.add(0.0001)
    for times in tally.held_times.values():
        times.add(2.0)
    for outcome in DrainEnd:
        tally.drained(outcome, 0.3)
    return tally


def exposition() -> str:
    snapshot = compile_snapshot(FLAGS, {}, revision=7, allow=Exemptions(), now=0.0)
    told = figures(None, in_flight=2, held={"site": 1}).of_all()._replace(tally=busy_tally())
    return Metrics(lambda: told, lambda: snapshot, lambda: SEEN).exposition().decode()


def families() -> list[Metric]:
    return list(text_string_to_metric_families(exposition()))

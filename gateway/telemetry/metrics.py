"""The tally and the state as Prometheus metrics, put together when they are asked for.

Labels are bounded: flags are those of the YAML, statuses those the gateway itself gives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from gateway import __version__
from gateway.core.quiescence import Standing
from gateway.core.snapshot import Snapshot
from gateway.telemetry.durations import BOUNDS, Durations
from gateway.telemetry.tally import Tally

DELIVERY_OUTCOMES = ("delivered", "retry", "refused", "gone", "given_up")


class Gauge(NamedTuple):
    """``together`` makes one value of those of all workers."""

    meaning: str
    value: float
    together: Callable[[Iterable[float]], float] = sum


class Figures(NamedTuple):
    """Of all workers: what was counted, each gauge, and how many wait (by flag, "": the app)."""

    tally: Tally
    gauges: Mapping[str, Gauge]
    held: Mapping[str, int]


class Guarded(NamedTuple):
    """A flag that a guard has on; ``abandoned``: the guard has not been heard of for its lease."""

    flag: str
    abandoned: bool


class Seen(NamedTuple):
    """What one worker last saw, without asking anybody.

    ``since`` when each flag that is on is so (seconds since the epoch), which flags are
    ``forgotten``, how each member stands, how many of them are ``behind``, the guards, and the
    names of the ``webhooks``.
    """

    since: Mapping[str, float] = {}
    forgotten: Collection[str] = ()
    members: Sequence[Standing] = ()
    behind: int = 0
    guards: Sequence[Guarded] = ()
    webhooks: Sequence[str] = ()


class GatewayCollector(Collector):
    """Reads the figures and the snapshot when it is asked."""

    def __init__(
        self,
        figures: Callable[[], Figures],
        snapshot: Callable[[], Snapshot],
        seen: Callable[[], Seen],
    ) -> None:
        self._figures = figures
        self._snapshot = snapshot
        self._seen = seen

    def collect(self) -> Iterator[Metric]:
        tally, gauges, held = self._figures()
        snapshot, seen = self._snapshot(), self._seen()
        yield from _counters(tally)
        yield from _counters_by_label(tally, [view.flag.name for view in snapshot.views])
        yield _deliveries(tally, seen.webhooks)
        yield from _histograms(tally)
        yield _build()
        yield GaugeMetricFamily("gateway_revision", "Revision served", value=snapshot.revision)
        yield from _flags(snapshot, seen, held)
        yield from _others(snapshot, seen)
        for name, gauge in gauges.items():
            yield GaugeMetricFamily(name, gauge.meaning, value=gauge.value)


class Metrics:
    """The registry of one worker; the figures are those of all, ``seen`` is what itself sees."""

    def __init__(
        self,
        figures: Callable[[], Figures],
        snapshot: Callable[[], Snapshot],
        seen: Callable[[], Seen] = Seen,
    ) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(GatewayCollector(figures, snapshot, seen))

    def exposition(self) -> bytes:
        """The text format that Prometheus scrapes."""
        return generate_latest(self._registry)


def _build() -> Metric:
    build = GaugeMetricFamily(
        "gateway_build_info", "1; the version is its label", labels=["version"]
    )
    build.add_metric([__version__], 1)
    return build


def _flags(snapshot: Snapshot, seen: Seen, held: Mapping[str, int]) -> Iterator[Metric]:
    enabled, on = _gauge(_ENABLED, "flag", "kind"), _gauge(_ON, "flag", "kind")
    since, forgotten = _gauge(_ON_SINCE, "flag"), _gauge(_FORGOTTEN, "flag")
    users, waiting = _gauge(_USERS, "flag"), _gauge(_WAITING, "flag")
    waiting.add_metric([""], held.get("", 0))
    for view in snapshot.views:
        name, kind = view.flag.name, view.flag.kind.value
        waiting.add_metric([name], held.get(name, 0))
        enabled.add_metric([name, kind], float(view.state.enabled))
        on.add_metric([name, kind], float(view.is_on))
        if view.is_on and name in seen.since:
            since.add_metric([name], seen.since[name])
        if view.flag.longest is not None:
            forgotten.add_metric([name], float(name in seen.forgotten))
        if view.flag.identity is not None:
            users.add_metric([name], len(view.state.users))
    yield from (enabled, on, since, forgotten, users, waiting)


def _others(snapshot: Snapshot, seen: Seen) -> Iterator[Metric]:
    """The members of all replicas, and the guards."""
    members, guards = _gauge(_MEMBERS, "state"), _gauge(_GUARDS, "flag", "state")
    for standing in Standing:
        members.add_metric([standing.value], seen.members.count(standing))
    counts = Counter(seen.guards)
    guarded = {each.flag for each in counts}
    for view in snapshot.views:
        if view.is_on or view.flag.name in guarded:
            for abandoned, state in ((False, "running"), (True, "abandoned")):
                count = counts[Guarded(view.flag.name, abandoned)]
                guards.add_metric([view.flag.name, state], count)
    yield members
    yield GaugeMetricFamily(
        "gateway_members_behind",
        "Members that beat and do not serve the revision that this gateway has for some seconds",
        value=seen.behind,
    )
    yield guards


def _gauge(named: tuple[str, str], *labels: str) -> GaugeMetricFamily:
    name, meaning = named
    return GaugeMetricFamily(f"gateway_{name}", meaning, labels=labels)


_ENABLED = (
    "flag_enabled",
    "1 while the flag's switch is on; a per-user flag then holds only whom it names",
)
_ON = ("flag_on", "1 while the flag holds anybody or applies, by whatever it was put on")
_ON_SINCE = ("flag_on_since_timestamp_seconds", "Since when the flag is on; none while it is off")
_FORGOTTEN = ("flag_forgotten", "1 while the flag is on for longer than its max")
_USERS = ("flag_users", "Users on the flag's include list")
_WAITING = ("held", "Requests that wait for a flag, or (flag empty) the app")
_MEMBERS = ("members", "Workers of all replicas, as this one sees them")
_GUARDS = ("guards", "Commands that run while the flag is on; abandoned: not heard of any more")


def _counters(tally: Tally) -> Iterator[Metric]:
    yield CounterMetricFamily(
        "gateway_cpu_seconds", "CPU time of the workers, the system's for them too", value=tally.cpu
    )
    yield CounterMetricFamily(
        "gateway_connections", "Connections of clients accepted", value=tally.connections
    )
    yield CounterMetricFamily(
        "gateway_requests_forwarded",
        "Requests let go on to the app, each once, however often it was sent",
        value=tally.forwarded,
    )
    yield CounterMetricFamily(
        "gateway_requests_retried",
        "Requests sent once more, on a new connection",
        value=tally.retried,
    )
    yield CounterMetricFamily(
        "gateway_access_log_dropped",
        "Lines of the access log that were dropped: they could not be written, or not fast enough",
        value=tally.unlogged,
    )


def _deliveries(tally: Tally, webhooks: Sequence[str]) -> Metric:
    deliveries = CounterMetricFamily(
        "gateway_webhook_deliveries",
        "Tries to tell a webhook, by what came of it, and messages given up",
        labels=["webhook", "outcome"],
    )
    expected = [f"{webhook} {outcome}" for webhook in webhooks for outcome in DELIVERY_OUTCOMES]
    for delivery, count in {**dict.fromkeys(expected, 0), **tally.deliveries}.items():
        deliveries.add_metric(delivery.split(" "), count)
    return deliveries


def _counters_by_label(tally: Tally, flags: Sequence[str]) -> Iterator[Metric]:
    # From 0 on where alerts look at it: a series that begins with 1 has not risen. No more than
    # that: with a thousand flags, each further line of each takes 3 ms of the event loop's time.
    refused = {**dict.fromkeys(flags, 0), **tally.refused}
    owed: dict[int, int] = {502: 0, 504: 0}
    answers = {f"{digit}xx": count for digit, count in enumerate(tally.answers[1:], start=1)}
    for name, meaning, label, counts in (
        ("requests_refused", "Requests answered by a flag's page", "flag", refused),
        (
            "requests_held",
            "Times that a request began to wait for a flag, or (flag empty) the app",
            "flag",
            {"": 0} | tally.held,
        ),
        (
            "requests_bypassed",
            "Requests that a bypass link let past a flag that is on",
            "flag",
            tally.bypassed,
        ),
        ("app_answers", "Answers of the app by first digit", "class", answers),
        (
            "notices",
            "HTML pages under a notice: shown, or why it was left out",
            "outcome",
            tally.notices,
        ),
        (
            "auth_decisions",
            "Decisions for other proxies (forward-auth): forward or refuse",
            "decision",
            {"forward": 0, "refuse": 0} | tally.asked,
        ),
        ("app_failures", "Answers the app owed", "status", owed | tally.failures),
        ("errors", "Errors answered by the gateway itself", "status", tally.own),
    ):
        family = CounterMetricFamily(f"gateway_{name}", meaning, labels=[label])
        for value, count in counts.items():
            family.add_metric([str(value)], count)
        yield family


def _histograms(tally: Tally) -> Iterator[Metric]:
    classes = ("none", *(f"{digit}xx" for digit in range(1, len(tally.app_times))))
    of_app = zip(classes, tally.app_times, strict=True)
    own = {"forward": tally.forward_times, "refuse": tally.refusal_times}
    for name, meaning, label, times in (
        ("app_seconds", _OF_THE_APP, "class", of_app),
        ("own_seconds", _OF_ITS_OWN, "decision", own.items()),
        ("held_seconds", _OF_WAITING, "outcome", tally.held_times.items()),
        ("drain_seconds", _OF_DRAINS, "outcome", tally.drain_times.items()),
    ):
        family = HistogramMetricFamily(f"gateway_{name}", meaning, labels=[label])
        for value, each in times:
            family.add_metric([str(value)], _buckets(each), each.seconds)
        yield family
    yield HistogramMetricFamily(
        "gateway_loop_delay_seconds",
        _OF_THE_LOOP,
        buckets=_buckets(tally.loop_times),
        sum_value=tally.loop_times.seconds,
    )


_OF_THE_APP = (
    "The app's share: from a request handed to it whole to the head of its answer; "
    "class none: until it was given up"
)
_OF_ITS_OWN = (
    "The gateway's share: from a head read to the request (or the refusal) written, and from "
    "the answer's head read to it written"
)
_OF_WAITING = "How long requests waited for a flag, or for the app, by what became of them"
_OF_DRAINS = "How long drains took that this gateway was asked for, by what became of them"
_OF_THE_LOOP = (
    "How late the event loop was, looked at five times a second: what arrives waits as long unread"
)


def _buckets(times: Durations) -> list[tuple[str, float]]:
    """As the exposition has them: each with all that are below."""
    below = list(accumulate(times.counts))
    return list(zip([*map(floatToGoString, BOUNDS), "+Inf"], below, strict=True))

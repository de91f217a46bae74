"""What the Kubernetes manifests run, run here: a real Redis, the app, replicas of the gateway.

No cluster is needed; what a cluster would do is played by tests/support/pods.py.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import select
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.exchange import Ask, Line, exchange
from tests.support.manifests import FOLDER, NoKubectl, read, render
from tests.support.plain_app import PlainApp
from tests.support.pods import Pod, Volume, named
from tests.support.redis_server import RedisServer
from tests.support.servers import BIN, wait_until
from tests.support.workers import Load, Lost

TOKEN = "kubernetes-tests-token-0123456789"
PASSWORD = "redis-tests-password"


class Visitors(Load):
    """A load that comes over a Service: each connection goes to one of its ``endpoints``.

    Visitors read what they get for a moment, so that they leave the processor to those who start.
    """

    def __init__(self, endpoints: list[int], **how: int) -> None:
        super().__init__(0, **how)
        self._endpoints = endpoints

    def _open(self) -> Line | None:
        opened = time.monotonic()
        try:
            return Line(random.choice(self._endpoints))
        except OSError as error:
            self.lost.append(Lost(f"connect: {error}", 0, opened))
            return None

    def _asked(self, line: Line, opened: float) -> bool:
        stays = super()._asked(line, opened)
        self._over.wait(0.01)
        return stays


class Cluster:
    """One namespace: what ``kubectl apply -k try/WAY`` makes, but for the nodes."""

    def __init__(self, way: str, folder: Path, app: str) -> None:
        self.documents = render(FOLDER / "try" / way)
        self.folder = folder
        self.redis = _redis(self.documents, folder / "redis")
        store = f"redis://:{PASSWORD}@127.0.0.1:{self.redis.port}/0"
        self.config = Volume(folder / "config", self._map()["data"])
        self.secrets = {"control-token": TOKEN, "store": store}
        self.secret = Volume(folder / "secret", self.secrets)
        self.here = {
            "/etc/gateway": str(self.config.folder),
            "/etc/gateway-secret": str(self.secret.folder),
            "http://app": app,
        }
        self.pods: list[Pod] = []
        self.endpoints: list[int] = []
        self.ending: list[Pod] = []

    def _map(self) -> dict[str, Any]:
        return named(self.documents, "ConfigMap", "gateway")

    def add(self, workload: str) -> Pod:
        """One pod more, in service once it is ready."""
        spec = named(self.documents, "Deployment", workload)["spec"]["template"]["spec"]
        number = len(self.pods) + len(self.ending)
        pod = Pod(spec, self.folder / f"pod-{number}", self.here)
        self.pods.append(pod)
        pod.start()
        return pod

    def put_in_service(self, pod: Pod) -> None:
        pod.wait_until_ready()
        self.endpoints.append(pod.ports["gateway"])

    def take_away(self, pod: Pod, visitors: Load) -> None:
        """Delete a pod under load. Nodes hear of it while its preStop goes on."""
        nodes_know = threading.Event()
        pod.end(nodes_know)
        visitors.go_on(10)
        self.endpoints.remove(pod.ports["gateway"])
        visitors.go_on(10)
        nodes_know.set()
        self.pods.remove(pod)
        self.ending.append(pod)

    def edit(self, change: dict[str, Any]) -> None:
        """``kubectl apply -k`` with an edited config.yaml; {} is the one of the repository."""
        config = yaml.safe_load(self._map()["data"]["config.yaml"])
        self.config.write({"config.yaml": yaml.safe_dump(config | change)})

    def statuses(self, target: str = "/") -> set[int]:
        return {exchange(port, Ask(target)).status for port in self.endpoints}

    def probes(self, kind: str = "readinessProbe") -> set[int]:
        return {pod.containers["gateway"].probe(kind) for pod in self.pods}

    @contextlib.contextmanager
    def control_service(self) -> Iterator[int]:
        """The Service gateway-control: each connection goes to the next replica. Its port."""
        turns = itertools.count()

        class Relay(socketserver.BaseRequestHandler):
            def handle(relay) -> None:  # noqa: N805 there is a self already
                pod = self.pods[next(turns) % len(self.pods)]
                with socket.create_connection(("127.0.0.1", pod.ports["control"])) as there:
                    _relay(relay.request, there)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

        with Server(("127.0.0.1", 0), Relay) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.05,))
            thread.start()
            yield server.server_address[1]
            server.shutdown()
            thread.join()

    def well(self) -> set[int]:
        """The plain /readyz of every replica."""
        asked = Ask("/readyz", host="gateway-control:9090")
        return {exchange(pod.ports["control"], asked).status for pod in self.pods}

    def stop(self) -> None:
        for pod in [*self.pods, *self.ending]:
            pod.kill()
            pod.wait_for_end()
        self.redis.kill()


def _relay(here: socket.socket, there: socket.socket) -> None:
    """Both ways, until either side has closed its own."""
    with contextlib.suppress(OSError):
        while True:
            for source in select.select([here, there], [], [])[0]:
                data = source.recv(65536)
                if not data:
                    return
                (there if source is here else here).sendall(data)


def _redis(documents: list[dict[str, Any]], folder: Path) -> RedisServer:
    """The StatefulSet's container, on its volume: the manifest's own arguments."""
    spec = named(documents, "StatefulSet", "gateway-redis")["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["command"] == ["redis-server"]
    words = [
        {"/data": str(folder), "$(REDIS_PASSWORD)": PASSWORD}.get(each, each)
        for each in container["args"]
    ]
    server = RedisServer(folder, *words)
    server.start()
    return server


@pytest.fixture(scope="module")
def app() -> Iterator[PlainApp]:
    with PlainApp() as app:
        yield app


@pytest.fixture(scope="module")
def replicas(app: PlainApp, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three replicas in front of the app, as the Deployment has them."""
    cluster = _cluster("deployment", tmp_path_factory.mktemp("deployment"), app.url)
    try:
        spec = named(cluster.documents, "Deployment", "gateway")["spec"]
        for pod in [cluster.add("gateway") for _ in range(spec["replicas"])]:
            cluster.put_in_service(pod)
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def beside(tmp_path: Path) -> Iterator[Cluster]:
    """Two pods of the sample app with the gateway in each."""
    cluster = _cluster("sidecar", tmp_path, "")
    try:
        for pod in [cluster.add("app") for _ in range(2)]:
            cluster.put_in_service(pod)
        yield cluster
    finally:
        cluster.stop()


def _cluster(way: str, folder: Path, app: str) -> Cluster:
    try:
        return Cluster(way, folder, app)
    except NoKubectl as error:
        pytest.skip(str(error))


def test_an_edit_is_followed_by_every_replica_and_a_wrong_one_by_none(replicas: Cluster) -> None:
    assert replicas.statuses() == {200}
    replicas.edit({"flags": {"site": {"enabled": True}}})
    wait_until(lambda: replicas.statuses() == {503}, "every replica follows")
    # Pods in maintenance stay in service, and alive: it is they who show the page.
    assert (replicas.probes(), replicas.probes("livenessProbe")) == ({200}, {200})

    replicas.edit({"flags": {"site": {"enabled": "perhaps"}}})
    wait_until(lambda: replicas.well() == {503}, "every replica says that the edit is wrong")
    assert (replicas.probes(), replicas.statuses()) == ({200}, {503})

    replicas.edit({})
    wait_until(lambda: replicas.statuses() == {200}, "every replica follows")
    wait_until(lambda: replicas.well() == {200}, "every replica is well")


def test_a_store_that_goes_takes_no_replica_out_of_service(replicas: Cluster) -> None:
    first = replicas.pods[0].containers["gateway"]
    on = first.exec(str(BIN / "gateway"), "on", "search", "--reason", "a flip that must last")
    assert on.returncode == 0, on.stderr
    wait_until(lambda: replicas.statuses("/search") == {503}, "every replica follows the flip")

    replicas.redis.kill()
    wait_until(lambda: replicas.well() == {503}, "every replica misses the store")
    assert (replicas.probes(), replicas.probes("livenessProbe")) == ({200}, {200})
    assert (replicas.statuses("/search"), replicas.statuses()) == ({503}, {200})

    replicas.redis.start()
    wait_until(lambda: replicas.well() == {200}, "every replica is well")
    assert replicas.statuses("/search") == {503}
    off = first.exec(str(BIN / "gateway"), "off", "search")
    assert off.returncode == 0, off.stderr
    wait_until(lambda: replicas.statuses("/search") == {200}, "every replica follows")


def test_a_rollout_of_all_replicas_costs_no_request_and_no_guard(
    replicas: Cluster, tmp_path: Path
) -> None:
    before, runs, go = list(replicas.pods), tmp_path / "runs", tmp_path / "go"
    script = f"touch {runs}; until [ -e {go} ]; do sleep 0.1; done"
    with replicas.control_service() as control:
        (guard,) = _job(replicas, "job", tmp_path, control, ["sh", "-c", script])
        wait_until(runs.exists, "the guarded command runs")
        with Visitors(replicas.endpoints, kept=2, fresh=1) as visitors:
            visitors.go_on(50)
            for pod in before:  # maxUnavailable 0: another one is in service first
                replicas.put_in_service(replicas.add("gateway"))
                replicas.take_away(pod, visitors)
                assert replicas.statuses("/search") == {503}
            visitors.go_on(50)
        assert visitors.lost == []
        for pod in before:
            pod.hurry()
            assert "lingering" in pod.containers["gateway"].program.log_tail()
            assert pod.containers["gateway"].program.wait() == 0
        go.touch()
        _, why = guard.communicate(timeout=60)
    assert guard.returncode == 0, why
    assert replicas.statuses("/search") == {200}


def test_a_job_guards_over_the_control_service(replicas: Cluster, tmp_path: Path) -> None:
    with replicas.control_service() as control:
        (guard,) = _job(replicas, "job", tmp_path, control, ["sh", "-c", "echo $GATEWAY_FLAG"])
        said, why = guard.communicate(timeout=60)
    assert (guard.returncode, said) == (0, "search\n"), why
    assert "drained" in why
    assert "3 members" in why
    assert replicas.statuses("/search") == {200}


def test_a_job_with_any_image_finds_the_gateway_where_it_was_laid(
    replicas: Cluster, tmp_path: Path
) -> None:
    with replicas.control_service() as control:
        (guard,) = _job(replicas, "job-any-image", tmp_path, control)
        said, why = guard.communicate(timeout=60)
    assert (guard.returncode, said) == (0, "your command here\n"), why
    assert "drained" in why


def _job(
    cluster: Cluster, name: str, folder: Path, control: int, args: list[str] | None = None
) -> list[subprocess.Popen[str]]:
    """The containers of a Job's pod, once its init containers have done their part; ``args`` in
    place of the example's command. An image has the gateway in /opt/gateway.
    """
    (job,) = read(FOLDER / f"guard/{name}.yaml")
    image, laid = folder / "image", folder / "laid"
    for place in (image, laid):
        (place / "bin").mkdir(parents=True)
    (image / "bin/gateway").write_text(f'#!/bin/sh\nexec {BIN}/gateway "$@"\n')
    (image / "bin/gateway").chmod(0o755)
    spec = job["spec"]["template"]["spec"]
    here = {**cluster.here, "http://gateway-control:9090": f"http://127.0.0.1:{control}"}
    inits = Pod(
        {"containers": spec.get("initContainers", [])},
        folder,
        {"/opt/gateway": str(image), "/laid": str(laid)},
    )
    for each in inits.containers.values():
        subprocess.run(each.command, check=True, timeout=60)
    pod = Pod(spec, folder, {**here, "/opt/gateway": str(laid if inits.containers else image)})
    started = []
    for each in pod.containers.values():
        command = each.command
        if args is not None:
            command = [*command[: -len(each.spec["args"])], *args]
        started.append(
            subprocess.Popen(
                command,
                env={**os.environ, **each.env, "TMPDIR": str(folder)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    return started


def test_a_token_that_is_changed_in_the_secret_is_followed(replicas: Cluster) -> None:
    def statuses(token: str) -> set[int]:
        fields = (("Authorization", f"Bearer {token}"),)
        asked = Ask("/api/v1/flags", fields=fields, host="gateway-control:9090")
        return {exchange(pod.ports["control"], asked).status for pod in replicas.pods}

    assert statuses(TOKEN) == {200}
    replicas.secret.write({**replicas.secrets, "control-token": "another-token-0123456789"})
    wait_until(lambda: statuses("another-token-0123456789") == {200}, "every replica follows")
    assert statuses(TOKEN) == {401}
    replicas.secret.write(replicas.secrets)
    wait_until(lambda: statuses(TOKEN) == {200}, "every replica follows")


def test_beside_the_app_a_pod_that_goes_costs_no_request(beside: Cluster) -> None:
    goes, stays = beside.pods
    with Visitors(beside.endpoints, kept=2, fresh=1) as visitors:
        visitors.go_on(30)
        beside.take_away(goes, visitors)
        visitors.go_on(30)
    assert visitors.lost == []
    goes.hurry()

    # The other order, which a "native" sidecar has: the app goes under connections that are kept.
    with Line(stays.ports["gateway"]) as kept:
        assert kept.ask(Ask("/")).status == 200
        stays.containers["app"].program.terminate()
        assert kept.ask(Ask("/")).status == 502

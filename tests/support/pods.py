"""Pods without a cluster: the containers of a rendered manifest, as processes of this machine.

The kubelet's part is played as Kubernetes documents it: volumes of ConfigMaps and Secrets are
folders whose ``..data`` link is swapped, probes are GETs, and an end is preStop and then SIGTERM,
for all containers of the pod side by side. A preStop's ``sleep`` stands for the time in which
every node hears that the pod goes; here it lasts until they have.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.exchange import Ask, exchange
from tests.support.ports import free_port
from tests.support.servers import BIN, Program, wait_until

ENTRYPOINTS = {"maintenance-gateway": ["gateway"], "redis": ["docker-entrypoint.sh"]}
Spec = Mapping[str, Any]


class Volume:
    """A ConfigMap or Secret as it is mounted: files are links over ``..data``, swapped whole."""

    def __init__(self, folder: Path, files: Mapping[str, str]) -> None:
        self.folder = folder
        self._numbers = itertools.count()
        folder.mkdir(parents=True)
        self.write(files)
        for name in files:
            (folder / name).symlink_to(Path("..data") / name)

    def write(self, files: Mapping[str, str]) -> None:
        """An edit, as the kubelet brings it in: a new folder, and one rename of the link."""
        there = self.folder / f"..2026_11_27_{next(self._numbers)}"
        there.mkdir()
        for name, text in files.items():
            (there / name).write_text(text)
        swap = self.folder / "..data_tmp"
        swap.symlink_to(there.name)
        swap.rename(self.folder / "..data")


@dataclass
class Container:
    """One container of a pod that runs here; ``ports`` are this machine's, by name."""

    spec: Spec
    folder: Path
    ports: Mapping[str, int]
    env: Mapping[str, str]
    command: list[str]
    program: Program = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        name = self.spec["name"]
        self.program = Program(
            name,
            self.command,
            log=self.folder / f"{name}.log",
            env=dict(self.env),
            cwd=self.folder,
        )

    def probe(self, kind: str) -> int:
        """The status that the kubelet gets from one of its httpGet probes."""
        asked = self.spec[kind]["httpGet"]
        return exchange(self.ports[asked["port"]], Ask(asked["path"], host="10.0.0.7:9090")).status

    def ready(self) -> bool:
        with contextlib.suppress(OSError, EOFError):
            return 200 <= self.probe("readinessProbe") < 400
        return False

    def tell(self) -> None:
        """SIGTERM, unless it has ended already."""
        with contextlib.suppress(ProcessLookupError):
            if self.program.alive():
                os.kill(self.program.pid, signal.SIGTERM)

    def exec(self, *command: str) -> subprocess.CompletedProcess[str]:
        """``kubectl exec``: in the container's environment, where 9090 is its control port."""
        at = {"GATEWAY_URL": f"http://127.0.0.1:{self.ports['control']}"}
        return subprocess.run(
            command,
            env={**os.environ, **self.env, **at},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


class Pod:
    """The containers of one pod. ``here`` maps texts of the manifest (paths of volumes, addresses)
    to what they are on this machine.
    """

    def __init__(self, spec: Spec, folder: Path, here: Mapping[str, str]) -> None:
        self.folder = folder
        self.ports: dict[str, int] = {}
        self._ends: list[threading.Thread] = []
        self._stuck: list[str] = []
        for each in spec["containers"]:
            self.ports |= {port["name"]: free_port() for port in each.get("ports", ())}
        self._here = {**here, **self._addresses(spec)}
        self.containers = {each["name"]: self._container(each) for each in spec["containers"]}

    def start(self) -> None:
        for each in self.containers.values():
            each.program.start()

    def wait_until_ready(self) -> None:
        for name, each in self.containers.items():
            wait_until(each.ready, f"{name} is ready")
            assert each.program.alive(), each.program.log_tail()

    def end(self, nodes_know: threading.Event) -> None:
        """What the kubelet does with a pod that is deleted; returns at once."""
        for each in self.containers.values():
            thread = threading.Thread(target=self._end, args=(each, nodes_know))
            self._ends.append(thread)
            thread.start()

    def hurry(self) -> None:
        """Do not wait for what is left of its linger: a second SIGTERM."""
        for each in self.containers.values():
            each.tell()
        self.wait_for_end()

    def wait_for_end(self) -> None:
        """Fails with the log of a container that does not end."""
        for each in self._ends:
            each.join()
        assert not self._stuck, "\n".join(self._stuck)

    def kill(self) -> None:
        for each in self.containers.values():
            if each.program.alive():
                each.program.kill()

    def _end(self, container: Container, nodes_know: threading.Event) -> None:
        if "preStop" in container.spec.get("lifecycle", {}):
            nodes_know.wait(60)
        self._wait_for_others(container)
        container.tell()
        self._wait_for(container)

    def _wait_for_others(self, container: Container) -> None:
        # Who sleeps longer is told later; that the others have ended by then is a matter of
        # arithmetic (test_kubernetes.py), and is not waited for in real time.
        for other in self.containers.values():
            if sleep(other.spec) < sleep(container.spec):
                self._wait_for(other)

    def _wait_for(self, container: Container) -> None:
        try:
            container.program.wait()
        except subprocess.TimeoutExpired as error:
            self._stuck.append(f"{error}\n{container.program.log_tail()}")

    def _addresses(self, spec: Spec) -> dict[str, str]:
        found: dict[str, str] = {}
        for each in spec["containers"]:
            for port in each.get("ports", ()):
                ours = self.ports[port["name"]]
                found |= {
                    f"0.0.0.0:{port['containerPort']}": f"127.0.0.1:{ours}",
                    f"127.0.0.1:{port['containerPort']}": f"127.0.0.1:{ours}",
                    str(port["containerPort"]): str(ours),
                    "0.0.0.0": "127.0.0.1",  # noqa: S104 taken away
                }
        return found

    def _container(self, spec: Spec) -> Container:
        env = {each["name"]: self._translate(each["value"]) for each in spec.get("env", ())}
        image = spec["image"].rpartition(":")[0]
        entrypoint = spec.get("command") or ENTRYPOINTS[image]
        command = [*entrypoint, *spec.get("args", ())]
        program = {"gateway": str(BIN / "gateway"), "python": str(BIN / "python")}
        first = program.get(command[0]) or self._translate(command[0])
        found = [first, *map(self._translate, command[1:])]
        path = f"{BIN}:{os.environ['PATH']}"
        return Container(spec, self.folder, self.ports, {**env, "PATH": path}, found)

    def _translate(self, text: str) -> str:
        """Whole words, the longest first: ports too are texts in a manifest."""
        if text in self._here:
            return self._here[text]
        for there in sorted(self._here, key=len, reverse=True):
            if not there.isdigit():
                text = re.sub(rf"{re.escape(there)}(?![\w.])", self._here[there], text)
        return text


def sleep(container: Spec) -> int:
    """Seconds of its preStop."""
    seconds: int = (
        container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    )
    return seconds


def of_kind(documents: list[dict[str, Any]], kind: str) -> Iterator[dict[str, Any]]:
    return (each for each in documents if each["kind"] == kind)


def named(documents: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    """The one of that kind and name."""
    (found,) = (each for each in of_kind(documents, kind) if each["metadata"]["name"] == name)
    return found

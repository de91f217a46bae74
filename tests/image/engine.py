"""Docker, or Podman where there is none: the same words to both."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

# Where no CAP_SYS_RESOURCE is, limits can only be lowered; and cgroups may be of both versions.
_PODMAN = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
runtime = "runc"
"""
STAND_IN = "gateway.replay.stand-in"  # the label of an image that stands for another
_LIMITS = 600.0  # seconds for one call: a build installs packages


class Engine:
    """``words`` are as `docker` takes them. ``is_docker`` tells whose engine it is."""

    def __init__(self, folder: Path) -> None:
        told = subprocess.run(["docker", "info"], capture_output=True, check=False)
        self.is_docker = told.returncode == 0
        self._program = "docker" if self.is_docker else "podman"
        config = folder / "containers.conf"
        config.write_text(_PODMAN)
        self.environ = {"CONTAINERS_CONF": str(config), "BUILDAH_FORMAT": "docker"}
        self._environ = {**os.environ, **self.environ}

    def __call__(self, *words: str, check: bool = True) -> str:
        """What it prints. With ``check`` an exit status other than 0 ends the replay."""
        status, said = self.status(*words)
        if check and status:
            raise SystemExit(f"{self._program} {' '.join(words)}: {status}\n{said[-4000:]}")
        return said

    def status(self, *words: str) -> tuple[int, str]:
        done = subprocess.run(
            [self._program, *words],
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_LIMITS,
            check=False,
        )
        lines = (line for line in done.stdout.splitlines() if "systemd connection" not in line)
        return done.returncode, "\n".join(lines).strip()

    def build(self, tag: str, context: Path, *words: str) -> None:
        """Build with this machine's certificates and pip's settings, which go into no layer."""
        # chroot: the builder's own containers would need a cgroup version that may not be here.
        ours = [] if self.is_docker else ["--isolation", "chroot", "--pull=never", *_own_settings()]
        self("build", "--tag", tag, "--network", "host", *ours, *words, str(context))

    def import_image(self, root: Path, tag: str, *said: str) -> None:
        """An image of a folder; ``said`` are instructions, as ``WORKDIR /data``."""
        tar = subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE)
        path = "ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
        changes = (path, f"LABEL {STAND_IN}=yes", *said)
        marks = [word for each in changes for word in ("--change", each)]
        importing = [self._program, "import", *marks, "-", tag]
        subprocess.run(
            importing, env=self._environ, stdin=tar.stdout, check=True, capture_output=True
        )
        if tar.wait():
            raise SystemExit(f"tar of {root} failed")

    def inspect(self, what: str) -> Any:
        return json.loads(self("inspect", what))[0]


def _own_settings() -> list[str]:
    shared = ["/etc/ssl/certs", "/etc/pip.conf", "/etc/apt/apt.conf.d"]
    return [word for path in shared if Path(path).exists() for word in ("-v", f"{path}:{path}:ro")]

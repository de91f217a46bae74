"""A machine of which systemd is process 1: namespaces, thrown away at the end.

The network is this machine's, so that tests reach what it serves. ``/etc``, ``/var/lib``, ``/opt``,
``/run`` and ``/tmp`` are its own. It takes root and the right to mount; ``NoMachine`` says what was
missing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.servers import wait_until

SYSTEMD = Path("/lib/systemd/systemd")
ROOT = Path(__file__).parents[2]
PACKAGES = Path(next(each for each in sys.path if each.endswith("site-packages")))

# "$1" has what the machine is to find. Only then is anything hidden that this needs.
_BOOT = """
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/parts /run/python /run/packages /run/checkout /run/above /run/work /run/lock
cp -a "$1/." /run/parts
mount --bind "$2" /run/python
mount --bind "$3" /run/packages
mount --bind "$4" /run/checkout
mount -t overlay -o lowerdir=/etc,upperdir=/run/above,workdir=/run/work overlay /etc
for own in /opt /tmp /var/lib /var/log /var/cache; do mount -t tmpfs -o mode=755 tmpfs $own; done
mount -t tmpfs -o mode=755 tmpfs /etc/systemd/system
chmod 1777 /tmp
cp -a /run/parts/root/. /
umount -R /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 none /sys/fs/cgroup
mount --make-rshared /  # as on a machine; credentials are mounted from within a service
cd /
units=/run/systemd/system:/etc/systemd/system:/run/parts/units
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=other SYSTEMD_UNIT_PATH=$units \\
    /lib/systemd/systemd --system --unit=nothing.target --log-target=console --log-color=no
"""
# As /opt/gateway/bin/gateway of a virtual environment, on a Python that may have been moved.
_GATEWAY = """#!/bin/sh
export LD_LIBRARY_PATH=/run/python/lib PYTHONPATH=/run/checkout:/run/packages
exec /run/python/bin/python3 -c 'from gateway.cli import main; main()' "$@"
"""


class NoMachine(Exception):  # noqa: N818 a reason to skip
    """Why there can be none here, in one line."""


class Machine:
    """Boots with nothing but a gateway that can be started; for a ``with`` block.

    What is in ``folder`` is at ``/run/parts`` there.
    """

    def __init__(self, folder: Path) -> None:
        _look()
        self._folder = folder
        self._log = folder / "systemd.log"
        for name in (*_STANDARD, _BOOTED):
            self._write(f"units/{name}", "[Unit]\nDefaultDependencies=no\n")
        self._write("root/opt/gateway/bin/gateway", _GATEWAY, 0o755)
        self._unshare: subprocess.Popen[bytes] | None = None
        self._first = 0

    def run(self, *command: str, check: bool = True) -> str:
        """What a command of root's says in there."""
        entered = ["nsenter", "-t", str(self._first), "-m", "-p", "-u", "-i", "-C", "--"]
        done = subprocess.run(
            [*entered, *command], capture_output=True, text=True, timeout=120, check=False
        )
        said = done.stdout + done.stderr
        assert not check or done.returncode == 0, f"{command}: {said}\n{self._failed()}"
        return said

    def _failed(self) -> str:
        """What systemd has to say of the services that it could not start."""
        return self.run("systemctl", "--no-pager", "status", "gateway.*", check=False)

    def log(self) -> str:
        return self._log.read_text(errors="replace")[-4000:]

    def __enter__(self) -> Self:
        unshare = ["unshare", "--pid", "--mount", "--ipc", "--uts", "--cgroup", "--fork"]
        parts = [str(self._folder), sys.base_prefix, str(PACKAGES), str(ROOT)]
        with self._log.open("wb") as log:
            self._unshare = subprocess.Popen(
                [*unshare, "--kill-child", "--mount-proc", "sh", "-c", _BOOT, "boot", *parts],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._first = wait_until(self._child, "systemd starts", within=20)
            wait_until(self._answers, "systemd answers", within=30)
        except AssertionError as failed:
            self.__exit__(None, None, None)
            raise NoMachine(f"systemd does not start here: {self.log().strip()[-300:]}") from failed
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._unshare is not None
        self._unshare.kill()
        self._unshare.wait(30)

    def _child(self) -> int:
        assert self._unshare is not None
        assert self._unshare.poll() is None, "it ended"
        pid = self._unshare.pid
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(found[0]) if found else 0

    def _answers(self) -> bool:
        assert self._unshare is not None
        assert self._unshare.poll() is None, "it ended"
        said = self.run("systemctl", "is-active", _BOOTED, check=False)
        return said.strip() == "active"

    def _write(self, name: str, text: str, mode: int = 0o644) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)


_BOOTED = "nothing.target"
# What units order themselves by; empty here.
_STANDARD = (
    *("sysinit.target", "basic.target", "sockets.target", "shutdown.target"),
    *("network-online.target", "multi-user.target", "umount.target"),
)


def _look() -> None:
    if os.geteuid() != 0:
        raise NoMachine("only root can start a machine of systemd's")
    for program in ("unshare", "nsenter", "systemctl"):
        if shutil.which(program) is None:
            raise NoMachine(f"there is no {program} here")
    if not SYSTEMD.exists():
        raise NoMachine(f"there is no {SYSTEMD} here")

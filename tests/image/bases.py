"""Base images: pulled, or stood in for by what Debian's mirrors and this machine have.

A stand-in has the name of the image that it stands for, so that the Dockerfiles are built as they
are. It is Debian from debootstrap; Python and Node are this machine's own builds of the version
that the name asks for.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.image.engine import STAND_IN, Engine

# What Python's images have beside Python; a Redis for the one that is bookworm's.
LIBRARIES = "ca-certificates,libsqlite3-0,libffi8,zlib1g,libbz2-1.0,liblzma5,libuuid1,libexpat1"
PACKAGES = {
    "trixie": f"{LIBRARIES},libssl3t64",
    "bookworm": f"{LIBRARIES},libssl3,redis-server",
}
HUB = "docker.io/library/"


class Bases:
    """Has each image there, and says which of them are stand-ins."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self._folder = folder
        self.stood_in: list[str] = []

    def need(self, name: str, make: Callable[[Path], None], *said: str) -> None:
        """Pull the image; where that cannot be, make one of what ``make`` puts into a folder.

        ``said`` are the image's own instructions that count.
        """
        if self._engine.status("image", "inspect", name)[0] == 0:
            if STAND_IN in (self._engine.inspect(name)["Config"].get("Labels") or {}):
                self.stood_in.append(name)
            return
        if self._engine.status("pull", HUB + name)[0] == 0:
            return
        root = self._folder / name.replace(":", "-")
        if not root.exists():
            make(root)
        self._engine.import_image(root, HUB + name, *said)
        self.stood_in.append(name)

    def debian(self, release: str, root: Path) -> None:
        """A copy of a minimal Debian with ``PACKAGES``, made once for each release."""
        made = self._folder / release
        if not made.exists():
            partly = self._folder / f"{release}.partly"
            shutil.rmtree(partly, ignore_errors=True)
            words = ["--variant=minbase", f"--include={PACKAGES[release]}", release, str(partly)]
            subprocess.run(["debootstrap", *words], check=True, capture_output=True)
            for each in ("var/cache/apt/archives", "var/lib/apt/lists"):
                shutil.rmtree(partly / each)
                (partly / each).mkdir()
            partly.rename(made)
        subprocess.run(["cp", "-a", str(made), str(root)], check=True)

    def python(self, root: Path) -> None:
        """As python:3.13-slim-trixie: Debian, and Python below /usr/local."""
        self.debian("trixie", root)
        found = sorted(Path.home().glob(".pyenv/versions/3.13.*"))
        if not found:
            raise SystemExit("python:3.13 can neither be pulled nor taken from this machine")
        leave = shutil.ignore_patterns("test", "__pycache__", "*.a", "_sandboxing*", "idle_test")
        for each in ("bin", "lib"):
            shutil.copytree(
                found[-1] / each, root / "usr/local" / each, symlinks=True, ignore=leave,
                dirs_exist_ok=True,
            )  # fmt: skip
        for pip in (root / "usr/local/bin").glob("pip*"):
            _, _, rest = pip.read_text().partition("\n")
            pip.write_text(f"#!/usr/local/bin/python3\n{rest}")
        subprocess.run(["chroot", str(root), "ldconfig"], check=True)

    def node(self, root: Path) -> None:
        """As node:22-slim, which is of an older Debian than the gateway's image."""
        self.debian("bookworm", root)
        shutil.copy(str(shutil.which("node")), root / "usr/local/bin/node")

    def redis(self, root: Path) -> None:
        """As redis:8.2-alpine: a user of that name, who owns /data."""
        self.debian("bookworm", root)
        (root / "data").mkdir()
        subprocess.run(["chroot", str(root), "chown", "redis:redis", "/data"], check=True)

    def busybox(self, root: Path) -> None:
        """As Alpine is to a program that wants glibc: there is none."""
        for each in ("bin", "tmp", "etc", "www", "proc", "dev", "sys", "usr/local/bin"):
            (root / each).mkdir(parents=True)
        (root / "tmp").chmod(0o1777)
        shutil.copy(str(shutil.which("busybox")), root / "bin/busybox")
        (root / "bin/sh").symlink_to("busybox")
        (root / "www/index.html").write_text("the app\n")

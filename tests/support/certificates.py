"""Certificates for tests, made by openssl: authorities, and what they sign."""

from __future__ import annotations

import subprocess
from pathlib import Path

_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


class Authority:
    """Signs certificates into a folder. ``cert`` is what to trust."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self.cert, self._key = folder / f"{name}.pem", folder / f"{name}.key"
        _openssl("-subj", f"/CN={name}", "-keyout", self._key, "-out", self.cert)

    def issue(self, name: str, *hosts: str, days: int = 2, usage: str = "") -> tuple[Path, Path]:
        """``name``.pem and ``name``.key, for hosts such as ``DNS:a.test`` and ``IP:127.0.0.1``."""
        cert, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        extras = ["basicConstraints=critical,CA:FALSE"]
        extras += [f"subjectAltName={','.join(hosts)}"] if hosts else []
        extras += [f"extendedKeyUsage={usage}"] if usage else []
        added = [part for each in extras for part in ("-addext", each)]
        signer = ["-CA", self.cert, "-CAkey", self._key]
        _openssl(*signer, "-subj", f"/CN={name}", *added, "-keyout", key, "-out", cert, days=days)
        return cert, key


def self_signed(folder: Path, *hosts: str, name: str = "cert") -> tuple[Path, Path]:
    """A certificate that only itself vouches for, and its key."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    added = ["-addext", f"subjectAltName={','.join(hosts)}"] if hosts else []
    _openssl("-subj", f"/CN={name}", *added, "-keyout", key, "-out", cert)
    return cert, key


def _openssl(*arguments: str | Path, days: int = 2) -> None:
    command = ["openssl", "req", "-x509", *_KEY, "-days", str(days), *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True)

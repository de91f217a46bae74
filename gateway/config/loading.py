"""Loading: file and environment in, one valid ``Settings`` or every error out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gateway.config.document import compose, decode
from gateway.config.environment import FILE, overlay
from gateway.config.errors import Origin, Report
from gateway.config.nodes import Broken, Table
from gateway.config.passed import Passed
from gateway.config.secret_files import fill_in
from gateway.config.section import is_null
from gateway.config.settings import Settings
from gateway.config.site import read_settings
from gateway.config.substitution import Substitution

LARGEST = 8 << 20  # bytes: 1,000 flags are 200 KB
_NOTHING = Table(Origin(FILE, None, ""))  # a document of the environment alone


def load(path: Path | None, environ: Mapping[str, str], passed: Passed | None = None) -> Settings:
    """The configuration of a file (None: of the environment alone).

    ``passed`` is what systemd has opened for who is to listen; None: that is not looked at.
    Raises ``ConfigErrors`` with every error at once, each with its file, line and path.
    """
    report = Report()
    filled = fill_in(environ, report)
    substitution = Substitution(filled.environ)
    root = _NOTHING if path is None else _read(path, substitution, report)
    if root is None:
        report.raise_any()
        raise AssertionError("no document, and nothing said why")
    document = overlay(root, filled, substitution, report)
    settings = read_settings(document, path, report, passed)
    report.raise_any()
    return replace(settings, secret_files=filled.files)


def load_as_far_as_it_goes(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """The same, whatever is wrong with it: what is wrong has its default.

    For those who ask after a gateway that runs, in which a wrong edit has changed nothing.
    """
    report = Report()
    filled = fill_in(environ, report)
    substitution = Substitution(filled.environ)
    root = None if path is None else _read(path, substitution, report)
    return read_settings(overlay(root or _NOTHING, filled, substitution, report), path, report)


def _read(path: Path, substitution: Substitution, report: Report) -> Table | None:
    whole = Origin(str(path), None, "")
    raw = _read_bytes(path, whole, report)
    text = None if raw is None else decode(raw, whole.file, report)
    if text is None:
        return None
    root = compose(text, whole, substitution, report)
    if isinstance(root, Table):
        return root
    if root is None or is_null(root):
        report.add(whole, "is empty; `gateway init` writes a config to start from")
    elif not isinstance(root, Broken):
        report.add(root.origin, "must be a mapping of keys, such as upstream: http://...")
    return None


def _read_bytes(path: Path, whole: Origin, report: Report) -> bytes | None:
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        report.add(whole, f"cannot be read: {error.strerror}")
        return None
    if len(raw) > LARGEST:
        report.add(whole, f"is larger than {LARGEST >> 20} MiB")
        return None
    return raw

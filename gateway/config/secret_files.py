"""Secrets in files: ``GATEWAY_CONTROL_TOKEN_FILE`` names one that holds the token.

Docker, Compose, Kubernetes and systemd hand secrets out as files. The variable without
``_FILE`` then is as if it were set to what the file holds, for the YAML's ``${...}`` as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.config.errors import Invalid, Origin, Report

SUFFIX = "_FILE"
# Every variable that may hold a secret; the address of a store may have a password in it.
HELD_IN_FILES = tuple(
    f"GATEWAY_{key}"
    for key in (
        "CONTROL_TOKEN",
        "CONTROL_TOKENS",
        "CONTROL_METRICS_TOKEN",
        "CONTROL_TOGGLE_KEY",
        "ALLOW_KEY",
        "STORE",
        "WEBHOOKS",
        "WEBHOOK_URL",
        "WEBHOOK_SECRET",
    )
)
LARGEST = 1 << 20  # bytes, as Kubernetes' largest Secret


@dataclass(frozen=True, slots=True)
class Filled:
    """An environment with what the files hold; ``unread`` are the variables of wrong ones."""

    environ: Mapping[str, str]
    files: tuple[Path, ...] = ()
    unread: frozenset[str] = frozenset()


def fill_in(environ: Mapping[str, str], report: Report) -> Filled:
    """The environment with each secret that a file holds. What is wrong is reported."""
    filled, files, unread = dict(environ), [], set()
    for name in HELD_IN_FILES:
        if (named := name + SUFFIX) not in environ:
            continue
        files.append(Path(environ[named]))
        try:
            filled[name] = _only_there(name, environ)
        except Invalid as error:
            report.add(Origin("environment", None, named), str(error), *error.files)
            unread.add(name)
    return Filled(filled, tuple(files), frozenset(unread))


def read_secret(name: str) -> str:
    """What the file holds, without the line ends after it. ``Invalid`` where that is no text.

    A relative name is looked for in the working directory: it is the environment's, which knows
    of no other.
    """
    path = Path(name)
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
        text = raw.decode()
    except OSError as error:
        raise Invalid(f"cannot be read: {name}: {error.strerror}", files=[path]) from error
    except ValueError as error:  # also a NUL in the name
        raise Invalid(f"is not UTF-8: {name}", files=[path]) from error
    if len(raw) > LARGEST:
        raise Invalid(f"is larger than {LARGEST >> 20} MiB: {name}", files=[path])
    text = text.rstrip("\r\n")
    if not text.strip():
        raise Invalid(f"holds nothing: {name}", files=[path])
    return text


def _only_there(name: str, environ: Mapping[str, str]) -> str:
    if name in environ:
        raise Invalid(f"is set as well as {name}; unset one of the two")
    return read_secret(environ[name + SUFFIX])

"""The gateway's own cases: with one flag, with a thousand of three kinds, and refusing."""

from __future__ import annotations

import sys
from pathlib import Path

FLAGS = 1000

# Quietest and fullest: none is on; all are on, elsewhere; all are on, for others.
THOUSANDS = ("1,000 site flags, off", "1,000 features, on, not hit", "1,000 per-user, not listed")


def one_flag() -> str:
    return "flags:\n  site: {}\n"


def refusing(page: Path | None) -> str:
    """The whole site out of service, with the bench's page or (None) the gateway's own."""
    own = "" if page is None else f"page: {{template: {page}}}\n"
    return f"{own}flags:\n  site: {{enabled: true}}\n"


def thousand_flags(kind: str) -> str:
    """A thousand flags of one kind; none holds any request of the bench."""
    line = {
        THOUSANDS[0]: "  site-{n}: {{enabled: false}}\n",
        THOUSANDS[1]: "  feature-{n}: {{enabled: true, paths: [/part-{n}, /api/*/part-{n}/**]}}\n",
        THOUSANDS[2]: "  user-{n}: {{user: {{cookie: uid}}, users: [{users}]}}\n",
    }[kind]
    flags = (line.format(n=n, users=", ".join(_users(n))) for n in range(FLAGS))
    return "flags:\n" + "".join(flags)


def _users(n: int) -> list[str]:
    return [f"user-{n}-{k}" for k in range(10)]


def write_config(folder: Path, body: str, *, app: int, listen: int, control: int) -> Path:
    """A config file in a folder of its own, with the store beside it."""
    folder.mkdir()
    config = folder / "config.yaml"
    config.write_text(
        f"upstream: http://127.0.0.1:{app}\n"
        f"listen: 127.0.0.1:{listen}\n"
        f"control: {{listen: '127.0.0.1:{control}'}}\n"
        f"store: sqlite:{folder}/gateway.db\n"
        f"{body}"
    )
    return config


def command(config: Path, checkout: Path) -> tuple[str, ...]:
    """``gateway serve`` of a checkout, by its own virtual environment if it has one."""
    python = checkout / ".venv/bin/python"
    program = str(python) if python.exists() else sys.executable
    return (program, "-m", "gateway", "serve", "-c", str(config))

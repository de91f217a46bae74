"""The gateway's own cases: one flag and a thousand of each of three kinds, and refusing."""

from __future__ import annotations

import sys
from pathlib import Path

FLAGS = 1000

# One flag and a thousand of the same kind: off; on, but elsewhere; on, but for others.
KINDS = {
    "1 site flag, off": "1,000 site flags, off",
    "1 feature, on, not hit": "1,000 features, on, not hit",
    "1 per-user, not listed": "1,000 per-user, not listed",
}
_LINES = (
    "  site-{n}: {{enabled: false}}\n",
    "  feature-{n}: {{enabled: true, paths: [/part-{n}, /api/*/part-{n}/**]}}\n",
    "  user-{n}: {{user: {{cookie: uid}}, users: [{users}]}}\n",
)


def one_flag() -> str:
    return "flags:\n  site: {}\n"


def refusing(page: Path | None) -> str:
    """The whole site out of service, with the bench's page or (None) the gateway's own."""
    own = "" if page is None else f"page: {{template: {page}}}\n"
    return f"{own}flags:\n  site: {{enabled: true}}\n"


def logging_to(path: Path) -> str:
    """The access log in its usual form."""
    return f"access_log: {{path: {path}}}\n"


def flags_of_a_kind() -> dict[str, str]:
    """For each row, flags of one kind, one or many; none holds any request of the bench."""
    rows = {}
    for (one, many), line in zip(KINDS.items(), _LINES, strict=True):
        rows[one], rows[many] = _flags(line, 1), _flags(line, FLAGS)
    return rows


def _flags(line: str, count: int) -> str:
    flags = (line.format(n=n, users=", ".join(_users(n))) for n in range(count))
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

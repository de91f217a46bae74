"""``gateway audit``: who did what, when and why."""

from __future__ import annotations

import json

import click

from gateway.cli.client import Document
from gateway.cli.session import Session, asks_gateway
from gateway.cli.table import Table
from gateway.cli.wording import clock_time

FIRM = frozenset({"when", "revision", "by", "did", "flag"})
HEADER = ["when", "revision", "by", "did", "flag", "changes", "reason"]


@click.command()
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True,
              help="How many entries, the newest first.")  # fmt: skip
@asks_gateway
def audit(session: Session, limit: int) -> None:
    """Who did what, when and why: the newest first."""
    answer = session.client.get("audit", query=[("limit", str(limit))])
    if session.as_json:
        session.show(answer, ())
        return
    entries = answer.document.get("entries") or answer.document.get("audit") or []
    Table(HEADER, [_row(entry) for entry in entries], FIRM).print()


def _row(entry: Document) -> list[str]:
    cells = (
        clock_time(entry.get("at")), entry.get("revision"), _by(entry),
        entry.get("action"), entry.get("flag"), _changes(entry.get("changes")), entry.get("reason"),
    )  # fmt: skip
    return ["" if cell is None else str(cell) for cell in cells]


def _by(entry: Document) -> object:
    # What a guard flips for its command; its own entries say what that is.
    guarded = entry.get("action") != "guard" and "guard" in (entry.get("changes") or ())
    return f"{entry.get('by')} (guard)" if guarded else entry.get("by")


def _changes(changes: object) -> str:
    if not isinstance(changes, dict):
        return ""
    told = {key: value for key, value in changes.items() if key != "guard"}
    if "guard" in changes:  # its message is the entry's reason
        told = {key: each for key, each in told.items() if each is not None}
        told.pop("message", None)
    return " ".join(_change(key, value) for key, value in told.items())


def _change(key: str, value: object) -> str:
    if key == "until":
        return f"until {clock_time(value) or value}"
    if key == "users" and isinstance(value, dict):
        signed = (("+", value.get("add") or ()), ("-", value.get("remove") or ()))
        return " ".join(f"{sign}{user}" for sign, users in signed for user in users)
    return f"{key}={json.dumps(value, ensure_ascii=False)}"

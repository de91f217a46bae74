"""``gateway off``: turns a flag off, or lets one user of a per-user flag go."""

from __future__ import annotations

import click

from gateway.cli.client import Document
from gateway.cli.flip import patch, reason_option, user_option
from gateway.cli.session import Session, asks_gateway
from gateway.cli.wording import result


@click.command(short_help="Turn FLAG off.")
@click.argument("flag")
@user_option("Let only this user of a per-user flag go; may be given several times.")
@reason_option()
@asks_gateway
def off(session: Session, flag: str, users: tuple[str, ...], reason: str) -> None:
    """Turn FLAG off: the kill switch, nobody is held by it any more."""
    if users:
        document = patch({"remove": list(users)}, reason)
        answer = session.client.call("POST", "flags", flag, "users", document=document)
    else:
        document = patch({"enabled": False}, reason)
        answer = session.client.call("PATCH", "flags", flag, document=document)
    session.show(answer, (result(answer.document), *_rollout(answer.document, users)))


def _rollout(flag: Document, users: tuple[str, ...]) -> tuple[str, ...]:
    if not (users and flag.get("enabled") and flag.get("rollout")):
        return ()
    return (f"its rollout of {flag['rollout']:g}% may hold them still: gateway explain tells",)

"""``gateway reset``: takes a flag's override away."""

from __future__ import annotations

import click

from gateway.cli.flip import reason_option
from gateway.cli.session import Session, asks_gateway
from gateway.cli.wording import result


@click.command()
@click.argument("flag")
@reason_option()
@asks_gateway
def reset(session: Session, flag: str, reason: str) -> None:
    """Put FLAG back to what the YAML says."""
    query = [("reason", reason)] if reason else []
    answer = session.client.call("DELETE", "flags", flag, "override", query=query)
    session.show(answer, (result(answer.document),))

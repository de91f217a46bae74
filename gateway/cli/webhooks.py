"""``gateway webhooks``: who is told of what happens, how that goes, and a message to try it."""

from __future__ import annotations

import click

from gateway.cli.client import Document
from gateway.cli.failures import Misused, Refused, one_line
from gateway.cli.session import Session, asks_gateway
from gateway.cli.table import Table
from gateway.cli.wording import clock_time

FIRM = frozenset({"webhook", "format", "state"})
HEADER = ["webhook", "format", "state", "events", "flags", "last", "error"]


@click.command(short_help="Show the webhooks, or try one.")
@click.argument("action", type=click.Choice(["list", "test"]), default="list")
@click.argument("name", required=False)
@asks_gateway
def webhooks(session: Session, action: str, name: str | None) -> None:
    """Who is told of what happens, and how that goes; test NAME sends one a message of nothing."""
    if action == "test":
        _test(session, name)
        return
    if name is not None:
        raise Misused("gateway webhooks lists all of them; gateway webhooks test NAME tries one")
    answer = session.client.get("webhooks")
    if session.as_json:
        session.show(answer, ())
        return
    found = answer.document.get("webhooks") or []
    if not found:
        click.echo("there are no webhooks: write some under webhooks in the YAML")
        return
    Table(HEADER, [_row(each) for each in found], FIRM).print()


def _test(session: Session, name: str | None) -> None:
    if name is None:
        raise Misused("name the webhook: gateway webhooks test NAME")
    answer = session.client.call("POST", "webhooks", name, "test", timeout=90.0)
    if not answer.document.get("delivered"):
        raise Refused(
            f"{name} was not told: {answer.document.get('error')}", status=200, body=answer.text
        )
    session.show(
        answer, (one_line(f"{name} was told: it answered {answer.document.get('status')}"),)
    )


def _row(webhook: Document) -> list[str]:
    last = webhook.get("last") or {}
    signed = ", signed" if webhook.get("signed") else ""
    told = " ".join(filter(None, (clock_time(last.get("at")), str(last.get("type") or ""))))
    return [
        str(webhook.get("webhook")),
        f"{webhook.get('format')}{signed}",
        str(webhook.get("state")),
        ", ".join(webhook.get("events") or ()),
        ", ".join(webhook.get("flags") or ()) or "all",
        told,
        str(last.get("error") or ""),
    ]

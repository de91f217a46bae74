"""``gateway bypass``: makes a link past a flag, or revokes those that were made."""

from __future__ import annotations

from collections.abc import Iterator

import click

from gateway.cli.client import Document
from gateway.cli.failures import Misused, one_line
from gateway.cli.flip import duration, reason_option
from gateway.cli.session import Session, asks_gateway
from gateway.cli.wording import clock_time


@click.command(short_help="Make a link past FLAG, or revoke such.")
@click.argument("flag")
@click.option("--for", "lasts", metavar="DURATION", callback=duration,
              help="How long it is valid: 30m, 2h.")  # fmt: skip
@click.option("--site", default="/", metavar="ADDRESS", show_default=True,
              help="What it opens: https://shop.example/, or a path.")  # fmt: skip
@click.option("--revoke", "revoked", metavar="ID",
              help="Instead, revoke the link of this id, or (all) all made up to now.")  # fmt: skip
@reason_option()
@asks_gateway
def bypass(
    session: Session, flag: str, lasts: str | None, site: str, revoked: str | None, reason: str
) -> None:
    """Print a link that lets whoever opens it past FLAG, whether that is on or not.

    It is a secret: who has it gets past. The gateway's own --url is where it is asked for; what the
    link opens is --site.
    """
    if revoked is not None:
        _revoke(session, flag, revoked, reason)
        return
    if lasts is None:
        raise Misused("say how long the link is valid: --for 2h")
    document = {"for": lasts, "url": site, **({"reason": reason} if reason else {})}
    answer = session.client.call("POST", "flags", flag, "bypass", document=document)
    session.show(answer, _told(answer.document))


def _revoke(session: Session, flag: str, one: str, reason: str) -> None:
    query = [] if one == "all" else [("id", one)]
    if reason:
        query.append(("reason", reason))
    answer = session.client.call("DELETE", "flags", flag, "bypass", query=query)
    since = f"since revision {answer.document.get('revision')}"
    which = "every link" if one == "all" else f"the link {one}"
    session.show(answer, (one_line(f"{which} past {flag} is revoked {since}"),))


def _told(link: Document) -> Iterator[str]:
    yield one_line(str(link.get("url")))
    until, flag = clock_time(link.get("expires")), link.get("flag")
    yield one_line(f"valid until {until}; gateway bypass {flag} --revoke {link.get('id')} ends it")

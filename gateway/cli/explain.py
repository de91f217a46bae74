"""``gateway explain``: which flag decides about a request, and why each other one does not."""

from __future__ import annotations

from collections.abc import Iterator

import click

from gateway.cli.client import Document
from gateway.cli.failures import Misused, one_line
from gateway.cli.session import Session, asks_gateway
from gateway.cli.table import Table
from gateway.cli.wording import listed


@click.command(short_help="Say what becomes of a request, and why.")
@click.argument("asked", metavar="URL")
@click.option("--cookie", "cookies", multiple=True, metavar="NAME=VALUE",
              help="A cookie of the request; may be given several times.")  # fmt: skip
@click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'",
              help="A header of the request; may be given several times.")  # fmt: skip
@click.option("--method", default="GET", show_default=True, help="Its method.")
@click.option("--client", "address", metavar="IP", help="The client's address.")
@asks_gateway
def explain(
    session: Session,
    asked: str,
    cookies: tuple[str, ...],
    headers: tuple[str, ...],
    method: str,
    address: str | None,
) -> None:
    """Say what would become of a request to URL (an address, or a path), and why."""
    query = [("url", asked), ("method", method.upper())]
    query += [("header", line) for line in _lines(headers, cookies)]
    if address is not None:
        query.append(("client", address))
    answer = session.client.get("explain", query=query)
    session.show(answer, _told(answer.document))


def _lines(headers: tuple[str, ...], cookies: tuple[str, ...]) -> Iterator[str]:
    for line in headers:
        if not line.partition(":")[1] or not line.partition(":")[0].strip():
            raise Misused(f"{line!r} is no header: write -H 'NAME: VALUE'")
        yield line
    for pair in cookies:
        if not pair.partition("=")[1]:
            raise Misused(f"{pair!r} is no cookie: write --cookie NAME=VALUE")
    if cookies:
        yield f"Cookie: {'; '.join(cookies)}"


def _told(document: Document) -> Iterator[str]:
    decides = document.get("flag")
    reason = document.get("reason", "")
    if decides:
        waits = document.get("decision") == "hold"
        yield one_line(f"{'waits for' if waits else 'held back by'} {decides} ({reason})")
    else:
        applying = listed([str(name) for name in document.get("applying") or ()])
        beside = f", and {applying} applied" if applying else ""
        if bypassed := listed([str(name) for name in document.get("bypassed") or ()]):
            beside += f", past {bypassed} by a bypass link"
        yield one_line(f"forwarded to the app ({reason}){beside}")
    verdicts = document.get("verdicts") or []
    rows = [
        [str(each.get("flag")), "holds" if each.get("holds") else "passes",
         str(each.get("reason", "")), str(each.get("detail", ""))]
        for each in verdicts
    ]  # fmt: skip
    yield from Table(["flag", "verdict", "reason", "detail"], rows).lines()

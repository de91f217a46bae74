"""``gateway watch``: the flags and what is done with them, live.

A terminal shows one picture that is drawn anew; anything else gets a line for each change.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from gateway.cli.client import Client, Document
from gateway.cli.failures import Refused, Unreachable, one_line
from gateway.cli.members import guard_line, member_line
from gateway.cli.session import Session, asks_gateway
from gateway.cli.status import flags_tables
from gateway.cli.wording import clock_time, state_of

POLL = 2.0  # seconds between looks at a gateway that has no events, or too many who listen
PAUSE = 1.0  # seconds until a gateway that has gone is asked again

Event = tuple[str, Document]


@dataclass(slots=True)
class Picture:
    """All that was told last. ``rates`` are requests a second, None until two figures are known."""

    flags: list[Document] = field(default_factory=list)
    status: dict[str, Any] = field(default_factory=dict)
    rates: tuple[float, float] | None = None
    seen: float = 0.0

    def take(self, document: Document, now: float) -> None:
        if "flags" in document:
            self.flags = list(document["flags"])
        status = document.get("status", document if "members" in document else None)
        if status is not None:
            self._count(status, now)

    def _count(self, status: dict[str, Any], now: float) -> None:
        before, traffic = self.status.get("traffic"), status.get("traffic")
        if before and traffic and now > self.seen:
            forwarded, refused = (
                max(0, traffic[key] - before[key]) / (now - self.seen)
                for key in ("forwarded", "refused")
            )
            self.rates = (forwarded, refused)
        self.status, self.seen = status, now


@click.command(short_help="Show what changes, as it changes.")
@asks_gateway
def watch(session: Session) -> None:
    """Every flag, the traffic, members and guards, live, until Ctrl-C.

    Into a pipe or a file: a line for each flag that changes. With --json: a line of JSON for each
    event of the API.
    """
    events = follow(session.client)
    if session.as_json:
        for name, document in events:
            click.echo(json.dumps({"event": name, **document}, ensure_ascii=False))
        return
    console = Console(highlight=False)
    if console.is_terminal:
        _draw(events, console)
    else:
        for line in lines(events):
            click.echo(line)


def follow(client: Client) -> Iterator[Event]:
    """The API's events for as long as somebody reads them; a gateway that goes is asked again.

    Raises as ``Client`` does where the first call fails.
    """
    known = False
    while True:
        try:
            for event in _ask(client):
                known = True
                yield event
        except Unreachable as gone:
            if not known:
                raise
            click.echo(f"{gone.message}; looking again", err=True)
        time.sleep(PAUSE)


def _ask(client: Client) -> Iterator[Event]:
    try:
        yield from client.events("events")
    except Refused as refused:
        if refused.status not in {404, 503}:
            raise
        # An older gateway, or one with as many listeners as it takes.
        yield "snapshot", {**client.get("flags").document, "status": client.get("status").document}
        time.sleep(POLL - PAUSE)


def lines(events: Iterator[Event]) -> Iterator[str]:
    """``12:00:09 search is ON by ci: new index``: how each flag is, and then what changes."""
    known: dict[str, str] = {}
    for _, document in events:
        for flag in document.get("flags") or []:
            name, said = str(flag["flag"]), _said(flag)
            if known.get(name) != said:
                known[name] = said
                yield said


def _said(flag: Document) -> str:
    when = clock_time(flag.get("since"))
    by = f" by {flag['by']}" if flag.get("by") else ""
    why = f": {flag['reason']}" if flag.get("reason") else ""
    return one_line(f"{when} {flag['flag']} is {state_of(flag)}{by}{why}")


def _draw(events: Iterator[Event], console: Console) -> None:
    picture = Picture()
    with Live(console=console, auto_refresh=False, screen=False) as live:
        for _, document in events:
            picture.take(document, time.monotonic())
            live.update(_drawn(picture, console), refresh=True)


def _drawn(picture: Picture, console: Console) -> RenderableType:
    now, status = time.time(), picture.status
    wide, narrow = flags_tables(picture.flags, now)
    parts: list[RenderableType] = [wide.ruled(console, narrow), Text(_traffic(picture))]
    parts += [Text(one_line(member_line(each, now)), "dim") for each in status.get("members", [])]
    parts += [Text(one_line(guard_line(each, now)), "yellow") for each in status.get("guards", [])]
    errors = (status.get("config") or {}).get("errors", [])
    parts += [Text(one_line(str(error["text"])), "bold red") for error in errors]
    return Group(*parts)


def _traffic(picture: Picture) -> str:
    status = picture.status
    traffic = status.get("traffic") or status
    words = [f"revision {status.get('revision')}", f"{traffic.get('in_flight', 0)} in flight"]
    if picture.rates is not None:
        forwarded, refused = picture.rates
        words.append(f"{forwarded:.1f} forwarded and {refused:.1f} refused a second")
    if status.get("held"):
        words.append(f"{status['held']} held")
    return ", ".join(words)

"""``gateway status``: every flag as it holds now, and how the gateway is."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence

import click

from gateway.cli.client import Answer, Document
from gateway.cli.failures import one_line
from gateway.cli.members import guard_line, member_line
from gateway.cli.session import Session, asks_gateway
from gateway.cli.table import Table
from gateway.cli.wording import (
    ago,
    clock_time,
    holding,
    moment,
    scope_of,
    span,
    state_of,
    users_of,
    window_of,
)
from gateway.cli.yaml_beside import origin_of, overridden

HEADER = ["flag", "kind", "state", "mode", "scope", "from", "since", "by", "reason", "in flight"]
FIRM = frozenset({"flag", "kind", "state", "mode", "from", "in flight"})
NARROW = ["flag", "state", "scope", "since", "in flight"]
COLOURS = {"ON": "bold red", "armed, nobody": "dim", "armed": "yellow", "off": "green"}


@click.command(short_help="Show every flag as it holds now.")
@click.argument("flag", required=False)
@asks_gateway
def status(session: Session, flag: str | None) -> None:
    """Every flag as it holds now, or one FLAG in full; the revision, members, store, errors.

    With --json and no FLAG: the API's status with its list of flags, in one document.
    """
    now = time.time()
    if flag is not None:
        answer = session.client.get("flags", flag)
        session.show(answer, _details(answer.document, now))
        return
    flags, general = session.client.get("flags"), session.client.get("status")
    if session.as_json:
        both = json.dumps({**general.document, **flags.document})
        session.show(Answer(both, flags.document), ())
        return
    wide, narrow = flags_tables(flags.document["flags"], now)
    wide.print(narrow)
    click.echo()
    for line in _general(flags.document["revision"], general.document, now):
        click.echo(line)


def flags_tables(flags: Sequence[Document], now: float) -> tuple[Table, Table]:
    """The flags with all there is to say of each, and the same for a narrow terminal."""
    rows = [_row(flag, now) for flag in flags]
    colours = {"state": COLOURS}
    narrow = Table(NARROW, [_stacked(*row) for row in rows], frozenset({"state"}), colours)
    return Table(HEADER, rows, FIRM, colours), narrow


def _row(flag: Document, now: float) -> list[str]:
    since = ago(flag.get("since"), now)
    if until := moment(flag.get("until")):
        since = ", ".join(filter(None, (since, f"{span(max(0.0, until - now))} left")))
    elif start := moment(((flag.get("window") or {}).get("next") or {}).get("start")):
        since = ", ".join(filter(None, (since, f"window in {span(max(0.0, start - now))}")))
    cells = (
        flag.get("flag"), flag.get("kind"), state_of(flag), flag.get("mode"), scope_of(flag),
        origin_of(flag), since, flag.get("by"), flag.get("reason"), _in_flight(flag),
    )  # fmt: skip
    return ["" if cell is None else str(cell) for cell in cells]


def _in_flight(flag: Document) -> object:
    held = flag.get("held")
    return f"{flag.get('in_flight')}, {held} held" if held else flag.get("in_flight")


def _stacked(*row: str) -> list[str]:
    # The same for a narrow terminal: what belongs together stands in one cell.
    flag, kind, state, mode, scope, origin, since, by, reason, in_flight = row
    action = f"{since} by {by}" if since and by else since
    told = "\n".join(filter(None, (", ".join(filter(None, (origin, action))), reason)))
    return [f"{flag}\n{kind}", f"{state}\n{mode}", scope, told, in_flight]


def _details(flag: Document, now: float) -> Iterator[str]:
    page = flag.get("page") or {}
    yield from map(_line, HEADER, _row(flag, now))
    yield from (
        _line(key, value)
        for key, value in (
            ("users", ", ".join(users_of(flag))),
            ("rollout", flag.get("rollout") or ""),
            ("ttl", flag.get("ttl")),
            ("window", window_of(flag)),
            ("max", span(flag["max"]) if flag.get("max") else ""),
            ("message", page.get("message") or ""),
            ("description", flag.get("description")),
        )
        if value != ""
    )
    for key, now_holds, in_yaml in overridden(flag):
        yield _line("override", f"{key} {now_holds} (yaml: {in_yaml})")
    yield f"revision {flag.get('revision')}: {holding(flag)}"


def _general(revision: object, general: Document, now: float) -> Iterator[str]:
    yield _line("revision", f"{revision}, {general.get('in_flight')} in flight{_held(general)}")
    for member in general.get("members") or []:
        yield _line("member", member_line(member, now))
    for guard in general.get("guards") or []:
        yield _line("guard", guard_line(guard, now))
    if unseen := general.get("unseen"):
        yield _line("unseen", f"{', '.join(unseen)}: requests go on over another proxy")
    store = general.get("store") or {}
    yield _line("store", f"{store.get('kind')}{_trouble(store)}")
    yield from _config(general.get("config") or {})
    for page in general.get("pages") or []:
        if page.get("error"):
            yield _line("page", f"{page.get('url')} NOT FETCHED: {page.get('error')}")
    for failure in general.get("failures") or []:
        yield _line("FAILING", failure)
    for forgotten in general.get("forgotten") or []:
        since, most = forgotten.get("since"), span(forgotten.get("max") or 0)
        on = f"on since {clock_time(since)}, longer than {most}"
        yield _line("FORGOTTEN?", f"{forgotten.get('flag')} is {on}")


def _trouble(store: Document) -> str:
    if not store.get("reachable"):
        return f": NOT REACHED: {store.get('error')}"
    return "" if store.get("writable", True) else f": TAKES NO WRITES: {store.get('error')}"


def _held(general: Document) -> str:
    if not general.get("held"):
        return ""
    for_app = f" ({general['held_for_app']} for the app)" if general.get("held_for_app") else ""
    return f", {general['held']} held{for_app}"


def _config(config: Document) -> Iterator[str]:
    path, errors = config.get("path") or "the environment alone", config.get("errors") or []
    wrong = " IS NOT VALID; what it said before goes on serving" if errors else ""
    yield _line("config", f"{path}{wrong}")
    for said in (*errors, *(config.get("notices") or [])):
        yield _line("", said.get("text"))


def _line(key: str, value: object) -> str:
    text = "" if value is None else one_line(str(value))
    return f"{key:<12} {text or '-'}"

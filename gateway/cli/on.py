"""``gateway on``: turns a flag on, or has a per-user flag hold one more user."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence

import click

from gateway.cli.client import TIMEOUT, Answer, Client, Document
from gateway.cli.failures import Refused
from gateway.cli.flip import drain_seconds, for_option, patch, reason_option, user_option
from gateway.cli.session import Session, asks_gateway
from gateway.cli.wording import drained, holds_missing, listed, result, users_of

ATTEMPTS = 10  # of a read and a compare-and-set, when others flip at the same time


@click.command(short_help="Turn FLAG on, or hold one more user.")
@click.argument("flag")
@user_option("Hold this user of a per-user flag; may be given several times.")
@for_option()
@reason_option()
@click.option("--drain", metavar="DURATION", callback=drain_seconds,
              help="Then wait until requests under way have ended, so long at most.")  # fmt: skip
@asks_gateway
def on(
    session: Session,
    flag: str,
    users: tuple[str, ...],
    lasts: str | None,
    reason: str,
    drain: float | None,
) -> None:
    """Turn FLAG on.

    A per-user flag is armed already and holds only those it lists: name them with --user.
    """
    if users:
        answer = _hold(session.client, flag, users, reason, lasts)
    else:
        document = patch({"enabled": True}, reason, lasts)
        answer = session.client.call("PATCH", "flags", flag, document=document)
    drains = () if drain is None else _drains(session.client, flag, users or (None,), drain)
    if session.as_json and drain is not None:
        both = {**answer.document, "drains": [each.document for each in drains]}
        session.show(Answer(json.dumps(both), both), ())
        return
    session.show(answer, (result(answer.document), *_hint(answer.document)))
    for each in drains:
        session.show(each, (drained(each.document),))


def _drains(
    client: Client, flag: str, users: Sequence[str | None], seconds: float
) -> Iterator[Answer]:
    """Drains one user after another; the flag as a whole where that is None."""
    # Each user's drain is over what is left of the time; all look at the same requests.
    deadline = time.monotonic() + seconds
    for user in users:
        left = max(0.001, round(deadline - time.monotonic(), 3))
        document = {"timeout": left, **({} if user is None else {"user": user})}
        yield client.call("POST", "flags", flag, "drain", document=document, timeout=left + TIMEOUT)


def _hold(
    client: Client, flag: str, users: tuple[str, ...], reason: str, lasts: str | None
) -> Answer:
    for _ in range(ATTEMPTS):
        held = client.get("flags", flag).document
        require_user_flag(held)
        if held.get("enabled"):
            add = patch({"add": list(users)}, reason, lasts)
            return client.call("POST", "flags", flag, "users", document=add)
        require_no_others(held, users)
        everyone = list(dict.fromkeys([*users_of(held), *users]))
        change = patch({"enabled": True, "users": everyone}, reason, lasts)
        try:
            return client.call(
                "PATCH", "flags", flag, document=change, if_match=int(held["revision"])
            )
        except Refused as refused:
            if refused.status != 412:
                raise
    raise Refused(f"{flag} is being changed by others all the time: try again")


def require_user_flag(held: Document) -> None:
    """Raises ``Refused`` where the flag is for everybody."""
    if held.get("kind") != "user":
        raise Refused(
            f"{held.get('flag')} is a {held.get('kind')} flag, for everybody: "
            'it has no "user" in the YAML, so leave --user out'
        )


def require_no_others(held: Document, users: Sequence[str]) -> None:
    """Raises ``Refused`` where turning the flag's switch on would hold others than ``users``."""
    # Somebody threw the kill switch: to turn it on for one user must not hold others again.
    others = [user for user in users_of(held) if user not in users]
    if held.get("enabled") or not (others or held.get("rollout")):
        return
    whom = listed(others) if others else f"{held['rollout']:g}% of all users"
    flag = held.get("flag")
    raise Refused(
        f"{flag} is switched off, and switching it on would hold {whom} as well: "
        f"gateway on {flag} does that; gateway set {flag} users=[] rollout=0 clears them first"
    )


def _hint(flag: Document) -> tuple[str, ...]:
    nobody = not (users_of(flag) or flag.get("rollout") or holds_missing(flag))
    if flag.get("kind") != "user" or not nobody:
        return ()
    return (f"name whom to hold: gateway on {flag.get('flag')} --user USER",)

"""``gateway on``: turns a flag on, or has a per-user flag hold one more user."""

from __future__ import annotations

import click

from gateway.cli.client import Answer, Client, Document
from gateway.cli.failures import Misused, Refused
from gateway.cli.flip import for_option, patch, reason_option, user_option
from gateway.cli.session import Session, asks_gateway
from gateway.cli.wording import holds_missing, listed, result, users_of

ATTEMPTS = 10  # of a read and a compare-and-set, when others flip at the same time


@click.command(short_help="Turn FLAG on, or hold one more user.")
@click.argument("flag")
@user_option("Hold this user of a per-user flag; may be given several times.")
@for_option()
@reason_option()
@click.option("--drain", metavar="DURATION", help="Not in this version yet: it is refused.")
@asks_gateway
def on(
    session: Session,
    flag: str,
    users: tuple[str, ...],
    lasts: str | None,
    reason: str,
    drain: str | None,
) -> None:
    """Turn FLAG on.

    A per-user flag is armed already and holds only those it lists: name them with --user.
    """
    if drain is not None:
        raise Misused("--drain comes with a later version; nothing was changed")
    if users:
        answer = _hold(session.client, flag, users, reason, lasts)
    else:
        document = patch({"enabled": True}, reason, lasts)
        answer = session.client.call("PATCH", "flags", flag, document=document)
    session.show(answer, (result(answer.document), *_hint(answer.document)))


def _hold(
    client: Client, flag: str, users: tuple[str, ...], reason: str, lasts: str | None
) -> Answer:
    for _ in range(ATTEMPTS):
        held = client.get("flags", flag).document
        _require_user_flag(held)
        if held.get("enabled") and lasts is None:
            add = patch({"add": list(users)}, reason)
            return client.call("POST", "flags", flag, "users", document=add)
        _require_no_others(held, users)
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


def _require_user_flag(held: Document) -> None:
    if held.get("kind") != "user":
        raise Refused(
            f"{held.get('flag')} is a {held.get('kind')} flag, for everybody: "
            'it has no "user" in the YAML, so leave --user out'
        )


def _require_no_others(held: Document, users: tuple[str, ...]) -> None:
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

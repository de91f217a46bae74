"""A verb's session with a running gateway: whom to ask, and how to show the answer."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import click

from gateway.cli.client import Answer, Client
from gateway.cli.failures import Misused, Refused

DEFAULT_URL = "http://127.0.0.1:9090"
_TOKEN = "GATEWAY_CONTROL_TOKEN"  # noqa: S105 the name of a variable
_TOKEN_FILE = "GATEWAY_CONTROL_TOKEN_FILE"  # noqa: S105 likewise


@dataclass(frozen=True, slots=True)
class Target:
    """What was said of the gateway to ask; None: not said."""

    url: str | None = None
    token: str | None = None
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """One verb's conversation."""

    client: Client
    as_json: bool

    def show(self, answer: Answer, lines: Iterable[str]) -> None:
        """The answer as it came with ``--json``, else the lines made of it."""
        if self.as_json:
            click.echo(answer.text.rstrip("\n"))
            return
        for line in lines:
            click.echo(line)


def asks_gateway(verb: Callable[..., None]) -> Callable[..., None]:
    """Gives a verb ``--url``, ``--token`` and ``--json``, and a ``Session`` as first argument.

    Options after the verb win over those before it, and both over the environment.
    """

    @click.option("--url", help="The control API's address.  [GATEWAY_URL]")
    @click.option(
        "--token",
        help="The control API's token.  [GATEWAY_CONTROL_TOKEN, or GATEWAY_CONTROL_TOKEN_FILE]",
    )
    @click.option("--json", "as_json", is_flag=True, help="Print the API's answer as it came.")
    @functools.wraps(verb)
    def command(*, url: str | None, token: str | None, as_json: bool, **rest: object) -> None:
        before = click.get_current_context().find_object(Target) or Target()
        session = open_session(before, Target(url, token, as_json))
        try:
            verb(session, **rest)
        except Refused as refused:
            if session.as_json and refused.body:
                click.echo(refused.body.rstrip("\n"))
            raise

    return command


def open_session(before: Target, after: Target) -> Session:
    """What was said after the verb wins over what was said before it, and over the environment."""
    url = after.url or before.url or os.environ.get("GATEWAY_URL") or DEFAULT_URL
    token = after.token or before.token or _token_of(os.environ)
    return Session(Client(url, token), after.as_json or before.as_json)


def _token_of(environ: Mapping[str, str]) -> str | None:
    """The environment's token, or what the file that it names holds."""
    file = environ.get(_TOKEN_FILE)
    if environ.get(_TOKEN) or not file:
        return environ.get(_TOKEN)
    # Late: they import all that reads a configuration, 40 ms that other calls need not wait for.
    from gateway.config.errors import Invalid  # noqa: PLC0415
    from gateway.config.secret_files import read_secret  # noqa: PLC0415

    try:
        return read_secret(file)
    except Invalid as error:
        raise Misused(f"{_TOKEN_FILE} {error}") from error

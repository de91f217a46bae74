"""``gateway check``: is the configuration right, and what would run with it?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import click

from gateway.cli.configuration import config_option_to_check, read_settings
from gateway.config.redis_address import without_password
from gateway.config.settings import Settings
from gateway.config.triggers import trigger_errors
from gateway.core.flags import Flag, Kind, Mode
from gateway.core.standing import armed


@click.command()
@config_option_to_check
def check(config: Path | None) -> None:
    """Check the configuration, and say what would run with it.

    Reads the file and the environment as `gateway serve` does, and starts nothing. Exit status
    2: something is wrong; every error is on a line of its own, with file, line and key.
    """
    settings = read_settings(config, os.environ)
    click.echo(f"{config or 'the environment'}: valid")
    for line in _summary(settings):
        click.echo(line)
    if wrong := trigger_errors(settings):
        for error in wrong:
            click.echo(str(error), err=True)
        raise click.exceptions.Exit(2)


def _summary(settings: Settings) -> Iterator[str]:
    yield f"  listen    {settings.listen}{' with TLS' if settings.tls else ''}"
    yield f"  upstream  {_upstream(settings)}"
    yield f"  control   {_control(settings)}"
    yield f"  store     {without_password(settings.store)}"
    if not settings.flags:
        yield "  flags     none: every request is forwarded"
        return
    width = max(len(flag.name) for flag in settings.flags)
    yield "  flags     in the order that they are asked:"
    for flag in settings.flags:
        yield f"    {flag.name:<{width}}  {_describe(flag)}"


def _upstream(settings: Settings) -> str:
    upstream = settings.upstream
    if upstream.path is not None:
        return str(upstream)
    return f"{'https' if upstream.tls else 'http'}://{upstream}"


def _control(settings: Settings) -> str:
    control = settings.control
    if control.listen is None and control.path is None:
        if control.toggle is not None:
            return f"none, but for the toggle of {control.toggle.flag} at {control.toggle.path}"
        return "none: flags are flipped by editing the file"
    public = control.path and f"on the public port at {control.path}"
    places = " and ".join(str(each) for each in (control.listen, public) if each)
    names = ", ".join(f"{token.name} ({token.role})" for token in control.tokens)
    return f"{places}, {f'tokens: {names}' if names else 'without a token'}"


def _describe(flag: Flag) -> str:
    parts = [f"{flag.kind:<7}  {_state(flag)}", _scope(flag)]
    if flag.state.mode != "unavailable":
        parts.append(f"{flag.state.mode}{_done(flag)}")
    if flag.strict:
        parts.append("strict")
    if flag.state.window is not None:
        parts.append(f"window {flag.state.window}")
    return ", ".join(filter(None, parts))


def _done(flag: Flag) -> str:
    """What is done to what a flag lets go on: ``: banner, hides 2``."""
    notice, strip = flag.notice, flag.strip
    match flag.state.mode:
        case Mode.NOTICE:
            said = ["banner"] if notice.banner else []
            said += [f"hides {' '.join(notice.hide)}"] if notice.hide else []
            return f": {', '.join(said) or 'only the app is told'}"
        case Mode.ANONYMOUS:
            names = [f"cookie {name}" for name in strip.cookies]
            names += [f"header {name}" for name in strip.headers]
            return f": without {', '.join(names)}"
        case _:
            return ""


def _state(flag: Flag) -> str:
    trigger = flag.trigger
    if trigger is not None:
        return (
            f"ON: {trigger.file} is there" if trigger.on else f"off until {trigger.file} is there"
        )
    if not armed(flag.state):
        return "off"
    if flag.kind is not Kind.USER:
        return "ON"
    held = [f"{len(flag.state.users)} listed"]
    if flag.state.rollout:
        held.append(f"{flag.state.rollout:g} % of all users")
    return f"armed, holds {' and '.join(held)}"


def _scope(flag: Flag) -> str:
    scope = flag.scope
    words = [
        " ".join(sorted(scope.methods)),
        " ".join(map(str, scope.hosts)),
        " ".join(map(str, scope.paths)),
    ]
    return " at ".join(filter(None, words))

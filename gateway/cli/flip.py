"""What ``on`` and ``off`` have in common: their options, and the patch made of them."""

from __future__ import annotations

from collections.abc import Callable

import click

from gateway.core.durations import parse_duration

LONGEST_DRAIN = 3600.0  # seconds; the control API waits no longer

Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def for_option() -> Decorator:
    text = "Undo it after a while: 30m, 2h."
    return click.option("--for", "lasts", metavar="DURATION", callback=duration, help=text)


def reason_option() -> Decorator:
    return click.option("--reason", default="", help="Why; shown in status and kept in the audit.")


def user_option(text: str) -> Decorator:
    return click.option("--user", "users", multiple=True, metavar="USER", help=text)


def drain_seconds(_ctx: click.Context, _option: click.Parameter, text: str | None) -> float | None:
    """The callback of an option ``--drain``: seconds, an hour at most."""
    if text is None:
        return None
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} {error}") from error
    if not 0 < seconds <= LONGEST_DRAIN:
        raise click.BadParameter("must be more than nothing, and an hour at most")
    return seconds


def patch(values: dict[str, object], reason: str, lasts: str | None = None) -> dict[str, object]:
    """A merge patch: the values, with ``reason`` and ``for`` where they were given."""
    extra = {"reason": reason, "for": lasts}
    return {**values, **{key: value for key, value in extra.items() if value}}


def duration(_ctx: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    """The callback of an option that takes one: as it was written, once it is known to be one."""
    try:
        if text is not None and not parse_duration(text):
            raise click.BadParameter("must be longer than nothing")
    except ValueError as error:
        raise click.BadParameter(f"{text!r} {error}") from error
    return text

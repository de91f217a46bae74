"""Sockets that systemd has opened for the gateway, and whether the configuration takes them."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.config.section import Section
from gateway.config.settings import Settings


@dataclass(frozen=True, slots=True)
class Passed:
    """By the names of their units' ``FileDescriptorName=``; ``wrong`` says why one is of no use."""

    sockets: Mapping[str, tuple[socket.socket, ...]] = field(default_factory=dict)
    wrong: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.sockets, *self.wrong)


NOTHING_PASSED = Passed()


def refuse_passed(top: Section, settings: Settings, passed: Passed) -> None:
    """Report what is asked for and is not there, of the wrong kind, or there and not asked for.

    A socket that nobody accepts from looks open, and whoever connects waits for ever.
    """
    control = top.section("control")
    asked = ((top, settings.listen), (control, settings.control.listen))
    for section, address in asked:
        name = None if address is None else address.passed
        if name is not None and name not in passed.sockets:
            section.refuse("listen", _missing(name, passed))
    taken = {address.passed for _, address in asked if address is not None}
    for name in passed.names:
        if name not in taken:
            top.refuse(
                "listen",
                f"systemd has passed a socket named {name}, and nothing listens on it: "
                f"write listen: systemd:{name} (or control.listen), or remove its .socket unit",
            )


def _missing(name: str, passed: Passed) -> str:
    if name in passed.wrong:
        return f"the socket {name} that systemd has passed {passed.wrong[name]}"
    if not passed.names:
        return "systemd has passed no socket: start the .socket unit, which starts the gateway"
    others = ", ".join(passed.names)
    return f"systemd has passed no socket with FileDescriptorName={name}, only {others}"

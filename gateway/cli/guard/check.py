"""The health check before a flag is lifted: an address that must answer 2xx, or a command."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from gateway.cli.failures import Misused
from gateway.cli.guard.command import Launcher, Program, find_program
from gateway.cli.guard.failures import GuardFailed, Status
from gateway.cli.guard.signals import Interrupts

PAUSE = 1.0  # seconds between tries
ANSWER_WITHIN = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class Check:
    """Either has ``url`` or ``program``. Tried again until ``within`` seconds are over."""

    text: str
    within: float
    url: str | None = None
    program: Program | None = None

    def wait_passed(
        self, launcher: Launcher, environ: Mapping[str, str], interrupts: Interrupts
    ) -> None:
        """Raises ``GuardFailed`` with what the last try came to."""
        deadline = time.monotonic() + self.within
        while said := self._failing(launcher, environ):
            if time.monotonic() >= deadline or interrupts.wait(PAUSE):
                raise GuardFailed(Status.UNCHECKED, f"the check has not passed: {said}")

    def _failing(self, launcher: Launcher, environ: Mapping[str, str]) -> str:
        if self.program is not None:
            status = launcher.run(self.program, environ)
            return f"{self.text} exited with {status}" if status else ""
        return _ask(self.url or "")


def read_check(text: str, within: float) -> Check:
    """Of ``http://…``, ``https://…`` or a command line, whose program must be there."""
    if text.startswith(("http://", "https://")):
        try:
            address = urlsplit(text)
            usable = bool(address.hostname) and address.port != 0
        except ValueError:
            usable = False
        if not usable or not (text.isascii() and text.isprintable()) or " " in text:
            raise Misused(f"--check: {text!r} is no address")
        return Check(text, within, url=text)
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise Misused(f"--check: {text!r} is no command line: {error}") from error
    if not words:
        raise Misused("--check must be an address or a command line")
    return Check(text, within, program=find_program(words))


def _ask(url: str) -> str:
    # What is wrong with its answer; "" for nothing. No redirect is followed and no proxy used.
    address = urlsplit(url)
    kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
    connection = kind(address.hostname or "", address.port, timeout=ANSWER_WITHIN)
    target = (address.path or "/") + (f"?{address.query}" if address.query else "")
    try:
        connection.request("GET", target, headers={"Accept": "*/*"})
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return f"{url} does not answer: {error or type(error).__name__}"
    finally:
        connection.close()
    return "" if 200 <= status < 300 else f"{url} answers {status}"

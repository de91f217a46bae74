"""A client of the control API: one blocking call, one answer.

It is the standard library's, so that a verb starts fast. It follows no redirect and knows
no proxy: the token goes to the address that was named, and nowhere else.

One that keeps its connection sends a call again, once and on a new connection, where the kept
one turns out to be closed: every call of the control API may be repeated.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from gateway.cli.failures import Misused, Refused, Unreachable
from gateway.cli.unix_connection import UnixConnection

PREFIX = "/api/v1"
SILENCE = 60.0  # seconds without so much as a heartbeat, of which there are four a minute
_EVENTS = "text/event-stream"
TIMEOUT = 15.0  # seconds; a flip is one fsync, so this only bounds a gateway that hangs

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """A 2xx answer: its JSON as it came, and read."""

    text: str
    document: Document


class Client:
    """Calls the control API below ``url``; raises ``Refused``, ``Unreachable``, ``Misused``.

    With ``keep`` one connection serves all calls, which must then come one after another, and
    ``close`` ends it.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        timeout: float = TIMEOUT,
        keep: bool = False,
        guard: str | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._address = _read_url(self.url)
        self._token = _read_token(token)
        self._timeout = timeout
        self._keep = keep
        self._guard = guard
        self._kept: HTTPConnection | None = None
        self._hung_up = False

    def keeping(self, guard: str | None = None) -> Client:
        """Another client of the same gateway, which keeps its connection.

        ``guard`` is the id of the guard that it calls for, which the audit then says.
        """
        return Client(self.url, self._token, timeout=self._timeout, keep=True, guard=guard)

    def get(self, *path: str, query: Sequence[tuple[str, str]] = ()) -> Answer:
        return self.call("GET", *path, query=query)

    def call(
        self,
        method: str,
        *path: str,
        query: Sequence[tuple[str, str]] = (),
        document: Document | None = None,
        if_match: int | None = None,
        timeout: float | None = None,
    ) -> Answer:
        """One call; ``path`` is given in segments, below ``/api/v1``.

        ``timeout`` is seconds without a byte of the answer, for a call that takes long.
        """
        target = self._target(path, query)
        body = None if document is None else json.dumps(document).encode()
        fields = self._fields(body, if_match)
        return self._answer(*self._exchange(method, target, body, fields, timeout))

    def text(self, *path: str, query: Sequence[tuple[str, str]] = ()) -> str:
        """What is no JSON: a preview, as it is."""
        response, text = self._exchange(
            "GET", self._target(path, query), None, self._fields(None, None), None
        )
        if response.status == 200 and response.getheader("X-Preview-Status"):
            return text
        return self._answer(response, text).text

    def events(self, *path: str) -> Iterator[tuple[str, Document]]:
        """Server-sent events with their names, until the gateway ends them. Raises as ``call``."""
        connection = self._connection()
        fields = {**self._fields(None, None), "Accept": _EVENTS}
        try:
            _set_timeout(connection, SILENCE)
            connection.request("GET", self._target(path, ()), None, fields)
            response = connection.getresponse()
            if response.headers.get_content_type() != _EVENTS:
                self._answer(response, response.read().decode("utf-8", "replace"))
                raise Unreachable(f"{self.url} answered, but not with events")
            yield from _events(response)
        except (OSError, HTTPException, ValueError) as error:
            raise self._unreachable(error, SILENCE) from error
        finally:
            connection.close()

    def hang_up(self) -> None:
        """End the call under way, from another thread: it raises ``Unreachable``. For good."""
        self._hung_up = True
        kept = self._kept
        if kept is not None and kept.sock is not None:
            with suppress(OSError):
                kept.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the kept connection. Idempotent; a later call makes a new one."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()

    def _exchange(
        self,
        method: str,
        target: str,
        body: bytes | None,
        fields: Mapping[str, str],
        timeout: float | None,
    ) -> tuple[HTTPResponse, str]:
        seconds = timeout or self._timeout
        connection = self._kept or self._connection()
        self._kept = connection if self._keep else None
        used = connection.sock is not None
        try:
            _set_timeout(connection, seconds)
            if connection.sock is None:
                connection.connect()
            if self._hung_up:  # looked at once there is a socket that hang_up could have ended
                raise ConnectionAbortedError("hung up")
            connection.request(method, target, body, fields)
            response = connection.getresponse()
            return response, response.read().decode("utf-8", "replace")
        except (OSError, HTTPException, UnicodeError) as error:
            connection.close()
            if used and isinstance(error, ConnectionError) and not self._hung_up:
                return self._exchange(method, target, body, fields, timeout)
            raise self._unreachable(error, seconds) from error
        finally:
            if not self._keep:
                connection.close()

    def _target(self, path: Sequence[str], query: Sequence[tuple[str, str]]) -> str:
        segments = "/".join(quote(segment, safe="") for segment in path)
        below = "" if self._address.scheme == "unix" else self._address.path
        target = f"{below}{PREFIX}/{segments}"
        return f"{target}?{urlencode(query)}" if query else target

    def _fields(self, body: bytes | None, if_match: int | None) -> dict[str, str]:
        fields = {"Accept": "application/json"}
        if body is not None:
            fields["Content-Type"] = "application/json"
        if self._token is not None:
            fields["Authorization"] = f"Bearer {self._token}"
        if self._guard is not None:
            fields["X-Guard"] = self._guard
        if if_match is not None:
            fields["If-Match"] = f'"{if_match}"'
        return fields

    def _connection(self) -> HTTPConnection:
        if self._address.scheme == "unix":
            return UnixConnection(self._address.path, self._timeout)
        host, port = self._address.hostname or "", self._address.port
        if self._address.scheme == "https":
            return HTTPSConnection(host, port, timeout=self._timeout)
        return HTTPConnection(host, port, timeout=self._timeout)

    def _answer(self, response: HTTPResponse, text: str) -> Answer:
        try:
            document = json.loads(text)
        except ValueError:
            document = None
        done = 200 <= response.status < 300
        # Every answer of the control API has one of these; another server's JSON has not.
        marks = {"revision", "entries"} if done else {"detail", "title"}
        if not isinstance(document, dict) or not marks & document.keys():
            raise Unreachable(
                f"{self.url} answered {response.status}, but not as a gateway's control API does: "
                "name the control address (control.listen) with --url or GATEWAY_URL"
            )
        if done:
            return Answer(text, document)
        raise Refused(self._why(response.status, document), status=response.status, body=text)

    def _why(self, status: int, problem: Document) -> str:
        said = str(problem.get("detail") or problem.get("title") or f"status {status}")
        if status == 404 and problem.get("did_you_mean") == []:
            return f"{said} gateway status lists the flags there are."
        if status == 401 and self._token is None:
            return f"{self.url} wants a token: give --token or GATEWAY_CONTROL_TOKEN"
        if status == 401:
            return f"{self.url} does not know this token: check --token or GATEWAY_CONTROL_TOKEN"
        if status == 403:
            return f"{said} (flipping takes a token with the role operator: --token)"
        return said

    def _unreachable(self, error: Exception, seconds: float) -> Unreachable:
        if isinstance(error, ConnectionRefusedError | FileNotFoundError):
            return Unreachable(
                f"nothing is listening at {self.url}: start a gateway (gateway serve), "
                "or name its control address with --url or GATEWAY_URL"
            )
        if isinstance(error, TimeoutError):
            return Unreachable(f"no answer from {self.url} within {seconds:g} s")
        return Unreachable(f"cannot reach {self.url}: {error or type(error).__name__}")


def _events(response: HTTPResponse) -> Iterator[tuple[str, Document]]:
    name = ""
    while line := response.readline():
        key, _, value = line.decode("utf-8", "replace").rstrip("\n").partition(": ")
        if key == "event":
            name = value
        elif key == "data":
            yield name, json.loads(value)


def _set_timeout(connection: HTTPConnection, seconds: float) -> None:
    connection.timeout = seconds
    if connection.sock is not None:
        connection.sock.settimeout(seconds)


def _read_url(url: str) -> SplitResult:
    if url.startswith("unix:/") and "\0" not in url:  # taken as it is: it is a path, no address
        return SplitResult("unix", "", url.removeprefix("unix:"), "", "")
    try:
        address = urlsplit(url)
        usable = bool(address.hostname) and (address.port is None or address.port > 0)
    except ValueError:
        usable = False
    if not usable or address.scheme not in {"http", "https"}:
        raise Misused(
            "--url must be an http:// or https:// address, as http://127.0.0.1:9090, "
            "or a socket, as unix:/run/gateway.sock"
        )
    if address.username is not None:
        raise Misused("--url must not carry a password: give the token with --token")
    if address.query or address.fragment or not (url.isascii() and url.isprintable()):
        raise Misused("--url must be a plain address: no query, no fragment, no blanks")
    if " " in url:
        raise Misused("--url must be a plain address: no query, no fragment, no blanks")
    return address


def _read_token(token: str | None) -> str | None:
    token = (token or "").strip()
    if not (token.isascii() and token.isprintable()):
        raise Misused("the token holds characters that no token has: only printable ASCII")
    return token or None

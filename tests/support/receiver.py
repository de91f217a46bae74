"""A receiver of webhooks: what came, in order, and answers that a test has laid out."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.support.servers import wait_until


@dataclass(frozen=True, slots=True)
class Received:
    """One request: its path, its fields by lower-case name, its body."""

    path: str
    fields: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def id(self) -> str:
        return self.fields["webhook-id"]


@dataclass
class Answer:
    status: int = 200
    fields: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"ok"


class Receiver:
    """For a ``with`` block. ``answers`` are used up in order, then it is 200.

    While ``open`` is not set, nothing is answered.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: list[Answer] = []
        self.open = threading.Event()
        self.open.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver._take(self)

            def log_message(self, *words: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def at(self, path: str) -> list[Received]:
        """What came for a path, in order."""
        return [each for each in self.received if each.path == path]

    def wait_for(self, path: str, count: int) -> list[Received]:
        """What came for a path, once it is so many."""
        wait_until(lambda: len(self.at(path)) >= count, f"{count} messages at {path}")
        return self.at(path)

    def _take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        fields = {name.lower(): value for name, value in handler.headers.items()}
        self.received.append(Received(handler.path, fields, body))
        self.open.wait(60)
        answer = self.answers.pop(0) if self.answers else Answer()
        try:
            handler.send_response(answer.status)
            for name, value in answer.fields.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(answer.body)))
            handler.end_headers()
            handler.wfile.write(answer.body)
        except OSError:  # it was not waited for
            handler.close_connection = True

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.open.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

"""The smallest app there is: it answers every request with what it saw.

What it is asked below ``/slow`` it answers once the test releases it. ``/stream`` is an event
stream, and ``/ws`` a WebSocket that only listens: both end when the client's side does.
"""

from __future__ import annotations

import http.server
import sys
import threading
from types import TracebackType
from typing import Self

SLOWEST = 60.0  # seconds: a fail-safe that only a hang meets


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, handler: type[http.server.BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.arrived = threading.Semaphore(0)
        self.released = threading.Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that left, or was killed, is part of some tests; everything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # any socket


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def answer(self) -> None:
        if self.path.startswith("/stream"):
            self._stream()
            return
        if self.path.startswith("/ws"):
            self._listen()
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/slow"):
            self.server.arrived.release()
            self.server.released.wait(SLOWEST)
        text = f"{self.command} {self.path} {len(body)}".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"9\r\ndata: x\n\n\r\n")
        self._wait_for_the_end()

    def _listen(self) -> None:
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "websocket")
        self.end_headers()
        self.wfile.write(b"\x81\x05hello")
        self._wait_for_the_end()

    def _wait_for_the_end(self) -> None:
        while self.rfile.read(1):
            pass
        self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 names the base looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base's name
        """Says nothing: the gateway's log is the one of interest."""


class PlainApp:
    """Listens on ``port`` of 127.0.0.1, in threads, while the ``with`` block runs."""

    def __init__(self) -> None:
        self._server = _Server(_Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_for_slow(self) -> None:
        """Until one more request below ``/slow`` has come; fails if none does."""
        assert self._server.arrived.acquire(timeout=SLOWEST), "no slow request came"

    def release(self) -> None:
        """Answer what waits below ``/slow``, and from now on at once."""
        self._server.released.set()

    def hold(self) -> None:
        """From now on, what is below ``/slow`` waits again."""
        self._server.released.clear()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

"""The load: wrk for a few seconds over kept connections, and every answer accounted for."""

from __future__ import annotations

import json
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.process import BenchError, pinned

TARGET = "/articles/2031/hello-world?page=2"

# What Chromium sends for a page, with three cookies: 12 lines besides Host.
BROWSER_HEAD = (
    ("Connection", "keep-alive"),
    ("Cache-Control", "max-age=0"),
    (
        "User-Agent",
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/126.0.0.0 Safari/537.36"
        ),
    ),
    (
        "Accept",
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    ),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Accept-Language", "en-GB,en;q=0.9,de;q=0.8"),
    ("Cookie", "uid=u-4711; sessionid=8f14e45fceea167a5a36dedd4bea2543; theme=dark"),
    ("Referer", "https://www.example.com/articles/"),
    ("Sec-Fetch-Dest", "document"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Site", "same-origin"),
    ("Upgrade-Insecure-Requests", "1"),
)
PLAIN_HEAD: tuple[tuple[str, str], ...] = ()
# A person's browser asks for HTML; without it a page negotiates down to plain text.
HTML_HEAD = (("Accept", "text/html"),)

_DONE = """
done = function(summary, latency, requests)
    local e = summary.errors
    io.write(string.format(
        '\\nJSON {"requests":%d,"micros":%d,"failed":%d,"refused":%d,"p50":%d,"p99":%d}\\n',
        summary.requests, summary.duration, e.connect + e.read + e.write + e.timeout, e.status,
        latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """How hard: connections at once, and seconds a time. ``cores`` is where wrk runs."""

    connections: int
    cores: frozenset[int]
    folder: Path

    def run(
        self, port: int, head: tuple[tuple[str, str], ...], status: int, *, seconds: int
    ) -> Answered:
        """Ask for ``seconds``; raise unless every single answer had ``status``."""
        script = self.folder / "done.lua"
        script.write_text(_DONE)
        fields = [part for name, value in head for part in ("-H", f"{name}: {value}")]
        with pinned(set(self.cores)):
            run = subprocess.run(
                [
                    *("wrk", "-t1", f"-c{self.connections}", f"-d{seconds}s"),
                    *("-s", str(script), *fields, f"http://127.0.0.1:{port}{TARGET}"),
                ],
                capture_output=True,
                text=True,
                check=False,
                timeout=seconds + 30,
            )
        return _answered(run.stdout + run.stderr, status)


@dataclass(frozen=True, slots=True)
class Answered:
    """Requests answered, in how long, and how long one took: all in microseconds."""

    requests: int
    micros: int
    p50: int
    p99: int


def _answered(output: str, status: int) -> Answered:
    line = next((line for line in output.splitlines() if line.startswith("JSON ")), None)
    if line is None:
        raise BenchError(f"wrk said nothing of use:\n{output}")
    seen = json.loads(line.removeprefix("JSON "))
    # wrk counts answers of 400 and above; `answer` has looked at one of them whole.
    wrong = seen["refused"] if status < 400 else seen["requests"] - seen["refused"]
    if seen["failed"] or wrong or not seen["requests"]:
        raise BenchError(f"{seen['failed']} failed, {wrong} not {status}:\n{output}")
    return Answered(seen["requests"], seen["micros"], seen["p50"], seen["p99"])


def answer(port: int, head: tuple[tuple[str, str], ...]) -> tuple[int, bytes]:
    """Status and body of one GET, asked by hand. Framed by length or by close."""
    lines = [f"GET {TARGET} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in head if name != "Connection"]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        received = b""
        while piece := client.recv(65536):
            received += piece
    top, _, body = received.partition(b"\r\n\r\n")
    return int(top.split(b" ", 2)[1]), body

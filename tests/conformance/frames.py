"""Raw WebSocket frames, right and wrong: what the server makes of each, as a verdict in words.

Handshakes and readings are wsproto's; what is sent after the handshake is bytes, so that it can
be anything. A verdict tells the pongs, the messages and the Close that came, and the end.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from wsproto import ConnectionType, WSConnection, events
from wsproto.extensions import PerMessageDeflate
from wsproto.utilities import ProtocolError

PATIENCE = 60.0  # seconds of silence: a fail-safe
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
MASK = b"\x11\x22\x33\x44"
VALID = (*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4999)
INVALID = (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)


def frame(opcode: int, payload: bytes = b"", *, final: bool = True, bits: int = 0) -> bytes:
    """One masked frame; ``bits`` are the reserved ones."""
    size = len(payload)
    if size < 126:
        length = bytes((0x80 | size,))
    elif size < 1 << 16:
        length = b"\xfe" + size.to_bytes(2, "big")
    else:
        length = b"\xff" + size.to_bytes(8, "big")
    mask = (MASK * (size // 4 + 1))[:size]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")
    return bytes((0x80 * final | bits | opcode,)) + length + MASK + masked.to_bytes(size, "big")


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, code.to_bytes(2, "big") + reason)


@dataclass(frozen=True, slots=True)
class Case:
    """``pieces`` go out in one write each; ``half_close`` after them.

    With an ``echo``, a Close follows once a message has come back: a server may answer a Close
    before it has echoed what came just before.
    """

    name: str
    pieces: tuple[bytes, ...] = ()
    target: str = "/"
    echo: bool = False
    compressed: bool = False
    half_close: bool = False


def cases() -> Iterator[Case]:
    """All of them; each ends in a Close, or in what the server has to end it for."""
    for size in (0, 1, 125, 126, 127, 65_535, 65_536, 1 << 20):
        yield Case(f"binary of {size}", (frame(BINARY, bytes(size)),), echo=True)
    yield Case("text", (frame(TEXT, "größer".encode()),), echo=True)
    yield Case("fragments", _fragments(b"hello", b" ", b"world"), echo=True)
    yield Case("an empty last fragment", _fragments(b"hello", b""), echo=True)
    cut = _fragments(b"gr\xc3", b"\xb6\xc3\x9fer")
    yield Case("a character in two fragments", cut, echo=True)
    between = tuple(_with_pings(*(b"piece %d" % number for number in range(20))))
    yield Case("pings between fragments", between, echo=True)
    yield Case("all in one write", (b"".join(between),), echo=True)
    single = tuple(bytes((byte,)) for byte in b"".join(between))
    yield Case("byte by byte", single, echo=True)
    yield Case("answers in fragments", (frame(TEXT, b"four parts of it"),), "/fragments", echo=True)
    bye = close(1000, b"bye")
    yield Case("a ping of 125", (frame(PING, b"p" * 125), bye))
    yield Case("a pong that nobody asked for", (frame(PONG, b"?"), bye))
    yield Case("frames after a close", (bye + frame(TEXT, b"late"),))
    yield Case("a close without a code", (frame(CLOSE),))
    yield from (Case(f"close {code}", (close(code),)) for code in VALID + INVALID)
    yield from (Case(f"closed with {code}", (), f"/close/{code}") for code in VALID)
    yield from (Case(f"raw close with {code}", (), f"/raw-close/{code}") for code in INVALID)
    yield Case("a reason of 123", (close(1000, b"r" * 123),))
    yield Case("half-close after a close", (bye,), half_close=True)
    yield Case("half-close without one", half_close=True)
    yield Case("half-close in a frame", (frame(TEXT, b"hello")[:-2],), half_close=True)
    yield Case("compressed", (b"small " * 500,), echo=True, compressed=True)
    yield from _wrong()


def _wrong() -> Iterator[Case]:
    yield Case("a frame without a mask", (b"\x81\x02hi",))
    yield Case("reserved bits", (frame(TEXT, b"x", bits=0x20),))
    yield Case("a compressed frame that was not agreed", (frame(TEXT, b"x", bits=0x40),))
    yield from (Case(f"opcode {opcode}", (frame(opcode),)) for opcode in (3, 7, 11, 15))
    yield Case("a ping of 126", (frame(PING, b"p" * 126),))
    yield Case("a ping in fragments", (frame(PING, b"p", final=False),))
    yield Case("a continuation of nothing", (frame(0, b"x"),))
    yield Case("a new message in fragments", (frame(TEXT, b"x", final=False), frame(TEXT, b"y")))
    yield Case("text that is not UTF-8", (frame(TEXT, b"\xff\xfe"),))
    yield Case("a reason that is not UTF-8", (close(1000, b"\xff"),))
    yield Case("a close of one byte", (frame(CLOSE, b"x"),))
    yield Case("a message that is too large", (frame(BINARY, bytes((2 << 20) + 1)),))
    yield Case("a length with its highest bit", (b"\x82\xff" + b"\xff" * 8 + MASK,))


def _fragments(*parts: bytes) -> tuple[bytes, ...]:
    last = len(parts) - 1
    return tuple(
        frame(0 if number else TEXT, part, final=number == last)
        for number, part in enumerate(parts)
    )


def _with_pings(*parts: bytes) -> Iterator[bytes]:
    for number, each in enumerate(_fragments(*parts)):
        yield each
        if number < len(parts) - 1:
            yield frame(PING, b"%d" % number)


def verdicts(port: int, base: str = "") -> Mapping[str, str]:
    """Each case on a connection of its own; ``base`` is what goes before its path."""
    return {case.name: verdict(port, case, base) for case in cases()}


def verdict(port: int, case: Case, base: str = "") -> str:
    """What came of one case."""
    extensions = [PerMessageDeflate()] if case.compressed else []
    peer = WSConnection(ConnectionType.CLIENT)
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as line:
        hello = events.Request(
            host="ws.test",
            target=base + case.target,
            extensions=extensions,
            subprotocols=["chat"],
        )
        line.sendall(peer.send(hello))
        told = _Told()
        if told.take(line, peer, until=events.AcceptConnection):
            try:
                _say(line, peer, case)
            except OSError:
                told.said.append("could not say all")
            if case.echo and told.take(line, peer, until=events.Message):
                line.sendall(close(1000, b"enough"))
            told.take(line, peer, until=None)
        return told.text()


def _say(line: socket.socket, peer: WSConnection, case: Case) -> None:
    for piece in case.pieces:
        line.sendall(peer.send(events.BytesMessage(piece)) if case.compressed else piece)
    if case.half_close:
        line.shutdown(socket.SHUT_WR)


class _Told:
    """Pongs and messages each in order; how they interleave is the server's and the wire's."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self._pongs: list[str] = []
        self._messages: list[str] = []
        self._parts: list[bytes] = []

    def take(self, line: socket.socket, peer: WSConnection, until: type | None) -> bool:
        """Read on until such an event has come (True), or the end."""
        try:
            while True:
                for event in peer.events():
                    self._note(line, event)
                    finished = getattr(event, "message_finished", True)
                    if until is not None and isinstance(event, until) and finished:
                        return True
                data = line.recv(1 << 16)
                if not data:
                    break
                peer.receive_data(data)
        except OSError:
            pass
        except ProtocolError as error:
            self.said.append(f"{type(error).__name__}: {error}")
        self.said.append("the end")
        return False

    def text(self) -> str:
        parts = [*self.said]
        if self._messages:
            parts.append(f"messages {', '.join(self._messages)}")
        if self._pongs:
            parts.append(f"pings and pongs {', '.join(self._pongs)}")
        return "; ".join(parts)

    def _note(self, line: socket.socket, event: events.Event) -> None:
        match event:
            case events.AcceptConnection(subprotocol=chosen, extensions=agreed):
                self.said.append(f"open {chosen} {[each.name for each in agreed]}")
            case events.RejectConnection(status_code=status):
                self.said.append(f"rejected {status}")
            case events.Ping(payload=payload) | events.Pong(payload=payload):
                self._pongs.append(bytes(payload).decode())
            case events.Message(data=data):
                part = data.encode() if isinstance(data, str) else bytes(data)
                self._parts.append(part)
                if event.message_finished:
                    whole, self._parts = b"".join(self._parts), []
                    digest = hashlib.sha256(whole).hexdigest()[:12]
                    self._messages.append(f"{type(event).__name__} {len(whole)} {digest}")
            case events.CloseConnection(code=code, reason=reason):
                self.said.append(f"close {code} {reason or ''}")
                line.sendall(close(1000))

"""Where frames end, however the bytes are cut: a Close falls between two of them, or nowhere."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy.wire.websocket import RESTART, FrameStream, close_frame

CLOSE_1012 = b"\x88\x02\x03\xf4"


def frame(opcode: int, payload: bytes, mask: bytes = b"", *, final: bool = True) -> bytes:
    size, masked = len(payload), 0x80 if mask else 0
    if size < 126:
        length = bytes((masked | size,))
    elif size < 1 << 16:
        length = bytes((masked | 126,)) + size.to_bytes(2, "big")
    else:
        length = bytes((masked | 127,)) + size.to_bytes(8, "big")
    return bytes((0x80 * final | opcode,)) + length + mask + payload


payloads = st.one_of(
    st.binary(max_size=10),
    st.sampled_from([125, 126, 127, 300, 65_535, 65_536, 70_000]).map(bytes),
)
frames = st.builds(
    frame,
    st.sampled_from([0x0, 0x1, 0x2, 0x9, 0xA]),
    payloads,
    st.sampled_from([b"", b"mask"]),
    final=st.booleans(),
)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[begin:end] for begin, end in itertools.pairwise(edges)]


@given(st.lists(frames, max_size=6), st.lists(st.integers(0, 1 << 20), max_size=8), st.data())
def test_a_close_comes_after_whole_frames_for_any_cut(
    sent: list[bytes], places: list[int], data: st.DataObject
) -> None:
    pieces = cut(b"".join(sent), places)
    at = data.draw(st.integers(0, len(pieces)))
    stream, out = FrameStream(masked=False), b""
    for piece in pieces[:at]:
        out += stream.feed(piece)
    assert out == b"".join(pieces[:at])
    out += stream.restart()
    for piece in pieces[at:]:
        out += stream.feed(piece)

    edges = {len(b"".join(sent[:count])) for count in range(len(sent) + 1)}
    before = len(b"".join(pieces[:at]))
    end = min(edge for edge in edges if edge >= before)
    assert out == b"".join(sent)[:end] + CLOSE_1012
    assert stream.over
    assert (stream.feed(b"more"), stream.restart()) == (b"", b"")


@given(st.lists(frames, max_size=3), st.integers(0, 20), st.lists(st.integers(0, 400)))
def test_after_a_close_of_its_own_a_side_gets_no_other(
    sent: list[bytes], reason: int, places: list[int]
) -> None:
    data = b"".join(sent) + frame(0x8, b"\x03\xe8" + bytes(reason), b"mask")
    stream = FrameStream(masked=True)
    assert b"".join(map(stream.feed, cut(data, places))) == data
    assert stream.restart() == b""
    assert stream.over


def test_a_close_under_way_is_let_out_and_is_the_last() -> None:
    stream = FrameStream(masked=False)
    stream.feed(CLOSE_1012[:3])
    assert stream.restart() == b""
    assert not stream.over
    assert stream.feed(CLOSE_1012[3:] + b"more") == CLOSE_1012[3:]
    assert stream.over


@pytest.mark.parametrize("masked", [True, False])
def test_what_goes_to_the_app_is_masked(
    masked: bool,  # noqa: FBT001 a parameter
) -> None:
    made = close_frame(RESTART, masked=masked)
    assert made[0] == 0x88
    assert bool(made[1] & 0x80) is masked
    payload = made[-2:]
    mask = made[2:6] if masked else bytes(4)
    assert bytes(byte ^ mask[index] for index, byte in enumerate(payload)) == b"\x03\xf4"


def test_what_is_no_websocket_never_comes_to_an_end() -> None:
    stream = FrameStream(masked=False)
    stream.feed(b"\x82\xff" + b"\xff" * 8)
    assert stream.restart() == b""
    assert stream.feed(bytes(1 << 16)) == bytes(1 << 16)
    assert not stream.over

from __future__ import annotations

import pytest

from gateway.pages.answers import answer, field_value


def test_a_head_is_lines_without_the_empty_one() -> None:
    made = answer(503, [("Content-Type", "text/plain")], b"closed\n")

    assert made.status == 503
    assert made.body == b"closed\n"
    assert made.head == (
        b"HTTP/1.1 503 Service Unavailable\r\n"
        b"Content-Type: text/plain\r\n"
        b"Content-Length: 7\r\n"
        b"Cache-Control: no-store\r\n"
        b"Vary: Accept, Accept-Language, Sec-Fetch-Dest\r\n"
        b"X-Content-Type-Options: nosniff\r\n"
    )


def test_a_status_without_a_name_still_makes_a_status_line() -> None:
    assert answer(599, [], b"").head.startswith(b"HTTP/1.1 599 Maintenance\r\n")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("search", "search"),
        ("re-index_2.b~", "re-index_2.b~"),
        ("a\r\nSet-Cookie: x=1", "a%0D%0ASet-Cookie%3A%20x%3D1"),
        ("Wartung für alle", "Wartung%20f%C3%BCr%20alle"),
        ("\x00\x7f", "%00%7F"),
        ("\ud800", "%3F"),
    ],
)
def test_no_text_can_end_a_header_line(text: str, value: str) -> None:
    assert field_value(text) == value

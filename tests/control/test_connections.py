"""The bound on connections to the control listener."""

from __future__ import annotations

from gateway.control.connections import Connections


def test_the_one_that_rested_longest_goes_for_one_more() -> None:
    book = Connections[str](2)
    assert book.came("a") is None
    assert book.came("b") is None
    with book.call("a"):
        pass  # "b" has rested for longer now
    assert book.came("c") == "b"
    assert book.came("d") == "a"
    assert len(book) == 2


def test_one_with_a_call_under_way_stays() -> None:
    book = Connections[str](1)
    book.came("a")
    with book.call("a"):
        assert book.came("b") == "b"
    assert book.came("c") == "a"


def test_one_that_left_makes_room() -> None:
    book = Connections[str](1)
    book.came("a")
    book.left("a")
    book.left("a")
    assert book.came("b") is None


def test_one_that_left_in_the_middle_of_its_call_is_off_the_book() -> None:
    book = Connections[str](1)
    book.came("a")
    with book.call("a"):
        book.left("a")
    assert len(book) == 0


def test_a_call_of_one_that_is_not_on_the_book_leaves_no_trace() -> None:
    book = Connections[str](1)
    with book.call("a"):
        pass
    assert len(book) == 0

"""What the Bookshop sells, and how it is searched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Book:
    """``price`` is in cents; ``hue`` (0-359) colours the cover."""

    id: int
    title: str
    author: str
    year: int
    price: int
    hue: int

    def as_json(self) -> dict[str, object]:
        return asdict(self)


BOOKS = (
    Book(1, "Middlemarch", "George Eliot", 1871, 1450, 12),
    Book(2, "Moby-Dick", "Herman Melville", 1851, 1290, 205),
    Book(3, "Frankenstein", "Mary Shelley", 1818, 890, 150),
    Book(4, "Walden", "Henry David Thoreau", 1854, 990, 95),
    Book(5, "The Time Machine", "H. G. Wells", 1895, 790, 265),
    Book(6, "Jane Eyre", "Charlotte Brontë", 1847, 1150, 340),
    Book(7, "The Moonstone", "Wilkie Collins", 1868, 1090, 45),
    Book(8, "Twenty Thousand Leagues", "Jules Verne", 1870, 1340, 190),
    Book(9, "Dracula", "Bram Stoker", 1897, 950, 0),
    Book(10, "Emma", "Jane Austen", 1815, 890, 310),
    Book(11, "Bleak House", "Charles Dickens", 1853, 1550, 230),
    Book(12, "The Awakening", "Kate Chopin", 1899, 850, 25),
)


def book(number: int) -> Book | None:
    return next((each for each in BOOKS if each.id == number), None)


def search(query: str) -> Sequence[Book]:
    """The books with the query in their title or author; all of them for no query."""
    wanted = query.strip().casefold()
    return [each for each in BOOKS if wanted in f"{each.title} {each.author}".casefold()]

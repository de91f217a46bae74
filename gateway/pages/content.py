"""What a page of ours says, before it has a form."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.pages.languages import ENGLISH
from gateway.pages.words import Words


@dataclass(frozen=True, slots=True)
class Content:
    """One page's words and figures. Hashable: the memo of rendered answers keys on it.

    ``message`` and ``detail`` are free of control characters but for line breaks, ``title``
    is one line. ``retry_after`` is seconds; ``None``: no such field. ``flag`` and ``reason``
    are ``None`` for an error, which is not maintenance. ``until`` is when it ends, in ISO 8601,
    and ``until_words`` the same for people, by the clock of the flag's window, or UTC.

    ``words`` are those that the page adds. ``title_language`` and ``message_language`` are tags;
    empty: a person wrote it, in a language that nobody said.
    """

    status: int
    title: str
    message: str
    retry_after: int | None = None
    promised: bool = False  # somebody set retry_after: an expectation, not a default
    flag: str | None = None
    reason: str | None = None
    until: str | None = None
    until_words: str | None = None
    repeatable: bool = True  # a GET or HEAD: the page may ask again on its own
    probe: str | None = None  # the method with which it finds out; None: it cannot
    template: str | None = None  # absolute path of the person's own template
    source: str | None = None  # its text as it was validated; None: as the file has it
    page: str | None = field(default=None, repr=False)  # fetched; HTML is this and nothing else
    percent: int | None = None  # how far the command is that it is all about
    words: Words = ENGLISH
    title_language: str = "en"
    message_language: str = "en"

    @property
    def progress(self) -> str | None:
        """``percent`` for people: ``"42 % done"``."""
        return None if self.percent is None else self.words.percent.format(percent=self.percent)

    @property
    def when(self) -> str | None:
        """``retry_after`` for people: ``"in about 10 minutes"``."""
        return None if self.retry_after is None else self.words.spans.about(self.retry_after)


def one_line(text: str) -> str:
    """``text`` on one line, without control characters."""
    return " ".join(clean(text).split())


def clean(text: str) -> str:
    """``text`` without what no page should hold: control characters, lone surrogates."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = (sign for sign in lines if sign in "\n\t" or not _control(sign))
    return "".join(kept).encode("utf-8", "replace").decode().strip()


def _control(sign: str) -> bool:
    return sign < " " or "\x7f" <= sign <= "\x9f"

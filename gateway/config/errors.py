"""What is wrong with a configuration, and where: all of it, never only the first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ConfigError:
    """One error: ``config.yaml:14: flags.search.paths[0]: must start with "/"``.

    ``file`` is the path as it was given, or ``environment``; ``line`` counts from 1 and is
    None where there is none; ``path`` names the key (or the variable), "" for the whole file.
    """

    file: str
    line: int | None
    path: str
    message: str
    beside: tuple[Path, ...] = ()  # files, other than ``file``, that are to be mended

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (where, self.path, self.message) if part)


class ConfigErrors(Exception):  # noqa: N818 it is all of them, and every owner calls it so
    """A configuration that cannot be used; ``errors`` holds every error, in line order."""

    def __init__(self, errors: Iterable[ConfigError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(map(str, self.errors)))


class Invalid(Exception):  # noqa: N818 raised for one value, reported with its origin
    """One value that cannot be used. The message goes on after the value's path.

    ``files`` are those beside the configuration that are wrong, if it is not the value.
    """

    def __init__(self, message: str, *, files: Sequence[Path] = ()) -> None:
        self.files = tuple(files)
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value was written."""

    file: str
    line: int | None
    path: str

    def error(self, message: str, *beside: Path) -> ConfigError:
        return ConfigError(self.file, self.line, self.path, message, beside)


class Report:
    """Collects errors while the reading goes on."""

    def __init__(self) -> None:
        self._errors: dict[ConfigError, None] = {}

    def add(self, origin: Origin, message: str, *beside: Path) -> None:
        self._errors[origin.error(_printable(message), *beside)] = None

    def raise_any(self) -> None:
        """Raise ``ConfigErrors`` if there are errors: the file's in line order, then others."""
        if self._errors:
            raise ConfigErrors(sorted(self._errors, key=_place)) from None


def _printable(message: str) -> str:
    # A pattern's error may quote what was written, and "\e[2J" is what a terminal obeys.
    return "".join(mark if mark.isprintable() else f"\\u{ord(mark):04x}" for mark in message)


def _place(error: ConfigError) -> tuple[bool, str, int]:
    return (error.file == "environment", error.file, error.line or 0)

"""Reading ``source``, and the trigger file that it names.

A trigger file is no part of the YAML: others make it and take it away, and it may be wrong at any
time. What is wrong with it is therefore no error of the configuration, which would keep the last
one and with it, perhaps, the flag off. It is kept beside what the file says: that it is there.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from gateway.config.addresses import network
from gateway.config.document import compose, decode
from gateway.config.errors import ConfigError, ConfigErrors, Origin, Report
from gateway.config.exemptions import path_pattern
from gateway.config.nodes import Broken, Node, Table
from gateway.config.pages import error_status
from gateway.config.scalars import text, whole_seconds, word
from gateway.config.section import Section, is_null
from gateway.config.settings import Settings
from gateway.config.substitution import Substitution
from gateway.core.flags import Exemptions, Trigger

LARGEST = 65_536  # bytes

_LATER = {"launchdarkly": "LaunchDarkly", "openfeature": "OpenFeature", "ofrep": "OFREP"}


def read_source(outer: Section, folder: Path, *, case_sensitive: bool) -> Trigger | None:
    """The trigger of the flag whose keys are ``outer``; its file is looked for in ``folder``."""
    if outer.given("source") and outer.is_empty("source"):
        outer.refuse("source", "must be {file: PATH}")
    with outer.section("source") as section:
        for key, name in _LATER.items():
            section.later(key, f"flags decided by {name}")
        file = section.take("file", word, None)
    if file is None:
        return None
    return read_trigger(str((folder / file).absolute()), case_sensitive=case_sensitive)


def read_trigger(file: str, *, case_sensitive: bool) -> Trigger:
    """What a file says now. It is off only if nothing at all is there."""
    report = Report()
    try:
        raw = _content(file)
    except FileNotFoundError:
        if not Path(file).is_symlink():
            return Trigger(file, case_sensitive=case_sensitive)
        return _wrong(file, case_sensitive, (None, "is a link to nothing"))
    except OSError as error:
        return _wrong(file, case_sensitive, (None, f"cannot be read: {error.strerror}"))
    trigger = _read(raw, file, report, case_sensitive=case_sensitive)
    try:
        report.raise_any()
    except ConfigErrors as errors:
        return _wrong(file, case_sensitive, *map(_line_and_words, errors.errors))
    return trigger


def read_again(trigger: Trigger) -> Trigger:
    """The same file, as it is by now."""
    return read_trigger(trigger.file, case_sensitive=trigger.case_sensitive)


def trigger_errors(settings: Settings) -> tuple[ConfigError, ...]:
    """What is wrong with the trigger files; each one's flag is on."""
    return tuple(
        ConfigError(flag.trigger.file, line, f"flags.{flag.name}.source", words)
        for flag in settings.flags
        if flag.trigger is not None
        for line, words in flag.trigger.errors
    )


class _Verbatim(Substitution):
    """Whoever makes the file is to learn nothing of our environment."""

    def fill(self, text: str) -> str:
        return text


def _content(file: str) -> bytes:
    # Not blocking: what is there may be a pipe.
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as opened:  # noqa: PTH123 it is open already
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "it is no plain file")
        return opened.read(LARGEST + 1)


def _read(raw: bytes, file: str, report: Report, *, case_sensitive: bool) -> Trigger:
    whole = Origin(file, None, "")
    if len(raw) > LARGEST:
        report.add(whole, f"is larger than {LARGEST >> 10} KiB")
        return Trigger(file, on=True)
    found = decode(raw, file, report)
    root = compose(found, whole, _Verbatim({}), report) if found is not None else None
    section = Section(_table(root, whole, report), report)
    with section, section.section("allow") as allow:
        return Trigger(
            file,
            on=True,
            case_sensitive=case_sensitive,
            message=section.take("message", text, None),
            retry_after=section.take("retry_after", whole_seconds, None),
            status=section.take("status", error_status, None),
            allow=Exemptions(
                paths=allow.each("paths", path_pattern(case_sensitive=case_sensitive)),
                networks=allow.each("ips", network),
            ),
        )


def _table(root: Node | None, whole: Origin, report: Report) -> Table:
    if isinstance(root, Table):
        return root
    if root is not None and not is_null(root) and not isinstance(root, Broken):
        report.add(root.origin, "must be empty, or a mapping such as message: Back at noon.")
    return Table(whole)


def _wrong(file: str, case_sensitive: bool, *errors: tuple[int | None, str]) -> Trigger:  # noqa: FBT001 one of its fields
    return Trigger(file, on=True, case_sensitive=case_sensitive, errors=errors)


def _line_and_words(error: ConfigError) -> tuple[int | None, str]:
    return error.line, ": ".join(filter(None, (error.path, error.message)))

"""What of an edited YAML takes effect while running, and whether its flags are new."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path

from gateway.config import ConfigError, ConfigErrors, load
from gateway.config.certificates import contents
from gateway.config.errors import Invalid
from gateway.config.settings import Certificate, Control, Settings, UpstreamTls
from gateway.config.triggers import read_again
from gateway.core.flags import Flag

RESTART = ("upstream", "listen", "listen_mode", "proxy_protocol", "workers", "store", "access_log")


@dataclass(frozen=True, slots=True)
class Definitions:
    """Settings that can take effect, with the digest of their flags and the flags by name."""

    settings: Settings
    digest: str
    flags: Mapping[str, Flag]
    notices: tuple[ConfigError, ...] = ()


def define(settings: Settings, notices: tuple[ConfigError, ...] = ()) -> Definitions:
    """Takes some 40 ms for 1,000 flags, so a reload does it off the event loop."""
    flags = {flag.name: flag for flag in settings.flags}
    return Definitions(settings, definitions_digest(settings), flags, notices)


def load_anew(running: Settings, environ: Mapping[str, str]) -> Definitions:
    """What the YAML says now. Raises ``ConfigErrors``, whatever it is that goes wrong."""
    try:
        return settle(running, load(running.path, environ))
    except ConfigErrors:
        raise
    except Exception as error:
        raise unexpected(running.path, error) from error


def retriggered(running: Definitions) -> Definitions | None:
    """The same with its trigger files read anew, whatever the YAML is; None: they say the same."""
    flags = tuple(
        flag if flag.trigger is None else replace(flag, trigger=read_again(flag.trigger))
        for flag in running.settings.flags
    )
    if flags == running.settings.flags:
        return None
    return define(replace(running.settings, flags=flags), running.notices)


def unexpected(path: Path | None, error: Exception) -> ConfigErrors:
    """A bug that a YAML has brought to light, as an error of that YAML; the bug is its cause."""
    what = f"cannot be taken in, by a bug of the gateway: {type(error).__name__}: {error}"
    errors = ConfigErrors([ConfigError(str(path or ""), None, "", what)])
    errors.__cause__ = error
    return errors


def watched(settings: Settings, errors: Iterable[ConfigError] = ()) -> list[Path]:
    """The files whose edits are edits of the configuration: the YAML first, then those beside it.

    The environment alone may name files, too.
    """
    pages = [settings.page, *(flag.page for flag in settings.flags)]
    named = {Path(page.template) for page in pages if page.template is not None}
    for tls in (settings.tls, settings.upstream_tls):
        named.update(() if tls is None else tls.files)
    named.update(Path(flag.trigger.file) for flag in settings.flags if flag.trigger is not None)
    named.update(settings.secret_files)
    named.update(path for error in errors for path in error.beside)
    return [*filter(None, [settings.path]), *sorted(named)]


def renewed(settings: Settings) -> bool:
    """Whether a certificate's files are no longer what they were when they were read."""
    read: list[Certificate | UpstreamTls] = []
    if settings.tls is not None:
        read += settings.tls.certificates
    if settings.upstream_tls is not None:
        read.append(settings.upstream_tls)
    try:
        return any(contents(each.files) != each.digest for each in read)
    except Invalid:
        return True


def settle(running: Settings, loaded: Settings) -> Definitions:
    """What holds from now on, and a notice for each key that needs a restart.

    ``upstream``, ``listen``, ``listen_mode``, ``proxy_protocol``, ``workers``, ``store``,
    ``access_log`` and where the control plane is stay as they were when the gateway started, and
    so does whether there is ``tls``; its certificates do not. With another ``upstream`` its
    ``upstream_tls`` stays, too. With another place all of ``control`` stays: its tokens were
    checked against the address that they are for, and a loopback address needs none. All other
    keys take effect at once.
    """
    changed = [key for key in RESTART if getattr(running, key) != getattr(loaded, key)]
    kept = {key: getattr(running, key) for key in changed}
    kept["app_starts"] = running.app_starts
    if (running.tls is None) != (loaded.tls is None):
        changed.append("tls")
        kept["tls"] = running.tls
    if "upstream" in kept:
        kept["upstream_tls"] = running.upstream_tls
    if moved := _moved(running.control, loaded.control):
        changed += moved
        kept["control"] = running.control
    file = str(loaded.path or "")
    notices = [ConfigError(file, None, key, "takes effect with a restart") for key in changed]
    return define(replace(loaded, **kept), tuple(notices))


def _moved(running: Control, loaded: Control) -> list[str]:
    """Which of its addresses are others."""
    before, after = (
        {
            "control.listen": each.listen,
            "control.path": each.path,
            "control.toggle.path": each.toggle and each.toggle.path,
        }
        for each in (running, loaded)
    )
    return [key for key, place in after.items() if place != before[key]]


def definitions_digest(settings: Settings) -> str:
    """The flags and the exemptions from all of them, as 32 hexadecimal digits.

    Equal for equal definitions, in every process: an edit of a comment makes no new revision.
    """
    plain = [_plain(settings.flags), _plain(settings.allow), _plain(settings.page)]
    return hashlib.sha256(json.dumps(plain).encode()).hexdigest()[:32]


def _plain(value: object) -> object:
    # Fields that take no part in comparisons are derived from those that do.
    if is_dataclass(value):
        return [_plain(getattr(value, each.name)) for each in fields(value) if each.compare]
    if isinstance(value, Mapping):
        return sorted([str(key), _plain(part)] for key, part in value.items())
    if isinstance(value, frozenset):
        return sorted((_plain(part) for part in value), key=str)
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)

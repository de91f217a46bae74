"""HTML from the templates, whole or not at all.

Three layers, each caught by the next: the person's own page or template, the built-in one, and
``fallback``. Rendering has succeeded before any byte of it reaches a client.

A person's own template gets ``flag``, ``title``, ``message``, ``retry_after`` (seconds),
``when`` (the same for people: "in about 10 minutes"), ``status``, ``until`` (when it
ends by itself, in ISO 8601, or None), ``until_words`` (the same for people), ``reason``
(one word of ``Reason``), ``repeatable`` (false: something was sent that was not passed on),
``percent`` and ``progress`` (42 and "42 % done" where a guard tells, else None), ``language`` (the
visitor's, of those there are: ``"de"``), ``direction`` (``"ltr"`` or ``"rtl"``) and ``words`` (what
the built-in page says in it). Values are escaped.
It may extend ``pages/maintenance.html``. A name that is not among these is an error, so the
built-in page is sent and the log says why.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError

from gateway.pages.content import Content
from gateway.pages.fallback import fallback

_log = logging.getLogger(__name__)

# What the built-in pages may do: apply the styles and run the script they hold, by hash,
# and ask their own site whether it is back. Anything else, from anywhere: nothing.
_STRICT = (
    "default-src 'none'; style-src {styles}; script-src {scripts}; img-src data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
# A person's own page may use what it likes; it still cannot be framed by another site.
_OWN = "base-uri 'self'; object-src 'none'; frame-ancestors 'self'"

_INLINE = re.compile(r"<(style|script)>(.*?)</\1>", re.DOTALL)

Builtin = Literal["pages/maintenance.html", "pages/error.html"]


@dataclass(frozen=True, slots=True)
class Html:
    """A whole page, and the Content-Security-Policy that fits it."""

    text: str
    policy: str
    language: str | None = None  # of the page as a whole; None: whoever wrote it knows


def templates_folder() -> Path:
    """Where the templates lie: in the installed package, or beside it in the repository."""
    package = Path(__file__).parents[1]
    installed = package / "templates"
    return installed if installed.is_dir() else package.parent / "templates"


class Renderer:
    """Turns contents into HTML. Never raises: see the module's three layers."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or templates_folder()
        self._builtin = _environment(self._folder)
        self._own: dict[str, Environment] = {}
        self._told: set[str] = set()

    def html(self, content: Content) -> Html:
        if content.page is not None:
            return Html(content.page, _OWN)
        if content.template is not None:
            own = self._own_page(content.template, content)
            if own is not None:
                return Html(own, _OWN)
        text = self._builtin_page(content)
        return Html(text, _policy(text), content.words.tag)

    def _own_page(self, path: str, content: Content) -> str | None:
        file = Path(path)
        try:
            if path not in self._own:
                self._own[path] = _environment(file.parent, self._folder)
            own = self._own[path]
            if content.source is None:
                template = own.get_template(file.name)
            else:
                template = own.from_string(content.source)
            text = template.render(_variables(content))
        except Exception as error:  # noqa: BLE001 a person's template can raise anything at all
            self._tell(path, error, "the built-in page is sent instead")
            return None
        self._told.discard(path)
        return text

    def _builtin_page(self, content: Content) -> str:
        name: Builtin = "pages/error.html" if content.flag is None else "pages/maintenance.html"
        try:
            return self._builtin.get_template(name).render(_variables(content))
        except (TemplateError, OSError, UnicodeError) as error:
            self._tell(name, error, "a plain page is sent instead")
            return fallback(content)

    def _tell(self, template: str, error: Exception, instead: str) -> None:
        """Logs a template that fails once, not once a page, until it is mended."""
        if template not in self._told:
            self._told.add(template)
            what = f"{type(error).__name__}: {error}"
            _log.error("template %s cannot be rendered (%s); %s", template, what, instead)


def _environment(*folders: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["icon"] = _icon(folders[-1] / "pages" / "icon.svg")
    return environment


def _icon(file: Path) -> str:
    """The icon as a data URI, so that no browser asks the site for one."""
    try:
        return f"data:image/svg+xml;base64,{base64.b64encode(file.read_bytes()).decode()}"
    except OSError:
        return "data:,"


def _variables(content: Content) -> dict[str, object]:
    return {
        "flag": content.flag,
        "title": content.title,
        "message": content.message,
        "retry_after": content.retry_after,
        "when": content.when,
        "status": content.status,
        "until": content.until,
        "until_words": content.until_words,
        "reason": content.reason,
        "repeatable": content.repeatable,
        "promised": content.promised,
        "probe": content.probe,
        "percent": content.percent,
        "progress": content.progress,
        "language": content.words.tag,
        "direction": content.words.direction,
        "title_language": content.title_language,
        "message_language": content.message_language,
        "words": content.words,
        "looking": json.dumps(asdict(content.words.looking), ensure_ascii=False),
    }


def _policy(text: str) -> str:
    """The strict policy for a page, with the hashes of the blocks it really holds."""
    hashes: dict[str, list[str]] = {"style": [], "script": []}
    for tag, block in _INLINE.findall(text):
        digest = base64.b64encode(hashlib.sha256(block.encode()).digest()).decode()
        hashes[tag].append(f"'sha256-{digest}'")
    return _STRICT.format(
        styles=" ".join(hashes["style"]) or "'none'",
        scripts=" ".join(hashes["script"]) or "'none'",
    )

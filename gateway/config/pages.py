"""Reading ``page``, of the whole site and of one flag."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import jinja2

from gateway.config.errors import Invalid
from gateway.config.exemptions import path_pattern
from gateway.config.nodes import Node
from gateway.config.scalars import boolean, integer, text, whole_seconds, word
from gateway.config.section import Read, Section
from gateway.core.flags import Page

_LONGEST_CAUSE = 100  # characters


def read_page(section: Section, folder: Path, *, of_site: bool = False) -> Page:
    """The page's settings. A relative template is looked for in ``folder``."""
    with section:
        if not of_site and section.node("json") is not None:
            section.refuse("json", "belongs into the page of the whole site")
        template, source = section.take("template", _template(folder), (None, None))
        url = section.take("url", _url, None)
        if template is not None and url is not None:
            section.refuse("url", "is another page than template: choose one")
        return Page(
            title=section.take("title", text, None),
            message=section.take("message", text, None),
            retry_after=section.take("retry_after", whole_seconds, None),
            template=template,
            status=section.take("status", error_status, None),
            source=source,
            url=url,
            progress=section.take("progress", boolean, None),
            json=section.each("json", path_pattern(case_sensitive=False)) if of_site else (),
        )


def error_status(node: Node) -> int:
    """The status of a refusal."""
    # 4xx and 5xx alone: a page under 200 would be cached, indexed and taken for the app's.
    try:
        return integer(400, 599)(node)
    except Invalid as error:
        raise Invalid("must be an error status, from 400 to 599") from error


def _url(node: Node) -> str:
    found = word(node)
    try:
        parts = urlsplit(found)
        usable = bool(parts.hostname) and parts.scheme in {"http", "https"} and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not found.isascii():
        raise Invalid("must be an http:// or https:// address, such as https://cdn.example/x.html")
    if "@" in parts.netloc:
        raise Invalid("must not have a user or password")
    return found


def _template(folder: Path) -> Read[tuple[str, str]]:
    def read(node: Node) -> tuple[str, str]:
        path = folder / word(node)
        try:
            source = path.read_text("utf-8")
        except OSError as error:
            raise Invalid(f"cannot be read: {path}: {error.strerror}", files=[path]) from error
        except UnicodeDecodeError as error:
            raise Invalid(f"is not UTF-8: {path}", files=[path]) from error
        _compile(source, path)
        return str(path), source

    return read


def _compile(source: str, path: Path) -> None:
    try:
        jinja2.Environment(autoescape=True).compile(source, filename=str(path))
    except jinja2.TemplateSyntaxError as error:
        where = f"{path}:{error.lineno}"
        message = f"is not a Jinja2 template: {where}: {error.message}"
        raise Invalid(message, files=[path]) from error
    except Exception as error:
        # A template becomes Python code, and Python has limits of its own: blocks nested too
        # deep are a SyntaxError there, long expressions a RecursionError or a MemoryError.
        why = str(error).partition("\n")[0][:_LONGEST_CAUSE] or type(error).__name__
        raise Invalid(f"cannot be compiled: {path}: {why}", files=[path]) from error

"""Reading what of the control plane is on the public port: its path, and the toggle endpoint."""

from __future__ import annotations

import re

from gateway.config.errors import Invalid
from gateway.config.nodes import Node
from gateway.config.scalars import secret, text, word
from gateway.config.section import Section
from gateway.config.settings import Settings, Toggle
from gateway.core.applying import OWN_PATHS as NOTICES
from gateway.core.passes import OWN_PATHS as LINKS


def public_path(node: Node) -> str:
    """A path that is taken from the app's: plain segments, as /-/maintenance."""
    found = text(node)
    if not _PATH.fullmatch(found):
        raise Invalid(
            'must be a path such as "/-/maintenance", of plain segments, without a / at its end'
        )
    if f"{found}/".encode().startswith((LINKS, NOTICES)):
        raise Invalid("is where bypass links and notices are; choose another")
    return found


def read_toggle(outer: Section) -> Toggle | None:
    given = outer.given("toggle")
    with outer.section("toggle") as section:
        path = section.take("path", public_path, None)
        key = section.take("key", secret, None)
        flag = section.take("flag", word, "site")
        for each in ("path", "key"):
            if given and not section.given(each):
                section.refuse(each, "is missing")
    return Toggle(path, key, flag) if path is not None and key is not None else None


def refuse_toggle(control: Section, settings: Settings) -> None:
    """What contradicts the rest; ``control`` is where the keys are."""
    toggle, path = settings.control.toggle, settings.control.path
    if toggle is None:
        return
    section = control.section("toggle")
    if path is not None and f"{toggle.path}/".startswith(f"{path}/"):
        section.refuse("path", "is below control.path; choose another")
    flag = next((flag for flag in settings.flags if flag.name == toggle.flag), None)
    if flag is None:
        section.refuse("flag", f"is no flag: there is no {toggle.flag}")
    elif flag.trigger is not None:
        section.refuse("flag", "is on while a file is there (source), and cannot be flipped")


_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9\-._~]+)+")

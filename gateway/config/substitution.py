"""``${NAME}`` and ``${NAME:-default}`` in values; ``$${`` is a plain ``${``.

A variable's text is put into one value and stays inside it: whatever it holds, it never
becomes a list, a key or a comment. As in a shell, ``:-`` gives the default where the
variable is unset or empty.

A brace ends a bare value inside YAML's ``{...}``, so ``{key: ${NAME}}`` would be a syntax
error. Before YAML sees the text, ``shield`` puts other characters, which nobody writes, in
place of those of a ``${...}`` that YAML knows; ``unshield`` puts them back in what YAML read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway.config.errors import Invalid

_FIRST = 0x100000  # of a private-use plane: valid in YAML, in no font, in no config
_SHIELDS = {ord(mark): _FIRST + ord(mark) for mark in " ${}[](),:;#&*!?|<>=%@`~+-/.^_\t"}
_SHIELDED = {shield: mark for mark, shield in _SHIELDS.items()}
SHIELD = f"[{chr(_FIRST)}-{chr(_FIRST + 0x7F)}]"  # what a text must not have of its own


def shield(text: str) -> str:
    """The text with every ``${...}`` made safe from YAML. Lines and columns stay."""
    return _TOKEN_IN_TEXT.sub(lambda match: match[0].translate(_SHIELDS), text)


def unshield(text: str) -> str:
    return text.translate(_SHIELDED)


class Substitution:
    """Fills variables in; ``used`` are the names that were asked for."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.used: set[str] = set()

    def fill(self, text: str) -> str:
        """The text with its variables filled in. Raises ``Invalid``, which names the culprit."""
        return _TOKEN.sub(self._replace, text)

    def _replace(self, match: re.Match[str]) -> str:
        if match["escape"]:
            return "${"
        parts = _NAME.fullmatch(match["inside"] or "")
        if parts is None:
            raise Invalid("has a ${ that is neither ${NAME} nor ${NAME:-default}; write $${ for ${")
        name, default = parts["name"], parts["default"]
        self.used.add(name)
        value = self._environ.get(name)
        if value is None and default is None:
            raise Invalid(f"the environment variable {name} is not set, and there is no default")
        return check_utf8(name, value or default or "")


def check_utf8(name: str, value: str) -> str:
    """The value of a variable; ``Invalid`` if its bytes are no UTF-8 (surrogates stand there)."""
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise Invalid(f"the environment variable {name} is not UTF-8")
    return value


# Quotes and escapes stay YAML's: a default that has some is quoted as a whole.
_TOKEN_IN_TEXT = re.compile(r"""\$\{[^{}\n'"\\]*\}""")
_TOKEN = re.compile(r"(?P<escape>\$\$\{)|\$\{(?:(?P<inside>[^{}]*)\})?")
_NAME = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)

"""Which keys the configuration's readers know: what they ask for, written down."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import load
from gateway.config.nodes import key_path
from gateway.config.section import Section


def known_keys(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str) -> set[str]:
    """The paths of all keys that are asked for while the text is loaded.

    Without the keys of later versions, and without the mappings that others are in.
    """
    asked: set[str] = set()
    later: set[str] = set()
    node, put_off = Section.node, Section.later

    def noting_node(self: Section, key: str) -> object:
        asked.add(key_path(self.origin.path, key))
        return node(self, key)

    def noting_later(self: Section, key: str, what: str) -> None:
        later.add(key_path(self.origin.path, key))
        put_off(self, key, what)

    monkeypatch.setattr(Section, "node", noting_node)
    monkeypatch.setattr(Section, "later", noting_later)
    path = folder / "config.yaml"
    path.write_text(f"upstream: http://127.0.0.1:8000\n{text}")
    load(path, {})
    inner = {outer for outer in asked for other in asked | later if other.startswith(f"{outer}.")}
    return asked - later - inner

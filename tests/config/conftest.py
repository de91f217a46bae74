"""Loading a config from text, and the lines of what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gateway.config import ConfigErrors, Settings, load

Load = Callable[..., Settings]
Errors = Callable[..., list[str]]

UPSTREAM = "upstream: http://127.0.0.1:8000\n"


@pytest.fixture
def read(tmp_path: Path) -> Load:
    """Load a text; a line with an upstream is added, unless it has one or is ``whole``."""

    def load_text(
        text: str | bytes, environ: Mapping[str, str] | None = None, *, whole: bool = False
    ) -> Settings:
        path = tmp_path / "config.yaml"
        raw = text.encode() if isinstance(text, str) else text
        whole = whole or b"upstream" in raw
        path.write_bytes(raw if whole else raw + b"\n" + UPSTREAM.encode())
        return load(path, environ or {})

    return load_text


@pytest.fixture
def errors(read: Load, tmp_path: Path) -> Errors:
    """The errors of a text, as lines without the folder of the file."""

    def error_lines(
        text: str | bytes, environ: Mapping[str, str] | None = None, *, whole: bool = False
    ) -> list[str]:
        with pytest.raises(ConfigErrors) as caught:
            read(text, environ, whole=whole)
        return [str(error).replace(f"{tmp_path}/", "") for error in caught.value.errors]

    return error_lines

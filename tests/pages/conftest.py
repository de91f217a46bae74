from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.core.flags import (
    Flag,
    FlagState,
    Identity,
    IdentitySource,
    Mode,
    Page,
    Scope,
)
from gateway.core.paths import compile_path
from gateway.core.snapshot import FlagView

MakeView = Callable[..., FlagView]


@pytest.fixture
def view() -> MakeView:
    """A flag that holds; ``paths``, ``methods`` and ``user`` decide its kind."""

    def make(
        name: str = "site",
        *,
        page: Page | None = None,
        message: str | None = None,
        retry_after: int | None = None,
        mode: Mode = Mode.UNAVAILABLE,
        paths: tuple[str, ...] = (),
        methods: tuple[str, ...] = (),
        user: str | None = None,
    ) -> FlagView:
        state = FlagState(enabled=True, mode=mode, message=message, retry_after=retry_after)
        flag = Flag(
            name,
            state,
            scope=Scope(
                paths=tuple(compile_path(text) for text in paths), methods=frozenset(methods)
            ),
            identity=Identity((IdentitySource("cookie", user),)) if user else None,
            page=page or Page(),
        )
        return FlagView(flag, state, "yaml", None)

    return make

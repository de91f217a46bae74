"""One page, form or file of the dashboard, and what answers it."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.control.route import Endpoint


@dataclass(frozen=True, slots=True)
class Page:
    """``path`` is as a ``Route``'s. With ``open`` nobody asks who they are."""

    method: str
    path: str
    endpoint: Endpoint
    open: bool = False

    @property
    def pattern(self) -> str:
        """The path as the router takes it."""
        return self.path.replace("}", ":[^/]+}")

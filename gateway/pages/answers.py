"""The answers that the gateway gives itself, prebuilt so that one write sends one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as bytes.

    ``head`` runs from the status line over all fields, each line ended by CRLF, but without
    ``Date``, without ``Connection`` and without the empty line: the data plane adds those.
    It has ``Content-Length``; for a HEAD request the body is left away.
    """

    status: int
    head: bytes
    body: bytes

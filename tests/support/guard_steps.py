"""Commands under guard that note that they ran, and the calls that a guard makes of its flag."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.fake_guarded import FakeGuarded

DRAIN, LOCK, BEAT = "POST /flags/site/drain", "POST /flags/site/guards", "PUT /flags/site/guards/ID"
FLIP, LOOK, RELEASE = "PATCH /flags/site", "GET /flags/site", "DELETE /flags/site/guards/ID"


def noting(ran: Path, then: str = "true") -> tuple[str, ...]:
    """A command line that notes that it ran, with what it was told."""
    told = 'echo "$GATEWAY_FLAG $GATEWAY_REVISION ${GATEWAY_USER-nobody} $*"'
    return "--", "sh", "-c", f"{told} >> {ran}; {then}", "sh"


def problem(status: int, **members: Any) -> tuple[int, dict[str, Any]]:
    return status, {"title": "No", "detail": "it says no", "status": status, **members}


def flips(fake: FakeGuarded, line: str = FLIP) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in call.document.items() if key != "reason"}
        for call in fake.calls_of(line)
    ]

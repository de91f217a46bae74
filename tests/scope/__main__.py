"""``python -m tests.scope``: asks every server that is here, and writes docs/scope.md anew."""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.scope.servers import NAMES, missing, serve
from tests.scope.table import PAGE, written


def main() -> int:
    """The exit status: 1 where a server is missing, since its column would be lost."""
    if reasons := {reason for name in NAMES if (reason := missing(name))}:
        sys.stderr.write("\n".join((*sorted(reasons), "")))
        return 1
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = []
        for i, name in enumerate(NAMES):
            place = folder / str(i)
            place.mkdir()
            servers.append(stack.enter_context(serve(name, place)))
        PAGE.write_text(written(PAGE.read_text("utf-8"), servers), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

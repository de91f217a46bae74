"""How many descriptors this process has open."""

from __future__ import annotations

import os


def open_files() -> int:
    """A number to compare with an earlier one of the same process."""
    return len(os.listdir("/dev/fd"))  # noqa: PTH208 counted, not looked into

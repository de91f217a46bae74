"""The ``gateway`` command: one file a verb."""

from gateway.cli.main import main

__all__ = ["main"]

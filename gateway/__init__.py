"""A reverse proxy that puts a running site into maintenance, whole or in part."""

__version__ = "0.1.0"

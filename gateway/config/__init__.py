"""YAML and environment to frozen settings."""

from gateway.config.errors import ConfigError, ConfigErrors
from gateway.config.loading import load
from gateway.config.settings import Settings

__all__ = ["ConfigError", "ConfigErrors", "Settings", "load"]

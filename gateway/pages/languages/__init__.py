"""The languages that the gateway's own pages speak, and which of them a client would read."""

from gateway.pages.languages.choice import LANGUAGES, choose
from gateway.pages.languages.english import ENGLISH

__all__ = ["ENGLISH", "LANGUAGES", "choose"]

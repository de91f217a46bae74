"""An event as the bytes that a receiver gets, signed as Standard Webhooks 1.0 has it.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass

from gateway import __version__
from gateway.config.settings import Webhook, WebhookFormat
from gateway.config.webhooks import signing_key
from gateway.core.chat import chat_line
from gateway.core.events import Event, payload


@dataclass(frozen=True, slots=True)
class Message:
    """``body`` is the same each time it is tried; the fields have the time of the try."""

    id: str
    body: bytes

    def fields(self, secret: str | None, now: float) -> Mapping[str, str]:
        """The header fields of a try at ``now`` (seconds since the epoch)."""
        at = str(int(now))
        signed = {} if secret is None else {"webhook-signature": self._signature(secret, at)}
        return {
            "Content-Type": "application/json",
            "User-Agent": f"maintenance-gateway/{__version__}",
            "webhook-id": self.id,
            "webhook-timestamp": at,
            **signed,
        }

    def _signature(self, secret: str, at: str) -> str:
        content = b".".join((self.id.encode(), at.encode(), self.body))
        digest = hmac.digest(signing_key(secret), content, hashlib.sha256)
        return f"v1,{base64.b64encode(digest).decode()}"


def compose_message(event: Event, webhook: Webhook) -> Message:
    """What this webhook's receiver reads of an event."""
    if webhook.format is WebhookFormat.SLACK:
        document: dict[str, object] = {"text": chat_line(event, webhook.label)}
    else:
        document = payload(event, webhook.label)
    return Message(event.id, json.dumps(document, separators=(",", ":")).encode())

"""The shapes of what the control API says of webhooks, as JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.config.settings import WebhookFormat
from gateway.control.shapes import (
    TEXT,
    WHOLE,
    YES_NO,
    Shape,
    maybe,
    nullable,
    reference,
    several,
    thing,
    told,
)
from gateway.core.events import Group

_AT: Shape = {"type": "string", "format": "date-time"}
_ERROR_TEXT = maybe("string", description="Why it was not delivered.")

WEBHOOK_SCHEMAS: Mapping[str, Shape] = {
    "Webhooks": thing({"revision": WHOLE, "webhooks": several(reference("Webhook"))}),
    "Webhook": thing(
        {
            "webhook": TEXT,
            "format": {"type": "string", "enum": [each.value for each in WebhookFormat]},
            "label": maybe("string"),
            "signed": YES_NO,
            "events": several({"type": "string", "enum": [each.value for each in Group]}),
            "flags": told(several(TEXT), "Empty: all of them."),
            "state": told(
                {"type": "string", "enum": ["new", "well", "failing", "gone"]},
                "gone: its receiver has answered 410, and gets no more.",
            ),
            "failures": told(WHOLE, "Tries in a row that have failed."),
            "last": nullable(
                thing({"type": TEXT, "id": TEXT, "at": _AT, "outcome": TEXT, "error": _ERROR_TEXT})
            ),
        }
    ),
    "Tested": thing(
        {
            "webhook": TEXT,
            "id": TEXT,
            "delivered": YES_NO,
            "status": maybe("integer"),
            "error": _ERROR_TEXT,
            "revision": WHOLE,
        }
    ),
}

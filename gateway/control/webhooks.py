"""Who is told of what happens, how that goes, and a message to try it with."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from gateway.config.settings import Webhook
from gateway.control.auth import actor
from gateway.control.documents import Document, answer, moment
from gateway.control.problems import Problem, shown
from gateway.control.services import SERVICES
from gateway.stores.base import Record
from gateway.webhooks.outcome import Verdict
from gateway.webhooks.webhooks import UnknownWebhook


async def list_webhooks(request: web.Request) -> web.Response:
    """All webhooks of the YAML; their addresses and secrets are not told."""
    services = request.app[SERVICES]
    revision = services.state.snapshot.revision
    webhooks = services.webhooks
    records = {} if webhooks is None else await webhooks.records()
    listed = () if webhooks is None else webhooks.all
    documents = [_document(each, records.get(each.name)) for each in listed]
    return answer({"revision": revision, "webhooks": documents}, revision)


async def test_webhook(request: web.Request) -> web.Response:
    """Sends one message, once, from this worker, and waits for what comes of it."""
    services, name = request.app[SERVICES], request.match_info["webhook"]
    if services.webhooks is None:
        raise _unknown(name)
    try:
        event, outcome = await services.webhooks.test(name, actor(request))
    except UnknownWebhook as error:
        raise _unknown(name) from error
    document = {
        "webhook": name,
        "id": event.id,
        "delivered": outcome.verdict is Verdict.DELIVERED,
        "status": outcome.status,
        "error": outcome.error,
    }
    return answer({**document, "revision": event.revision}, event.revision)


def _unknown(name: str) -> Problem:
    return Problem(404, f"There is no webhook {shown(name)}.")


def _document(webhook: Webhook, record: Record | None) -> Document:
    known: Mapping[str, object] = {} if record is None else record.document
    last = known.get("last")
    failures = known.get("failures", 0)
    return {
        "webhook": webhook.name,
        "format": webhook.format.value,
        "label": webhook.label,
        "signed": webhook.secret is not None,
        "events": sorted(webhook.events),
        "flags": sorted(webhook.flags),
        "state": "gone" if known.get("gone") else _state(last, failures),
        "failures": failures,
        "last": {**last, "at": moment(last["at"])} if isinstance(last, dict) else None,
    }


def _state(last: object, failures: object) -> str:
    if not isinstance(last, dict):
        return "new"
    return "well" if last["outcome"] == Verdict.DELIVERED and not failures else "failing"

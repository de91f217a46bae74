"""All calls of the control plane, in the order the description lists them."""

from __future__ import annotations

from gateway.control.audit import LAST, MOST, show_audit
from gateway.control.bypass import make_link, revoke_links
from gateway.control.drain import drain_flag
from gateway.control.events import CONTENT_TYPE as EVENT_STREAM
from gateway.control.events import stream_events
from gateway.control.explain import explain_request
from gateway.control.flags import drop_override, list_flags, patch_flag, show_flag
from gateway.control.forward_auth import Dialect, forward_auth, show_page
from gateway.control.forwarded import FOR as FOR_FIELD
from gateway.control.forwarded import HOST as HOST_FIELD
from gateway.control.forwarded import METHOD as METHOD_FIELD
from gateway.control.forwarded import URI as URI_FIELD
from gateway.control.guards import acquire_guard, list_guards, release_guard, renew_guard
from gateway.control.health import Purpose, healthz, metrics, readyz
from gateway.control.members import forget_member
from gateway.control.preview import PREVIEWED, preview_flag
from gateway.control.route import API, Query, Route
from gateway.control.shapes import (
    ADDRESS,
    AUTHORITY,
    CLIENT,
    FIELD,
    HEADER_LINE,
    METHOD,
    OWNER,
    PASS,
    REASON,
    TARGET,
    TEXT,
)
from gateway.control.status import show_status
from gateway.control.toggle import tell, turn_off, turn_on
from gateway.control.users import add_user, change_users, remove_user
from gateway.control.webhooks import list_webhooks, test_webhook
from gateway.core.calls import TOGGLE

_FLAG = f"{API}/flags/{{flag}}"
_CHANGE = (400, 404, 408, 409, 412, 413, 415, 422, 503)
_BODY = (400, 408, 413, 415, 422, 503)
_GUARD = f"{_FLAG}/guards/{{guard}}"
_REASON = Query("reason", "Why; it is kept in the audit.", REASON)
_BY_GUARD = (
    Query("X-Guard", "The id of the guard of the flag that flips for its command.", OWNER),
)
_EXPLAIN = (
    Query("url", "A path, or an http(s) URL.", ADDRESS, required=True),
    Query("method", "The request's method; GET unless said.", METHOD),
    Query("header", "A header line, `Name: value`.", HEADER_LINE, repeats=True),
    Query("client", "The client's IP address.", CLIENT),
)
_PREVIEW = (
    Query("accept", "As the field Accept, and instead of it.", FIELD),
    Query("lang", "As the field Accept-Language, and instead of it.", FIELD),
    Query("method", "The method refused; GET unless said.", METHOD),
)
_DIALECT = (
    Query(
        "dialect",
        "Who asks; nginx and envoy take 403 for a refusal, the others its page as it is.",
        {"type": "string", "enum": list(Dialect)},
    ),
)
_FORWARDED = (
    Query(METHOD_FIELD, "The method of the request asked about.", METHOD, required=True),
    Query(URI_FIELD, "Its target: path and query, as they came.", TARGET, required=True),
    Query(HOST_FIELD, "Its host; without it, it may be for any.", AUTHORITY),
    Query(FOR_FIELD, "The way it took; believed of trusted_proxies.", TEXT),
)
_PURPOSE = (
    Query(
        "for",
        "What for: traffic asks only whether it may be sent visitors; all unless said.",
        {"type": "string", "enum": list(Purpose)},
    ),
)
_LIMIT = {"type": "integer", "minimum": 1, "maximum": MOST}
_BEFORE = {"type": "integer", "minimum": 1, "maximum": LAST}
_PASS = Query("id", "The one link that is to be revoked; all of them unless said.", PASS)
_AUDIT = (
    Query("limit", "How many entries; 100 unless said.", _LIMIT),
    Query("before", "Only entries older than the one of this id.", _BEFORE),
)
_KEY = Query("access_key", "The key, where no Authorization field has it.", TEXT)

ROUTES: tuple[Route, ...] = (
    Route("GET", f"{API}/flags", list_flags, "Every flag, in the order evaluated", "Flags"),
    Route("GET", _FLAG, show_flag, "One flag", "FlagAtRevision", errors=(404,)),
    Route(
        "PATCH",
        _FLAG,
        patch_flag,
        "Flips a flag: a merge patch of its override",
        "FlagAtRevision",
        takes="Patch",
        fields=_BY_GUARD,
        errors=_CHANGE,
    ),
    Route(
        "DELETE",
        f"{_FLAG}/override",
        drop_override,
        "Back to what the YAML says",
        "FlagAtRevision",
        takes="Reason",
        bare=True,
        queries=(_REASON,),
        errors=_CHANGE,
    ),
    Route(
        "PUT",
        f"{_FLAG}/users/{{user}}",
        add_user,
        "Has a per-user flag hold one more user",
        "FlagAtRevision",
        takes="Reason",
        bare=True,
        queries=(_REASON,),
        fields=_BY_GUARD,
        errors=_CHANGE,
    ),
    Route(
        "DELETE",
        f"{_FLAG}/users/{{user}}",
        remove_user,
        "Lets one user of a per-user flag go",
        "FlagAtRevision",
        takes="Reason",
        bare=True,
        queries=(_REASON,),
        fields=_BY_GUARD,
        errors=_CHANGE,
    ),
    Route(
        "POST",
        f"{_FLAG}/users",
        change_users,
        "Adds and removes many users in one change",
        "FlagAtRevision",
        takes="UserChange",
        fields=_BY_GUARD,
        errors=_CHANGE,
    ),
    Route(
        "POST",
        f"{_FLAG}/drain",
        drain_flag,
        "Waits until nothing in a flag's scope is under way, on any member",
        "Drained",
        takes="Drain",
        bare=True,
        errors=(*_BODY, 404, 409, 504),
    ),
    Route(
        "GET",
        f"{_FLAG}/preview",
        preview_flag,
        "What a visitor whom the flag holds would read",
        types=PREVIEWED,
        queries=_PREVIEW,
        errors=(400, 404),
    ),
    Route(
        "POST",
        f"{_FLAG}/bypass",
        make_link,
        "Makes a link past a flag: signed, for a while, and to be revoked",
        "Link",
        takes="NewLink",
        errors=(*_BODY, 404, 409),
        done=201,
    ),
    Route(
        "DELETE",
        f"{_FLAG}/bypass",
        revoke_links,
        "Revokes the links past a flag that were made up to now, or one of them",
        "FlagAtRevision",
        takes="Reason",
        bare=True,
        queries=(_PASS, _REASON),
        errors=_CHANGE,
    ),
    Route("GET", f"{API}/guards", list_guards, "Who guards what", "Guards", errors=(503,)),
    Route(
        "POST",
        f"{_FLAG}/guards",
        acquire_guard,
        "Guards a flag: nobody else can while a command runs",
        "GuardAtRevision",
        takes="NewGuard",
        errors=(*_BODY, 404, 409),
        done=201,
    ),
    Route(
        "PUT",
        _GUARD,
        renew_guard,
        "A guard's heartbeat, with its news",
        "GuardAtRevision",
        takes="GuardNews",
        bare=True,
        errors=(*_BODY, 404),
    ),
    Route(
        "DELETE",
        _GUARD,
        release_guard,
        "Guards no more, and says how it ended",
        "Released",
        takes="GuardEnd",
        bare=True,
        errors=(*_BODY, 404),
    ),
    Route(
        "DELETE",
        f"{API}/members/{{member}}",
        forget_member,
        "Says that a silent or crashed member is gone",
        "Forgotten",
        takes="Reason",
        bare=True,
        queries=(_REASON,),
        errors=(*_BODY, 404, 409),
    ),
    Route(
        "GET",
        f"{API}/explain",
        explain_request,
        "Which flag decides about a request, and why each other one does not",
        "Explanation",
        queries=_EXPLAIN,
        errors=(400,),
    ),
    Route("GET", f"{API}/status", show_status, "How the gateway is", "Status"),
    Route(
        "GET",
        f"{API}/audit",
        show_audit,
        "Who did what, when and why; the newest first",
        "Audit",
        queries=_AUDIT,
        errors=(400, 503),
    ),
    Route(
        "GET",
        f"{API}/webhooks",
        list_webhooks,
        "Who is told of what happens",
        "Webhooks",
        errors=(503,),
    ),
    Route(
        "POST",
        f"{API}/webhooks/{{webhook}}/test",
        test_webhook,
        "Sends a message of nothing to a webhook, once, and says what came of it",
        "Tested",
        errors=(400, 404),
    ),
    Route(
        "GET",
        TOGGLE,
        tell,
        "Whether the flag of control.toggle is on",
        "Toggled",
        queries=(_KEY,),
        errors=(404,),
    ),
    Route(
        "POST",
        TOGGLE,
        turn_on,
        "Turns it on",
        "Toggled",
        queries=(_KEY,),
        errors=(400, 404, 422, 503),
    ),
    Route(
        "DELETE",
        TOGGLE,
        turn_off,
        "Turns it off",
        "Toggled",
        queries=(_KEY,),
        errors=(400, 404, 422, 503),
    ),
    Route(
        "GET",
        f"{API}/events",
        stream_events,
        "All of it as it changes, as server-sent events",
        types=(EVENT_STREAM,),
        errors=(503,),
    ),
    Route(
        "GET",
        "/auth",
        forward_auth,
        "Whether another proxy may let a request through",
        queries=_DIALECT,
        fields=_FORWARDED,
        errors=(400, 404, 503),
        pages=(403, 503),
    ),
    Route(
        "GET",
        "/auth/page",
        show_page,
        "What the visitor of another proxy gets that was told 403",
        fields=_FORWARDED,
        errors=(400, 404),
        pages=(503,),
        done=503,
    ),
    Route("GET", "/healthz", healthz, "The process answers", "Health"),
    Route(
        "GET",
        "/readyz",
        readyz,
        "Listening, store seen, YAML valid; or ready to be sent visitors",
        "Health",
        queries=_PURPOSE,
        errors=(400, 503),
    ),
    Route("GET", "/metrics", metrics, "Figures in Prometheus' text format", errors=(401, 429)),
)

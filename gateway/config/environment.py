"""The environment as a second source of every key, for platforms without a file.

The rule: ``GATEWAY_`` and the key's path in capitals, dots as underscores
(``timeouts.connect`` is ``GATEWAY_TIMEOUTS_CONNECT``). A variable wins over the file, and
replaces the key whole. Lists are separated by commas; mappings are YAML (so JSON too).
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from gateway.config.document import compose
from gateway.config.errors import Invalid, Origin, Report
from gateway.config.nodes import Broken, Items, Node, Scalar, Table, key_path, plain_scalar
from gateway.config.secret_files import HELD_IN_FILES, SUFFIX, Filled
from gateway.config.section import did_you_mean, is_null
from gateway.config.substitution import Substitution, check_utf8

FILE = "environment"


class Form(Enum):
    """How a variable's text is read."""

    VALUE = "as a bare YAML value would be"
    TEXT = "as text, whatever it looks like"
    LIST = "as a list separated by commas"
    YAML = "as YAML or JSON"


# Every key that the document may have, by path; the flags are one key here.
FORMS: Mapping[str, Form] = {
    "upstream": Form.TEXT,
    "upstream_tls.ca": Form.TEXT,
    "upstream_tls.cert": Form.TEXT,
    "upstream_tls.key": Form.TEXT,
    "upstream_tls.server_name": Form.TEXT,
    "upstream_tls.verify": Form.VALUE,
    "listen": Form.TEXT,
    "listen_mode": Form.TEXT,
    "tls.cert": Form.TEXT,
    "tls.key": Form.TEXT,
    "tls.certs": Form.YAML,
    "proxy_protocol": Form.LIST,
    "workers": Form.VALUE,
    "trusted_proxies": Form.LIST,
    "timeouts.connect": Form.VALUE,
    "timeouts.response": Form.VALUE,
    "timeouts.idle": Form.VALUE,
    "timeouts.header": Form.VALUE,
    "timeouts.body": Form.VALUE,
    "timeouts.linger": Form.VALUE,
    "timeouts.shutdown": Form.VALUE,
    "limits.connections": Form.VALUE,
    "limits.header_bytes": Form.VALUE,
    "limits.body_bytes": Form.VALUE,
    "limits.body_rate": Form.VALUE,
    "control.listen": Form.VALUE,
    "control.token": Form.TEXT,
    "control.tokens": Form.YAML,
    "control.metrics_token": Form.TEXT,
    "control.hosts": Form.LIST,
    "control.path": Form.TEXT,
    "control.toggle.path": Form.TEXT,
    "control.toggle.key": Form.TEXT,
    "control.toggle.flag": Form.TEXT,
    "store": Form.TEXT,
    "ttl": Form.VALUE,
    "drain.grace": Form.VALUE,
    "drain.orphans": Form.VALUE,
    "on_app_down": Form.TEXT,
    "hold.for": Form.VALUE,
    "hold.limit": Form.VALUE,
    "hold.rate": Form.VALUE,
    "allow.paths": Form.LIST,
    "allow.ips": Form.LIST,
    "allow.key": Form.TEXT,
    "page.title": Form.TEXT,
    "page.message": Form.TEXT,
    "page.retry_after": Form.VALUE,
    "page.template": Form.TEXT,
    "page.status": Form.VALUE,
    "page.url": Form.TEXT,
    "page.progress": Form.VALUE,
    "page.json": Form.LIST,
    "cors.origins": Form.LIST,
    "access_log.path": Form.TEXT,
    "access_log.format": Form.TEXT,
    "flags": Form.YAML,
    "webhooks": Form.YAML,
}

# One webhook, called ``default``, without a line of YAML.
WEBHOOK: Mapping[str, tuple[str, Form]] = {
    "GATEWAY_WEBHOOK_URL": ("webhooks.default.url", Form.TEXT),
    "GATEWAY_WEBHOOK_SECRET": ("webhooks.default.secret", Form.TEXT),
    "GATEWAY_WEBHOOK_FORMAT": ("webhooks.default.format", Form.TEXT),
    "GATEWAY_WEBHOOK_EVENTS": ("webhooks.default.events", Form.LIST),
    "GATEWAY_WEBHOOK_LABEL": ("webhooks.default.label", Form.TEXT),
}

# Read by the command line, and set by it for the commands it runs: no settings.
OTHERS = ("GATEWAY_CONFIG", "GATEWAY_LOG_LEVEL", "GATEWAY_URL", "GATEWAY_USER")

# What a guarded command is told, which may be one that reads settings. Known only all at once:
# GATEWAY_FLAG by itself is rather GATEWAY_FLAGS misspelt.
_OF_A_GUARD = frozenset({"GATEWAY_FLAG", "GATEWAY_REVISION"})
_PROGRESS = "GATEWAY_PROGRESS"  # where there is a place for its file


def variable(path: str) -> str:
    """The variable of a key: ``timeouts.connect`` is ``GATEWAY_TIMEOUTS_CONNECT``."""
    return _PREFIX + path.upper().replace(".", "_")


def overlay(root: Table, filled: Filled, substitution: Substitution, report: Report) -> Table:
    """The document with the environment's keys over it. Unknown variables are reported."""
    environ = filled.environ
    reading, written = _Reading(environ, filled.unread, substitution, report), root
    for path in FORMS:
        if reading.has(path) and path != _ONE_TOKEN:
            root = _placed(root, path, reading.node(path))
    root = _with_token(root, written, reading)
    root = _with_enabled(root, reading)
    for name, (path, form) in WEBHOOK.items():
        if name in environ:
            root = _placed(root, path, reading.read(name, form))
    root = _with_port(root, reading)
    _refuse_unknown(environ, substitution.used, report)
    return root


@dataclass(frozen=True, slots=True)
class _Reading:
    environ: Mapping[str, str]
    unread: frozenset[str]  # of files that were wrong, and reported
    substitution: Substitution
    report: Report

    def has(self, path: str) -> bool:
        return variable(path) in self.environ or variable(path) in self.unread

    def node(self, path: str) -> Node:
        return self.read(variable(path), FORMS[path], path)

    def read(self, name: str, form: Form, path: str = "") -> Node:
        origin = Origin(FILE, None, name)
        if name in self.unread:
            return Broken(origin)
        try:
            return self._converted(_filled(name, self.environ), form, origin, path)
        except Invalid as error:
            self.report.add(origin, str(error))
            return Broken(origin)

    def _converted(self, value: str, form: Form, origin: Origin, path: str) -> Node:
        match form:
            case Form.VALUE:
                return plain_scalar(origin, value, nullable=True)
            case Form.TEXT:
                return Scalar(origin, value, value, from_environment=True)
            case Form.LIST:
                return _comma_list(value, origin)
            case Form.YAML:
                place = Origin(origin.path, 1, path)
                return compose(value, place, self.substitution, self.report) or Broken(origin)


def _filled(name: str, environ: Mapping[str, str]) -> str:
    value = check_utf8(name, environ[name])
    if not value.strip():
        raise Invalid("is set but empty; unset it, or give it a value")
    return value


def _comma_list(value: str, origin: Origin) -> Items:
    texts = [part.strip() for part in value.split(",") if part.strip()]
    return Items(
        origin,
        tuple(
            Scalar(Origin(FILE, None, f"{origin.path}[{at}]"), part, part, from_environment=True)
            for at, part in enumerate(texts)
        ),
    )


def _placed(table: Table, path: str, node: Node) -> Table:
    key, _, rest = path.partition(".")
    if rest:
        inner = table.entries.get(key)
        if inner is None or is_null(inner):
            inner = Table(Origin(FILE, None, key_path(table.origin.path, key)))
        if not isinstance(inner, Table):
            return table  # wrong in the file already, and reported as that
        node = _placed(inner, rest, node)
    return Table(table.origin, {**table.entries, key: node})


def _with_token(root: Table, written: Table, reading: _Reading) -> Table:
    """``GATEWAY_CONTROL_ONE_TOKEN``, which whoever calls a gateway from this shell has set as well.

    So it may repeat a token that is there, and be ignored; it is never one more beside those
    of the file (``written``), nor instead of one.
    """
    if not reading.has(_ONE_TOKEN):
        return root
    node = reading.node(_ONE_TOKEN)
    if isinstance(node, Scalar):
        secret = node.text.encode()
        if any(hmac.compare_digest(secret, each) for each in _secrets(root)):
            return root
        if _has_tokens(written):
            reading.report.add(node.origin, _ONE_MORE)
            return root
    return _placed(root, _ONE_TOKEN, node)


def _secrets(root: Table) -> Iterator[bytes]:
    control = _entries(root.entries.get("control"))
    named = _entries(control.get("tokens")).values()
    for node in (control.get("token"), *(_entries(each).get("token") for each in named)):
        if isinstance(node, Scalar) and node.value is not None:
            yield node.text.encode()


def _has_tokens(root: Table) -> bool:
    control = _entries(root.entries.get("control"))
    given = [node for key in ("token", "tokens") if (node := control.get(key)) is not None]
    return not all(is_null(node) or node == Table(node.origin) for node in given)


def _entries(node: Node | None) -> Mapping[str, Node]:
    return node.entries if isinstance(node, Table) else {}


def _with_enabled(root: Table, reading: _Reading) -> Table:
    """``GATEWAY_ENABLED``: whether the one flag that is there without ``flags`` starts on."""
    if "GATEWAY_ENABLED" not in reading.environ:
        return root
    flags = root.entries.get("flags")
    if flags is not None and not is_null(flags):
        origin = Origin(FILE, None, "GATEWAY_ENABLED")
        reading.report.add(origin, "is for the flag site alone, when no flags are written")
        return root
    node = reading.read("GATEWAY_ENABLED", Form.VALUE)
    return _placed(root, "flags.site.enabled", node)


def _with_port(root: Table, reading: _Reading) -> Table:
    """``PORT``, as platforms set it: every address, if nothing else says where to listen."""
    listen = root.entries.get("listen")
    if "PORT" not in reading.environ or not (listen is None or is_null(listen)):
        return root
    node = reading.read("PORT", Form.TEXT)
    if isinstance(node, Scalar):
        if not re.fullmatch(r"[0-9]{1,5}", node.text, re.ASCII):
            reading.report.add(node.origin, "must be a port number")
            return root
        address = f"0.0.0.0:{node.text}"
        node = Scalar(node.origin, address, address, from_environment=True)
    return _placed(root, "listen", node)


def _refuse_unknown(environ: Mapping[str, str], used: set[str], report: Report) -> None:
    known = [*map(variable, FORMS), *WEBHOOK, "GATEWAY_ENABLED", *OTHERS]
    known += [name + SUFFIX for name in HELD_IN_FILES]
    if environ.keys() >= _OF_A_GUARD:
        known += [*_OF_A_GUARD, _PROGRESS]
    plain = [each.removeprefix(_PREFIX) for each in known]
    for name, value in environ.items():
        if not name.startswith(_PREFIX) or name in used or name in known:
            continue
        if not _is_service_link(name, value):
            # The prefix is left out: it alone makes all of them alike.
            near = did_you_mean(name.removeprefix(_PREFIX), plain).replace('"', f'"{_PREFIX}', 1)
            report.add(Origin(FILE, None, name), "is no setting of the gateway" + near)


def _is_service_link(name: str, value: str) -> bool:
    # Kubernetes describes each Service to each pod: one called ``gateway`` (or ``gateway-x``)
    # puts GATEWAY_PORT=tcp://10.0.0.1:80 and a dozen more into the environment.
    if _SERVICE.fullmatch(name):
        return True
    return name.endswith("_PORT") and value.startswith(("tcp://", "udp://", "sctp://"))


_PREFIX = "GATEWAY_"
_ONE_TOKEN = "control.token"  # noqa: S105 the name of a key
_ONE_MORE = (
    "is another token than the file's (control.token, control.tokens); put it there, or unset it"
)
_SERVICE = re.compile(
    r"GATEWAY_(?:[A-Z0-9_]+_)?"
    r"(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_[A-Z]+)?)"
)

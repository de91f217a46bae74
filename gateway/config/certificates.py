"""Certificates and keys as OpenSSL has them: contexts for both sides, made once and checked.

Nothing here reads a certificate itself. Whether a pair serves, and for which names, is seen by
shaking hands with it in memory: what OpenSSL's own client would refuse never gets into use.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

from gateway.config.errors import Invalid
from gateway.config.settings import Certificate

# TLS 1.2 with forward secrecy and authenticated encryption; of TLS 1.3 all are so.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
_HTTP = ["http/1.1"]
_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME: an old certificate still has its names

_Shown = Mapping[str, tuple[tuple[str, str], ...]]


def certificate(cert: Path, key: Path) -> Certificate:
    """A pair for the listener. Raises ``Invalid``, which names both files."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _harden(context)
    context.options |= ssl.OP_NO_RENEGOTIATION
    digest = contents((cert, key))
    load_pair(context, cert, key)
    return Certificate(cert, key, _names(context, cert), digest, context)


def client_context(ca: Path | None, *, verify: bool) -> ssl.SSLContext:
    """To call the app with. ``ca`` None: the system's authorities. Raises ``Invalid``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _harden(context)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca is None:
        context.load_default_certs()
    else:
        # What the operator names is trusted itself, whether or not somebody else has signed it.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        try:
            context.load_verify_locations(ca)
        except (ssl.SSLError, OSError) as error:
            raise Invalid(f"holds no PEM certificate: {_reason(error)}", files=[ca]) from error
    return context


def load_pair(context: ssl.SSLContext, cert: Path, key: Path) -> None:
    """Have the context show this certificate. Raises ``Invalid``."""
    try:
        context.load_cert_chain(cert, key, password="")  # never ask at a terminal
    except (ssl.SSLError, OSError, ValueError) as error:
        message = f"cannot be used together with cert: {_reason(error)}"
        raise Invalid(message, files=[cert, key]) from error


def choose_by_name(certificates: Sequence[Certificate]) -> None:
    """Have the first one's context give way to the one that is for the name asked for (SNI)."""
    by_name: dict[str, ssl.SSLContext] = {}
    for each in certificates:
        for name in each.names:
            by_name.setdefault(name, each.context)

    def choose(connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> int | None:
        name = (name or "").lower().rstrip(".")
        found = by_name.get(name) or by_name.get("*." + name.partition(".")[2])
        if found is not None:
            connection.context = found
        return None

    certificates[0].context.sni_callback = choose


def contents(files: Iterable[Path]) -> bytes:
    """A digest of what is in the files. Raises ``Invalid``, which names the one not read."""
    digest = hashlib.sha256()
    for path in files:
        try:
            raw = path.read_bytes()
        except OSError as error:
            message = f"cannot be read: {path}: {error.strerror}"
            raise Invalid(message, files=[path]) from error
        digest.update(b"%d:%b" % (len(raw), raw))
    return digest.digest()


def _harden(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.set_alpn_protocols(_HTTP)


def _names(server: ssl.SSLContext, cert: Path) -> tuple[str, ...]:
    """The DNS names that the certificate is for, in lower case."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
    try:
        client.load_verify_locations(cert)
        shown = _shake_hands(client, server)
    except (ssl.SSLError, OSError) as error:
        raise Invalid(f"cannot be served: {_reason(error)}", files=[cert]) from error
    names = shown.get("subjectAltName", ())
    return tuple(str(name).lower() for kind, name in names if kind == "DNS")


def _shake_hands(client: ssl.SSLContext, server: ssl.SSLContext) -> _Shown:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(to_client, to_server),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    left = list(ends)
    while left:
        for end in tuple(left):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            left.remove(end)
    return cast("_Shown", ends[0].getpeercert())


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return getattr(error, "reason", None) or "not PEM, or the key is encrypted"

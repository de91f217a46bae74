"""``gateway health``: whether the gateway of this configuration is there, for HEALTHCHECK."""

from __future__ import annotations

import json
import os
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_address
from pathlib import Path

import click

from gateway.cli.configuration import config_option_to_check
from gateway.cli.failures import Misused, Refused, Unreachable
from gateway.cli.unix_connection import UnixConnection
from gateway.config.loading import load_as_far_as_it_goes
from gateway.config.settings import Address, Settings

TIMEOUT = 2.0  # seconds; a gateway answers in one millisecond unless it hangs


@click.command()
@config_option_to_check
@click.option("--ready", is_flag=True, help="Ask whether it is ready: store seen, YAML valid.")
def health(config: Path | None, ready: bool) -> None:  # noqa: FBT001 click's way
    """Say whether the gateway of this configuration is there, on this machine.

    Reads the file and the environment as `gateway serve` does, and asks the control listener that
    they name, or the public port where that has the control plane. Without either it is enough that
    the public port takes connections. Made for a container's HEALTHCHECK. Exit status 0: it is
    there; 1: it says that it is not well; 3: nothing answers.
    """
    door = _door(_settings(config, os.environ))
    if door.address.passed is not None:
        raise Misused(f"{door.address} is where its .socket unit says: ask there, for /healthz")
    try:
        status, said = _ask(door, "readyz" if ready else "healthz")
    except (OSError, HTTPException) as error:
        raise Unreachable(f"nothing answers at {door.address}: {error}") from error
    if status != 200:
        raise Refused(f"{door.address} answers {status}: {said}")
    click.echo("ready" if ready else "healthy")


@dataclass(frozen=True, slots=True)
class _Door:
    """Where to ask; ``path`` None: the control plane is not there, so that one only knocks."""

    address: Address
    path: str | None = ""
    tls: bool = False


def _settings(config: Path | None, environ: Mapping[str, str]) -> Settings:
    # `gateway run` says itself where the app is, and nothing here depends on it.
    return load_as_far_as_it_goes(config, {"GATEWAY_UPSTREAM": "http://127.0.0.1:1", **environ})


def _door(settings: Settings) -> _Door:
    if settings.control.listen is not None:
        return _Door(settings.control.listen)
    # Whoever has to begin with a PROXY header cannot ask without one.
    introduced = settings.listen.host and any(
        ip_address(_near(settings.listen)) in network for network in settings.proxy_protocol
    )
    path = None if introduced else settings.control.path
    return _Door(settings.listen, path, tls=settings.tls is not None)


def _ask(door: _Door, what: str) -> tuple[int, str]:
    connection = _connection(door)
    try:
        connection.connect()
        if door.path is None:
            return 200, ""
        connection.request("GET", f"{door.path}/{what}")
        answer = connection.getresponse()
        return answer.status, _why(answer.read(65536))
    finally:
        connection.close()


def _why(body: bytes) -> str:
    """What a problem document says of itself, else the text."""
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace")


def _connection(door: _Door) -> HTTPConnection:
    address = door.address
    if address.path is not None:
        return UnixConnection(address.path, TIMEOUT)
    if door.tls and door.path is not None:
        return HTTPSConnection(
            _near(address), address.port, timeout=TIMEOUT, context=_trusting_itself()
        )
    return HTTPConnection(_near(address), address.port, timeout=TIMEOUT)


def _near(address: Address) -> str:
    """The address as this machine calls itself."""
    try:
        every = ip_address(address.host).is_unspecified
    except ValueError:  # a name
        return socket.gethostbyname(address.host)
    if not every:
        return address.host
    return "::1" if ":" in address.host else "127.0.0.1"


def _trusting_itself() -> ssl.SSLContext:
    # The certificate is for the site's name, not for this machine's, and no secret is sent.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context

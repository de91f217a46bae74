"""Builds the Dockerfiles as they are, and tries what the pages of deploy/ promise."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.image.bases import Bases
from tests.image.compose import the_page
from tests.image.containers import Container
from tests.image.engine import Engine
from tests.support.ports import free_port
from tests.support.servers import wait_until

ROOT = Path(__file__).parents[2]
KEPT = Path("/var/tmp/gateway-image-replay")  # noqa: S108 stand-ins are kept for the next run
TMP = ("--tmpfs", "/tmp")  # noqa: S108 a container's own
HOSTILE = """FROM python:3.13-slim-trixie
RUN mkdir -p /app/gateway /app/lib && echo none >/app/lib/libssl.so.3
RUN echo 'raise SystemExit("shadowed")' | tee /app/gateway/__init__.py >/app/click.py
ENV PYTHONPATH=/app PYTHONHOME=/usr/local LD_LIBRARY_PATH=/app/lib
WORKDIR /app
"""


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    KEPT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(Path(folder))
        bases = Bases(engine, KEPT)
        bases.need("python:3.13-slim-trixie", bases.python)
        bases.need("debian:trixie-slim", lambda root: bases.debian("trixie", root))
        bases.need("node:22-slim", bases.node)
        bases.need("alpine:3", bases.busybox)
        bases.need("redis:8.2-alpine", bases.redis, "WORKDIR /data", "VOLUME /data")
        say(f"stand-ins of base images: {', '.join(bases.stood_in) or 'none'}")
        engine.build("gateway:latest", ROOT)
        the_image(engine)
        the_same_again(engine)
        the_gateway_alone(engine)
        its_health_wherever_control_is(engine)
        adopted(engine, Path(folder))
        the_page(engine, Path(folder))
        say("compose: healthy; on, off, guarded, edited; a flip kept over down and up")


def the_image(engine: Engine) -> None:
    config = engine.inspect("gateway:latest")["Config"]
    assert config["User"] == "10001:10001", config["User"]
    assert config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    shown = engine(
        "run", "--rm", "--network", "none", "--entrypoint", "sh", "gateway:latest", "-c",
        "find / -xdev -name pip -o -xdev -name '*.pyc' -not -path '*/__pycache__/*' 2>/dev/null;"
        "du -sm /opt/gateway | cut -f1",
    )  # fmt: skip
    assert shown.isdigit(), f"left in the image: {shown}"
    say(f"the image: no pip; /opt/gateway, Python and C library included, has {shown} MB")


def the_same_again(engine: Engine) -> None:
    """Built anew, with no layer kept, every file of /opt/gateway is the same."""
    engine.build("replay-again", ROOT, "--no-cache")
    sums = "find /opt/gateway -type f -exec sha256sum {} + | sort -k 2"
    first, second = (
        engine("run", "--rm", "--network", "none", "--entrypoint", "sh", tag, "-c", sums)
        for tag in ("gateway:latest", "replay-again")
    )
    changed = set(first.splitlines()) ^ set(second.splitlines())
    assert not changed, sorted(changed)[:10]
    say(f"built again: all {len(first.splitlines())} files of it are the same")


def the_gateway_alone(engine: Engine) -> None:
    """Read-only, no capability, only /data; a flip is kept; SIGTERM ends it with 0."""
    data = ("--volume", "gateway-replay:/data")
    engine("volume", "rm", "gateway-replay", check=False)
    app = f"GATEWAY_UPSTREAM=http://127.0.0.1:{free_port()}"
    with Container(engine, "gateway:latest", *data, environ=[app]) as gateway:
        gateway.answers(502)
        wait_until(gateway.healthy, "it is healthy", within=60)
        assert gateway.run("gateway", "on", "site")[0] == 0
        assert gateway.get()[0] == 503
        _, said = gateway.run(
            "sh", "-c", "touch /opt/gateway/x; touch /data/x && cat /proc/1/status"
        )
        assert "Read-only file system" in said, said
        lines = dict(line.split(":\t", 1) for line in said.splitlines() if ":\t" in line)
        assert lines["Uid"].split("\t")[0] == "10001"
        assert int(lines["CapEff"], 16) == 0
        assert lines["NoNewPrivs"] == "1"
        assert gateway.stop() == 0
    with Container(engine, "gateway:latest", *data, environ=[app]) as gateway:
        gateway.answers(503)  # the flip is in the volume
    engine("volume", "rm", "gateway-replay", check=False)
    say("the gateway: read-only, without capabilities, as 10001; healthy; kept a flip; SIGTERM: 0")


def its_health_wherever_control_is(engine: Engine) -> None:
    app = "GATEWAY_UPSTREAM=http://127.0.0.1:1"
    token = "GATEWAY_CONTROL_TOKEN=replay"
    places = (
        ["GATEWAY_CONTROL_LISTEN=unix:/data/control.sock"],
        ["GATEWAY_CONTROL_LISTEN=null", "GATEWAY_CONTROL_PATH=/-/maintenance", token],
        ["GATEWAY_CONTROL_LISTEN=null"],
    )
    for place in places:
        environ = [app, "GATEWAY_STORE=memory", *place]
        with Container(engine, "gateway:latest", environ=environ) as gateway:
            wait_until(gateway.healthy, f"it is healthy with {place}", within=60)
    say("its health check: on a socket, below control.path, and without a control plane")


def adopted(engine: Engine, folder: Path) -> None:
    (folder / "Dockerfile").write_text(HOSTILE)
    engine.build("replay-python", folder)
    httpd = 'exec busybox httpd -f -p "127.0.0.1:$PORT" -h /www'
    served = 'exec python3 -P -m http.server --bind 127.0.0.1 "$PORT"'
    apps = {
        "node:22-slim": (),
        "alpine:3": ("sh", "-c", httpd),
        "replay-python": ("sh", "-c", f"unset PYTHONHOME LD_LIBRARY_PATH; {served}"),
    }
    for app, command in apps.items():
        engine.build("replay-app", ROOT / "deploy/docker/app", "--build-arg", f"APP={app}")
        with Container(engine, "replay-app", *TMP, command=command) as shop:
            shop.answers(200)
            wait_until(shop.healthy, "it is healthy", within=60)
            assert shop.run("/opt/gateway/bin/gateway", "on", "site")[0] == 0
            assert shop.get()[0] == 503
            assert shop.run("/opt/gateway/bin/gateway", "off", "site")[0] == 0
            assert shop.get()[0] == 200
            assert shop.stop() == 128 + 15
        with Container(engine, "replay-app", *TMP, command=("sh", "-c", "exit 7")) as shop:
            assert engine("wait", shop.name).splitlines()[-1] == "7"
        say(f"adopted by {app}: up, on, off; SIGTERM and exit statuses are the app's")


if __name__ == "__main__":
    main()

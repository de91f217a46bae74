"""curl with ``--path-as-is --request-target``: what the app sees of odd targets."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.conformance.stage import staged

TARGETS = (
    "/",
    "/?",
    "/??a=b?",
    "//double//slashes",
    "/./dots/../and/./more",
    "/../above",
    "/%2e%2e/above",
    "/a%2Fb%2fc",
    "/%zz",
    "/%",
    "/%00",
    "/;p=1/x;q",
    "/..;/x",
    "/back\\slash",
    "/a|b{c}^d`e",
    '/"quoted"<tags>',
    "/~user/*'()!$&+,:;=@",
    "/%C3%BC",
    "/" + "long/" * 400,
    "http://a.test/absolute?x=/../y",
    "http://a.test",
    "*",
    "no-slash",
    "/#fragment",
    "a.test:443",
)


def run(folder: Path) -> Mapping[str, Mapping[str, str]]:
    """For each target, what the app saw (or the status that the proxy gave), by way."""
    with staged(folder) as stage:
        return {
            target: {name: _asked(target, port) for name, port in stage.ports.items()}
            for target in TARGETS
        }


def _asked(target: str, port: int) -> str:
    method = "OPTIONS" if target == "*" else "GET"
    ran = subprocess.run(
        [
            *("curl", "--silent", "--path-as-is", "--request-target", target),
            *("--request", method, "--max-time", "30", "--write-out", "\n%{http_code}"),
            *("--header", "Host: a.test", f"http://127.0.0.1:{port}/"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    body, _, status = ran.stdout.rpartition("\n")
    return body.rpartition(" ")[0].partition(" ")[2] if status == "200" else status

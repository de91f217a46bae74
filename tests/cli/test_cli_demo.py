"""gateway demo: the sample site and the gateway, as a new user meets them."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from tests.support.ports import free_port
from tests.support.servers import BIN, accepts, wait_until

EXAMPLE = Path(__file__).parents[2] / "config.example.yaml"


@contextmanager
def demo(folder: Path, *words: str, **environ: str) -> Iterator[tuple[list[str], int, int]]:
    """A demo that has told its lines: those, the gateway's port and the control API's."""
    port, control = free_port(), free_port()
    listen = {
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "GATEWAY_CONTROL_LISTEN": f"127.0.0.1:{control}",
        "PATH": str(BIN),
        **environ,
    }
    command = [str(BIN / "gateway"), "demo", *words]
    with subprocess.Popen(
        command, cwd=folder, env=listen, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        told = (line.rstrip("\n") for line in process.stdout)  # it ends if the demo does
        lines = list(takewhile(lambda line: line != "Ctrl-C ends it.", told))
        try:
            yield lines, port, control
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0


def get(url: str) -> tuple[int, str]:
    try:
        with urlopen(url, timeout=60) as answer:  # noqa: S310 the demo's own address
            return answer.status, answer.read().decode()
    except HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def gateway(control: int, *words: str) -> Any:
    command = [str(BIN / "gateway"), *words, "--json", "--url", f"http://127.0.0.1:{control}"]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def test_it_shows_the_site_and_tells_three_lines_to_try(tmp_path: Path) -> None:
    with demo(tmp_path) as (lines, port, control):
        shop = lines[1].split()[-1]
        assert lines[0].split()[-1] == f"http://127.0.0.1:{port}"
        assert lines[2].split()[-1] == f"http://127.0.0.1:{control}"
        start = lines.index("Try, in another terminal:") + 1
        ask = f"gateway --url http://127.0.0.1:{control}"
        assert lines[start:] == [
            f"  curl -i http://127.0.0.1:{port}/",
            f'  {ask} on site --reason "trying it"    # and: off site',
            "  $EDITOR demo-state/config.yaml    # under site set enabled: true, and save",
            "",
        ]
        assert "Old books, well kept." in get(f"http://127.0.0.1:{port}/")[1]
    assert not accepts(port)
    assert not accepts(int(shop.rpartition(":")[2]))
    assert {path.name for path in tmp_path.iterdir()} == {"demo-state"}


def test_a_flip_and_an_edit_of_the_yaml_show_at_once(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(EXAMPLE.read_text())
    with demo(tmp_path, "--config", "mine.yaml", "--state", "kept") as (_, port, control):
        site = f"http://127.0.0.1:{port}/"
        assert gateway(control, "on", "site")["enabled"] is True
        assert get(site)[0] == 503
        gateway(control, "reset", "site")
        assert get(site)[0] == 200
        file.write_text(file.read_text().replace("enabled: false", "enabled: true", 1))
        wait_until(lambda: get(site)[0] == 503, "the edit holds")
    assert {path.name for path in tmp_path.iterdir()} == {"mine.yaml", "kept"}


def test_what_was_flipped_is_kept_over_a_restart(tmp_path: Path) -> None:
    with demo(tmp_path) as (_, _, control):
        gateway(control, "on", "search")
    with demo(tmp_path) as (_, port, _):
        assert get(f"http://127.0.0.1:{port}/search")[0] == 503


def test_it_stands_in_front_of_an_app_of_ones_own_and_needs_no_file(tmp_path: Path) -> None:
    upstream = f"http://127.0.0.1:{free_port()}"
    with demo(tmp_path, "--no-config", "--upstream", upstream) as (lines, port, control):
        assert lines[1].split()[-1] == upstream
        assert lines[-2] == f"  gateway --url http://127.0.0.1:{control} status"
        assert get(f"http://127.0.0.1:{port}/")[0] == 502
        flags = gateway(control, "status")["flags"]
        assert [flag["flag"] for flag in flags] == ["site"]


def test_an_open_event_stream_does_not_hold_the_end_up(tmp_path: Path) -> None:
    with ExitStack() as reading:
        with demo(tmp_path) as (_, port, _):
            address = f"http://127.0.0.1:{port}/events"
            events = reading.enter_context(urlopen(address))
            assert events.readline() == b"id: 1\n"
            started = time.monotonic()
        assert time.monotonic() - started < 10

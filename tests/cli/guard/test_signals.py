"""Signals to a guard, with real processes: who gets them, and what becomes of the flag."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.support.fake_guarded import FakeGuarded

DRAIN = "POST /flags/site/drain"


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "up"
    os.mkfifo(path)
    return path


def command(directory: Path, body: str) -> tuple[str, ...]:
    """A shell command that opens the fifo ``up`` once its traps are set."""
    return "--", "sh", "-c", f"cd {directory}; {body}"


async def up(fifo: Path) -> str:
    """What the command says once it runs."""
    return (await asyncio.to_thread(fifo.read_text)).strip()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_signal_is_passed_to_the_command_and_the_flag_stays_on(
    site: FakeGuarded, fifo: Path, tmp_path: Path, number: signal.Signals
) -> None:
    name = number.name.removeprefix("SIG")
    body = f"trap 'echo {name} >> got; exit 5' {name}; echo up > up; while :; do sleep 0.02; done"
    guard = await site.guard("site", *command(tmp_path, body))
    assert await up(fifo) == "up"
    guard.signal(number)
    status, _, err = await guard.ended()
    assert status == 5
    assert (tmp_path / "got").read_text() == f"{name}\n"
    assert "sh was interrupted: site stays on. To lift it: gateway off site" in err
    assert (site.flag["enabled"], site.flag["ttl"], site.guards) == (True, 300, {})


async def test_what_the_command_started_gets_the_signal_too(
    site: FakeGuarded, fifo: Path, tmp_path: Path
) -> None:
    inner = "trap 'echo inner >> got; exit 1' TERM; echo up > up; while :; do sleep 0.02; done"
    (tmp_path / "inner").write_text(inner)
    body = "trap 'wait; echo outer >> got; exit 5' TERM; sh ./inner & wait"
    guard = await site.guard("site", *command(tmp_path, body))
    await up(fifo)
    guard.signal(signal.SIGTERM)
    assert (await guard.ended())[0] == 5
    assert (tmp_path / "got").read_text() == "inner\nouter\n"


async def test_a_command_that_a_signal_ends_gives_128_and_its_number(
    site: FakeGuarded, fifo: Path, tmp_path: Path
) -> None:
    guard = await site.guard("site", *command(tmp_path, "echo up > up; exec sleep 60"))
    await up(fifo)
    guard.signal(signal.SIGINT)
    status, _, err = await guard.ended()
    assert status == 130
    assert "site stays on" in err
    assert site.flag["enabled"]


async def test_a_command_that_ends_well_all_the_same_leaves_the_flag_on(
    site: FakeGuarded, fifo: Path, tmp_path: Path
) -> None:
    body = "trap 'exit 0' TERM; echo up > up; while :; do sleep 0.02; done"
    guard = await site.guard("site", *command(tmp_path, body))
    await up(fifo)
    guard.signal(signal.SIGTERM)
    assert (await guard.ended())[0] == 143
    assert site.flag["enabled"]


async def test_every_signal_is_passed_on_not_only_the_first(
    site: FakeGuarded, fifo: Path, tmp_path: Path
) -> None:
    second = 'trap "exit 6" INT; echo one > up'
    body = f"trap '{second}' INT; echo up > up; while :; do sleep 0.02; done"
    guard = await site.guard("site", *command(tmp_path, body))
    await up(fifo)
    guard.signal(signal.SIGINT)
    assert await up(fifo) == "one"
    guard.signal(signal.SIGINT)
    assert (await guard.ended())[0] == 6


async def test_a_signal_in_the_drain_ends_it_and_puts_the_flag_back(
    site: FakeGuarded, tmp_path: Path
) -> None:
    left = asyncio.Event()

    async def never(_call: object) -> None:
        try:
            await left.wait()
        finally:
            left.set()

    site.script[DRAIN] = [never]  # type: ignore[list-item]
    guard = await site.guard("site", "--drain", "1h", *command(tmp_path, "touch ran"))
    await site.wait_for(DRAIN)
    guard.signal(signal.SIGTERM)
    status, _, err = await guard.ended()
    left.set()
    assert status == 143
    assert "SIGTERM came before the command was started" in err
    assert not (tmp_path / "ran").exists()
    assert (site.flag["enabled"], site.flag["override"], site.guards) == (False, None, {})


async def test_a_signal_while_armed_ahead_of_time_leaves_nothing_behind(
    site: FakeGuarded, tmp_path: Path
) -> None:
    guard = await site.guard("site", "--lead", "1h", *command(tmp_path, "touch ran"))
    await site.wait_for("GET /status")
    guard.signal(signal.SIGINT)
    assert (await guard.ended())[0] == 130
    assert (site.flag["enabled"], site.flag["ttl"], site.guards) == (False, 300, {})
    assert DRAIN not in site.lines


INTERNAL = 0b11 << 31  # signals 32 and 33, which glibc keeps to itself and ignores in a spawn


async def test_the_command_starts_with_no_signal_blocked_or_ignored(
    site: FakeGuarded, tmp_path: Path
) -> None:
    body = "grep -E '^Sig(Blk|Ign)' /proc/self/status"
    status, out, _ = await (await site.guard("site", *command(tmp_path, body))).ended()
    assert status == 0
    assert [int(line.split()[1], 16) & ~INTERNAL for line in out.splitlines()] == [0, 0]


TERMINAL = """
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.executable, [sys.executable, "-m", "gateway", "guard", "site", *sys.argv[1:]])
sent = False
while True:
    try:
        data = os.read(terminal, 4096)
    except OSError:
        break
    if not data:
        break
    sys.stdout.write(data.decode())
    if b"READY" in data and not sent:
        sent = True
        os.write(terminal, b"\\x03")
print("STATUS", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


async def test_control_c_on_a_terminal_reaches_the_command_once(
    site: FakeGuarded, tmp_path: Path
) -> None:
    # The count is told a little after the first, so that a second would be seen.
    body = (
        "n=0; trap 'n=$((n+1))' INT; echo READY; "
        "while [ $n = 0 ]; do sleep 0.02; done; sleep 0.3; echo INTS $n; exit 7"
    )
    (tmp_path / "terminal.py").write_text(TERMINAL)
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(tmp_path / "terminal.py"), *command(tmp_path, body),
        stdout=asyncio.subprocess.PIPE, env={**os.environ, "GATEWAY_URL": site.url},
    )  # fmt: skip
    out = (await process.communicate())[0].decode()
    assert "INTS 1" in out
    assert "STATUS 7" in out
    assert "sh was interrupted: site stays on" in out


async def test_a_command_on_a_terminal_can_read_from_it(site: FakeGuarded, tmp_path: Path) -> None:
    script = TERMINAL.replace('b"\\x03"', 'b"typed\\n"')
    (tmp_path / "terminal.py").write_text(script)
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(tmp_path / "terminal.py"),
        *command(tmp_path, "echo READY; read line; echo GOT $line"),
        stdout=asyncio.subprocess.PIPE, env={**os.environ, "GATEWAY_URL": site.url},
    )  # fmt: skip
    out = (await process.communicate())[0].decode()
    assert "GOT typed" in out
    assert "STATUS 0" in out

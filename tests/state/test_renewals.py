"""Certificates are followed like the YAML: taken in whole, or kept out and told of."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import load
from gateway.config.settings import Settings
from gateway.state.live import LiveState
from tests.state.conftest import Start
from tests.state.stage import Log, Swaps
from tests.support.certificates import Authority, self_signed

NAMES = ("DNS:a.test", "DNS:b.test")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With cert.pem and key.pem for a.test, and new/ with others for b.test."""
    old, new = (tmp_path / name for name in ("old", "new"))
    for folder, name in ((old, NAMES[0]), (new, NAMES[1])):
        folder.mkdir()
        self_signed(folder, name, name="tls")
    (tmp_path / "config.yaml").write_text(
        "upstream: http://127.0.0.1:8000\nstore: 'memory:'\ntls: {cert: tls.pem, key: tls.key}\n"
    )
    return tmp_path


def put(folder: Path, which: str, *names: str) -> None:
    """As certbot and others do: new files, renamed over the old ones."""
    for name in names or ("tls.key", "tls.pem"):
        (folder / "next").write_bytes((folder / which / name).read_bytes())
        (folder / "next").rename(folder / name)


def names(live: LiveState) -> tuple[str, ...]:
    tls = live.settings.tls
    assert tls is not None
    return tls.certificates[0].names


async def test_a_renewed_certificate_is_taken_in_and_makes_no_revision(
    start: Start, folder: Path
) -> None:
    put(folder, "old")
    live = await start(load(folder / "config.yaml", {}))
    revision = live.snapshot.revision
    swaps = Swaps(live)
    put(folder, "new")
    await swaps.until(lambda _: names(live) == ("b.test",))

    assert live.snapshot.revision == revision
    assert live.config_notices == ()


async def test_a_swap_of_symbolic_links_is_a_renewal(start: Start, folder: Path) -> None:
    """As Kubernetes renews a Secret: ``..data`` is another folder from one moment to the next."""
    (folder / "..data").symlink_to("old")
    for name in ("tls.pem", "tls.key"):
        (folder / name).symlink_to(f"..data/{name}")
    live = await start(load(folder / "config.yaml", {}))
    swaps = Swaps(live)
    (folder / "..new").symlink_to("new")
    (folder / "..new").rename(folder / "..data")

    await swaps.until(lambda _: names(live) == ("b.test",))


async def test_a_broken_pair_keeps_the_old_one_and_is_told_of_until_mended(
    start: Start, folder: Path, log: Log
) -> None:
    put(folder, "old")
    live = await start(load(folder / "config.yaml", {}))
    put(folder, "new", "tls.pem")  # and its key has not come
    await log.until("the YAML is invalid")
    (error,) = live.config_errors

    assert str(error).startswith(f"{folder}/config.yaml:3: tls.key: cannot be used together")
    assert names(live) == ("a.test",)
    swaps = Swaps(live)
    put(folder, "new", "tls.key")
    await swaps.until(lambda _: names(live) == ("b.test",))
    assert live.config_errors == ()


async def test_a_certificate_that_has_gone_is_an_error_until_it_is_back(
    start: Start, folder: Path, log: Log
) -> None:
    put(folder, "old")
    live = await start(load(folder / "config.yaml", {}))
    (folder / "tls.pem").unlink()
    await log.until("tls.cert: cannot be read")
    put(folder, "old")
    await log.until("valid again")

    assert (live.config_errors, names(live)) == ((), ("a.test",))


async def test_certificates_of_the_environment_are_followed_without_a_yaml(
    start: Start, folder: Path
) -> None:
    put(folder, "old")
    environ = {
        "GATEWAY_UPSTREAM": "http://127.0.0.1:8000",
        "GATEWAY_STORE": "memory",
        "GATEWAY_TLS_CERT": str(folder / "tls.pem"),
        "GATEWAY_TLS_KEY": str(folder / "tls.key"),
    }
    live = await start(load(None, environ), environ=environ)
    swaps = Swaps(live)
    put(folder, "new")

    await swaps.until(lambda _: names(live) == ("b.test",))


async def test_a_worker_that_starts_late_serves_no_old_certificate(
    start: Start, folder: Path
) -> None:
    put(folder, "old")
    read_long_ago = load(folder / "config.yaml", {})
    put(folder, "new")
    live = await start(read_long_ago)

    assert names(live) == ("b.test",)


async def test_other_authorities_for_the_app_are_taken_in(start: Start, tmp_path: Path) -> None:
    one, other = (Authority(tmp_path, name) for name in ("one", "other"))
    (tmp_path / "ca.pem").write_bytes(one.cert.read_bytes())
    (tmp_path / "config.yaml").write_text(
        "upstream: https://app.test\nstore: 'memory:'\nupstream_tls: {ca: ca.pem}\n"
    )
    live = await start(load(tmp_path / "config.yaml", {}))

    def believed(settings: Settings) -> list[object]:
        assert settings.upstream_tls is not None
        return [each["subject"] for each in settings.upstream_tls.context.get_ca_certs()]

    assert believed(live.settings) == [((("commonName", "one"),),)]
    swaps = Swaps(live)
    other.cert.rename(tmp_path / "ca.pem")
    await swaps.until(lambda _: believed(live.settings) == [((("commonName", "other"),),)])


async def test_tls_that_is_new_waits_for_a_restart(start: Start, folder: Path, log: Log) -> None:
    put(folder, "old")
    path = folder / "config.yaml"
    text = path.read_text()
    path.write_text(text.replace("tls: ", "x-tls: "))
    live = await start(load(path, {}))
    path.write_text(text)
    await log.until("takes effect with a restart")

    assert live.settings.tls is None
    assert [notice.path for notice in live.config_notices] == ["tls"]

"""How every verb reaches a gateway, and what it says when it cannot or may not."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from aiohttp import web

from tests.support.fake_control import FakeControl, flag_document

ON = (200, flag_document(enabled=True))


async def test_the_url_comes_from_the_environment_or_an_option_on_either_side(
    control: FakeControl,
) -> None:
    control.answers["PATCH /flags/site"] = ON
    nowhere = {"GATEWAY_URL": "http://127.0.0.1:1"}
    for words in (("on", "site", "--url", control.url), ("--url", control.url, "on", "site")):
        assert (await control.run(*words, env=nowhere)).exit_code == 0
    assert (await control.run("on", "site")).exit_code == 0
    assert len(control.calls) == 3


async def test_a_path_in_the_url_goes_before_every_call(control: FakeControl) -> None:
    await control.run("reset", "site", "--url", f"{control.url}/-/maintenance/")
    assert control.calls[0].line == "DELETE /-/maintenance/api/v1/flags/site/override"


async def test_a_control_listener_on_a_socket_is_reached(
    control: FakeControl, tmp_path: Path
) -> None:
    control.answers["PATCH /flags/site"] = ON
    path = tmp_path / "control sock"
    await web.UnixSite(control.server.runner, path).start()
    result = await control.run("on", "site", "--url", f"unix:{path}")
    assert (result.exit_code, control.calls[0].line) == (0, "PATCH /api/v1/flags/site")


async def test_a_socket_that_is_not_there_is_status_3(control: FakeControl, tmp_path: Path) -> None:
    result = await control.run("status", "--url", f"unix:{tmp_path}/absent")
    assert result.exit_code == 3
    assert f"nothing is listening at unix:{tmp_path}/absent" in result.stderr


@pytest.mark.parametrize("words", [("--token", "s3cret", "on", "site"), ("on", "site")])
async def test_the_token_is_sent_as_bearer_and_never_printed(
    control: FakeControl, words: tuple[str, ...]
) -> None:
    control.answers["PATCH /flags/site"] = 401, {"detail": "no", "status": 401}
    result = await control.run(*words, env={"GATEWAY_CONTROL_TOKEN": "s3cret"})
    assert control.calls[0].fields["Authorization"] == "Bearer s3cret"
    assert result.exit_code == 1
    assert "does not know this token" in result.stderr
    assert "s3cret" not in result.output


async def test_the_token_may_be_in_a_file(control: FakeControl, tmp_path: Path) -> None:
    control.answers["PATCH /flags/site"] = ON
    file = tmp_path / "token"
    env: dict[str, str | None] = {"GATEWAY_CONTROL_TOKEN_FILE": str(file)}
    absent = await control.run("on", "site", env=env)
    assert (absent.exit_code, len(control.calls)) == (2, 0)
    assert f"GATEWAY_CONTROL_TOKEN_FILE cannot be read: {file}" in absent.stderr

    file.write_text("s3cret\n")
    await control.run("on", "site", env=env)
    await control.run("on", "site", env={**env, "GATEWAY_CONTROL_TOKEN": "nearer"})
    sent = [call.fields["Authorization"] for call in control.calls]
    assert sent == ["Bearer s3cret", "Bearer nearer"]


async def test_without_a_token_a_401_says_how_to_give_one(control: FakeControl) -> None:
    control.answers["PATCH /flags/site"] = 401, {"detail": "no", "status": 401}
    result = await control.run("on", "site")
    assert "Authorization" not in control.calls[0].fields
    assert "wants a token: give --token or GATEWAY_CONTROL_TOKEN" in result.stderr


async def test_json_prints_the_answer_as_it_came(control: FakeControl) -> None:
    text = '{"flag": "site",   "enabled": true, "revision": 3}'
    control.answers["PATCH /flags/site"] = 200, text
    assert (await control.run("on", "site", "--json")).stdout == text + "\n"
    assert (await control.run("--json", "on", "site")).stdout == text + "\n"


async def test_json_prints_a_problem_as_it_came_too(control: FakeControl) -> None:
    control.answers["PATCH /flags/site"] = 422, '{"detail": "enabled: must be true or false"}'
    result = await control.run("on", "site", "--json")
    assert result.stdout == '{"detail": "enabled: must be true or false"}\n'
    assert result.stderr == "Error: enabled: must be true or false\n"
    assert result.exit_code == 1


async def test_nothing_listening_is_status_3_and_one_line(control: FakeControl) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    result = await control.run("status", "--url", f"http://127.0.0.1:{port}")
    assert result.exit_code == 3
    assert f"nothing is listening at http://127.0.0.1:{port}: start a gateway" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "answer", [(200, "<html>hello</html>"), (200, "[]"), (200, "{}"), (302, "")]
)
async def test_another_server_there_is_told_from_a_gateway(
    control: FakeControl, answer: tuple[int, str]
) -> None:
    control.answers["PATCH /flags/site"] = answer
    result = await control.run("on", "site")
    assert result.exit_code == 3
    assert "not as a gateway's control API does" in result.stderr


async def test_a_host_that_is_not_known_is_status_3(control: FakeControl) -> None:
    result = await control.run("status", "--url", "http://no-such-host.invalid:9090")
    assert result.exit_code == 3
    assert "cannot reach http://no-such-host.invalid:9090" in result.stderr


async def test_an_answer_that_is_no_http_is_status_3(control: FakeControl) -> None:
    async def banner(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH\r\n")
        writer.close()

    async with await asyncio.start_server(banner, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        result = await control.run("status", "--url", f"http://127.0.0.1:{port}")
    assert result.exit_code == 3
    assert "cannot reach" in result.stderr


async def test_an_unknown_flag_is_named_with_the_one_that_was_meant(control: FakeControl) -> None:
    detail = 'There is no flag "serach". Did you mean "search"?'
    control.answers["PATCH /flags/serach"] = 404, {"detail": detail, "did_you_mean": ["search"]}
    result = await control.run("on", "serach")
    assert (result.exit_code, result.stderr) == (1, f"Error: {detail}\n")


async def test_an_unknown_flag_like_no_other_points_to_status(control: FakeControl) -> None:
    problem = {"detail": 'There is no flag "x".', "did_you_mean": []}
    control.answers["PATCH /flags/x"] = 404, problem
    result = await control.run("on", "x")
    assert (
        result.stderr == 'Error: There is no flag "x". gateway status lists the flags there are.\n'
    )


async def test_a_viewer_is_told_which_role_flips(control: FakeControl) -> None:
    control.answers["PATCH /flags/site"] = 403, {"detail": "This token only reads."}
    result = await control.run("on", "site", "--token", "t")
    assert "operator" in result.stderr
    assert result.exit_code == 1


async def test_proxies_of_the_environment_are_not_used(control: FakeControl) -> None:
    control.answers["PATCH /flags/site"] = ON
    result = await control.run("on", "site", env={"http_proxy": "http://127.0.0.1:1"})
    assert result.exit_code == 0


@pytest.mark.parametrize(
    "url",
    [
        "localhost:9090",
        "ftp://x",
        "unix:run/x",
        "http://",
        "http://a:b@x",
        "http://x:99999",
        "http://x/?q",
        "http://x y",
    ],
)
async def test_a_url_that_is_none_is_called_wrongly(control: FakeControl, url: str) -> None:
    result = await control.run("status", "--url", url)
    assert result.exit_code == 2
    assert "--url must" in result.stderr


async def test_a_token_with_a_line_break_is_refused_unseen(control: FakeControl) -> None:
    result = await control.run("status", "--token", "good\r\nX-Evil: 1")
    assert result.exit_code == 2
    assert "Evil" not in result.output
    assert control.calls == []


async def test_a_flag_name_cannot_leave_its_place_in_the_path(control: FakeControl) -> None:
    await control.run("status", "../audit?x=1")
    assert control.calls[0].path == "/api/v1/flags/..%2Faudit%3Fx%3D1"


async def test_what_the_gateway_says_cannot_drive_the_terminal(control: FakeControl) -> None:
    control.answers["PATCH /flags/site"] = 422, {"detail": "bad \x1b[2J\nsecond"}
    result = await control.run("on", "site")
    assert "\x1b" not in result.stderr
    assert result.stderr.count("\n") == 1

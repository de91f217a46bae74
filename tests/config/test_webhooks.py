"""Who is told of what happens: read whole, or every error at once."""

from __future__ import annotations

import base64

import pytest

from gateway.config.settings import Secret, Webhook, WebhookFormat
from gateway.config.webhooks import signing_key
from gateway.core.events import Group
from gateway.state.definitions import settle
from tests.config.conftest import Errors, Load

KEY = base64.b64encode(bytes(range(32))).decode()


def test_a_webhook_needs_an_address_alone(read: Load) -> None:
    (found,) = read("webhooks: {team: {url: https://hooks.example.com/x}}").webhooks
    assert found == Webhook("team", Secret("https://hooks.example.com/x"))
    assert found.events == frozenset(Group)
    assert (found.format, found.timeout, found.retry_for) == (WebhookFormat.JSON, 10.0, 3600.0)
    assert read("").webhooks == ()


def test_every_key_is_read(read: Load) -> None:
    (found,) = read(
        f"""
webhooks:
  team:
    url: http://127.0.0.1:1/hook?a=b
    format: slack
    secret: whsec_{KEY}
    events: [flip, guard]
    flags: [site]
    label: staging
    timeout: 3s
    retry_for: 2h
"""
    ).webhooks
    assert found == Webhook(
        "team",
        Secret("http://127.0.0.1:1/hook?a=b"),
        WebhookFormat.SLACK,
        Secret(f"whsec_{KEY}"),
        frozenset({Group.FLIP, Group.GUARD}),
        frozenset({"site"}),
        "staging",
        3.0,
        7200.0,
    )


@pytest.mark.parametrize(
    ("webhook", "expected"),
    [
        ("x", "webhooks.w: must be {url: ...}"),
        ("{}", "webhooks.w.url: is missing"),
        ("{url: ftp://x}", "webhooks.w.url: must be an address such as https://"),
        ("{url: 'https://'}", "webhooks.w.url: must be an address such as https://"),
        ("{url: 'https://x/a b'}", "webhooks.w.url: must be an address such as https://"),
        ("{url: 'https://x:99999/'}", "webhooks.w.url: must be an address such as https://"),
        ("{url: 'https://x/#y'}", "webhooks.w.url: must have no fragment"),
        ("{url: 'http://x', format: xml}", "webhooks.w.format: must be one of json, slack"),
        ("{url: 'http://x', events: [gaurd]}", 'forgotten; did you mean "guard"?'),
        ("{url: 'http://x', events: []}", "webhooks.w.events: is empty; leave the key out"),
        ("{url: 'http://x', flags: [sit]}", 'flags[0]: is no flag; did you mean "site"?'),
        ("{url: 'http://x', secret: short}", "webhooks.w.secret: must be whsec_ and the base64"),
        ("{url: 'http://x', secret: whsec_AAAA}", "webhooks.w.secret: must be whsec_ and"),
        ("{url: 'http://x', timeout: 0}", "webhooks.w.timeout: must be more than 0"),
        ("{url: 'http://x', timeout: 2m}", "webhooks.w.timeout: must be 60 s at most"),
        ("{url: 'http://x', retry_for: 30d}", "webhooks.w.retry_for: must be 7d at most"),
        ("{url: 'http://x', colour: red}", "webhooks.w.colour: unknown key"),
    ],
)
def test_what_is_wrong_is_said_at_its_key(errors: Errors, webhook: str, expected: str) -> None:
    found = errors(f"webhooks: {{w: {webhook}}}")
    assert any(expected in error for error in found), found


def test_a_name_is_plain_and_there_are_not_too_many(errors: Errors) -> None:
    (found,) = errors("webhooks: {'a b': {url: 'http://x'}}")
    assert 'webhooks["a b"]: must have a name of letters' in found
    (found,) = errors(f"webhooks: {{{', '.join(f'w{n}: {{url: http://x}}' for n in range(21))}}}")
    assert "webhooks: has 21 entries; at most 20" in found


def test_the_environment_alone_makes_one_called_default(read: Load, errors: Errors) -> None:
    environ = {
        "GATEWAY_WEBHOOK_URL": "https://hooks.slack.com/services/T/B/x",
        "GATEWAY_WEBHOOK_FORMAT": "slack",
        "GATEWAY_WEBHOOK_SECRET": KEY,
        "GATEWAY_WEBHOOK_EVENTS": "flip, window",
        "GATEWAY_WEBHOOK_LABEL": "production",
    }
    (found,) = read("", environ).webhooks
    assert (found.name, found.format, found.label) == ("default", "slack", "production")
    assert found.events == {Group.FLIP, Group.WINDOW}
    names = [each.name for each in read("webhooks: {a: {url: http://x}}", environ).webhooks]
    assert names == ["a", "default"]
    (error,) = errors("", {"GATEWAY_WEBHOOK_FORMAT": "slack"})
    assert "webhooks.default" in error
    assert "url: is missing" in error


def test_all_of_them_are_one_variable_as_well(read: Load) -> None:
    (found,) = read("", {"GATEWAY_WEBHOOKS": '{"a": {"url": "http://x"}}'}).webhooks
    assert found.name == "a"


def test_neither_address_nor_secret_is_in_a_repr_or_an_error(read: Load, errors: Errors) -> None:
    settings = read(f"webhooks: {{w: {{url: 'https://x/s3cret', secret: whsec_{KEY}}}}}")
    assert "s3cret" not in repr(settings)
    assert KEY not in repr(settings)
    assert "s3cret" not in "".join(errors("webhooks: {w: {url: 's3cret', secret: s3cret}}"))


def test_a_secret_is_the_bytes_that_its_base64_says() -> None:
    assert signing_key(f"whsec_{KEY}") == signing_key(KEY) == bytes(range(32))


def test_an_edit_takes_effect_without_a_restart(read: Load) -> None:
    before = read("webhooks: {a: {url: http://x}}")
    after = settle(before, read("webhooks: {b: {url: http://x}}"))
    assert after.notices == ()
    assert [each.name for each in after.settings.webhooks] == ["b"]

"""The webhook of an organization: its verbs, who may call them, and what is recorded."""

import pytest
from django.db import connection

from apikeys.actors import Actor
from apikeys.exceptions import FreshSignInRequired, ScopeDenied
from apikeys.models import AuditEvent
from echopoint.core.refusals import InvalidField
from echopoint.notices.models import NoticeDelivery, NoticeWebhook
from tests.notices.dates import HOUR, NOW

SYSTEM = Actor.command("test")
URL = "https://hooks.example/services/T000/secret-part"


def set_url(organization, url=URL, by=SYSTEM):
    return NoticeWebhook.objects.set_url(organization, url, by=by)


@pytest.fixture
def webhook(acme):
    set_url(acme)
    return NoticeWebhook.objects.of(acme)


def events():
    rows = AuditEvent.objects.filter(action__startswith="notice_webhook.")
    return [(e.action.split(".")[1], e.details) for e in rows.order_by("pk")]


def test_the_secret_is_returned_once(acme):
    changed, secret = set_url(acme)

    assert changed
    assert secret.startswith("whsec_")
    assert set_url(acme) == (False, None)
    assert set_url(acme, "https://b.example/") == (True, None)
    assert NoticeWebhook.objects.of(acme).signing_secrets() == [secret]


def test_the_events_name_the_host_and_nothing_that_may_be_secret(acme):
    set_url(acme)
    set_url(acme)
    NoticeWebhook.objects.of(acme).rotate_secret(by=SYSTEM)
    NoticeWebhook.objects.remove(acme, by=SYSTEM)
    assert not NoticeWebhook.objects.remove(acme, by=SYSTEM)

    assert events() == [
        ("set", {"via": "command", "host": "hooks.example"}),
        ("secret_rotated", {"via": "command"}),
        ("removed", {"via": "command"}),
    ]


def test_url_and_secret_are_encrypted(webhook):
    secret = webhook.rotate_secret(by=SYSTEM)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM notices_noticewebhook")
        stored = str(cursor.fetchall())

    assert "hooks.example" not in stored
    assert secret not in stored
    assert secret not in f"{webhook} {vars(webhook)}"


def test_both_secrets_sign_for_a_day(webhook):
    (old,) = webhook.signing_secrets(NOW)

    new = webhook.rotate_secret(by=SYSTEM, at=NOW)

    assert webhook.signing_secrets(NOW + 23 * HOUR) == [new, old]
    assert webhook.signing_secrets(NOW + 24 * HOUR) == [new]


def test_a_second_rotation_keeps_what_the_receiver_has(webhook):
    (old,) = webhook.signing_secrets(NOW)
    lost = webhook.rotate_secret(by=SYSTEM, at=NOW)

    new = webhook.rotate_secret(by=SYSTEM, at=NOW + HOUR)

    assert webhook.signing_secrets(NOW + 2 * HOUR) == [new, old]
    after = webhook.rotate_secret(by=SYSTEM, at=NOW + 48 * HOUR)
    assert webhook.signing_secrets(NOW + 48 * HOUR) == [after, new]
    assert lost not in {old, new, after}


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://hooks.example/", "begins with https://"),
        ("ftp://hooks.example/", "begins with https://"),
        ("hooks.example", "begins with https://"),
        ("https://", "begins with https://"),
        ("https://me:pw@hooks.example/", "Remove the user name"),
        ("https://hooks.example/#a", "after #"),
        ("https://hooks.example:x/", "valid URL"),
        ("https://[::1", "valid URL"),
        ("https://hööks.example/", "ASCII"),
        ("https://hooks.example/a b", "ASCII"),
        ("https://hooks.example/\n", "one line"),
        ("https://127.0.0.1/", "public Internet"),
        ("https://[::ffff:10.0.0.1]/", "public Internet"),
        ("https://169.254.169.254/latest/", "public Internet"),
        (f"https://hooks.example/{'x' * 500}", "at most 500"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused(acme, url, said):
    with pytest.raises(InvalidField, match=said) as refusal:
        set_url(acme, url)

    assert refusal.value.field == "url"
    assert NoticeWebhook.objects.of(acme) is None


def test_an_api_key_in_the_url_is_refused_and_not_repeated(acme, issue):
    _, secret = issue()

    with pytest.raises(InvalidField) as refusal:
        set_url(acme, f"https://hooks.example/?key={secret}")

    assert secret not in str(refusal.value)


def test_a_private_address_is_allowed_where_the_setting_says_so(acme, settings):
    settings.NOTICES_TO_PRIVATE_NETWORKS = True

    assert set_url(acme, "https://10.0.0.1/hook")[0]


VERBS = {
    "set_url": lambda acme, by: set_url(acme, "https://b.example/", by),
    "rotate_secret": lambda acme, by: acme.notice_webhook.rotate_secret(by=by),
    "remove": lambda acme, by: NoticeWebhook.objects.remove(acme, by=by),
    "send_test": lambda acme, by: NoticeDelivery.objects.send_test(acme, by=by),
}


@pytest.mark.parametrize("verb", VERBS)
def test_only_owners_with_a_fresh_sign_in_may(webhook, acme, olive, alice, bob, verb):
    for person in (alice, bob):
        fresh = Actor.person(person, via="test", is_fresh=True)
        with pytest.raises(ScopeDenied):
            VERBS[verb](acme, fresh)
    with pytest.raises(FreshSignInRequired):
        VERBS[verb](acme, Actor.person(olive, via="test"))
    assert len(events()) == 1

    VERBS[verb](acme, Actor.person(olive, via="test", is_fresh=True))

    assert len(events()) == 2


def test_removing_it_drops_what_waits(webhook, acme, globex):
    for organization in (acme, globex):
        NoticeDelivery.objects.enqueue(organization, "webhook.test", {})

    NoticeWebhook.objects.remove(acme, by=SYSTEM)

    assert NoticeDelivery.objects.get().organization == globex

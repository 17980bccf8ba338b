"""The pages of the webhook: the secret is shown once, and every button does its part."""

import re

import pytest
from django.urls import reverse

from apikeys.actors import Actor
from echopoint.notices.models import NoticeDelivery, NoticeWebhook
from tests.signing_in import sign_in

SYSTEM = Actor.command("test")
URL = "https://hooks.example/T000"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")


@pytest.fixture
def page(client, olive, acme):
    """Return a function that opens or submits a page of the webhook, as an owner."""
    sign_in(client, olive)

    def page(name, values=None, **options):
        url = reverse(f"notice_webhook:{name}", args=[acme.pk])
        if values is None:
            return client.get(url, **options)
        return client.post(url, values, **options)

    return page


@pytest.fixture
def webhook(acme):
    NoticeWebhook.objects.set_url(acme, URL, by=SYSTEM)
    return NoticeWebhook.objects.of(acme)


def test_creating_it_shows_the_secret_in_that_response_alone(page, acme):
    created = page("detail", {"url": URL})

    (secret,) = set(SECRET.findall(created.text))
    assert NoticeWebhook.objects.of(acme).signing_secrets() == [secret]
    assert "no-store" in created["Cache-Control"]
    assert created["Referrer-Policy"] == "no-referrer"
    again = page("detail", {"url": URL}, follow=True)
    assert "nothing changed" in again.text
    assert not SECRET.search(again.text + page("detail").text)


def test_a_refused_url_stays_in_the_form(page, acme):
    refused = page("detail", {"url": "http://hooks.example/"})

    assert refused.status_code == 200
    assert 'value="http://hooks.example/"' in refused.text
    assert "The webhook was not changed" in refused.text
    assert NoticeWebhook.objects.of(acme) is None


def test_the_page_shows_the_url_and_changes_it(page, webhook, acme):
    assert f'value="{URL}"' in page("detail").text

    changed = page("detail", {"url": "https://b.example/"}, follow=True)

    assert "The URL was changed." in changed.text
    assert NoticeWebhook.objects.of(acme).url.decrypt() == "https://b.example/"


def nonce_in(response):
    return re.search(r'name="nonce" value="([^"]+)"', response.text)[1]


def test_rotating_shows_the_new_secret_once(page, webhook):
    (old,) = webhook.signing_secrets()
    nonce = nonce_in(page("rotate_secret"))

    rotated = page("rotate_secret", {"nonce": nonce})

    (new,) = set(SECRET.findall(rotated.text))
    webhook.refresh_from_db()
    assert webhook.signing_secrets() == [new, old]
    again = page("rotate_secret", {"nonce": nonce}, follow=True)
    assert "already submitted" in again.text
    assert not SECRET.search(again.text)
    webhook.refresh_from_db()
    assert webhook.signing_secrets() == [new, old]
    assert "less than 24 hours ago" in page("rotate_secret").text


def test_a_forged_form_rotates_nothing(page, webhook):
    response = page("rotate_secret", {"nonce": "x"})

    assert "Nothing was changed." in response.text
    webhook.refresh_from_db()
    assert not webhook.is_rotating()


def test_a_test_event_is_queued(page, webhook, acme):
    response = page("test", {}, follow=True)

    assert "on its way" in response.text
    delivery = NoticeDelivery.objects.get()
    assert (delivery.organization, delivery.type) == (acme, "webhook.test")
    assert delivery.message_id in response.text


def test_removing_it_takes_the_secret_along(page, webhook, acme):
    response = page("remove", {}, follow=True)

    assert "The webhook is removed." in response.text
    assert NoticeWebhook.objects.of(acme) is None


@pytest.mark.parametrize("name", ["rotate_secret", "remove", "test"])
def test_without_a_webhook_there_is_nothing_to_do(page, db, name):
    for values in (None, {}):
        response = page(name, values, follow=True)

        assert "There is no webhook." in response.text


def test_the_page_shows_the_last_events_of_this_organization(
    page, webhook, globex, acme
):
    ours = NoticeDelivery.objects.enqueue(acme, "webhook.test", {})
    theirs = NoticeDelivery.objects.enqueue(globex, "webhook.test", {})

    shown = page("detail").text

    assert ours.message_id in shown
    assert theirs.message_id not in shown


def test_the_page_says_that_the_receiver_is_gone(page, webhook):
    webhook.disable()

    shown = page("detail").text

    assert "answered 410" in shown
    assert "Send a test event" not in shown


def test_owners_find_it_on_the_policy_page(client, acme, olive, alice):
    link = reverse("notice_webhook:detail", args=[acme.pk])
    policy = reverse("apikeys:policy", args=[acme.pk])
    for person, is_shown in ((olive, True), (alice, False)):
        sign_in(client, person)

        assert (link in client.get(policy).text) == is_shown

"""The page on which anyone reports leaked keys."""

import pytest
from django.core import mail
from django.middleware.csrf import _get_new_csrf_string as get_token_string
from django.test import Client
from django.urls import reverse

from apikeys.actors import Actor
from apikeys.models import ApiKey, AuditEvent
from tests.signing_in import sign_in

PATH = "/leaked/"


def suspended():
    return set(
        ApiKey.objects.filter(suspended_at__isnull=False).values_list("name", flat=True)
    )


def test_it_needs_no_account(client, issue, acme):
    _, first = issue(name="first")
    _, second = issue(name="second")
    issue(name="third")

    form = client.get(PATH)
    sent = client.post(PATH, {"keys": f"{first}\r\n\r\n  {second}  \r\nnothing"})
    page = client.get(sent["Location"])

    assert form.status_code == 200
    assert suspended() == {"first", "second"}
    assert sent.status_code == 302
    assert "Thank you." in page.text
    assert len(mail.outbox) == 1
    event = AuditEvent.objects.filter(action="api_key.leak_reported").first()
    assert event.details == {"via": "page", "source": "page"}
    assert event.actor_label == "someone who reported a leak"


def test_it_says_the_same_of_every_text(client, issue):
    _, secret = issue()

    answers = {client.post(PATH, {"keys": text})["Location"] for text in (secret, "x")}

    assert answers == {"/leaked/?sent"}


def test_a_signed_in_person_is_anyone_here(client, alice, issue):
    _, secret = issue()
    sign_in(client, alice, ago=3600)

    assert client.post(PATH, {"keys": secret}).status_code == 302

    event = AuditEvent.objects.get(action="api_key.leak_reported")
    assert event.actor_type == "visitor"
    assert suspended()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Enter at least one key."),
        (" \n ", "Enter at least one key."),
        ("x\n" * 101, "Enter at most 100 keys; you entered 101."),
    ],
)
def test_an_error_is_reported(client, db, text, said):
    page = client.post(PATH, {"keys": text})

    assert page.status_code == 200
    assert "Nothing was reported" in page.text
    assert said in page.text


def test_no_text_is_shown_again(client, issue):
    _, secret = issue()

    # The site's renderer of forms knows our keys, but not those of other products.
    for text in (secret, "of-another-product"):
        page = client.post(PATH, {"keys": f"{text}\n" * 101})

        assert "Enter at most 100 keys" in page.text
        assert text not in page.text
    assert suspended() == set()


def test_it_needs_the_token_of_its_form(issue):
    _, secret = issue()
    client = Client(enforce_csrf_checks=True)

    refused = client.post(PATH, {"keys": secret})
    token = client.cookies["csrftoken"] = get_token_string()
    accepted = client.post(PATH, {"keys": secret}, headers={"X-CSRFToken": token})

    assert refused.status_code == 403
    assert refused.templates[0].name == "403_csrf.html"
    assert accepted.status_code == 302


def test_an_address_may_send_so_many_reports_per_minute(client, settings, issue):
    settings.LEAK_REPORTS_PER_MINUTE = 1
    _, secret = issue()

    first = client.post(PATH, {"keys": "x"})
    second = client.post(PATH, {"keys": secret})

    assert (first.status_code, second.status_code) == (302, 429)
    assert int(second["Retry-After"]) > 0
    assert "Try again in" in second.text
    assert suspended() == set()
    assert client.get(PATH).status_code == 200


def test_the_page_is_linked_from_the_sign_in_page(client, db):
    assert f'href="{PATH}"' in client.get("/accounts/login/").text


def test_a_leaked_keys_page_warns_and_offers_the_rotation(client, alice, acme, issue):
    key, secret = issue(name="CI")
    client.post(PATH, {"keys": secret})
    sign_in(client, alice)
    rotate, resume, revoke = (
        reverse(f"apikeys:{page}", args=[acme.pk, key.public_id])
        for page in ("rotate", "resume", "revoke")
    )

    detail = client.get(key.get_absolute_url()).text
    asked = client.get(resume).text
    listed = client.get(reverse("apikeys:list", args=[acme.pk])).text

    assert "Reported as leaked" in detail
    assert f'class="button button-primary" href="{rotate}"' in detail
    assert "everybody who has the secret can use it" in asked
    assert f'href="{rotate}"' in asked
    assert f'href="{revoke}"' in asked
    assert "reported as leaked" in listed


def test_a_leaked_key_is_rotated_on_its_page(client, alice, acme, issue):
    key, secret = issue(name="CI")
    client.post(PATH, {"keys": secret})
    sign_in(client, alice)
    url = reverse("apikeys:rotate", args=[acme.pk, key.public_id])
    form = client.get(url)
    assert "None: this key is revoked" in form.text

    made = client.post(
        url,
        {
            "nonce": form.context["form"].initial["nonce"],
            "overlap_seconds": "0",
            "scopes": key.scopes,
            "expires_in_days": "as-before",
        },
    )

    assert "has stopped working" in made.text
    key.refresh_from_db()
    assert key.revoked_at
    assert made.context["secret"] != secret


def test_resuming_a_leaked_key_needs_a_fresh_sign_in(client, alice, acme, issue):
    key, secret = issue(name="CI")
    client.post(PATH, {"keys": secret})
    url = reverse("apikeys:resume", args=[acme.pk, key.public_id])
    sign_in(client, alice, ago=3600)

    asked = client.post(url, {})

    assert asked["Location"].startswith("/accounts/reauthenticate/")
    assert suspended() == {"CI"}
    sign_in(client, alice)
    client.post(url, {"reason": "false alarm"})
    assert suspended() == set()
    assert "It was resumed since" in client.get(key.get_absolute_url()).text


def test_a_key_that_is_not_leaked_has_no_such_words(client, alice, issue):
    key, _ = issue()
    key.suspend(by=Actor.command("test"))
    sign_in(client, alice)

    assert "as leaked" not in client.get(key.get_absolute_url()).text

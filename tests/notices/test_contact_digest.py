"""Owners and contacts of keys get notices; mail to contacts, possibly strangers, is limited."""

import re
from types import SimpleNamespace

import pytest
from django.urls import reverse

from apikeys.actors import Actor
from apikeys.contact_mail import address_of, stop_url, unlinked
from apikeys.models import ApiKey, ContactAddress, InstallationEvent
from echopoint.core import rate_limits
from echopoint.core.redaction import redact
from echopoint.mail.models import MailMessage
from echopoint.notices import contact_digest
from echopoint.notices.models import ContactDigest, ContactNotice, ExpiryNotice
from echopoint.notices.notifying import notify
from echopoint.notices.unsubscribing import url_for
from echopoint.notices.views import CHANGES_PER_MINUTE
from tests.notices.dates import DAY, NOW

SYSTEM = Actor.command("test")
OPS = "ops@team.example"


@pytest.fixture
def page(client):
    """Return a function that sends a request to the page of the contact's link."""

    def page(method="get", address=OPS, **data):
        path = stop_url(address).partition("/accounts/")[2]
        return getattr(client, method)(f"/accounts/{path}", data)

    return page


def test_the_owner_and_the_contact_get_a_letter_beside_the_creator(
    letters, ending, alice, bob
):
    ending(7, by=alice, owner_email=bob.email, contact_email=OPS)

    assert set(letters()) == {alice.email, bob.email, OPS}
    assert letters() == {}


def test_owners_and_admins_get_letters_of_a_key_without_an_owner(
    letters, ending, alice, bob, olive, acme
):
    ending(7, by=alice, owner_email=bob.email)
    acme.memberships.get(user=bob).end()

    assert set(letters()) == {alice.email, olive.email}


def test_the_letter_to_a_contact_names_no_place_and_links_no_name(
    letters, ending, used, alice, acme, settings
):
    settings.SITE_URL = "https://keys.example"
    acme.name = "Win at www.evil.example"
    acme.save()
    key = ending(7, name="https://evil.example/now", by=alice, contact_email=OPS)
    used(key)

    letter = letters()[OPS]

    text = letter.get_content()
    assert letter["Subject"] == "Echopoint: an API key expires in 7 days"
    assert "evil.example" not in text
    assert "evil[.]example" in text
    assert "192.0.2.7" not in text
    assert "curl" not in text
    assert key.display_id in text
    assert f"https://keys.example{key.get_absolute_url()}" in text
    assert letter["List-Unsubscribe"].strip() == f"<{stop_url(OPS)}>"
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert letter["Auto-Submitted"] == "auto-generated"
    links = re.findall(r"https?://[^\s/]+", text)
    assert set(links) == {"https://keys.example"}


def test_a_contact_of_several_organizations_has_one_letter_with_all(
    letters, ending, alice, mallory, globex
):
    ending(7, name="ours", by=alice, contact_email=OPS)
    ending(1, name="theirs", by=mallory, organization=globex, contact_email=OPS)

    found = letters()

    assert "ours" in found[OPS].get_content()
    assert "theirs" in found[OPS].get_content()
    assert "theirs" not in found[alice.email].get_content()
    assert ContactDigest.objects.count() == 1
    ending(14, name="late", by=alice, contact_email=OPS)
    assert OPS not in letters()
    assert OPS in letters(NOW + DAY - DAY / 24)


def test_one_organization_does_not_crowd_out_the_keys_of_another(
    letters, ending, alice, mallory, globex, monkeypatch
):
    monkeypatch.setattr(contact_digest, "MOST_KEYS", 4)
    for n in range(6):
        ending(1, name=f"flood {n}", by=mallory, organization=globex, contact_email=OPS)
    ending(14, name="ours", by=alice, contact_email=OPS)

    text = letters()[OPS].get_content()

    assert "ours (" in text
    assert text.count("flood ") == 2
    assert "Also 4 more keys, which end later." in text


@pytest.mark.parametrize("change", ["contact", "stop", "revoke"])
def test_changes_before_the_letter_to_a_contact_are_respected(
    letters, ending, alice, change
):
    key = ending(7, by=alice)
    key.set_contact_email(OPS, by=SYSTEM)
    ExpiryNotice.objects.record(key, 7, [], contact=OPS, at=NOW)
    if change == "contact":
        key.set_contact_email("", by=SYSTEM)
    elif change == "stop":
        ContactAddress.objects.stop(OPS, by=SYSTEM)
    else:
        key.revoke(by=SYSTEM)

    assert OPS not in letters()
    assert not ContactNotice.objects.exists()
    assert not ContactDigest.objects.exists()


def test_a_contact_stops_all_letters_with_the_link(letters, ending, alice, page):
    ending(7, by=alice, contact_email=OPS)

    shown, stopped = page(), page("post", **{"List-Unsubscribe": "One-Click"})

    assert "Stop e-mails?" in shown.text
    assert not ContactAddress.objects.filter(address="x@team.example").exists()
    assert "The e-mails are stopped" in stopped.text
    assert set(letters()) == {alice.email}
    event = InstallationEvent.objects.get(action="contact.mail_stopped")
    assert (event.target_label, event.actor_type) == (OPS, "visitor")


def test_a_contact_can_get_letters_again(letters, ending, alice, page):
    page("post")
    page("post")

    again = page("post", action="resume")

    assert "Stop e-mails?" in again.text
    ending(7, by=alice, contact_email=OPS)
    assert OPS in letters()
    events = InstallationEvent.objects.filter(target_label=OPS).order_by("sequence")
    assert [event.action for event in events] == [
        "contact.mail_stopped",
        "contact.mail_resumed",
    ]


def test_a_contact_changes_its_mind_a_few_times_a_minute(page, db, monkeypatch):
    one_minute = SimpleNamespace(time=lambda: 1_800_000_000)
    monkeypatch.setattr(rate_limits, "time", one_minute)
    for n in range(CHANGES_PER_MINUTE):
        page("post", action=["stop", "resume"][n % 2])

    refused = page("post", action="stop")

    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0
    assert InstallationEvent.objects.filter(target_label=OPS).count() == 4
    assert ContactAddress.objects.wants_mail(OPS)


def test_no_log_has_the_link_of_a_contact():
    assert stop_url(OPS).rstrip("/").rpartition("/")[2] not in redact(stop_url(OPS))


def test_an_address_with_a_slash_has_a_link(page, db):
    assert "a/b+c@team.example" in page(address="a/b+c@team.example").text


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_link_that_was_not_signed_stops_nothing(client, db, method):
    token = stop_url(OPS).rstrip("/").rpartition("/")[2]
    assert OPS not in token
    for wrong in (OPS, f"{token}x", f"x{token}"):
        answer = getattr(client, method)(reverse("notices:contact", args=[wrong]))

        assert answer.status_code == 404
    assert address_of(token) == OPS
    assert not ContactAddress.objects.exists()


def test_the_link_of_a_person_is_invalid_for_a_contact(client, alice):

    token = url_for(alice).rstrip("/").rpartition("/")[2]

    assert client.post(reverse("notices:contact", args=[token])).status_code == 404


def test_a_stopped_contact_alone_is_not_a_recipient(ending, letters, olive, acme):
    ContactAddress.objects.stop(OPS, by=SYSTEM)
    key = ending(7, by=olive, contact_email=OPS)
    acme.memberships.update(role="member")
    olive.is_active = False
    olive.save()

    assert notify(NOW)["notices"] == 0
    ContactAddress.objects.resume(OPS, by=SYSTEM)
    assert notify(NOW)["notices"] == 1
    assert ApiKey.objects.get() == key


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Deploy", "Deploy"),
        ("api.v2", "api.v2"),
        ("www.evil.example", "www[.]evil[.]example"),
        ("http://1.2.3.4/", "http: //1.2.3.4/"),
        ("a@evil.example", "a@evil[.]example"),
        ("two\nlines", "two\N{REPLACEMENT CHARACTER}lines"),
    ],
)
def test_names_in_letters_to_contacts_are_not_links(name, shown):
    assert unlinked(name) == shown


def test_a_contact_letter_is_queued_encrypted(ending, alice, letters):
    ending(7, name="Deploy", by=alice, contact_email=OPS)
    notify(NOW)

    row = next(m for m in MailMessage.objects.all() if m.recipients == [OPS])
    assert "Deploy" not in row.subject
    assert "contact" not in row.sealed.ciphertext

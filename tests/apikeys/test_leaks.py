"""Which texts of a report stop a key, and who is told."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from apikeys import leaks, tokens
from apikeys.actors import Actor
from apikeys.contact_mail import stop_url
from apikeys.leaks import Finding, Reporter
from apikeys.models import ApiKey, AuditEvent, ContactAddress
from apikeys.models.contact_address import MAX_LEAK_MAILS
from echopoint.core.base62 import checksum
from echopoint.core.client_metadata import Client
from echopoint.mail.models import MailMessage
from tests.tenants import create_user

SITE = "https://keys.example"
SYSTEM = Actor.command("test")
QUEUED = "echopoint.mail.backend.QueuedBackend"


@pytest.fixture
def report():
    """Return a function that reports texts without a credential."""
    actor = Actor.reporter(Client(ip="203.0.113.9"), via="api")

    def report(*texts, at=None):
        findings = [t if isinstance(t, Finding) else Finding(t) for t in texts]
        return leaks.report(findings, Reporter(actor, "api", SITE), at=at)

    return report


@pytest.fixture
def noon():
    """Return tomorrow's noon, so that no test crosses the end of a day."""
    tomorrow = timezone.now() + timedelta(days=1)
    return tomorrow.replace(hour=12, minute=0, second=0, microsecond=0)


def stopped():
    rows = ApiKey.objects.filter(suspended_at__isnull=False)
    return set(rows.values_list("name", flat=True))


def by(user):
    return Actor.person(user, via="page", is_fresh=True)


def with_checksum(body):
    return body + checksum(body)


def test_only_the_presented_keys_are_stopped(report, issue):
    _, first = issue(name="first")
    _, second = issue(name="second")
    issue(name="third")

    found = report(first, "no key", f"  {second}\n", first)

    assert found == {first, f"  {second}\n"}
    assert stopped() == {"first", "second"}


NEAR_MISSES = {
    "the public id": lambda key, secret: key.display_id,
    "the API id": lambda key, secret: key.rest_id,
    "another secret of the id": lambda key, secret: with_checksum(
        f"epk_live_{key.public_id}_{'x' * 43}"
    ),
    "an unknown id": lambda key, secret: with_checksum(
        f"epk_live_{'0' * 12}_{secret[22:65]}"
    ),
    "a wrong checksum": lambda key, secret: (
        secret[:-1] + ("a" if secret[-1] != "a" else "b")
    ),
    "cut short": lambda key, secret: secret[:-1],
    "in quotes": lambda key, secret: f'"{secret}"',
    "in a sentence": lambda key, secret: f"KEY={secret}",
    "in another case": lambda key, secret: secret.upper(),
    "another prefix": lambda key, secret: with_checksum(f"epk_test_{secret[9:65]}"),
    "the digest": lambda key, secret: key.digest,
    "nothing": lambda key, secret: "",
    "null": lambda key, secret: f"{secret}\x00",
    "long": lambda key, secret: secret * 100,
}


@pytest.mark.parametrize("text", NEAR_MISSES)
def test_a_text_that_is_not_the_whole_key_stops_nothing(report, issue, text):
    key, secret = issue()
    count = AuditEvent.objects.count()

    assert report(NEAR_MISSES[text](key, secret)) == set()

    assert stopped() == set()
    assert AuditEvent.objects.count() == count
    assert mail.outbox == []


def test_a_key_under_an_older_pepper_is_found(report, issue, settings):
    _, secret = issue(name="old")
    settings.API_KEY_PEPPERS += ",2:another-pepper-" + "q" * 32

    assert report(secret) == {secret}
    assert stopped() == {"old"}


def test_a_report_costs_one_query_until_a_key_is_proven(
    report, issue, django_assert_num_queries
):
    key, _ = issue()
    texts = [tokens.generate().text for _ in range(50)]
    known_id = with_checksum(f"epk_live_{key.public_id}_{'x' * 43}")

    with django_assert_num_queries(1):
        report(*texts)
    with django_assert_num_queries(1):
        report(*texts, known_id)
    with django_assert_num_queries(0):
        report("no key", "neither")


def test_the_digest_is_computed_for_ids_that_do_not_exist(report, monkeypatch):
    computed = []
    digest = tokens.digest

    def noted(token, pepper):
        computed.append(token.public_id)
        return digest(token, pepper)

    monkeypatch.setattr(tokens, "digest", noted)
    token = tokens.generate()

    report(token.text)

    assert computed == [token.public_id]


def recipients():
    return sorted(message.to[0] for message in mail.outbox)


def test_owners_and_the_creator_are_mailed_at_once(report, issue, acme, alice, bob):
    key, secret = issue(name="CI", by=by(alice))

    report(secret)

    assert recipients() == ["alice@acme.example", "olive@acme.example"]
    message = mail.outbox[0]
    assert message.subject == "Echopoint: An API key was reported as leaked and stopped"
    for part in (
        f"CI ({key.display_id}) of Acme",
        "Now suspended. It was never used.",
        "By someone who sent the whole key to the API.",
        f"{SITE}{key.get_absolute_url()}",
        "The report came from 203.0.113.9.",
    ):
        assert part in message.body
    assert secret[22:] not in message.body


def test_one_mail_tells_a_person_of_all_keys(report, issue, acme, globex, olive):
    globex.memberships.create(user=olive, role="owner")
    secrets = [issue(name=name)[1] for name in ("one", "two")]
    secrets.append(issue(name="three", organization=globex)[1])

    report(*secrets)

    (message,) = mail.outbox
    assert message.to == ["olive@acme.example"]
    assert "3 API keys were reported" in message.subject
    assert all(f"{name} (epk_live_" in message.body for name in ("one", "two", "three"))


def test_people_learn_only_of_their_own_organizations(report, issue, globex, mallory):
    globex.memberships.update(role="owner")
    _, ours = issue(name="ours")
    _, theirs = issue(name="theirs", organization=globex)

    report(ours, theirs)

    bodies = {message.to[0]: message.body for message in mail.outbox}
    assert "theirs" not in bodies["olive@acme.example"]
    assert "ours (" not in bodies["mallory@globex.example"]


def test_who_left_or_may_not_sign_in_is_not_mailed(report, issue, acme, alice):
    _, secret = issue(by=by(alice))
    acme.memberships.filter(user=alice).delete()
    former = create_user("former@acme.example")
    former.is_active = False
    former.save()
    acme.memberships.create(user=former, role="owner")

    report(secret)

    assert recipients() == ["olive@acme.example"]


def test_a_second_report_and_a_stopped_key_mail_nobody(report, issue, acme):
    key, secret = issue()
    other, stopped_secret = issue()
    other.revoke(by=SYSTEM)
    report(secret)
    mail.outbox.clear()

    report(secret, stopped_secret)

    assert mail.outbox == []


def test_the_mail_is_queued_with_the_stop_or_not_at_all(
    report, issue, settings, monkeypatch
):
    settings.EMAIL_BACKEND = QUEUED
    _, secret = issue()
    report(secret)
    assert MailMessage.objects.count() == 1

    _, other = issue(name="other")
    monkeypatch.setattr(leaks, "mail", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        report(other)

    assert "other" not in stopped()


def test_the_keys_of_a_report_are_stopped_together_or_not_at_all(
    report, issue, monkeypatch
):
    secrets = [issue()[1] for _ in range(3)]
    record, calls = ApiKey.record, []

    def fails_late(self, *args, **details):
        calls.append(self)
        if len(calls) == 4:
            raise RuntimeError
        return record(self, *args, **details)

    monkeypatch.setattr(ApiKey, "record", fails_late)

    with pytest.raises(RuntimeError):
        report(*secrets)

    assert stopped() == set()


OPS = "ops@team.example"


def test_the_owner_and_the_contact_get_mail_too(report, issue, alice, bob, olive):
    key, secret = issue(
        name="www.evil.example", by=by(alice), owner_email=bob.email, contact_email=OPS
    )

    report(secret)

    letters = {to: letter for letter in mail.outbox for to in letter.to}
    assert set(letters) == {alice.email, bob.email, olive.email, OPS}
    letter = letters[OPS]
    assert letter.subject.endswith("An API key was reported as leaked and stopped")
    assert "evil.example" not in letter.body
    assert key.display_id in letter.body
    # The reporter's address is for members.
    assert "203.0.113.9" not in letter.body
    assert secret[22:] not in letter.body
    assert stop_url(OPS) in letter.body
    assert letter.extra_headers["List-Unsubscribe"] == f"<{stop_url(OPS)}>"


def test_a_contact_gets_few_mails_a_day(report, issue, noon):
    for n in range(MAX_LEAK_MAILS + 2):
        report(issue(name=f"key {n}", contact_email=OPS)[1], at=noon)

    assert len([1 for letter in mail.outbox if letter.to == [OPS]]) == MAX_LEAK_MAILS
    row = ContactAddress.objects.get()
    assert ContactAddress.objects.count_leak_mail(OPS, noon) is False
    assert ContactAddress.objects.count_leak_mail(OPS, noon + timedelta(days=1))
    assert row.leak_mails == MAX_LEAK_MAILS


def test_keys_of_a_report_are_in_one_mail_to_a_contact(report, issue, monkeypatch):
    monkeypatch.setattr(leaks, "MAX_KEYS_TO_CONTACT", 2)
    secrets = [issue(name=f"key {n}", contact_email=OPS)[1] for n in range(3)]

    report(*secrets)

    (letter,) = [letter for letter in mail.outbox if letter.to == [OPS]]
    assert "3 API keys were reported" in letter.subject
    assert letter.body.count("epk_live_") == 2
    assert "Also 1 more." in letter.body


def test_contacts_get_no_mail_once_many_keys_were_reported(
    report, issue, noon, monkeypatch
):
    monkeypatch.setattr(leaks, "MAX_REPORTS_TO_CONTACTS", 2)
    for n in range(4):
        _, secret = issue(name=f"key {n}", contact_email=f"ops{n}@team.example")
        report(secret, at=noon)

    contacts = [to for letter in mail.outbox for to in letter.to if "@team" in to]
    assert contacts == ["ops0@team.example", "ops1@team.example"]
    report(issue(name="last", contact_email=OPS)[1], at=noon + timedelta(days=1))
    assert [OPS] in [letter.to for letter in mail.outbox]


def test_a_contact_that_stopped_its_mail_gets_none(report, issue):
    ContactAddress.objects.stop(OPS, by=SYSTEM)

    report(issue(contact_email=OPS)[1])

    assert [OPS] not in [letter.to for letter in mail.outbox]


def test_an_owner_who_left_gets_no_mail(report, issue, acme, bob):
    _, secret = issue(owner_email=bob.email)
    acme.memberships.filter(user=bob).delete()

    report(secret)

    assert [bob.email] not in [letter.to for letter in mail.outbox]

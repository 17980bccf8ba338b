"""What the audit has of people: sign-ins, failures, passwords, second factors."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.core import mail
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.test import Client
from django.urls import reverse

from apikeys.actors import Actor
from apikeys.audit.timeline import in_words
from apikeys.db.write_buffers import write_buffers
from apikeys.models import ApiKey, AuditChain, AuditEvent, InstallationEvent
from apikeys.models.person_events import PER_HOUR
from echopoint.core.audit_log import audit_log
from echopoint.core.client_metadata import Client as Caller
from echopoint.organizations.models import Membership, User
from tests.authenticator_app import add_app, current_code
from tests.concurrency import WAITING
from tests.signing_in import sign_in
from tests.tenants import create_user

LOGIN = "/accounts/login/"
PASSWORD = "correct horse battery"
NEW = "a staple for the battery"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
TOTP_SECRET = "JBSWY3DPEHPK3PXP"
person_events = InstallationEvent.person_events


def try_to_sign_in(client, password=PASSWORD, login="alice@acme.example", **headers):
    return client.post(
        LOGIN,
        {"login": login, "password": password},
        headers={"User-Agent": "Firefox"} | headers,
    )


def told(events):
    """Return (action, target, words) of the events, the oldest first."""
    return [
        (e.get_action_display(), e.target_label, in_words(e))
        for e in events.order_by("sequence")
    ]


def of(organization):
    write_buffers.flush()
    return AuditEvent.objects.for_org(organization)


def of_installation():
    write_buffers.flush()
    return InstallationEvent.objects.all()


@pytest.fixture
def app(alice):
    """Return alice's authenticator app, a maker of codes; it was there before."""
    TOTP.activate(alice, TOTP_SECRET)
    return lambda: current_code(TOTP_SECRET)


def everything():
    """Return all that both chains hold, as text."""
    write_buffers.flush()
    events = [*AuditEvent.objects.all(), *InstallationEvent.objects.all()]
    return "\n".join(str(event.as_dict()) for event in events)


# Signing in


def test_a_sign_in_is_an_event_of_the_persons_organization(client, alice, acme, globex):
    try_to_sign_in(client)

    event = of(acme).get()
    assert (event.actor_type, event.actor_id) == ("user", alice.pk)
    assert event.actor_label == alice.email
    assert (event.target_type, event.target_id) == ("user", alice.pk)
    assert (event.ip, event.user_agent) == ("127.0.0.1", "Firefox")
    assert event.request_id
    assert event.details == {"via": "page", "methods": ["password"]}
    assert told(of(acme)) == [("Signed in", alice.email, "With a password.")]
    assert not of(globex).exists()
    assert not of_installation().exists()


def test_a_sign_in_says_all_that_it_was_done_with(client, acme, app):
    try_to_sign_in(client)
    assert not of(acme).filter(action="person.signed_in").exists()

    client.post(reverse("mfa_authenticate"), {"code": app()})

    event = of(acme).get(action="person.signed_in")
    assert event.details["methods"] == ["password", "totp"]


def test_a_person_of_two_organizations_is_in_both_chains(client, alice, acme, globex):
    globex.memberships.create(user=alice)

    try_to_sign_in(client)

    assert of(acme).count() == of(globex).count() == 1
    assert not of_installation().exists()


def test_a_person_without_an_organization_is_in_the_installations_chain(client, acme):
    User.objects.create_superuser("root@echopoint.example", PASSWORD)

    try_to_sign_in(client, login="root@echopoint.example")

    event = of_installation().get()
    assert (event.action, event.actor_label) == (
        "person.signed_in",
        "root@echopoint.example",
    )
    assert not of(acme).exists()


def test_nobody_is_signed_in_when_it_cannot_be_recorded(client, alice, monkeypatch):
    monkeypatch.setattr(AuditEvent, "save", lambda *args, **options: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        try_to_sign_in(client)

    assert Client().get("/orgs/").status_code == 302
    assert client.get("/orgs/").status_code == 302


@pytest.mark.postgresql
def test_a_sign_in_does_not_wait_for_a_chain_and_is_recorded_once_it_is_free(
    committing, client, alice, acme, lock_chain
):
    with lock_chain(acme):
        try_to_sign_in(client)
        assert client.get("/orgs/").status_code == 302
        assert client.get("/orgs/")["Location"].startswith("/orgs/")
        assert not AuditEvent.objects.exists()

    assert told(of(acme)) == [("Signed in", alice.email, "With a password.")]
    assert AuditEvent.objects.verify(acme) is None


@pytest.fixture
def lock_chain():
    """Return a context manager in which another connection holds an organization's chain."""

    @contextmanager
    def lock_chain(organization):
        held, release = Event(), Event()

        def hold():
            try:
                with transaction.atomic():
                    AuditChain.objects.lock(organization)
                    held.set()
                    release.wait(60)
            finally:
                connections.close_all()

        AuditChain.objects.get_or_create(organization=organization)
        with ThreadPoolExecutor(1) as pool:
            holding = pool.submit(hold)
            assert held.wait(30)
            try:
                yield
            finally:
                release.set()
                holding.result(30)

    return lock_chain


# Failures


def test_a_wrong_password_is_an_event_without_what_was_typed(client, alice, acme):
    try_to_sign_in(client, "Tr0ub4dor&3-typed")

    event = of(acme).get()
    assert (event.actor_type, event.actor_id) == ("visitor", "")
    assert event.ip == "127.0.0.1"
    assert told(of(acme)) == [("Sign-in failed", alice.email, "Wrong password.")]
    assert "Tr0ub4dor" not in everything()
    assert not of_installation().exists()


def test_an_unknown_address_is_in_the_installations_chain_and_is_not_repeated(
    client, acme
):
    try_to_sign_in(client, "Tr0ub4dor&3-typed", "nobody-canary@acme.example")

    assert told(of_installation()) == [
        (
            "Sign-in failed",
            "an unknown account",
            "No account has this e-mail address.",
        )
    ]
    assert "canary" not in everything()
    assert not of(acme).exists()


def test_each_reason_for_a_failure_is_told(client, alice, bob, acme, app):
    for _ in range(6):
        try_to_sign_in(Client(), "wrong", bob.email)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    try_to_sign_in(Client(), "wrong", bob.email, X_Forwarded_For="192.0.2.1")
    try_to_sign_in(client)
    client.post(reverse("mfa_authenticate"), {"code": "123456"})
    client.post(reverse("mfa_authenticate"), {"credential": '{"id": "x"}'})

    reasons = [e.details["reason"] for e in of(acme).filter(action__contains="failed")]
    assert set(reasons) >= {"wrong_password", "too_many_attempts", "wrong_code"}
    assert "wrong_passkey" in reasons
    assert len(reasons) == len(set(reasons)), "one for each reason of the minute"


def test_an_account_that_is_switched_off_is_said_to_be(client, alice, acme):
    User.objects.filter(pk=alice.pk).update(is_active=False)

    try_to_sign_in(client)

    assert told(of(acme))[0][2] == "The account is switched off."


def test_a_code_that_was_used_before_is_a_failure(client, alice, acme, app):
    code = app()
    for browser in (Client(), Client()):
        try_to_sign_in(browser)
        browser.post(reverse("mfa_authenticate"), {"code": code})

    assert [
        e.details["reason"] for e in of(acme).filter(action__contains="failed")
    ] == ["wrong_code"]
    assert code not in everything()


def test_a_failure_when_it_is_asked_once_more_names_the_person(client, alice, acme):
    sign_in(client, alice, ago=3600)

    client.post("/accounts/reauthenticate/", {"password": "wrong"})

    event = of(acme).get()
    assert (event.action, event.actor_id) == ("person.sign_in_failed", alice.pk)


def fail(user, *, ip="192.0.2.1", reason="wrong_password", at=NOON):
    person_events.sign_in_failed(user, Actor.visitor(Caller(ip=ip)), reason, at=at)


def test_a_failed_sign_in_asks_the_database_nothing(alice, statements):
    with statements() as found:
        fail(alice)

    assert found == []


@pytest.mark.parametrize("flushes", [1, 5])
def test_a_flood_is_one_event_of_a_minute(alice, acme, flushes):
    """Also of several processes: each flush finds what the ones before it wrote."""
    for _ in range(flushes):
        for second in range(59):
            fail(alice, at=NOON + timedelta(seconds=second))
            fail(None, at=NOON + timedelta(seconds=second))
        write_buffers.flush()

    assert of(acme).count() == of_installation().count() == 1
    fail(alice, at=NOON + timedelta(seconds=60))
    fail(alice, ip="192.0.2.2")
    fail(alice, reason="too_many_attempts")
    assert of(acme).count() == 4


@pytest.mark.parametrize("known", [True, False])
def test_a_flood_from_everywhere_ends_for_the_hour_and_says_so(alice, acme, known):
    user = alice if known else None
    for n in range(PER_HOUR * 3):
        fail(user, ip=f"2001:db8::{n:x}", at=NOON + timedelta(seconds=n))
    events = of(acme) if known else of_installation()

    assert events.count() == PER_HOUR
    words = [text for _, _, text in told(events)]
    ends = "Further failures in this hour are not recorded."
    assert [ends in text for text in words] == [False] * (PER_HOUR - 1) + [True]
    fail(user, at=NOON + timedelta(hours=1))
    assert (of(acme) if known else of_installation()).count() == PER_HOUR + 1


def test_a_flood_at_one_account_hides_no_failure_of_another(alice, bob, acme):
    for n in range(PER_HOUR + 5):
        fail(alice, ip=f"2001:db8::{n:x}")
    fail(bob)

    assert of(acme).filter(target_id=bob.pk).count() == 1


# Passwords


def change_password(client, alice):
    sign_in(client, alice)
    client.post(
        "/accounts/password/change/",
        {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW},
    )


def test_a_changed_password_is_an_event(client, alice, acme, globex):
    change_password(client, alice)

    event = of(acme).get()
    assert (event.action, event.actor_id) == ("person.password_changed", alice.pk)
    assert (event.target_id, event.details) == (alice.pk, {"via": "page"})
    alice.refresh_from_db()
    assert alice.check_password(NEW)
    assert not of(globex).exists()
    assert PASSWORD not in everything()
    assert NEW not in everything()
    assert alice.password not in everything()


def test_no_password_changes_without_its_event(client, alice, monkeypatch):
    monkeypatch.setattr(AuditEvent, "save", lambda *args, **options: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        change_password(client, alice)

    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_a_reset_password_is_an_event_of_someone_with_the_link(client, alice, acme):
    client.post("/accounts/password/reset/", {"email": alice.email})
    link = re.search(r"/accounts/password/reset/key/\S+", mail.outbox.pop().body)[0]
    form = client.get(link, follow=True).redirect_chain[-1][0]
    client.post(form, {"password1": NEW, "password2": NEW})

    event = of(acme).get()
    assert (event.action, event.actor_type) == ("person.password_reset", "visitor")
    assert event.target_id == alice.pk
    assert link.split("-")[-1].strip("/") not in everything()


def test_a_password_that_is_set_on_the_server_is_an_event(alice, acme, monkeypatch):
    monkeypatch.setattr("getpass.getpass", lambda **options: NEW)

    call_command("changepassword", alice.email)

    event = of(acme).get()
    assert (event.action, event.actor_type) == ("person.password_changed", "system")
    assert event.actor_label == "the command line"


def test_a_password_that_is_hashed_anew_is_no_change(alice, acme, settings):
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
        *settings.PASSWORD_HASHERS,
    ]
    before = alice.password

    assert alice.check_password(PASSWORD)

    alice.refresh_from_db()
    assert alice.password != before
    assert not of(acme).exists()


def test_other_changes_of_a_person_are_no_new_password(alice, acme):
    alice.name = "Alice"
    alice.save()

    assert not of(acme).exists()


# Second factors


@pytest.fixture
def with_app(client, alice):
    """Let alice add an app on its page; return its secret."""
    sign_in(client, alice)
    secret, _ = add_app(client, PASSWORD)
    return secret


def actions(events):
    return list(events.order_by("sequence").values_list("action", flat=True))


def test_an_app_is_an_event_when_it_comes_and_when_it_goes(
    client, alice, acme, with_app
):
    assert actions(of(acme)) == [
        "person.second_factor_added",
        "person.recovery_codes_made",
    ]
    assert told(of(acme))[0] == (
        ("Second factor added", alice.email, "Authenticator app.")
    )
    assert of(acme).first().actor_id == alice.pk
    assert with_app not in everything()

    client.post("/accounts/2fa/totp/deactivate/")

    assert actions(of(acme))[2:] == ["person.second_factor_removed"]


def test_new_recovery_codes_are_an_event_without_the_codes(
    client, alice, acme, with_app
):
    client.post("/accounts/2fa/recovery-codes/generate/")

    assert actions(of(acme))[2:] == ["person.recovery_codes_made"]
    row = Authenticator.objects.get(user=alice, type="recovery_codes")
    for code in row.wrap().get_unused_codes():
        assert code not in everything()
    assert row.data["seed"] not in everything()


def test_a_passkey_is_an_event(alice, acme):
    row = Authenticator.objects.create(
        user=alice, type="webauthn", data={"name": "Work laptop"}
    )
    row.data["name"] = "Other"
    row.save()

    assert told(of(acme)) == [("Second factor added", alice.email, "Passkey.")]


def test_no_second_factor_comes_or_goes_without_its_event(alice, app, monkeypatch):
    row = Authenticator.objects.get(user=alice, type="totp")
    monkeypatch.setattr(AuditEvent, "save", lambda *args, **options: 1 / 0)

    with pytest.raises(ZeroDivisionError), transaction.atomic():
        Authenticator.objects.create(user=alice, type="webauthn", data={})
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        row.delete()

    assert list(Authenticator.objects.filter(user=alice)) == [row]


# The page


def test_the_page_shows_people_and_finds_them(client, alice, bob, acme):
    try_to_sign_in(Client())
    try_to_sign_in(Client(), "wrong", bob.email)
    write_buffers.flush()
    sign_in(client, bob)
    url = reverse("apikeys:audit", args=[acme.pk])

    page = client.get(url)

    assert "Signed in" in page.text
    assert "Wrong password." in page.text
    assert "someone not signed in" in page.text
    assert '?actor="' not in page.text
    found = client.get(url, {"key": "bob@"}).context["listed"]
    assert [event.target_id for event in found] == [bob.pk]
    found = client.get(url, {"action": "person.signed_in"}).context["listed"]
    assert [event.actor_id for event in found] == [alice.pk]


def test_the_filter_offers_actions_in_groups(client, alice, acme):
    sign_in(client, alice)

    page = client.get(reverse("apikeys:audit", args=[acme.pk]))

    assert '<optgroup label="Sign-ins and accounts">' in page.text
    assert '<option value="person.sign_in_failed">' in page.text


def test_members_of_another_organization_see_nothing_of_it(
    client, mallory, acme, globex
):
    try_to_sign_in(Client())
    sign_in(client, mallory)

    assert client.get(reverse("apikeys:audit", args=[acme.pk])).status_code == 404
    page = client.get(reverse("apikeys:audit", args=[globex.pk]))
    assert "alice" not in page.text


def waiting_for(change, act, then=lambda: None):
    """Make a change, act elsewhere until that waits for the change, then commit it."""

    def elsewhere():
        try:
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic(), connection.cursor() as cursor:
            change()
            answer = pool.submit(elsewhere)
            until = time.monotonic() + 10
            while time.monotonic() < until and not answer.done():
                if cursor.execute(WAITING).fetchone()[0]:
                    break
                time.sleep(0.02)
            then()
        return answer.result(30)


@pytest.mark.postgresql
@pytest.mark.parametrize("has_organization", [True, False])
def test_a_new_password_waits_for_a_change_of_the_person_in_the_console(
    committing, alice, has_organization
):
    user = alice if has_organization else create_user("root@echopoint.example")

    def set_password():
        user.set_password(NEW)
        user.save()
        return True

    def change():
        audit_log().lock_installation()
        audit_log().lock_chains_of(user)

    rows = User.objects.filter(pk=user.pk)
    assert waiting_for(change, set_password, lambda: rows.update(is_staff=True))
    assert rows.get().check_password(NEW)


@pytest.mark.postgresql
def test_new_recovery_codes_wait_for_a_key_of_the_same_person(
    committing, client, alice, acme, app, issue
):
    """Whoever waits for the chain must not hold the person, whom a new key refers to."""
    sign_in(client, alice)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})

    answer = waiting_for(
        lambda: issue(by=Actor.person(alice, via="page", is_fresh=True)),
        lambda: client.post("/accounts/2fa/recovery-codes/generate/").status_code,
    )

    assert answer == 302
    assert ApiKey.objects.count() == 1
    assert of(acme).filter(action="person.recovery_codes_made").count() == 1


@pytest.mark.postgresql
def test_sign_ins_and_keys_at_once_end_in_no_deadlock(
    committing, at_once, alice, bob, acme, globex, issue
):
    for user in (alice, bob):
        globex.memberships.create(user=user)
    Membership.objects.update(role=Membership.Role.ADMIN)

    def act(n):
        for m in range(3):
            if n % 2:
                user = User.objects.get(pk=(alice, bob)[n % 4 == 1].pk)
                by = Actor.person(user, via="page", is_fresh=True)
                organization = (acme, globex)[n % 3 == 0]
                issue(name=f"{n} {m}", organization=organization, by=by)
                user.set_password(PASSWORD)
                user.save()
            else:
                try_to_sign_in(Client())

    found = at_once(8, act)

    assert [one for one in found if isinstance(one, Exception)] == []
    write_buffers.flush()
    for organization in (acme, globex):
        assert AuditEvent.objects.verify(organization) is None
        events = AuditEvent.objects.for_org(organization)
        assert events.filter(action="person.signed_in").count() == 12

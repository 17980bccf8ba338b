"""Fixtures of the tests of notices: keys that end on a chosen day, and their digests."""

from email import message_from_bytes, policy

import pytest
import trustme

from apikeys.actors import Actor
from apikeys.models import ApiKey, KeyPlace
from apikeys.places import place_of
from echopoint.core.client_metadata import Client
from echopoint.mail.models import MailMessage
from echopoint.notices.notifying import notify
from tests.notices.dates import DAY, NOW
from tests.notices.receiver import serve, server_context


@pytest.fixture
def ending(issue):
    """Return a function that issues a key that ends in so many days, 90 after its issue."""

    def ending(days, name=None, by=None, lifetime=90, **values):
        actor = Actor.person(by, via="test", is_fresh=True) if by else None
        more = {"by": actor} if actor else {}
        more |= {"name": name} if name else {}
        at = NOW + (days - lifetime) * DAY
        key, _ = issue(at=at, expires_in_days=lifetime, **more | values)
        return key

    return ending


@pytest.fixture
def used(rf):
    """Return a function that records a use of the key, by curl at an address."""

    def used(key, ip="192.0.2.7", at=NOW - DAY, ci=None):
        client = Client(ip, "curl/8", "", "GET /flows")
        key.record_use(client, at=at)
        headers = {"X-CI-Context": ci} if ci else {}
        KeyPlace.objects.record(key, place_of(rf.get("/", headers=headers), client), at)
        KeyPlace.objects.flush()
        return ApiKey.objects.get(pk=key.pk)

    return used


@pytest.fixture
def letters(mail_server):
    """Return a function that notifies and returns the new letters, by recipient."""

    def letters(at=NOW):
        before = len(mail_server.letters)
        notify(at)
        MailMessage.objects.update(next_attempt_at=NOW - DAY)
        MailMessage.objects.send_due()
        found = [
            message_from_bytes(
                text.replace("\r\n", "\n").encode(), policy=policy.default
            )
            for text in mail_server.letters[before:]
        ]
        by_recipient = {letter["To"]: letter for letter in found}
        assert len(by_recipient) == len(found), "a person got two letters"
        return by_recipient

    return letters


@pytest.fixture(scope="session")
def authority():
    return trustme.CA()


@pytest.fixture
def receiver(authority, settings, monkeypatch, tmp_path):
    """Return a receiver at localhost, whose certificate the site trusts."""
    settings.NOTICES_TO_PRIVATE_NETWORKS = True
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(trusted)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    server = serve(server_context(authority.issue_cert("localhost", "hooks.example")))
    server.url = f"https://localhost:{server.port}/keys"
    yield server
    server.drips.clear()
    server.shutdown()
    server.server_close()

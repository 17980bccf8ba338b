"""Forms do the same work whether or not an address has an account."""

import re
import time

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core import mail
from django.test import Client

from echopoint.mail.models import MailMessage
from echopoint.organizations.models import User

LOGIN, SIGN_UP = "/accounts/login/", "/accounts/signup/"
RESET = "/accounts/password/reset/"
NEW = "a staple for the battery"
NOBODY = "nobody@acme.example"
VERB_AND_TABLE = re.compile(r'(\w+).*?(?:FROM|INTO|UPDATE) "(\w+)"', re.DOTALL)


@pytest.fixture(autouse=True)
def _open(settings):
    settings.OPEN_SIGN_UP = True
    settings.EMAIL_URL = "dummymail://"
    settings.EMAIL_BACKEND = "echopoint.mail.backend.QueuedBackend"


@pytest.fixture
def hashed(monkeypatch):
    """Return the list of the passwords that are hashed, which take nearly all the time."""
    passwords = []
    encode = MD5PasswordHasher.encode

    def noted(self, password, salt):
        passwords.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", noted)
    return passwords


@pytest.fixture
def work(statements, hashed):
    """Return a function: what a form does, as statements, hashes, and the answer."""

    def work(page, email):
        form = {"email": email, "login": email, "password": "wrong"}
        hashed.clear()
        with statements() as found:
            answer = Client().post(page, form | {"password1": NEW, "password2": NEW})
        done = sorted(VERB_AND_TABLE.match(sql).groups() for sql in found)
        return done, len(hashed), answer.status_code

    return work


@pytest.mark.parametrize(
    ("page", "hashes", "writes"),
    [
        (LOGIN, 1, []),
        (
            SIGN_UP,
            1,
            [
                "account_emailaddress",
                "django_session",
                "mail_mailmessage",
                "organizations_user",
            ],
        ),
        (RESET, 0, ["mail_mailmessage"]),
    ],
)
def test_as_much_is_done_with_an_account_as_without(alice, work, page, hashes, writes):
    unknown = work(page, NOBODY)
    known = work(page, alice.email)

    assert known == unknown
    done, passwords, _ = known
    assert passwords == hashes
    assert [table for verb, table in done if verb == "INSERT"] == writes


@pytest.mark.parametrize("change", ["no password", "switched off"])
def test_as_much_is_done_for_who_may_not_sign_in(alice, work, change):
    if change == "no password":
        alice.set_unusable_password()
    alice.is_active = change != "switched off"
    alice.save()

    assert work(LOGIN, alice.email) == work(LOGIN, NOBODY)


def test_what_a_taken_address_takes_leaves_no_account_and_one_mail(alice, work):
    before = User.objects.count()

    work(SIGN_UP, alice.email)

    assert User.objects.count() == before
    assert not alice.emailaddress_set.exists()
    assert MailMessage.objects.get().recipients == [alice.email]
    assert mail.outbox == []


# Longer than the work takes.
PACE = 0.3


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("page", [RESET, SIGN_UP])
def test_the_answer_comes_at_its_time(alice, settings, page, is_known):
    settings.ACCOUNT_ANSWER_SECONDS = PACE
    email = alice.email if is_known else NOBODY
    form = {"email": email, "password1": NEW, "password2": NEW}
    begun = time.monotonic()

    assert Client().post(page, form).status_code == 302

    assert time.monotonic() - begun >= PACE


def test_what_takes_longer_is_answered_at_the_next_multiple(
    alice, settings, monkeypatch
):
    settings.ACCOUNT_ANSWER_SECONDS = PACE
    encode = MD5PasswordHasher.encode

    def slowly(self, password, salt):
        time.sleep(PACE * 1.1)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", slowly)
    form = {"email": alice.email, "password1": NEW, "password2": NEW}
    begun = time.monotonic()

    Client().post(SIGN_UP, form)

    assert time.monotonic() - begun >= 2 * PACE

"""Look-alike addresses: mail and sign-in use the account's stored address."""

import re

import pytest
from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.core import context
from django.contrib.admin.utils import quote
from django.contrib.auth import authenticate
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client

from echopoint.organizations.models import User
from tests.signing_in import sign_in

LOGIN = "/accounts/login/"
RESET = "/accounts/password/reset/"
SIGN_UP = "/accounts/signup/"
PASSWORD = "correct horse battery"
NEW = "a staple for the battery"

# Each is sam@shop.example in plain form, and another mailbox.
LOOK_ALIKES = [
    "ſam@shop.example",
    "ſam@ſhop.example",
    "sam@ｓhop.example",
    "SAM@Ｓhop.example",
]


@pytest.fixture
def sam(db):
    return User.objects.create_user("sam@shop.example", PASSWORD)


@pytest.fixture
def recipients():
    """Return a function that returns the recipients of all mail so far."""
    return lambda: {address for message in mail.outbox for address in message.to}


# Mail


@pytest.mark.parametrize("typed", [*LOOK_ALIKES, "Sam@Shop.example"])
def test_the_link_goes_to_the_address_of_the_account(client, sam, recipients, typed):
    client.post(RESET, {"email": typed})

    assert "/reset/key/" in mail.outbox[0].body
    assert recipients() == {sam.email}


def test_no_caller_sends_a_link_to_another_address(rf, sam, recipients):
    link = {"password_reset_url": "https://testserver/x"}

    with context.request_context(rf.get(RESET)):
        get_adapter().send_password_reset_mail(sam, "ſam@shop.example", link)

    assert recipients() == {sam.email}


def test_an_account_is_not_found_by_an_address_it_had_before(client, sam, recipients):
    EmailAddress.objects.create(
        user=sam, email="old@shop.example", verified=True, primary=True
    )

    client.post(RESET, {"email": "old@shop.example"})

    assert "/reset/key/" not in mail.outbox[0].body


def test_who_has_the_address_that_another_had_before_gets_the_link(client, sam):
    EmailAddress.objects.create(user=sam, email="kim@shop.example", verified=True)
    kim = User.objects.create_user("kim@shop.example", PASSWORD)

    client.post(RESET, {"email": kim.email})

    assert f"/reset/key/{kim.pk}-" in mail.outbox[0].body
    assert mail.outbox[0].to == [kim.email]


def test_a_password_change_is_mailed_to_the_current_address(client, sam, recipients):
    EmailAddress.objects.create(
        user=sam, email="old@shop.example", verified=True, primary=True
    )
    client.post(RESET, {"email": sam.email})
    link = re.search(r"/accounts/password/reset/key/\S+", mail.outbox[0].body)[0]
    form = client.get(link, follow=True).redirect_chain[-1][0]

    client.post(form, {"password1": NEW, "password2": NEW})

    assert len(mail.outbox) == 2
    assert recipients() == {sam.email}


def test_resets_are_limited_per_canonical_address(client, sam):
    for typed in (LOOK_ALIKES * 6)[:20]:
        client.post(RESET, {"email": typed})
    ours = len(mail.outbox)
    mail.outbox.clear()
    Client(REMOTE_ADDR="192.0.2.7").post(RESET, {"email": "ſam@shop.example"})

    assert ours == 5
    assert mail.outbox == []


@pytest.mark.parametrize("typed", LOOK_ALIKES)
def test_a_sign_up_with_a_look_alike_address_mails_only_the_account(
    client, sam, settings, recipients, typed
):
    settings.OPEN_SIGN_UP = True

    client.post(SIGN_UP, {"email": typed, "password1": NEW, "password2": NEW})

    assert User.objects.get() == sam
    assert recipients() == {sam.email}


def test_a_sign_up_verifies_the_address_that_is_stored(
    client, db, settings, recipients
):
    settings.OPEN_SIGN_UP = True
    values = {"email": "ſam@shop.example", "password1": NEW, "password2": NEW}

    client.post(SIGN_UP, values)

    assert User.objects.get().email == "sam@shop.example"
    assert EmailAddress.objects.get().email == "sam@shop.example"
    assert recipients() == {"sam@shop.example"}


@pytest.mark.parametrize("typed", LOOK_ALIKES)
def test_signing_in_adds_no_address_to_an_account(client, sam, recipients, typed):
    EmailAddress.objects.create(user=sam, email=sam.email, verified=False, primary=True)

    client.post(LOGIN, {"login": typed, "password": PASSWORD})

    assert EmailAddress.objects.get().email == sam.email
    assert recipients() == {sam.email}


@pytest.mark.parametrize(
    "typed",
    [
        "sam@evil＠shop.example",  # a second @ in plain form
        "sam@shop　evil.example",  # a space
        f"sam@{'ﷺ' * 20}.example",  # longer than an address can be
    ],
)
@pytest.mark.parametrize("page", [RESET, SIGN_UP, LOGIN])
def test_what_is_no_address_in_plain_form_gets_no_mail(
    client, db, settings, page, typed
):
    settings.OPEN_SIGN_UP = True
    values = {"email": typed, "login": typed, "password": NEW}

    page = client.post(page, values | {"password1": NEW, "password2": NEW})

    assert page.status_code == 200
    assert page.context["form"].errors.keys() <= {"email", "login"}
    assert page.context["form"].errors
    assert not User.objects.exists()
    assert mail.outbox == []


# Signing in


def test_password_attempts_are_limited_per_canonical_address(sam):
    for typed in [*LOOK_ALIKES, "sam@shop.example"]:
        Client().post(LOGIN, {"login": typed, "password": "wrong"})

    page = Client().post(LOGIN, {"login": "ſam@shop.example", "password": PASSWORD})

    assert "Too many attempts" in page.text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("mike@shop.example", "mıke@shop.example"),
        ("mike@strasse.example", "mike@straße.example"),
        ("mike@σας.example", "mike@σασ.example"),
    ],
)
def test_two_look_alike_accounts_sign_in_with_their_own_passwords(db, one, other):
    people = [
        User.objects.create_user(one, PASSWORD),
        User.objects.create_user(other, NEW),
    ]

    assert authenticate(username=one, password=PASSWORD) == people[0]
    assert authenticate(username=other, password=NEW) == people[1]
    assert authenticate(username=one, password=NEW) is None
    for email, password in ((one, PASSWORD), (other, NEW)):
        page = Client().post(LOGIN, {"login": email, "password": password})
        assert page.status_code == 302


@pytest.mark.parametrize("text", ["H\u0331", "İ", "ſ", "Ａ\u030a", "ẞ", "Σ", "K"])
def test_normalizing_an_address_twice_changes_nothing(text):
    email = User.objects.normalize_email(f"sam@{text}x.example")

    assert User.objects.normalize_email(email) == email
    assert email.lower() == email


def test_a_user_created_with_decomposed_letters_is_found(db):
    person = User.objects.create_user("sam@H\u0331ouse.example", PASSWORD)

    assert User.objects.get_by_natural_key(person.email) == person


def test_the_console_says_that_an_address_is_taken_in_another_spelling(client, sam):
    boss = User.objects.create_superuser("boss@shop.example", PASSWORD)
    sign_in(client, boss)
    new = {"usable_password": "true", "password1": NEW, "password2": NEW}

    for typed in ("ſam@shop.example", "SAM@shop.example"):
        added = client.post("/admin/organizations/user/add/", new | {"email": typed})
        changed = client.post(
            f"/admin/organizations/user/{quote(boss.pk)}/change/", {"email": typed}
        )
        for page in (added, changed):
            assert page.status_code == 200
            assert "exists" in str(page.context["errors"])
    assert User.objects.count() == 2


def test_createsuperuser_says_that_an_address_is_taken(sam):
    with pytest.raises(CommandError, match="already taken"):
        call_command(
            "createsuperuser", email="ſam@shop.example", interactive=False, verbosity=0
        )


# The addresses of before


@pytest.mark.slow
def test_addresses_of_before_get_their_one_spelling(migrate, caplog):
    users = migrate([("organizations", "0003_visible_names")])
    users = users.get_model("organizations", "User").objects
    for email in (
        "ſue@shop.example",
        "sam@shop.example",
        "ſam@shop.example",
        "kim@shop.example",
    ):
        users.create(email=email, password="x")
    lost = users.get(email="ſam@shop.example").pk

    migrate()

    assert sorted(users.values_list("email", flat=True)) == [
        "kim@shop.example",
        "sam@shop.example",
        "sue@shop.example",
        "ſam@shop.example",
    ]
    assert User.objects.get_by_natural_key("ſam@shop.example").pk != lost
    assert f"{lost} does not sign in" in caplog.text
    assert "@" not in caplog.text

"""Accounts: sign-in, sign-up, passwords, second factors and re-authentication."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from allauth.mfa.totp.internal.auth import yield_hotp_counters_from_time as counters
from django.contrib.auth import authenticate
from django.core import mail
from django.core.cache import cache
from django.db import connection, connections
from django.test import Client
from django.urls import reverse

from apikeys.models import ApiKey, SpentNonce
from echopoint.organizations.models import User
from tests.authenticator_app import add_app, current_code
from tests.signing_in import set_back, sign_in

LOGIN = "/accounts/login/"
RESET = "/accounts/password/reset/"
PASSWORD = "correct horse battery"
NEW = "a staple for the battery"
MINUTE = 60


def try_to_sign_in(client, password=PASSWORD, login="alice@acme.example"):
    return client.post(LOGIN, {"login": login, "password": password})


def is_signed_in(client):
    return "_auth_user_id" in client.session


# Signing up


SIGN_UP = {"email": "new@acme.example", "password1": NEW, "password2": NEW}


def test_sign_up_is_closed(client, db):
    response = client.post("/accounts/signup/", SIGN_UP)

    assert "Sign-up is closed" in response.content.decode()
    assert not User.objects.exists()


def test_who_signs_up_signs_in_after_verifying_the_address(client, db, settings):
    settings.OPEN_SIGN_UP = True
    client.post("/accounts/signup/", SIGN_UP)
    try_to_sign_in(client, NEW, "new@acme.example")
    assert not is_signed_in(client)

    link = re.search(r"/accounts/confirm-email/\S+", mail.outbox[0].body)[0]
    client.post(link)
    try_to_sign_in(client, NEW, "new@acme.example")

    assert is_signed_in(client)


def test_signing_up_does_not_reveal_accounts(client, alice, settings):
    settings.OPEN_SIGN_UP = True

    new = client.post("/accounts/signup/", SIGN_UP)
    known = Client().post("/accounts/signup/", SIGN_UP | {"email": alice.email})

    assert new.status_code == known.status_code == 302
    assert new["Location"] == known["Location"]
    assert User.objects.filter(email=alice.email).count() == 1


# Signing in


def test_an_account_created_by_an_operator_needs_no_verification(client, alice):
    try_to_sign_in(client)

    assert is_signed_in(client)
    assert not EmailAddress.objects.exists()
    assert mail.outbox == []


def test_attempts_at_a_password_are_limited(client, alice):
    for _ in range(5):
        try_to_sign_in(client, "wrong")

    refused = try_to_sign_in(client)

    assert "Too many attempts" in refused.content.decode()
    assert not is_signed_in(client)


STRANGERS = [f"203.0.113.{n}" for n in range(1, 10)]


def test_wrong_passwords_from_other_addresses_do_not_lock_out_the_owner(
    client, alice, settings
):
    assert settings.ACCOUNT_RATE_LIMITS["password_by_account"].startswith("300/h/key")
    # More than the 5 of each address that count, and fewer than all.
    limits = {"password_by_account": "48/h/key"}
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | limits
    for address in STRANGERS:
        for _ in range(6):
            try_to_sign_in(Client(REMOTE_ADDR=address), "wrong")

    try_to_sign_in(client)

    assert is_signed_in(client)


def test_one_address_tries_few_accounts(client, alice):
    for n in range(10):
        try_to_sign_in(client, "wrong", f"someone{n}@acme.example")

    refused = try_to_sign_in(client)

    assert "Too many attempts" in refused.content.decode()


def test_addresses_of_one_network_count_as_one(alice):
    for n in range(5):
        try_to_sign_in(Client(REMOTE_ADDR=f"2001:db8::{n}"), "wrong")

    refused = try_to_sign_in(Client(REMOTE_ADDR="2001:db8::ff"))

    assert "Too many attempts" in refused.content.decode()


def test_a_few_wrong_passwords_do_not_lock_out_the_owner(client, alice):
    for _ in range(4):
        try_to_sign_in(client, "wrong")

    try_to_sign_in(client)

    assert is_signed_in(client)


def test_who_is_switched_off_does_not_sign_in(client, alice):
    User.objects.filter(pk=alice.pk).update(is_active=False)

    try_to_sign_in(client)

    assert not is_signed_in(client)


def test_the_console_is_entered_through_our_sign_in(client, alice, db):
    outside = client.get("/admin/", follow=True)
    sign_in(client, alice)
    member = client.get("/admin/", follow=True)
    operator = User.objects.create_superuser("root@echopoint.example", PASSWORD)
    sign_in(client, operator)

    assert outside.redirect_chain[-1][0].startswith(LOGIN)
    assert member.status_code == 403
    assert client.get("/admin/").status_code == 200


def test_the_pages_of_accounts_are_not_stored(client, alice):
    sign_in(client, alice)

    for path in ("/accounts/2fa/", "/accounts/password/change/"):
        assert "no-store" in client.get(path)["Cache-Control"]


# Resetting a password


def test_a_password_is_reset_by_e_mail(client, alice):
    client.post(RESET, {"email": "ALICE@acme.example"})
    message = mail.outbox.pop()
    link = re.search(r"/accounts/password/reset/key/\S+", message.body)[0]

    page = client.get(link, follow=True)
    form = page.redirect_chain[-1][0]
    client.post(form, {"password1": NEW, "password2": NEW})

    assert message.to == [alice.email]
    assert authenticate(username=alice.email, password=NEW) == alice
    assert "does not work" in Client().get(link, follow=True).content.decode()
    try_to_sign_in(client, NEW)
    assert is_signed_in(client)


def test_a_reset_does_not_reveal_accounts(client, alice):
    known = client.post(RESET, {"email": alice.email})
    unknown = client.post(RESET, {"email": "nobody@acme.example"})

    assert known.status_code == unknown.status_code == 302
    assert known["Location"] == unknown["Location"]
    assert "/reset/key/" not in mail.outbox[-1].body


@pytest.mark.parametrize(
    "link", ["user_x-y", "1-2", "user_0000000000000000-set-password"]
)
def test_a_forged_link_does_not_work(client, db, link):
    response = client.get(f"{RESET}key/{link}/")

    assert response.status_code == 200
    assert "does not work" in response.content.decode()


def test_without_a_mail_server_an_operator_resets_passwords(client, alice, settings):
    settings.EMAIL_URL = ""

    page = client.get(RESET).content.decode()
    client.post(RESET, {"email": alice.email})

    assert "manage.py changepassword" in page
    assert mail.outbox == []


# The second step


@pytest.fixture
def app(alice):
    """Return alice's authenticator app, a maker of codes."""
    secret = "JBSWY3DPEHPK3PXP"
    TOTP.activate(alice, secret)
    return lambda: current_code(secret)


def test_with_an_app_the_password_alone_opens_nothing(client, alice, app, acme):
    response = try_to_sign_in(client)

    assert response["Location"] == reverse("mfa_authenticate")
    assert not is_signed_in(client)
    inside = client.get(reverse("apikeys:list", args=[acme.pk]))
    assert inside["Location"].startswith(LOGIN)


@pytest.mark.parametrize("right", [True, False])
def test_the_code_of_the_app_is_the_second_step(client, alice, app, right):
    try_to_sign_in(client)
    code = app() if right else "x"

    client.post(reverse("mfa_authenticate"), {"code": code})

    assert is_signed_in(client) == right


def sign_in_with(code):
    """Return whether the password and the code sign alice in, in a new browser."""
    client = Client()
    try_to_sign_in(client)
    client.post(reverse("mfa_authenticate"), {"code": code})
    return is_signed_in(client)


def with_wrong_codes(address, number):
    """Give the password, and wrong codes."""
    stranger = Client(REMOTE_ADDR=address)
    try_to_sign_in(stranger)
    for _ in range(number):
        answer = stranger.post(reverse("mfa_authenticate"), {"code": "x"})
    return answer.content.decode()


def test_wrong_codes_of_an_attacker_with_the_password_do_not_lock_out_the_owner(
    alice, app
):
    assert "code is incorrect" in with_wrong_codes(STRANGERS[0], 5)
    assert "Too many attempts" in with_wrong_codes(STRANGERS[0], 1)

    assert sign_in_with(app())


def test_codes_are_not_guessed_from_any_number_of_addresses(alice, app, settings):
    assert settings.ACCOUNT_RATE_LIMITS["code_by_account"] == "60/h/key"
    limits = {"code_by_account": "15/h/key"}
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | limits
    for address in STRANGERS[:3]:
        assert "code is incorrect" in with_wrong_codes(address, 5)

    assert "Too many attempts" in with_wrong_codes(STRANGERS[3], 1)
    assert not sign_in_with(app())


def test_a_code_of_the_app_works_once_whatever_the_cache_knows(alice, app):
    code = app()

    assert sign_in_with(code)
    cache.clear()

    assert not sign_in_with(code)


def test_after_a_code_no_earlier_one_works(alice, app, settings):
    settings.MFA_TOTP_TOLERANCE = 1
    earlier, _, later = [hotp_value("JBSWY3DPEHPK3PXP", c) for c in counters()]

    assert sign_in_with(format_hotp_value(later))
    assert not sign_in_with(format_hotp_value(earlier))


def test_a_code_that_signed_in_does_not_confirm_it_too(client, alice, app):
    code = app()
    assert sign_in_with(code)
    sign_in(client, alice, ago=60 * MINUTE)

    client.post("/accounts/2fa/reauthenticate/", {"code": code})

    answer = client.get("/accounts/2fa/totp/deactivate/")
    assert answer.status_code == 302
    assert "reauthenticate" in answer["Location"]


@pytest.mark.usefixtures("committing")
def test_the_code_that_added_an_app_does_not_sign_in(client, alice):
    sign_in(client, alice)
    _, code = add_app(client, PASSWORD)
    assert Authenticator.objects.filter(user=alice, type="totp").exists()

    assert not sign_in_with(code)


@pytest.mark.postgresql
@pytest.mark.usefixtures("committing")
def test_of_many_who_send_one_code_at_once_one_gets_in(alice, app, monkeypatch):
    # Each process has a cache of its own.
    monkeypatch.setattr(TOTP, "_mark_code_used", lambda self, code: True)
    code = app()

    def attempt(n):
        try:
            return sign_in_with(code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(attempt, range(4))) == 1


def test_a_recovery_code_works_once(client, alice, app):
    code = RecoveryCodes.activate(alice).get_unused_codes()[0]

    for expected in (True, False):
        try_to_sign_in(client)
        client.post(reverse("mfa_authenticate"), {"code": code})
        assert is_signed_in(client) == expected
        client.post("/accounts/logout/")


def test_the_app_is_added_on_a_page_that_asks_for_the_password(client, alice):
    sign_in(client, alice)
    page = reverse("mfa_activate_totp")
    asked = client.get(page)["Location"]

    client.post(asked, {"password": PASSWORD})
    form = client.get(page).context["form"]
    code = current_code(form.secret)
    response = client.post(page, {"code": code}, follow=True)

    assert asked.startswith(reverse("account_reauthenticate"))
    assert len(response.context["unused_codes"]) == 10
    assert Authenticator.objects.filter(user=alice, type="totp").exists()


def test_the_secret_of_an_app_is_not_in_the_database_nor_the_console(client, app):
    with connection.cursor() as cursor:
        cursor.execute("SELECT data FROM mfa_authenticator")
        stored = str(cursor.fetchall())
    sign_in(client, User.objects.create_superuser("root@echopoint.example", PASSWORD))
    pk = Authenticator.objects.get().pk
    page = client.get(f"/admin/mfa/authenticator/{pk}/change/")

    assert "secret" in stored
    assert "JBSWY3DPEHPK3PXP" not in stored
    assert page.status_code == 200
    assert "secret" not in page.content.decode()


def test_an_old_secret_key_still_opens_an_app(client, alice, app, settings):
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-" + "s" * 50

    try_to_sign_in(client)
    client.post(reverse("mfa_authenticate"), {"code": app()})

    assert is_signed_in(client)


# A fresh sign-in


@pytest.fixture
def grave(acme, issue):
    """Return the pages that ask for a fresh sign-in."""
    key, _ = issue(name="grave")
    return [
        reverse("apikeys:issue", args=[acme.pk]),
        reverse("apikeys:revoke", args=[acme.pk, key.public_id]),
    ]


def test_what_is_grave_asks_again_after_15_minutes(client, alice, acme, grave):
    sign_in(client, alice, ago=15 * MINUTE)

    for page in grave:
        for method in (client.get, client.post):
            response = method(page)
            assert response.status_code == 302
            assert response["Location"].startswith("/accounts/reauthenticate/?next=")
    assert ApiKey.objects.get().revoked_at is None
    assert client.get(reverse("apikeys:list", args=[acme.pk])).status_code == 200


def test_what_is_grave_does_not_ask_before(client, alice, grave):
    sign_in(client, alice, ago=14 * MINUTE)

    assert [client.get(page).status_code for page in grave] == [200, 200]


def test_a_session_that_knows_of_no_sign_in_is_not_fresh(client, alice, grave):
    client.force_login(alice)

    assert [client.get(page).status_code for page in grave] == [302, 302]


def test_signing_in_with_the_password_is_fresh(client, alice, grave):
    try_to_sign_in(client)

    assert [client.get(page).status_code for page in grave] == [200, 200]


def test_who_may_not_is_refused_and_not_asked(client, bob, grave):
    sign_in(client, bob, ago=15 * MINUTE)

    assert [client.get(page).status_code for page in grave] == [403, 403]


def test_the_input_survives_reauthentication(client, alice, grave):
    sign_in(client, alice, ago=15 * MINUTE)
    typed = {
        "nonce": SpentNonce.objects.issue(user=alice, page=grave[0]),
        "name": "typed before",
        "scopes": ["flows:read"],
        "expires_in_days": "30",
    }
    asked = client.post(grave[0], typed)["Location"]
    kept = str(dict(client.session))

    wrong = client.post(asked, {"password": "wrong"})
    right = client.post(asked, {"password": PASSWORD})
    page = client.get(right["Location"])
    form = page.context["form"]

    assert wrong.status_code == 200
    assert right["Location"] == grave[0]
    assert form["name"].value() == "typed before"
    assert form.chosen_scopes() == ["flows:read"]
    assert form["expires_in_days"].value() == "30"
    assert "Nothing was submitted yet" in page.content.decode()
    assert not ApiKey.objects.filter(name="typed before").exists()
    assert "typed+before" in kept
    assert "nonce" not in kept
    assert client.get(grave[0]).context["form"]["name"].value() is None


def test_what_was_typed_is_found_on_its_own_page_alone(client, alice, grave):
    sign_in(client, alice, ago=15 * MINUTE)
    asked = client.post(grave[1], {"reason": "leaked"})["Location"]
    client.post(asked, {"password": PASSWORD})

    other = client.get(grave[0])
    own = client.get(grave[1])

    assert "Nothing was submitted yet" not in other.content.decode()
    assert own.context["form"]["reason"].value() == "leaked"


def test_the_session_stores_no_headers_of_the_interrupted_request(client, alice):
    sign_in(client, alice)

    client.post(
        reverse("mfa_activate_totp"), {"code": "1"}, headers={"X-Api-Key": "epk_x"}
    )

    assert "epk_x" not in str(dict(client.session))


def test_freshness_ends(client, alice, grave):
    try_to_sign_in(client)
    set_back(client.session, 15 * MINUTE)

    assert [client.get(page).status_code for page in grave] == [302, 302]


def test_a_key_that_was_pasted_into_a_field_does_not_wait_in_the_session(
    client, alice, grave, issue
):
    _, secret = issue()
    sign_in(client, alice, ago=15 * MINUTE)

    client.post(grave[0], {"name": f"my key {secret}", "expires_in_days": "30"})

    kept = str(dict(client.session))
    assert "expires_in_days=30" in kept
    assert secret not in kept

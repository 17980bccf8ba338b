"""Rate limits on passwords and codes: guesses are bounded, and owners are not locked out."""

import re
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from echopoint.accounts import known_browser
from tests.authenticator_app import current_code
from tests.signing_in import sign_in

LOGIN = "/accounts/login/"
RESET = "/accounts/password/reset/"
PASSWORD = "correct horse battery"
NEW = "a staple for the battery"
HOME, ELSEWHERE = "198.51.100.1", "198.51.100.2"
STRANGERS = [f"203.0.113.{n}" for n in range(1, 40)]


def browser(address=HOME):
    return Client(REMOTE_ADDR=address)


def attempt(client, password=PASSWORD, login="alice@acme.example"):
    return client.post(LOGIN, {"login": login, "password": password})


def is_signed_in(client):
    return "_auth_user_id" in client.session


def signs_in(client, **credentials):
    """Whether an attempt succeeds; the client is signed out again."""
    attempt(client, **credentials)
    was_signed_in = is_signed_in(client)
    client.post("/accounts/logout/")
    return was_signed_in


@pytest.fixture
def crowd(settings, alice):
    """Return a function: strangers use up what alice's account has from anywhere."""
    limits = {"password_by_account": "6/h/key", "code_by_account": "6/h/key"}
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | limits

    def crowd(login=alice.email):
        for address in STRANGERS[:2]:
            for _ in range(3):
                attempt(browser(address), "wrong", login)

    return crowd


@pytest.fixture
def clock(monkeypatch):
    """Return the time that the limits see, in a list."""
    now = [time.time()]
    monkeypatch.setattr(time, "time", lambda: now[0])
    return now


@pytest.fixture
def app(alice):
    """Return alice's authenticator app, a maker of codes."""
    secret = "JBSWY3DPEHPK3PXP"
    TOTP.activate(alice, secret)
    return lambda: current_code(secret)


# The refusal


def test_a_refusal_says_how_long_to_wait_and_that_is_so(alice, clock):
    for _ in range(5):
        attempt(browser(), "wrong")
        clock[0] += 10

    refused = attempt(browser())
    seconds = int(refused["Retry-After"])
    clock[0] += seconds - 1
    too_early = attempt(browser())
    clock[0] += 1

    assert refused.status_code == too_early.status_code == 429
    assert seconds == 5 * 60 - 50
    assert "Try again in 5 minutes." in refused.text
    assert "Try again in 1 second." in too_early.text
    assert signs_in(browser())


def test_refused_attempts_do_not_extend_the_wait(alice, clock):
    for _ in range(5):
        attempt(browser(), "wrong")

    waits = {attempt(browser(), "wrong")["Retry-After"] for _ in range(20)}

    assert waits == {"300"}


def test_refused_attempts_count_for_no_limit_of_several(alice, settings, clock):
    limits = {"password_by_address": "3/m/ip,3/h/ip"}
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | limits
    for _ in range(3):
        attempt(browser(), "wrong")
    clock[0] += 3590

    assert {attempt(browser(), "wrong")["Retry-After"] for _ in range(3)} == {"10"}

    clock[0] += 10
    assert signs_in(browser())


def post_to_sign_up(settings, alice):
    settings.OPEN_SIGN_UP = True
    return Client(), reverse("account_signup"), {}


def post_to_reset(settings, alice):
    return Client(), RESET, {"email": "ALICE@acme.example"}


def post_to_link(settings, alice):
    return Client(), f"{RESET}key/user_x-y/", {}


def post_to_change(settings, alice):
    client = Client()
    sign_in(client, alice)
    return client, reverse("account_change_password"), {"oldpassword": "wrong"}


def post_to_set(settings, alice):
    alice.set_unusable_password()
    alice.save()
    client = Client()
    sign_in(client, alice)
    return client, reverse("account_set_password"), {}


def post_to_passkey(settings, alice):
    return Client(), reverse("mfa_login_webauthn"), {}


@pytest.mark.parametrize(
    "prepare",
    [
        post_to_sign_up,
        post_to_reset,
        post_to_link,
        post_to_change,
        post_to_set,
        post_to_passkey,
    ],
)
def test_what_allauth_refuses_says_how_long_to_wait(settings, alice, clock, prepare):
    client, page, form = prepare(settings, alice)
    for _ in range(21):
        clock[0] += 0.5
        answer = client.post(page, form)
        if answer.status_code == 429:
            break

    assert answer.status_code == 429
    assert 45 < int(answer["Retry-After"]) < 60
    assert f"Try again in {answer['Retry-After']} seconds." in answer.text
    clock[0] += int(answer["Retry-After"])
    assert client.post(page, form).status_code != 429


# Near: nobody elsewhere uses it up


def test_right_passwords_count_for_nothing(alice):
    assert all(signs_in(browser()) for _ in range(12))


def test_signing_in_to_ones_own_account_refunds_no_other_attempts(alice, mallory):
    for n in range(9):
        attempt(browser(), "wrong", f"person{n}@acme.example")
    assert signs_in(browser(), login=mallory.email)

    answers = [
        attempt(browser(), "wrong", f"other{n}@acme.example").status_code
        for n in range(2)
    ]

    assert answers == [200, 429]


def test_other_counts_do_not_push_out_those_of_attempts(alice):
    for _ in range(5):
        attempt(browser(), "wrong")
    for n in range(1000):
        cache.set(f"other-{n}", n)

    assert attempt(browser()).status_code == 429


# From anywhere: strangers use it up


def test_guesses_from_many_addresses_are_bounded(alice, crowd):
    crowd()

    right, wrong = attempt(browser()), attempt(browser(), "wrong")

    for answer in (right, wrong):
        assert answer.status_code == 429
        assert 3500 < int(answer["Retry-After"]) <= 3600
        assert "from several places" in answer.text
    assert right.text == wrong.text


def test_an_unknown_account_is_refused_like_an_existing_one(alice, crowd):
    crowd("nobody@acme.example")
    crowd()

    known, unknown = attempt(browser()), attempt(browser(), login="nobody@acme.example")

    assert known.status_code == unknown.status_code == 429
    assert known.text == unknown.text


def test_attackers_cannot_lock_out_a_known_browser(alice, crowd):
    known = browser()
    signs_in(known)
    crowd()
    moved = browser(ELSEWHERE)
    moved.cookies = known.cookies

    assert not signs_in(browser(ELSEWHERE))
    assert signs_in(moved)


def test_attackers_cannot_lock_out_a_known_address(alice, crowd):
    signs_in(browser())
    crowd()

    assert not signs_in(browser(ELSEWHERE))
    assert signs_in(browser())


def test_at_a_known_address_guesses_are_bounded(alice, crowd):
    signs_in(browser())
    for _ in range(5):
        attempt(browser(), "wrong")

    assert attempt(browser()).status_code == 429


def test_attackers_cannot_lock_out_a_user_with_a_second_factor(alice, crowd, app):
    crowd()
    client = browser()

    assert attempt(client, "wrong").status_code == 429
    assert attempt(client)["Location"] == reverse("mfa_authenticate")
    client.post(reverse("mfa_authenticate"), {"code": app()})
    assert is_signed_in(client)


def test_a_second_factor_does_not_raise_the_limit_of_an_address(alice, crowd, app):
    crowd()
    client = browser()
    for _ in range(5):
        attempt(client, "wrong")

    assert attempt(client).status_code == 429


def test_attackers_cannot_lock_out_a_user_who_resets_the_password(
    alice, crowd, settings
):
    crowd()
    settings.EMAIL_URL = "dummymail://"
    client = browser(ELSEWHERE)
    assert RESET in attempt(client).text

    client.post(RESET, {"email": alice.email})
    link = re.search(r"/accounts/password/reset/key/\S+", mail.outbox[0].body)[0]
    form = client.get(link, follow=True).redirect_chain[-1][0]
    client.post(form, {"password1": NEW, "password2": NEW})

    assert signs_in(client, password=NEW)


# What knows a browser


def test_a_browser_knows_a_person_until_the_password_changes(alice, crowd):
    known = browser()
    signs_in(known)
    alice.set_password(NEW)
    alice.save()
    crowd()

    assert not signs_in(known, password=NEW)


def test_the_browser_in_which_a_password_is_changed_stays_known(alice, crowd):
    client = browser(ELSEWHERE)
    attempt(client)
    form = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    client.post(reverse("account_change_password"), form)
    client.post("/accounts/logout/")
    crowd()

    assert signs_in(client, password=NEW)


def test_a_browser_that_knows_another_person_is_limited(alice, mallory, crowd):
    client = browser()
    signs_in(client, login=mallory.email)
    crowd()

    assert not signs_in(client)


@pytest.mark.parametrize("cookie", ["x", "W10:1:x", "é", ""])
def test_a_forged_cookie_is_ignored(alice, crowd, cookie):
    crowd()
    client = browser()
    client.cookies[known_browser.COOKIE] = cookie

    assert attempt(client).status_code == 429


@pytest.mark.parametrize("known", [3, 4])
def test_a_browser_knows_the_last_few_people(
    alice, bob, mallory, olive, crowd, monkeypatch, known
):
    monkeypatch.setattr(known_browser, "MAX_USERS", known)
    client = browser()
    for person in (alice, bob, mallory, olive):
        assert signs_in(client, login=person.email)
    crowd()
    moved = browser(ELSEWHERE)
    moved.cookies = client.cookies

    assert signs_in(moved) == (known == 4)


def test_the_cookie_is_for_the_pages_of_accounts_and_for_no_script(alice):
    client = browser()
    attempt(client)

    cookie = client.cookies[known_browser.COOKIE]
    assert cookie["path"] == "/accounts/"
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert alice.password not in cookie.value


def test_guesses_in_a_known_browser_are_bounded(alice):
    known = browser()
    signs_in(known)
    answers = []
    for address in STRANGERS[:6]:
        moved = browser(address)
        moved.cookies = known.cookies
        answers.append(attempt(moved, "wrong").status_code)

    assert answers == [200] * 5 + [429]
    assert signs_in(browser())


def test_without_addresses_a_known_browser_is_let_in(alice):
    """As behind a unix socket without X-Forwarded-For: all clients count as one."""
    known = browser("")
    signs_in(known)
    for _ in range(6):
        attempt(browser(""), "wrong")

    assert attempt(browser("")).status_code == 429
    assert signs_in(known)


def test_an_address_that_is_unknown_is_no_known_one(alice, crowd):
    signs_in(browser(""))
    crowd()

    assert not signs_in(browser(""))


# Codes, and the password once more


def give_code(client, code):
    return client.post(reverse("mfa_authenticate"), {"code": code})


def test_codes_are_refused_with_the_time_to_wait(alice, app):
    client = browser()
    attempt(client)
    for _ in range(5):
        assert give_code(client, "x").status_code == 200

    refused = give_code(client, app())

    assert refused.status_code == 429
    assert 200 < int(refused["Retry-After"]) <= 300
    assert not is_signed_in(client)


def test_attackers_with_the_password_cannot_lock_a_known_browser_out_of_the_code(
    alice, crowd, app
):
    known = browser(ELSEWHERE)
    know(known, alice)
    for address in STRANGERS[:2]:
        stranger = browser(address)
        attempt(stranger)
        for _ in range(3):
            give_code(stranger, "x")
    fresh = browser(HOME)

    for client in (fresh, known):
        attempt(client)
        give_code(client, app())

    assert not is_signed_in(fresh)
    assert is_signed_in(known)


def know(client, person):
    """Let the browser know the person, without a code, which would count once."""
    factors = list(person.authenticator_set.all())
    person.authenticator_set.all().delete()
    assert signs_in(client)
    Authenticator.objects.bulk_create(factors)


def test_a_code_of_ones_own_account_refunds_no_other_attempts(alice, mallory, app):
    TOTP.activate(mallory, "KRSXG5CTMVRXEZLU")
    stranger = browser()
    for _ in range(4):
        attempt(stranger)
        give_code(stranger, "x")
    own = browser()
    attempt(own, login=mallory.email)
    give_code(own, current_code("KRSXG5CTMVRXEZLU"))
    assert is_signed_in(own)

    assert [give_code(stranger, "x").status_code for _ in range(2)] == [200, 429]


def test_a_session_that_was_taken_guesses_few_passwords(alice):
    client = Client()
    sign_in(client, alice)
    page = reverse("account_reauthenticate")

    answers = [
        client.post(page, {"password": "wrong"}, REMOTE_ADDR=address).status_code
        for address in STRANGERS[:6]
    ]

    assert answers == [200] * 5 + [429]


def test_attackers_cannot_block_reauthentication(alice, crowd):
    client = Client(REMOTE_ADDR=STRANGERS[0])
    sign_in(client, alice)
    crowd()

    answer = client.post(reverse("account_reauthenticate"), {"password": PASSWORD})

    assert answer.status_code == 302

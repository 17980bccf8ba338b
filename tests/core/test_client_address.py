"""Choice and parsing of the client address, and requests without one."""

import re

import pytest
from django.core import mail
from django.urls import reverse

from apikeys.models import AuditEvent
from echopoint.core.client_address import first_unknown, network
from echopoint.organizations.models import User
from echopoint.webhooks.models import CapturedRequest, Webhook
from tests.signing_in import set_back

LOGIN = "/accounts/login/"
PASSWORD = "correct horse battery"
NEW = "a staple for the battery"

CLIENT, PROXY, OUTER = "198.51.100.7", "10.0.0.1", "10.0.0.2"


@pytest.fixture
def sent_by(client, settings):
    """Return a function that sets TRUSTED_PROXIES and the headers of the client."""

    def sent_by(proxies, forwarded, remote):
        settings.TRUSTED_PROXIES = proxies
        client.defaults["REMOTE_ADDR"] = remote
        client.defaults.pop("HTTP_X_FORWARDED_FOR", None)
        if forwarded is not None:
            client.defaults["HTTP_X_FORWARDED_FOR"] = forwarded

    return sent_by


@pytest.fixture
def seen(client, issue):
    """Return a function that sends a request with a key and returns the recorded address."""

    def seen():
        key, secret = issue()
        response = client.get("/api-keys/self", headers={"X-Api-Key": secret})
        assert response.status_code == 200
        key.refresh_from_db()
        event = AuditEvent.objects.filter(action="api_key.first_used").latest("pk")
        assert event.ip == (key.last_used_ip or "")
        return key.last_used_ip

    return seen


@pytest.mark.parametrize(
    ("proxies", "forwarded", "remote"),
    [
        (0, None, CLIENT),
        (0, "6.6.6.6", CLIENT),
        (1, CLIENT, PROXY),
        (1, f"6.6.6.6, {CLIENT}", PROXY),
        (1, f"6.6.6.6,{CLIENT}", PROXY),
        (1, f"unknown, _hidden,, {CLIENT}", PROXY),
        (1, f"6.6.6.6,{' ' * 200}{CLIENT}", PROXY),
        (2, f"{CLIENT}, {OUTER}", PROXY),
        (2, f"6.6.6.6, {CLIENT}, {OUTER}", PROXY),
        (1, CLIENT, ""),
        (2, f"{CLIENT}, {OUTER}", ""),
    ],
)
def test_hops_are_counted_from_the_right(seen, sent_by, proxies, forwarded, remote):
    sent_by(proxies, forwarded, remote)

    assert seen() == CLIENT


UNKNOWN = [
    pytest.param(0, None, "", "TRUSTED_PROXIES is 0", id="a unix socket"),
    pytest.param(0, CLIENT, "", "TRUSTED_PROXIES is 0", id="a header not trusted"),
    pytest.param(0, None, "not an address", "TRUSTED_PROXIES is 0", id="no address"),
    pytest.param(1, None, PROXY, "X-Forwarded-For had 0 entries", id="no header"),
    pytest.param(1, " ", PROXY, "X-Forwarded-For had 0 entries", id="a blank header"),
    pytest.param(2, CLIENT, PROXY, "X-Forwarded-For had 1 entry", id="too few entries"),
    pytest.param(3, f"{CLIENT}, {OUTER}", "", "had 2 entries", id="too few of three"),
    pytest.param(1, "unknown", PROXY, "entry 1 from the right", id="unknown"),
    pytest.param(2, f"_hidden, {OUTER}", PROXY, "entry 2 from", id="obfuscated"),
    pytest.param(1, f"fe80::1%{'z' * 100}", PROXY, "entry 1 from", id="too long"),
]


@pytest.mark.parametrize(("proxies", "forwarded", "remote", "advice"), UNKNOWN)
def test_an_address_is_never_guessed(
    seen, sent_by, caplog, proxies, forwarded, remote, advice
):
    sent_by(proxies, forwarded, remote)
    first_unknown.acquire(blocking=False)
    first_unknown.release()

    assert [seen(), seen()] == [None, None]

    (warning,) = [
        r for r in caplog.records if r.name == "echopoint.core.client_address"
    ]
    assert warning.levelname == "WARNING"
    assert advice in warning.getMessage()
    assert "Set TRUSTED_PROXIES to" in warning.getMessage()
    assert CLIENT not in warning.getMessage()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        (" 203.0.113.9\t", "203.0.113.9"),
        ("203.0.113.9:41234", "203.0.113.9"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%eth0]:443", "fe80::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("[::ffff:203.0.113.9]:443", "203.0.113.9"),
        ("[::ffff:203.0.113.9%eth0]", "203.0.113.9"),
    ],
)
def test_ports_brackets_and_zones_are_read(seen, sent_by, text, address):
    sent_by(1, text, PROXY)

    assert seen() == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "unknown",
        "_hidden",
        "localhost",
        "for=203.0.113.9",
        '"203.0.113.9"',
        "203.0.113",
        "203.0.113.09",
        "203.0.113.9:",
        "203.0.113.9:port",
        "203.0.113.9:123456",
        "203.0.113.9%eth0",
        "203.0.113.9 203.0.113.10",
        "[203.0.113.9]:80",
        "[2001:db8::1",
        "2001:db8::1]",
        "[2001:db8::1]443",
        "[]:80",
        "fe80::1%",
        "3405803785",
        "٢٠٣.0.113.9",
        "1" * 5000,
        "x\x00y",
    ],
)
def test_any_other_text_is_unknown(seen, sent_by, text):
    sent_by(1, f"6.6.6.6, {text}", PROXY)

    assert seen() is None


def test_every_record_has_the_same_address(client, sent_by, alice, acme, issue, seen):
    sent_by(1, "6.6.6.6, [2001:db8::1]:443", PROXY)
    webhook = Webhook.objects.create(organization=acme, name="Orders")
    key, _ = issue()
    client.post(LOGIN, {"login": alice.email, "password": PASSWORD})

    client.post(reverse("apikeys:suspend", args=[acme.pk, key.public_id]))
    client.delete(
        f"/api-keys/{key.rest_id}", headers={"X-Organization-Id": str(acme.pk)}
    )
    client.post(f"/webhook/{webhook.pk}")

    assert seen() == "2001:db8::1"
    assert CapturedRequest.objects.get().ip_address == "2001:db8::1"
    events = AuditEvent.objects.exclude(actor_type="system")
    assert set(events.values_list("action", "ip")) == {
        ("person.signed_in", "2001:db8::1"),
        ("api_key.suspended", "2001:db8::1"),
        ("api_key.revoked", "2001:db8::1"),
        ("api_key.first_used", "2001:db8::1"),
    }


def sign_in_wrongly(client, name):
    page = client.post(LOGIN, {"login": f"{name}@acme.example", "password": "wrong"})
    return "Too many attempts" not in page.content.decode()


def test_attempts_are_counted_by_the_clients_address(client, db, sent_by):
    for port in range(10):
        sent_by(1, f"6.6.6.{port}, {CLIENT}:{port}", PROXY)
        assert sign_in_wrongly(client, f"person{port}")

    assert not sign_in_wrongly(client, "another")
    sent_by(1, f"{CLIENT}, 198.51.100.8", PROXY)
    assert sign_in_wrongly(client, "another")


def test_unknown_addresses_share_one_count(client, db, sent_by):
    for number in range(10):
        sent_by(*UNKNOWN[number % len(UNKNOWN)].values[:3])
        assert sign_in_wrongly(client, f"person{number}")

    assert not sign_in_wrongly(client, "another")
    sent_by(1, CLIENT, PROXY)
    assert sign_in_wrongly(client, "another")


unknown_address = pytest.mark.parametrize(
    ("proxies", "forwarded", "remote"),
    [pytest.param(*row.values[:3], id=row.id) for row in UNKNOWN],
)


@unknown_address
def test_a_person_signs_up_and_in_from_anywhere(
    client, db, settings, sent_by, proxies, forwarded, remote
):
    sent_by(proxies, forwarded, remote)
    settings.OPEN_SIGN_UP = True
    email = "new@acme.example"

    client.post(
        "/accounts/signup/", {"email": email, "password1": NEW, "password2": NEW}
    )
    client.post(re.search(r"/accounts/confirm-email/\S+", mail.outbox[0].body)[0])
    client.post(LOGIN, {"login": email, "password": NEW})

    assert client.session["_auth_user_id"] == str(User.objects.get().pk)


@unknown_address
def test_a_person_resets_the_password_from_anywhere(
    client, alice, sent_by, proxies, forwarded, remote
):
    sent_by(proxies, forwarded, remote)

    client.post("/accounts/password/reset/", {"email": alice.email})
    link = re.search(r"/accounts/password/reset/key/\S+", mail.outbox[0].body)[0]
    form = client.get(link, follow=True).redirect_chain[-1][0]
    client.post(form, {"password1": NEW, "password2": NEW})
    client.post(LOGIN, {"login": alice.email, "password": NEW})

    assert client.session["_auth_user_id"] == str(alice.pk)


@unknown_address
def test_a_person_enters_the_password_again_from_anywhere(
    client, alice, acme, sent_by, proxies, forwarded, remote
):
    sent_by(proxies, forwarded, remote)
    client.post(LOGIN, {"login": alice.email, "password": PASSWORD})
    set_back(client.session, 3600)
    page = reverse("apikeys:issue", args=[acme.pk])

    asked = client.get(page)
    client.post(asked["Location"], {"password": PASSWORD})

    assert asked.status_code == 302
    assert client.get(page).status_code == 200


@unknown_address
def test_a_request_is_captured_from_anywhere(
    client, acme, sent_by, proxies, forwarded, remote
):
    sent_by(proxies, forwarded, remote)
    webhook = Webhook.objects.create(organization=acme, name="Orders")

    assert client.post(f"/webhook/{webhook.pk}").status_code == 200
    assert CapturedRequest.objects.get().ip_address == ""


@unknown_address
def test_the_audit_has_an_event_without_an_address(
    seen, sent_by, proxies, forwarded, remote
):
    sent_by(proxies, forwarded, remote)

    seen()

    assert AuditEvent.objects.get(action="api_key.first_used").ip == ""


@pytest.mark.parametrize(
    ("ip", "counted_as"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        (None, "unknown"),
    ],
)
def test_an_ipv6_network_counts_as_one_client(ip, counted_as):
    assert network(ip) == counted_as

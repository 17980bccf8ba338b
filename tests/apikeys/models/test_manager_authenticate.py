"""Authentication of keys: the secret, the state and the organization."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.urls import reverse
from django.utils import timezone

from apikeys import tokens
from apikeys.actors import Actor
from apikeys.exceptions import KeyRejected, OrganizationMismatch
from apikeys.models import ApiKey, AuditEvent, Refusal
from echopoint.core.client_metadata import Client
from tests.apikeys.forged_keys import forged
from tests.apikeys.refused_responses import assert_refused
from tests.signing_in import sign_in

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
SYSTEM = Actor.command("test")
OLD, NEW = "1:old-" + "o" * 40, "2:new-" + "n" * 40


def unknown():
    return tokens.generate().text


def mistyped(secret):
    return secret[:-1] + ("0" if secret[-1] != "0" else "1")


def revoked(key):
    key.revoke(by=SYSTEM)


def suspended(key):
    key.suspend(by=SYSTEM)


def expired(key):
    ApiKey.objects.filter(pk=key.pk).update(
        created_at=timezone.now() - DAY, expires_at=timezone.now() - MINUTE
    )


def retired(key):
    ApiKey.objects.filter(pk=key.pk).update(retire_at=timezone.now() - MINUTE)


STOPS = [
    (revoked, "API_KEY_REVOKED", "revoked_at", "That is final"),
    (suspended, "API_KEY_SUSPENDED", "suspended_at", "can resume it"),
    (expired, "API_KEY_EXPIRED", "expires_at", "Create another key"),
    (retired, "API_KEY_RETIRED", "retire_at", "use its successor"),
]


def authenticate(secret, organization, at=NOW):
    return ApiKey.objects.authenticate(
        secret, organization_id=organization and organization.pk, ip=None, at=at
    )


def test_a_key_that_the_operator_has_blocked_is_refused_whatever_its_state(
    issue, acme, settings, api
):
    key, secret = issue("flows:read")
    settings.API_KEYS_BLOCKED = frozenset({key.rest_id})

    with pytest.raises(KeyRejected) as refusal:
        authenticate(secret, acme)

    assert refusal.value.code == "API_KEY_BLOCKED"
    assert_refused(
        api(secret=secret, organization=acme).get("/flows"), 401, "API_KEY_BLOCKED"
    )
    settings.API_KEYS_BLOCKED = frozenset({"key_other"})
    assert authenticate(secret, acme) == key


@pytest.mark.parametrize("page", ["list", "detail"])
def test_the_pages_say_that_a_key_is_blocked(
    issue, acme, alice, client, settings, page
):
    key, _ = issue("flows:read")
    sign_in(client, alice)
    args = [acme.pk] if page == "list" else [acme.pk, key.public_id]
    url = reverse(f"apikeys:{page}", args=args)
    assert "locked by the operator" not in client.get(url).text

    settings.API_KEYS_BLOCKED = frozenset({key.rest_id})

    assert "locked by the operator" in client.get(url).text


def compared(response):
    """Return all of an answer but the id that is new in each."""
    headers = {k: v for k, v in response.headers.items() if k != "X-Request-Id"}
    return response.status_code, headers, response.content


def test_a_key_opens_its_organization(issue, acme):
    key, secret = issue(at=NOW)

    assert authenticate(secret, acme) == key


def test_the_last_moment_of_a_key_is_the_one_before_its_expiry(issue, acme):
    key, secret = issue(at=NOW, expires_in_days=1)

    assert authenticate(secret, acme, NOW + DAY - MOMENT) == key
    with pytest.raises(KeyRejected) as caught:
        authenticate(secret, acme, NOW + DAY)

    assert caught.value.code == "API_KEY_EXPIRED"
    assert caught.value.metadata == {"expires_at": "2026-06-02T12:00:00Z"}
    assert "expired on 2026-06-02 at 12:00 UTC" in caught.value.message


def test_the_last_moment_of_a_retiring_key_is_the_one_before_it_retires(issue, acme):
    key, secret = issue(at=NOW)
    ApiKey.objects.filter(pk=key.pk).update(retire_at=NOW + DAY)

    assert authenticate(secret, acme, NOW + DAY - MOMENT) == key
    with pytest.raises(KeyRejected) as caught:
        authenticate(secret, acme, NOW + DAY)

    assert caught.value.code == "API_KEY_RETIRED"
    assert caught.value.metadata == {"retire_at": "2026-06-02T12:00:00Z"}


def test_a_key_without_an_expiry_does_not_end(issue, acme):
    acme.allow_non_expiring = True
    acme.save()
    key, secret = issue(at=NOW, expires_in_days=None)

    assert authenticate(secret, acme, NOW + 10_000 * DAY) == key


@pytest.mark.parametrize("secret_for", [mistyped, forged, lambda secret: unknown()])
def test_the_refusal_of_a_wrong_key_reveals_nothing_about_the_right_one(
    issue, acme, secret_for
):
    key, secret = issue(at=NOW)
    key.revoke(by=SYSTEM)

    with pytest.raises(KeyRejected) as caught:
        authenticate(secret_for(secret), None)

    assert caught.value.code == "INVALID_API_KEY"
    assert not Refusal.objects.exists()


def test_a_key_of_a_version_that_is_not_configured_is_refused(issue, acme, settings):
    settings.API_KEY_PEPPERS = f"{OLD},{NEW}"
    _, secret = issue(at=NOW)
    assert authenticate(secret, acme)
    settings.API_KEY_PEPPERS = OLD

    with pytest.raises(KeyRejected) as caught:
        authenticate(secret, acme)

    assert caught.value.code == "INVALID_API_KEY"


def test_a_key_under_an_old_pepper_is_digested_again_once(
    issue, acme, settings, statements
):
    settings.API_KEY_PEPPERS = OLD
    key, secret = issue(at=NOW)
    settings.API_KEY_PEPPERS = f"{OLD},{NEW}"

    with statements() as first:
        authenticate(secret, acme)
    with statements() as second:
        authenticate(secret, acme)

    assert [sql.split()[0] for sql in first] == ["SELECT", "UPDATE"]
    assert [sql.split()[0] for sql in second] == ["SELECT"]
    key.refresh_from_db()
    assert key.pepper_version == 2
    settings.API_KEY_PEPPERS = NEW
    assert authenticate(secret, acme) == key


def test_only_an_accepted_key_is_digested_again(issue, acme, globex, settings):
    settings.API_KEY_PEPPERS = OLD
    key, secret = issue(at=NOW)
    settings.API_KEY_PEPPERS = f"{OLD},{NEW}"

    with pytest.raises(KeyRejected):
        authenticate(forged(secret), acme)
    with pytest.raises(OrganizationMismatch):
        authenticate(secret, globex)

    key.refresh_from_db()
    assert key.pepper_version == 1


def test_a_failure_to_digest_again_is_logged_and_the_key_still_works(
    issue, acme, settings, caplog
):
    settings.API_KEY_PEPPERS = OLD
    key, secret = issue(at=NOW)
    settings.API_KEY_PEPPERS = f"{OLD},{NEW}"

    with connection.execute_wrapper(no_updates):
        assert authenticate(secret, acme) == key

    assert f"Could not update the digest of {key.rest_id}" in caplog.text
    assert secret not in caplog.text


def test_an_endpoint_without_an_organization_takes_the_key_alone(issue):
    key, secret = issue(at=NOW)

    assert authenticate(secret, None) == key


@pytest.mark.parametrize(
    "change", [str.lower, str.upper, " {}".format, "{}x".format, lambda _: ""]
)
def test_the_organization_is_matched_exactly(issue, acme, change):
    _, secret = issue(at=NOW)

    with pytest.raises(OrganizationMismatch):
        ApiKey.objects.authenticate(
            secret, organization_id=change(acme.pk), ip=None, at=NOW
        )


def test_a_stopped_key_is_refused_before_its_organization_is_compared(issue, globex):
    key, secret = issue(at=NOW)
    key.revoke(by=SYSTEM)

    with pytest.raises(KeyRejected) as caught:
        authenticate(secret, globex)

    assert caught.value.code == "API_KEY_REVOKED"


def test_a_text_that_cannot_be_a_key_costs_no_query(
    issue, acme, django_assert_num_queries
):
    _, secret = issue()

    with django_assert_num_queries(0), pytest.raises(KeyRejected):
        authenticate(mistyped(secret), acme)


@pytest.mark.parametrize("secret_for", [forged, lambda secret: unknown()])
def test_a_wrong_key_costs_one_query(
    issue, acme, secret_for, django_assert_num_queries
):
    _, secret = issue()

    with django_assert_num_queries(1), pytest.raises(KeyRejected):
        authenticate(secret_for(secret), acme)


def test_a_key_opens_the_api(api, issue, acme):
    key, secret = issue("flows:read", "flows:create")

    response = api(secret=secret, organization=acme).get("/api-keys/self")

    assert response.status_code == 200
    answer = response.json()
    del answer["rate_limit"]
    assert answer == {
        "api_key_id": key.rest_id,
        "organization_id": acme.pk,
        "permissions": ["flows:create", "flows:read"],
    }
    assert response["Cache-Control"] == "no-store"
    assert response["X-Request-Id"]
    assert response["X-Api-Key-Expires-At"] == f"{key.expires_at:%Y-%m-%dT%H:%M:%SZ}"
    assert "WWW-Authenticate" not in response


def test_a_retiring_key_says_when_it_stops(api, issue, acme):
    key, secret = issue()
    retire_at = timezone.now() + DAY
    ApiKey.objects.filter(pk=key.pk).update(retire_at=retire_at)

    response = api(secret=secret, organization=acme).get("/permissions")

    assert response["X-Api-Key-Expires-At"] == f"{retire_at:%Y-%m-%dT%H:%M:%SZ}"


def test_a_key_without_an_expiry_has_none_to_say(api, issue, acme):
    acme.allow_non_expiring = True
    acme.save()
    _, secret = issue(expires_in_days=None)

    response = api(secret=secret, organization=acme).get("/permissions")

    assert response.status_code == 200
    assert "X-Api-Key-Expires-At" not in response


def test_no_credential_is_unauthenticated(api, acme):
    response = api(organization=acme, secret="x").get("/permissions", X_Api_Key=None)

    error = assert_refused(response, 401, "UNAUTHENTICATED")
    assert "Send an API key in X-Api-Key" in error["message"]


@pytest.mark.parametrize(
    "text", ["", " ", "x", "key_AbCdEfGhIjKl", "epk_live_AbCdEfGhIjKl_", "x" * 10_000]
)
@pytest.mark.parametrize("path", ["/permissions", "/api-keys/self"])
def test_what_is_no_key_is_refused_without_being_repeated(api, acme, text, path):
    response = api(organization=acme, secret="x").get(path, X_Api_Key=text)

    error = assert_refused(response, 401, "INVALID_API_KEY")
    assert len(error["message"]) < 200


@pytest.mark.parametrize("separator", [",", ", "])
def test_a_list_of_keys_is_refused_even_of_the_same_good_key(
    api, issue, acme, separator
):
    _, secret = issue()
    client = api(organization=acme, secret=separator.join([secret, secret]))

    response = client.get("/permissions")

    assert_refused(response, 401, "INVALID_API_KEY")
    assert secret not in response.text


@pytest.mark.parametrize(("stop", "code", "since", "advice"), STOPS)
@pytest.mark.parametrize("path", ["/permissions", "/api-keys/self", "/api-keys"])
def test_the_refusal_of_a_stopped_key_has_the_reason_once_the_secret_is_proven(
    api, issue, acme, path, stop, code, since, advice
):
    key, secret = issue()
    client = api(secret=secret, organization=acme)
    assert client.get("/permissions").status_code == 200
    stop(key)

    response = client.get(path)

    key.refresh_from_db()
    error = assert_refused(response, 401, code)
    assert advice in error["message"]
    stamp = getattr(key, since).isoformat().replace("+00:00", "Z")
    assert error["metadata"] == {since: stamp}
    assert "X-Api-Key-Expires-At" not in response


@pytest.mark.parametrize(("stop", "code", "since", "advice"), STOPS)
def test_without_the_secret_a_stopped_key_looks_like_any_other(
    api, issue, acme, stop, code, since, advice
):
    key, secret = issue()
    stop(key)

    response = api(secret=forged(secret), organization=acme).get("/permissions")

    assert_refused(response, 401, "INVALID_API_KEY")


def test_an_unknown_id_and_a_wrong_secret_get_the_same_answer(api, issue, acme):
    _, secret = issue()

    wrong = api(secret=forged(secret), organization=acme).get("/permissions")
    missing = api(secret=unknown(), organization=acme).get("/permissions")

    assert_refused(wrong, 401, "INVALID_API_KEY")
    assert compared(wrong) == compared(missing)
    assert wrong["X-Request-Id"] != missing["X-Request-Id"]


def test_another_organization_and_an_unknown_one_get_the_same_answer(api, globex):
    client = api("flows:read")

    foreign = client.get("/permissions", X_Organization_Id=globex.pk)
    nowhere = client.get("/permissions", X_Organization_Id="org_0000000000000000")

    error = assert_refused(foreign, 403, "ORGANIZATION_MISMATCH")
    assert "does not belong to the organization" in error["message"]
    assert compared(foreign) == compared(nowhere)


def test_a_bad_key_is_not_rescued_by_a_session(api, alice):
    client = api(user=alice)

    for bad in ("", "x", unknown()):
        response = client.get("/permissions", X_Api_Key=bad)
        assert_refused(response, 401, "INVALID_API_KEY")
    assert client.get("/permissions").status_code == 200


def test_a_good_key_is_not_helped_by_a_session(api, issue, alice):
    _, secret = issue("flows:read")
    client = api(user=alice)

    response = client.get("/api-keys", X_Api_Key=secret)

    assert_refused(response, 403, "FORBIDDEN")
    assert client.get("/api-keys").status_code == 200


def test_scopes_are_not_looked_at_before_the_key_is_proven(api, issue, acme, globex):
    _, secret = issue("webhooks:read")
    client = api(secret=secret, organization=acme)

    denied = client.get("/flows")
    forged_one = client.get("/flows", X_Api_Key=forged(secret))
    elsewhere = client.get("/flows", X_Organization_Id=globex.pk)

    error = assert_refused(denied, 403, "MISSING_REQUIRED_SCOPES")
    assert error["metadata"] == {
        "required_scopes": ["flows:read"],
        "missing_scopes": ["flows:read"],
    }
    assert_refused(forged_one, 401, "INVALID_API_KEY")
    assert_refused(elsewhere, 403, "ORGANIZATION_MISMATCH")


def test_the_key_is_taken_from_its_header_only(api, issue, acme):
    _, secret = issue()
    client = api(secret=secret, organization=acme)
    client.client.cookies["X-Api-Key"] = secret
    elsewhere = {"X_Api_Key": None, "Authorization": f"Bearer {secret}"}

    response = client.get(
        f"/permissions?X-Api-Key={secret}&api_key={secret}", **elsewhere
    )

    assert_refused(response, 401, "UNAUTHENTICATED")


def test_a_mistyped_key_costs_no_query_over_http(
    api, issue, acme, django_assert_num_queries
):
    _, secret = issue()
    client = api(secret=mistyped(secret), organization=acme)

    with django_assert_num_queries(0):
        client.get("/permissions")


@pytest.mark.parametrize("secret_for", [forged, lambda secret: unknown()])
def test_a_wrong_key_costs_one_query_over_http(
    api, issue, acme, secret_for, django_assert_num_queries
):
    _, secret = issue()
    client = api(secret=secret_for(secret), organization=acme)

    with django_assert_num_queries(1):
        client.get("/permissions")


def test_a_refused_key_costs_one_query(api, issue, acme, django_assert_num_queries):
    key, secret = issue()
    key.revoke(by=SYSTEM)
    client = api(secret=secret, organization=acme)

    with django_assert_num_queries(1):
        client.get("/permissions")


def test_a_key_in_steady_use_costs_one_query(api, django_assert_num_queries):
    client = api("flows:read")
    client.get("/permissions")

    with django_assert_num_queries(1):
        client.get("/permissions")


def test_the_first_use_is_remembered_and_recorded_once(api, issue, acme):
    key, secret = issue()
    client = api(secret=secret, organization=acme)

    client.get("/permissions", User_Agent="curl/8")
    client.get("/permissions", User_Agent="curl/9")

    key.refresh_from_db()
    assert key.first_used_at == key.last_used_at
    assert abs(timezone.now() - key.first_used_at) < MINUTE
    assert (key.last_used_ip, key.last_used_user_agent) == ("127.0.0.1", "curl/8")
    assert key.last_used_route == "GET /permissions"
    event = AuditEvent.objects.get(action="api_key.first_used")
    assert event.details == {"via": "api", "route": "GET /permissions"}
    assert (event.actor_type, event.actor_id) == ("api_key", key.rest_id)
    assert (event.ip, event.user_agent) == ("127.0.0.1", "curl/8")


def test_a_use_is_written_at_most_once_a_minute(
    issue, statements, django_assert_num_queries
):
    key, _ = issue(at=NOW)
    key.record_use(Client(route="first"), NOW)
    key = ApiKey.objects.get(pk=key.pk)

    with django_assert_num_queries(0):
        key.record_use(Client(route="too soon"), NOW + MINUTE - MOMENT)
    with statements() as written:
        key.record_use(Client("192.0.2.1", "curl", "", "later"), NOW + MINUTE)

    assert [sql.split()[0] for sql in written] == ["UPDATE"]
    key.refresh_from_db()
    assert (key.first_used_at, key.last_used_at) == (NOW, NOW + MINUTE)
    assert (key.last_used_route, key.last_used_ip) == ("later", "192.0.2.1")


def test_a_stale_copy_does_not_write_the_same_minute_again(issue):
    key, _ = issue(at=NOW)
    key.record_use(Client(), NOW)
    one, other = ApiKey.objects.get(pk=key.pk), ApiKey.objects.get(pk=key.pk)

    one.record_use(Client(route="one"), NOW + MINUTE)
    other.record_use(Client(route="other"), NOW + MINUTE + MOMENT)

    assert ApiKey.objects.get(pk=key.pk).last_used_route == "one"


def test_a_last_use_in_the_future_is_mended_by_the_next_use(issue):
    key, _ = issue(at=NOW)
    key.record_use(Client(route="a clock that is ahead"), NOW + 10 * MINUTE)
    key = ApiKey.objects.get(pk=key.pk)

    key.record_use(Client(route="now"), NOW)

    key.refresh_from_db()
    assert (key.last_used_at, key.last_used_route) == (NOW, "now")


def test_a_use_changes_nothing_else(issue):
    key, _ = issue(at=NOW)
    before = ApiKey.objects.filter(pk=key.pk).values().get()

    key.record_use(Client("192.0.2.1", "curl", "", "GET /flows"), NOW)

    after = ApiKey.objects.filter(pk=key.pk).values().get()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {
        "first_used_at",
        "last_used_at",
        "last_used_ip",
        "last_used_user_agent",
        "last_used_route",
    }
    assert "updated_at" not in after


@pytest.mark.parametrize("wrong", [forged, mistyped])
def test_a_request_with_a_wrong_key_is_no_use_of_the_key(api, issue, acme, wrong):
    key, secret = issue()

    api(secret=wrong(secret), organization=acme).get("/permissions")

    key.refresh_from_db()
    assert key.last_used_at is None


@pytest.mark.parametrize(
    ("request_of", "status"),
    [
        (lambda client: client.get("/flows"), 403),  # a scope that it lacks
        (lambda client: client.post("/api-keys", {"name": "CI"}), 403),  # people only
        (lambda client: client.get("/permissions", X_Organization_Id="org_x"), 403),
        (lambda client: client.get("/permissions", X_Organization_Id=""), 400),
        (lambda client: client("PATCH", "/permissions"), 405),
    ],
)
def test_a_refused_request_is_no_use_of_the_key(api, issue, acme, request_of, status):
    key, secret = issue("webhooks:read")
    client = api(secret=secret, organization=acme)

    refused = request_of(client)

    key.refresh_from_db()
    assert refused.status_code == status
    assert (key.first_used_at, key.last_used_at) == (None, None)
    assert not AuditEvent.objects.filter(action="api_key.first_used").exists()
    client.get("/webhooks")
    key.refresh_from_db()
    assert key.first_used_at


def test_a_refused_request_does_not_move_the_last_use(api, issue, acme):
    key, secret = issue("webhooks:read")
    past = timezone.now() - DAY
    key.record_use(Client(), past)

    api(secret=secret, organization=acme).get("/flows")

    key.refresh_from_db()
    assert key.last_used_at == past


def no_updates(execute, sql, params, many, context, error=OperationalError):
    if sql.startswith("UPDATE"):
        raise error("the disk is full")
    return execute(sql, params, many, context)


@pytest.mark.parametrize("used_before", [False, True])
@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_request_succeeds_though_its_use_cannot_be_written(
    api, issue, acme, caplog, used_before, error
):
    key, secret = issue()
    if used_before:
        key.record_use(Client(), timezone.now() - DAY)
    client = api(secret=secret, organization=acme)

    with connection.execute_wrapper(partial(no_updates, error=error)):
        response = client.get("/permissions")

    assert response.status_code == 200
    assert f"Could not record the use of {key.rest_id}" in caplog.text
    assert "the disk is full" in caplog.text
    assert secret not in caplog.text


@pytest.mark.parametrize(
    "sender",
    [
        {"HTTP_USER_AGENT": "a\x00b"},
        {"HTTP_USER_AGENT": "\x80\xff" * 200},
        {"REMOTE_ADDR": "fe80::1%eth0"},
        {"REMOTE_ADDR": "not an address"},
        {"REMOTE_ADDR": ""},
        {"HTTP_X_FORWARDED_FOR": "1.2.3.4, x"},
    ],
)
def test_an_odd_sender_cannot_keep_its_use_from_being_recorded(
    api, issue, acme, sender
):
    key, secret = issue()
    client = api(secret=secret, organization=acme)
    client.client.defaults |= sender

    response = client.get("/permissions")

    key.refresh_from_db()
    assert response.status_code == 200
    assert key.first_used_at


def test_a_key_sent_as_the_user_agent_is_not_kept(api, issue, acme):
    key, secret = issue()

    api(secret=secret, organization=acme).get("/permissions", User_Agent=f"x {secret}")

    key.refresh_from_db()
    assert key.last_used_user_agent == f"x {key.display_id}"
    assert AuditEvent.objects.latest("sequence").user_agent == f"x {key.display_id}"


@pytest.mark.parametrize(
    ("path", "organization"),
    [
        ("/api-keys/key_%00", None),
        ("/api-keys", "org_\x00"),
        ("/orgs/%00/api-keys/", None),
        ("/orgs/{}/api-keys/%00/revoke/", None),
    ],
)
def test_a_null_character_from_a_person_is_not_a_fault(
    api, alice, acme, path, organization
):
    headers = {"X_Organization_Id": organization} if organization else {}

    response = api(user=alice).get(path.format(acme.pk), **headers)

    assert response.status_code in {400, 403, 404}

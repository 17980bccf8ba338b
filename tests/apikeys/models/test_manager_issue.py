"""How a key comes to be."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from apikeys import tokens
from apikeys.actors import Actor
from apikeys.exceptions import InvalidKeyRequest, ScopeDenied
from apikeys.models import ApiKey, AuditEvent
from apikeys.models.audit import Immutable
from apikeys.policy import DEFAULT
from echopoint.core.client_metadata import Client
from echopoint.organizations import roles

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def person(user):
    return Actor.person(user, via="api", is_fresh=True)


def refusal(issue, *scopes, **overrides):
    """Return why the key is not issued, having seen that nothing was left behind."""
    before = ApiKey.objects.count(), AuditEvent.objects.count()

    with pytest.raises(InvalidKeyRequest) as caught:
        issue(*scopes, **overrides)

    assert (ApiKey.objects.count(), AuditEvent.objects.count()) == before
    assert caught.value.code == "VALIDATION_ERROR"
    return caught.value


def test_the_secret_of_a_new_key_opens_it(issue, acme):
    key, secret = issue("flows:read")

    found = ApiKey.objects.authenticate(secret, organization_id=acme.pk, ip=None)

    assert found == key


def test_a_key_keeps_what_it_was_issued_with(issue, acme, alice):
    key, _ = issue(
        "flows:read", name="CI", by=person(alice), description="for CI", at=NOW
    )

    key = ApiKey.objects.get(pk=key.pk)
    assert (key.organization, key.name, key.description) == (acme, "CI", "for CI")
    assert (key.created_by, key.created_by_label) == (alice, "alice@acme.example")
    assert (key.created_at, key.expires_at) == (NOW, NOW + 90 * DAY)
    assert key.status(NOW) == "active"
    assert (key.first_used_at, key.last_used_at) == (None, None)


def test_a_key_outlives_the_person_who_made_it(issue, alice):
    key, _ = issue(by=person(alice))

    alice.delete()

    key.refresh_from_db()
    assert (key.created_by, key.created_by_label) == (None, "alice@acme.example")


def test_the_database_holds_a_digest_and_nowhere_the_secret(issue):
    key, secret = issue()

    pepper = tokens.current_pepper()
    assert key.digest == tokens.digest(tokens.parse(secret), pepper)
    assert key.pepper_version == pepper.version
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608, Django's own names
            dump = str(cursor.fetchall())
            assert secret not in dump, table
            assert secret[22:65] not in dump, table


def test_the_audit_tells_of_the_key_and_of_its_secret_being_shown(issue, alice):
    client = Client("192.0.2.7", "curl", "request-1")
    by = Actor.person(alice, via="page", client=client, is_fresh=True)
    key, _ = issue("runner:complete", "flows:execute", name="CI", by=by, at=NOW)

    created, displayed = AuditEvent.objects.order_by("sequence")

    assert created.action == "api_key.created"
    assert displayed.action == "api_key.secret_displayed"
    assert created.details == {
        "via": "page",
        "scopes": ["flows:execute", "runner:complete"],
        "preset": "ci-flow-id",
        "expires_at": "2026-08-30T12:00:00+00:00",
        "allowed_networks": None,
        "owner": "alice@acme.example",
        "contact_email": "",
        "description": "",
        "requests_per_minute": None,
    }
    for event in (created, displayed):
        assert event.at == NOW
        assert (event.target_id, event.target_label) == (key.rest_id, "CI")
        assert (event.actor_type, event.actor_id) == ("user", alice.pk)
        assert (event.ip, event.user_agent) == ("192.0.2.7", "curl")
        assert event.request_id == "request-1"


@pytest.mark.parametrize("name", ["CI", "ci", "Ci"])
def test_a_live_keys_name_is_taken_in_any_case(issue, name):
    key, _ = issue(name="CI")

    refused = refusal(issue, name=name)

    assert refused.field == "name"
    assert key.display_id in refused.message
    assert "expired" not in refused.message


def test_another_name_is_free(issue):
    issue(name="CI")

    assert issue(name="CI 2")


@pytest.mark.parametrize("wildcard", ["C_", "%", "C%"])
def test_a_name_is_text_not_a_pattern(issue, wildcard):
    issue(name="CI")

    assert issue(name=wildcard)


def test_a_name_is_taken_in_its_own_organization_only(issue, globex):
    issue(name="CI")

    assert issue(name="CI", organization=globex)


def test_a_suspended_key_holds_its_name(issue, alice):
    key, _ = issue(name="CI")
    key.suspend(by=person(alice))

    assert refusal(issue, name="CI").field == "name"


def test_an_expired_key_holds_its_name_and_the_refusal_says_so(issue):
    issue(name="CI", expires_in_days=1, at=timezone.now() - 2 * DAY)

    refused = refusal(issue, name="CI")

    assert refused.field == "name"
    assert "expired, but keeps its name until it is revoked" in refused.message


def test_whether_a_name_is_held_by_an_expired_key_is_asked_of_the_moment_of_issue(
    issue,
):
    issue(name="CI", expires_in_days=1, at=timezone.now())

    refused = refusal(issue, name="CI", at=timezone.now() + 2 * DAY)

    assert "expired, but keeps its name until it is revoked" in refused.message


def test_a_revoked_keys_name_is_free(issue, alice):
    key, _ = issue(name="CI")
    key.revoke(by=person(alice))

    assert issue(name="CI")


def test_a_retiring_keys_name_is_free(issue):
    key, _ = issue(name="CI")
    ApiKey.objects.filter(pk=key.pk).update(retire_at=key.expires_at)

    assert issue(name="CI")


@pytest.mark.parametrize(
    ("held", "asked"),
    [("\u212aey", "key"), ("key", "\u212aey"), ("Straße", "STRAẞE"), ("ſ", "s")],
    ids=["kelvin held", "kelvin asked", "sharp s", "long s"],
)
def test_a_name_with_unusual_capitals_is_taken_or_free_but_never_a_fault(
    issue, held, asked
):
    issue(name=held)

    with suppress(InvalidKeyRequest):
        issue(name=asked)

    assert ApiKey.objects.filter(name=held).exists()


@pytest.mark.parametrize("name", ["", " ", "\u3000", "\u2003 "])
def test_a_key_needs_a_name(issue, name):
    assert "name" in refusal(issue, name=name).message


@pytest.mark.parametrize(
    "name",
    [
        "a\x00b",
        "a\nb",
        "a\tb",
        "a\x7fb",
        "a\u200bb",
        "a\u202eb",
        "a\u2028b",
        "a\ud800b",
    ],
)
def test_a_name_is_one_printable_line(issue, name):
    refused = refusal(issue, name=name)

    assert refused.field == "name"
    assert "without control characters" in refused.message


def test_a_name_of_any_script_is_kept(issue):
    key, _ = issue(name="Ключ 鍵 🔑")

    key.refresh_from_db()
    assert key.name == "Ключ 鍵 🔑"


def test_a_name_of_100_characters_is_kept(issue):
    key, _ = issue(name="é" * 100)

    key.refresh_from_db()
    assert key.name == "é" * 100


def test_a_name_of_101_characters_is_refused(issue):
    refused = refusal(issue, name="é" * 101)

    assert refused.field == "name"
    assert refused.metadata == {"maxLength": 100}


def test_a_description_of_500_characters_is_kept_and_one_of_501_refused(issue):
    key, _ = issue(description="d" * 500)
    refused = refusal(issue, description="d" * 501)

    assert len(key.description) == 500
    assert (refused.field, refused.metadata) == ("description", {"maxLength": 500})


def test_scopes_are_stored_in_the_catalogs_spelling_sorted_and_once(issue):
    key, _ = issue("Webhooks:Read", "FLOWS:EXECUTE", "flows:execute")

    key.refresh_from_db()
    assert key.scopes == ["flows:execute", "webhooks:read"]


@pytest.mark.parametrize(
    ("scopes", "preset"),
    [
        (["runner:complete", "Flows:Read", "flows:execute"], "ci"),
        (["runner:complete", "runner:claim"], "runner"),
        (["flows:update"], ""),
    ],
)
def test_a_key_remembers_the_preset_that_its_scopes_are(issue, scopes, preset):
    key, _ = issue(*scopes)

    assert key.preset == preset


def test_an_unknown_scope_is_refused_by_name(issue):
    refused = refusal(issue, "flows:read", "flows:fly")

    assert refused.field == "scopes"
    assert '"flows:fly"' in refused.message
    assert "flows:read" not in refused.message


@pytest.mark.parametrize("scope", ["api_key:create", "*", "flows:*", "", "flows:read "])
def test_what_is_not_in_the_catalog_cannot_be_granted(issue, scope):
    assert "Not in the scope catalog" in refusal(issue, scope).message


def test_a_key_needs_a_scope(issue):
    refused = refusal(issue, scopes=[])

    assert refused.field == "scopes"
    assert "at least one" in refused.message


def test_too_many_scopes_are_refused_and_just_enough_taken(issue):
    key, _ = issue(scopes=["flows:read"] * 100)
    refused = refusal(issue, scopes=["flows:read"] * 101)

    assert key.scopes == ["flows:read"]
    assert (refused.field, refused.metadata) == ("scopes", {"maxItems": 100})


def test_a_member_cannot_issue_keys(issue, bob):
    with pytest.raises(ScopeDenied, match="Your role cannot issue keys") as caught:
        issue("flows:read", by=person(bob))

    assert caught.value.metadata == {
        "required_scopes": ["api_key:create", "flows:read"],
        "missing_scopes": ["api_key:create"],
    }
    assert not ApiKey.objects.exists()


def test_nobody_grants_what_their_role_lacks(issue, alice, monkeypatch):
    by = person(alice)
    assert issue("flows:read", "runner:claim", by=by)[0].scopes == [
        "flows:read",
        "runner:claim",
    ]
    lesser = roles.ADMIN - {"runner:claim"}
    monkeypatch.setitem(roles.PERMISSIONS, "admin", lesser)

    with pytest.raises(ScopeDenied, match="Your role cannot grant runner:claim"):
        issue("flows:read", "runner:claim", by=by)

    assert issue("flows:read", by=by)


def test_an_admin_of_another_organization_can_grant_nothing(issue, mallory, globex):
    with pytest.raises(ScopeDenied, match="cannot issue keys"):
        issue("flows:read", by=person(mallory))

    assert issue("flows:read", by=person(mallory), organization=globex)


def test_a_role_is_asked_at_the_moment_of_issue(issue, acme, alice):
    by = person(alice)
    assert issue("flows:read", by=by)
    acme.memberships.filter(user=alice).delete()

    with pytest.raises(ScopeDenied, match="cannot issue keys"):
        issue("flows:read", by=by)


def test_a_key_can_grant_nothing(issue):
    key, _ = issue("flows:read")

    with pytest.raises(ScopeDenied, match="cannot issue keys"):
        issue("flows:read", by=Actor.key(key, Client()))


def test_no_choice_is_the_organizations_default(issue, acme):
    acme.default_lifetime_days = 7
    acme.save()

    key, _ = issue(expires_in_days=DEFAULT, at=NOW)

    assert key.expires_at == NOW + 7 * DAY


def test_the_longest_lifetime_is_granted_and_a_day_more_refused(issue):
    key, _ = issue(expires_in_days=365, at=NOW)
    refused = refusal(issue, expires_in_days=366, at=NOW)

    assert key.expires_at == NOW + 365 * DAY
    assert refused.field == "expires_in_days"
    assert "1 to 365 days" in refused.message


@pytest.mark.parametrize("days", [0, -1])
def test_a_key_cannot_be_born_expired(issue, days):
    assert refusal(issue, expires_in_days=days).field == "expires_in_days"


def test_no_expiry_is_refused_unless_the_organization_allows_it(issue, acme):
    refused = refusal(issue, expires_in_days=None)
    acme.allow_non_expiring = True
    acme.save()
    key, _ = issue(expires_in_days=None)

    assert "without an expiry" in refused.message
    assert key.expires_at is None
    assert key.status(NOW + 100_000 * DAY) == "active"


def test_lowering_the_limit_ends_no_key_that_was_issued_before(issue, acme):
    key, _ = issue(expires_in_days=365, at=NOW)
    acme.default_lifetime_days = acme.max_lifetime_days = 1
    acme.save()

    key.refresh_from_db()

    assert key.expires_at == NOW + 365 * DAY


def breaks(constraint):
    return pytest.raises(IntegrityError, match=constraint), transaction.atomic()


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"scopes": []}, "api_key_scopes_not_empty"),
        ({"retire_at": NOW + 91 * DAY}, "api_key_retires_before_expiry"),
        ({"expires_at": NOW}, "api_key_expires_after_created"),
        ({"expires_at": NOW - DAY}, "api_key_expires_after_created"),
    ],
)
def test_the_database_refuses_what_no_key_can_be(issue, values, constraint):
    key, _ = issue(at=NOW)
    refused, savepoint = breaks(constraint)

    with refused, savepoint:
        ApiKey.objects.filter(pk=key.pk).update(**values)


@pytest.mark.parametrize(
    "values",
    [
        {"scopes": ["flows:read"]},
        {"retire_at": NOW + 90 * DAY},
        {"expires_at": NOW + timedelta(microseconds=1)},
        {"expires_at": None, "retire_at": NOW + 1000 * DAY},
    ],
)
def test_the_database_takes_what_a_key_can_be(issue, values):
    key, _ = issue(at=NOW)

    assert ApiKey.objects.filter(pk=key.pk).update(**values) == 1


def test_the_database_refuses_two_live_keys_of_one_name(issue):
    issue(name="CI")
    other, _ = issue(name="other")
    refused, savepoint = breaks("api_key_name_unique|name_key")

    with refused, savepoint:
        ApiKey.objects.filter(pk=other.pk).update(name="ci")


def test_the_database_refuses_a_second_live_successor(issue, alice):
    key, first, second = (issue()[0] for _ in range(3))
    successors = ApiKey.objects.filter(pk__in=[first.pk, second.pk])
    refused, savepoint = breaks("api_key_one_live_successor|rotated_from")

    with refused, savepoint:
        successors.update(rotated_from=key)
    first.revoke(by=person(alice))

    assert successors.update(rotated_from=key) == 2


def test_the_database_refuses_a_public_id_twice(issue):
    (first, _), (second, _) = issue(), issue()
    refused, savepoint = breaks("public_id")

    with refused, savepoint:
        ApiKey.objects.filter(pk=second.pk).update(public_id=first.public_id)


def test_keys_are_never_deleted(issue):
    key, _ = issue()

    with pytest.raises(Immutable, match="revoked, never deleted"):
        key.delete()
    with pytest.raises(Immutable, match="revoked, never deleted"):
        ApiKey.objects.all().delete()

    assert ApiKey.objects.filter(pk=key.pk).exists()


def test_a_key_never_shows_its_digest_as_text(issue):
    key, secret = issue(name="CI")

    assert str(key) == f"CI (epk_live_{key.public_id}_…)"
    for shown in (str(key), repr(key), key.display_id, key.rest_id):
        assert key.digest not in shown
        assert secret[22:] not in shown


def test_a_name_is_one_in_any_case_of_any_alphabet(issue):
    issue(name="École")

    refused = refusal(issue, name="école")

    assert refused.field == "name"
    assert "already has this name" in refused.message

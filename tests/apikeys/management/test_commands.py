"""The commands: one JSON object on standard output, nothing else there."""

import json
from datetime import datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apikeys import policy, tokens
from apikeys.actors import Actor
from apikeys.db.write_buffers import write_buffers
from apikeys.models import ApiKey, AuditEvent

FIELDS = {
    "id",
    "name",
    "created_at",
    "expires_at",
    "last_used_at",
    "permissions",
    "allowed_networks",
    "owner_email",
    "contact_email",
    "description",
    "status",
    "organization_id",
}


@pytest.fixture
def answer(capsys):
    """Return a function that runs a command with --json and reads what it wrote."""

    def answer(*arguments):
        call_command(*arguments, "--json")
        return json.loads(capsys.readouterr().out)

    return answer


@pytest.fixture
def issued(answer, acme):
    def issued(*arguments, name="CI"):
        return answer(
            "issue_api_key", "--organization", acme.pk, "--name", name, *arguments
        )

    return issued


def failure(*arguments):
    with pytest.raises(CommandError) as caught:
        call_command(*arguments)
    return str(caught.value)


def test_an_issued_key_is_told_in_the_fields_of_the_api(issued, acme):
    told = issued("--preset", "ci", "--expires-in-days", "30")

    key = ApiKey.objects.get()
    assert set(told) == FIELDS | {"secret"}
    assert told["id"] == f"key_{key.public_id}"
    assert (told["name"], told["organization_id"]) == ("CI", acme.pk)
    assert told["permissions"] == ["flows:execute", "flows:read", "runner:complete"]
    assert (told["status"], told["last_used_at"]) == ("active", None)
    created, expires = (
        datetime.fromisoformat(told[f"{n}_at"]) for n in ("created", "expires")
    )
    assert expires - created == timedelta(days=30)
    assert told["created_at"].endswith("Z")


def test_a_key_is_issued_for_networks(issued, capsys, acme):
    told = issued(
        "--preset", "ci", "--allow-from", "192.0.2.0/24", "--allow-from", "::1"
    )
    words = ["issue_api_key", "--organization", acme.pk, "--preset", "ci"]
    call_command(*words, "--name", "x", "--allow-from", "192.0.2.1")

    assert told["allowed_networks"] == ["192.0.2.0/24", "::1"]
    assert "runner:complete, from 192.0.2.1." in capsys.readouterr().out
    refused = failure(*words, "--name", "y", "--allow-from", "192.0.2.1/24")
    assert "Write 192.0.2.0/24 for the network" in refused
    assert ApiKey.objects.count() == 2


def test_a_command_obeys_limits_of_organizations_but_not_of_roles(acme, issue):
    key, _ = issue("runner:claim")
    limits = {"max_keys": 1, "listed_scopes": ["runner:claim"]}
    policy.change(acme, by=Actor.command("test"), owner_scopes=["flows:read"], **limits)
    words = ["issue_api_key", "--organization", acme.pk, "--name", "x"]

    full = failure(*words, "--scope", "webhooks:read")
    unlisted = failure("rotate_api_key", key.rest_id)
    key.revoke(by=Actor.command("test"))
    unlisted_too = failure(*words, "--scope", "runner:claim")
    call_command(*words, "--scope", "webhooks:read")

    assert "maximum of its policy: 1 key" in full
    assert "Set its allowed addresses first" in unlisted
    assert "Enter at least one address" in unlisted_too
    assert acme.api_keys.get(revoked_at=None).scopes == ["webhooks:read"]


def test_an_issued_key_is_told_as_the_api_tells_it(issued, api, alice):
    told = issued("--scope", "flows:read")

    shown = api(user=alice).get(f"/api-keys/{told['id']}").json()

    assert shown.pop("rotation") is None
    assert shown.pop("effective_networks") is None
    assert shown.pop("requests_per_minute") == 600
    assert shown.pop("leak_reported_at") is None
    assert [use["scope"] for use in shown.pop("scope_use")] == told["permissions"]
    assert {name: told[name] for name in shown} == shown


def test_the_secret_of_an_issued_key_opens_the_api(issued, api, acme):
    secret = issued("--preset", "runner")["secret"]

    response = api(secret=secret, organization=acme).get("/api-keys/self")

    assert response.status_code == 200


def test_scopes_can_be_named_one_by_one(issued):
    told = issued("--scope", "webhooks:read", "--scope", "Flows:Read")

    assert told["permissions"] == ["flows:read", "webhooks:read"]


def test_without_a_choice_a_key_has_the_default_lifetime(issued):
    issued("--preset", "ci")

    key = ApiKey.objects.get()
    assert key.expires_at - key.created_at == timedelta(days=90)


def test_no_expiry_is_bound_by_the_policy_here_too(issued, acme):
    arguments = ["issue_api_key", "--organization", acme.pk, "--name", "CI"]
    arguments += ["--preset", "ci", "--no-expiry"]
    assert "without an expiry" in failure(*arguments)
    acme.allow_non_expiring = True
    acme.save()

    assert issued("--preset", "ci", "--no-expiry")["expires_at"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--scope", "flows:fly"], "flows:fly"),
        (["--preset", "ci", "--expires-in-days", "366"], "1 to 365 days"),
        (["--preset", "ci", "--expires-in-days", "0"], "1 to 365 days"),
        (["--preset", "ci", "--name", " "], "Give the key a name"),
        (["--preset", "ci", "--organization", "org_x"], "no organization org_x"),
        (["--preset", "nope"], "invalid choice"),
        (["--preset", "ci", "--scope", "flows:read"], "not allowed with"),
        (
            ["--preset", "ci", "--expires-in-days", "1", "--no-expiry"],
            "not allowed with",
        ),
        (["--preset", "ci", "--expires-in-days", "x"], "invalid int"),
        ([], "--preset --scope is required"),
    ],
)
def test_what_cannot_be_issued_is_refused_with_the_reason(
    acme, capsys, arguments, said
):
    base = ["issue_api_key", "--organization", acme.pk, "--name", "CI"]

    assert said in failure(*base, *arguments)

    assert not ApiKey.objects.exists()
    assert capsys.readouterr().out == ""


def test_the_secret_is_the_last_line_for_people(acme, capsys):
    base = ["issue_api_key", "--organization", acme.pk, "--name", "CI"]

    call_command(*base, "--preset", "ci")

    lines = capsys.readouterr().out.splitlines()
    assert tokens.parse(lines[-1]).public_id == ApiKey.objects.get().public_id
    assert lines[0].startswith(ApiKey.objects.get().rest_id)


def test_the_audit_says_that_a_command_did_it(issued):
    issued("--preset", "ci")

    event = AuditEvent.objects.first()
    assert (event.actor_type, event.actor_id) == ("system", "issue_api_key")
    assert event.details["via"] == "command"


def test_a_revoked_key_is_told_in_the_fields_of_the_api(issue, answer, acme):
    key, _ = issue()

    told = answer("revoke_api_key", key.rest_id, "--reason", "leaked")

    key.refresh_from_db()
    assert set(told) == FIELDS | {"revoked_at"}
    assert (told["id"], told["status"]) == (key.rest_id, "revoked")
    assert datetime.fromisoformat(told["revoked_at"]) == key.revoked_at
    assert (key.revoke_reason, key.revoked_by_label) == (
        ("leaked", "command revoke_api_key")
    )


def test_revoking_again_is_no_failure_and_changes_nothing(issue, answer, capsys):
    key, _ = issue()
    first = answer("revoke_api_key", key.rest_id, "--reason", "leaked")

    assert answer("revoke_api_key", key.rest_id, "--reason", "again") == first
    call_command("revoke_api_key", key.rest_id, "--reason", "again")

    assert "was revoked before; nothing changed" in capsys.readouterr().out
    assert AuditEvent.objects.filter(action="api_key.revoked").count() == 1


def test_a_key_is_found_by_its_id_its_public_id_or_itself(issue, answer):
    for find in (lambda k, s: k.rest_id, lambda k, s: k.public_id, lambda k, s: s):
        key, secret = issue()

        told = answer("revoke_api_key", find(key, secret), "--reason", "test")

        assert told["id"] == key.rest_id
        assert secret not in str(told)


@pytest.mark.parametrize("key_id", ["key_000000000000", "", "key_", "nothing"])
def test_an_unknown_key_is_not_revoked(issue, key_id):
    issue()

    said = failure("revoke_api_key", key_id, "--reason", "test")

    assert "There is no key with this id" in said
    assert not ApiKey.objects.exclude(revoked_at=None).exists()


def test_a_reason_is_asked_for_and_has_its_limit(issue):
    key, _ = issue()

    assert "--reason" in failure("revoke_api_key", key.rest_id)
    assert "at most 255" in failure(
        "revoke_api_key", key.rest_id, "--reason", "r" * 256
    )

    key.refresh_from_db()
    assert key.revoked_at is None


def test_a_mistyped_key_is_not_repeated(issue):
    _, secret = issue()

    assert secret[22:] not in failure(
        "revoke_api_key", secret + "x", "--reason", "test"
    )


def test_the_audit_is_verified_in_one_object(issue, answer, acme):
    issue()

    told = answer("verify_audit")
    assert told["intact"] is True
    (chain,) = told["organizations"]
    assert chain["organization_id"] == acme.pk
    assert (chain["events"], chain["intact"], chain["broken"]) == (2, True, None)
    assert answer("verify_audit", "--organization", acme.pk)["intact"]


def test_an_unknown_organization_has_no_audit(db):
    assert "no organization org_x" in failure("verify_audit", "--organization", "org_x")


def test_a_key_that_expired_is_told_so(issue, answer):
    key, _ = issue(at=timezone.now() - timedelta(days=91))

    told = answer("revoke_api_key", key.rest_id, "--reason", "tidy")

    assert told["status"] == "revoked"
    assert datetime.fromisoformat(told["expires_at"]) < timezone.now()


def test_rotate_api_key_prints_the_successor_as_one_object(issue, capsys):
    key, _ = issue("flows:read", name="Deploy")

    call_command("rotate_api_key", key.rest_id, "--overlap", "24h", "--json")

    answer = json.loads(capsys.readouterr().out)
    key.refresh_from_db()
    assert answer["rotated_from"] == key.rest_id
    assert answer["id"] == key.successor.rest_id
    assert (answer["name"], answer["permissions"]) == ("Deploy", ["flows:read"])
    assert answer["retire_at"] == key.retire_at.isoformat().replace("+00:00", "Z")
    assert ApiKey.objects.authenticate(
        answer["secret"], organization_id=answer["organization_id"], ip=None
    )


def test_rotate_api_key_says_what_becomes_of_the_old_key_and_its_scopes(issue, capsys):
    (lasting, _), (stopped, _) = issue("flows:read"), issue("flows:read")
    ApiKey.objects.filter(pk=lasting.pk).update(scopes=["flows:fly", "flows:read"])

    call_command("rotate_api_key", lasting.rest_id, "--overlap", "24h")
    said = capsys.readouterr().out
    call_command("rotate_api_key", stopped.rest_id, "--overlap", "0")
    then = capsys.readouterr().out

    assert f"{lasting.rest_id}, which works until" in said
    assert "It lacks flows:fly, no longer in the scope catalog." in said
    assert f"{stopped.rest_id}, which has stopped working." in then
    assert "It lacks" not in then


@pytest.mark.parametrize("overlap", ["24", "h", "1w", "-1h", "8d", "", "1.5h"])
def test_an_overlap_that_cannot_be_is_refused(issue, overlap):
    key, _ = issue()

    with pytest.raises(CommandError, match="overlap"):
        call_command("rotate_api_key", key.rest_id, f"--overlap={overlap}")

    key.refresh_from_db()
    assert key.retire_at is None


def test_rotating_an_unknown_key_says_where_to_find_the_id(db):
    with pytest.raises(CommandError, match="API Keys page"):
        call_command("rotate_api_key", "key_000000000000")


@pytest.mark.parametrize("shape", ["{0.rest_id}", "{0.public_id}", "{0.display_id}"])
def test_a_key_is_named_in_any_way_that_it_is_shown(issue, shape):
    key, _ = issue()

    call_command("revoke_api_key", shape.format(key), "--reason", "test")

    key.refresh_from_db()
    assert key.revoked_at


def test_the_status_of_a_rotation_is_told_and_nothing_changes(answer, issue, api, acme):
    key, secret = issue("flows:read")
    api(secret=secret, organization=acme).get("/flows", User_Agent="curl/8")
    write_buffers.flush()
    successor, _ = key.rotate(by=Actor.command("test"))
    before = list(ApiKey.objects.order_by("pk").values())

    told = answer("rotate_api_key", "--status", key.rest_id)

    assert told["id"] == key.rest_id
    assert told["successor_id"] == successor.rest_id
    assert (told["verdict"], told["until"]) == ("not_yet", None)
    assert [place["place"] for place in told["places"]] == ["curl from 127.0.0.1"]
    assert list(ApiKey.objects.order_by("pk").values()) == before
    assert answer("rotate_api_key", "--status", successor.rest_id) == told


def test_the_status_of_a_rotation_is_a_sentence_for_people(issue, capsys):
    key, _ = issue("flows:read")
    key.rotate(by=Actor.command("test"))

    call_command("rotate_api_key", "--status", key.rest_id)

    assert capsys.readouterr().out.startswith("Not yet: no request with the new key")


def test_the_status_of_no_rotation_says_so(issue):
    key, _ = issue("flows:read")

    assert "is active and is not being rotated" in failure(
        "rotate_api_key", "--status", key.rest_id
    )


def test_the_status_takes_no_choices(issue):
    key, _ = issue("flows:read")
    key.rotate(by=Actor.command("test"))

    refused = failure("rotate_api_key", "--status", key.rest_id, "--overlap", "1h")

    assert refused == "--status changes nothing. Leave out --overlap."


@pytest.fixture
def lost(issue, settings):
    """Return two keys of pepper 1, which is lost, and one of pepper 2."""
    keys = [issue()[0], issue()[0]]
    settings.API_KEY_PEPPERS = "2:" + "n" * 40
    return [*keys, issue()[0]]


def test_all_keys_of_a_lost_pepper_are_revoked(answer, lost):
    told = answer("revoke_api_key", "--pepper-version", "1", "--reason", "lost")

    first, second, working = ApiKey.objects.order_by("pk")
    assert (told["pepper_version"], told["dry_run"]) == (1, False)
    assert [key["id"] for key in told["keys"]] == [first.rest_id, second.rest_id]
    assert first.revoke_reason == second.revoke_reason == "lost"
    assert working.revoked_at is None
    assert AuditEvent.objects.filter(action="api_key.revoked").count() == 2


def test_keys_of_a_changed_secret_are_revoked_by_its_version(answer, lost, settings):
    settings.API_KEY_PEPPERS += ",1:" + "x" * 40

    told = answer("revoke_api_key", "--pepper-version", "1", "--reason", "lost")

    assert len(told["keys"]) == 2


def test_a_dry_run_lists_the_keys_of_a_lost_pepper_and_revokes_none(answer, lost):
    told = answer(
        "revoke_api_key", "--pepper-version", "1", "--reason", "lost", "--dry-run"
    )

    assert len(told["keys"]) == 2
    assert not ApiKey.objects.exclude(revoked_at=None).exists()


@pytest.mark.parametrize(
    "arguments", [["--pepper-version", "2"], ["--pepper-version", "2", "key_x"], []]
)
def test_keys_of_a_working_pepper_are_not_revoked_together(lost, arguments):
    said = failure("revoke_api_key", *arguments, "--reason", "lost")

    assert said
    assert not ApiKey.objects.exclude(revoked_at=None).exists()


def test_commands_name_the_options_that_the_policy_requires(acme, issue, answer):
    key, _ = issue()
    required = {"require_description": True, "require_contact": True}
    policy.change(acme, by=Actor.command("test"), **required)
    words = ["issue_api_key", "--organization", acme.pk, "--name", "x"]
    words += ["--scope", "flows:read"]
    described = ["--description", "Runs flows"]
    contacted = [*described, "--contact", "ops@team.example"]

    assert failure(*words).endswith("Use --description.")
    assert failure(*words, *described).endswith("Use --owner or --contact.")
    assert failure("rotate_api_key", key.rest_id).endswith("Use --description.")
    issued = answer(*words, *contacted)
    rotated = answer("rotate_api_key", key.rest_id, *contacted)

    for told in (issued, rotated):
        assert told["description"] == "Runs flows"
        assert told["contact_email"] == "ops@team.example"
    unchanged = failure("rotate_api_key", key.rest_id, "--status", *described)
    assert "Leave out --description" in unchanged

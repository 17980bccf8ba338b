"""The pages of issue, rotation and networks show what the policy refuses, and refuse it."""

import pytest
from django.urls import reverse

from apikeys import policy
from apikeys.actors import Actor
from apikeys.models import ApiKey
from tests.signing_in import sign_in

SYSTEM = Actor.command("test")


@pytest.fixture
def change(acme):
    return lambda **limits: policy.change(acme, by=SYSTEM, **limits)


@pytest.fixture
def page(client, alice, acme):
    """Return a function that opens a page as an admin."""
    sign_in(client, alice)

    def page(name, key=None):
        args = [acme.pk, key.public_id] if key else [acme.pk]
        return client.get(reverse(f"apikeys:{name}", args=args))

    return page


@pytest.fixture
def submit(client, page):
    """Return a function that submits the form of a page as shown, with `values` changed."""

    def submit(name, key=None, /, **values):
        shown = page(name, key)
        form = shown.context["form"]
        sent = {name: form[name].value() for name in form.fields} | values
        sent = {name: value for name, value in sent.items() if value is not None}
        return client.post(shown.wsgi_request.path, sent)

    return submit


def test_without_limits_there_are_no_notes(page, issue):
    key, _ = issue("runner:claim")

    assert page("issue").context["policy_notes"] == []
    assert page("rotate", key).context["policy_notes"] == []


def test_the_number_of_keys_left_is_shown(page, change, issue):
    issue()
    change(max_keys=3)
    assert (
        "2 more keys can be created: the policy of Acme allows 3." in page("issue").text
    )
    issue()
    assert "1 more key can be created" in page("issue").text

    issue()

    [note] = page("issue").context["policy_notes"]
    assert note.is_warning
    assert "Acme has reached the maximum of its policy: 3 keys." in page("issue").text


def test_a_form_beyond_the_maximum_keeps_what_was_typed(submit, change, issue, acme):
    issue()
    change(max_keys=1)

    response = submit("issue", name="Nightly", scopes=["flows:read"])

    assert "No key was created" in response.text
    assert 'value="Nightly"' in response.text
    assert "Revoke a key that is no longer needed" in response.text
    assert acme.api_keys.count() == 1


def test_the_scopes_of_the_role_are_shown_and_others_refused(
    submit, page, change, acme
):
    change(admin_scopes=["ci", "webhooks:read"])
    said = "lets admins grant webhooks:read, and exactly the scopes of the preset CI"

    assert said in page("issue").text
    response = submit("issue", name="Nightly", scopes=["flows:read"])

    assert "does not let admins grant flows:read" in response.text
    assert set(response.context["form"].errors) == {"scopes"}
    assert not acme.api_keys.exists()


def test_owners_see_the_limit_of_owners(client, olive, acme, change):
    change(admin_scopes=["flows:read"])
    sign_in(client, olive)

    page = client.get(reverse("apikeys:issue", args=[acme.pk]))

    assert page.context["policy_notes"] == []


def test_a_missing_list_is_an_error_at_its_field(submit, page, change, acme):
    change(listed_scopes=["runner:claim"])

    assert "A key with runner:claim needs a list" in page("issue").text
    refused = submit("issue", name="Runner", scopes=["runner:claim"])
    assert set(refused.context["form"].errors) == {"allowed_networks"}
    submit(
        "issue", name="Runner", scopes=["runner:claim"], allowed_networks="192.0.2.1"
    )

    assert acme.api_keys.get().allowed_networks == ["192.0.2.1"]


def test_a_rotation_says_which_scopes_to_leave_out(submit, page, change, issue):
    key, _ = issue("flows:read", "webhooks:read")
    change(admin_scopes=["flows:read"])

    shown = page("rotate", key)
    assert "does not let admins grant webhooks:read. Untick" in shown.text
    assert shown.context["form"]["scopes"].value() == ["flows:read", "webhooks:read"]
    refused = submit("rotate", key)
    assert set(refused.context["form"].errors) == {"scopes"}
    submit("rotate", key, scopes=["flows:read"])

    successor = ApiKey.objects.get(rotated_from=key)
    assert successor.scopes == ["flows:read"]


def test_a_rotation_leads_to_the_list_that_is_missing(submit, page, change, issue):
    key, _ = issue("runner:claim")
    change(listed_scopes=["runner:claim"])
    networks = reverse("apikeys:networks", args=[key.organization_id, key.public_id])

    assert (
        f'<a href="{networks}">Set the allowed addresses</a>'
        in page("rotate", key).text
    )
    refused = submit("rotate", key)

    assert set(refused.context["form"].errors) == {"scopes"}
    assert not ApiKey.objects.filter(rotated_from=key).exists()


def test_a_rotation_at_the_maximum_is_explained_and_works(submit, page, change, issue):
    key, _ = issue()
    change(max_keys=1)

    assert (
        "count as one key; the policy allows at most 1 key" in page("rotate", key).text
    )
    submit("rotate", key)

    assert ApiKey.objects.filter(rotated_from=key).exists()


def test_the_list_that_the_policy_requires_is_not_removed(submit, page, change, issue):
    key, _ = issue("runner:claim", allowed_networks=["192.0.2.1"])
    without, _ = issue("runner:claim")
    change(listed_scopes=["runner:claim"])

    assert "the list of this key cannot be removed" in page("networks", key).text
    assert "cannot be rotated with these scopes" in page("networks", without).text
    refused = submit("networks", key, allowed_networks="", confirm="1")

    assert set(refused.context["form"].errors) == {"allowed_networks"}
    assert ApiKey.objects.get(pk=key.pk).is_restricted

"""A member who is removed in the console leaves keys behind: it says so, with a link."""

import re

import pytest
from django.contrib.admin.utils import quote

from apikeys.actors import Actor
from apikeys.models import ApiKey


@pytest.fixture
def bobs_key(issue, acme, bob):
    membership = acme.memberships.get(user=bob)
    membership.role = "admin"
    membership.save()
    by = Actor.person(bob, via="page", is_fresh=True)
    issue(name="another's")
    return issue(name="bob's", by=by)[0]


def remove_in_organization(boss, acme, bob):
    membership = acme.memberships.get(user=bob)
    rows = {
        "memberships-TOTAL_FORMS": "1",
        "memberships-INITIAL_FORMS": "1",
        "memberships-0-id": membership.pk,
        "memberships-0-organization": acme.pk,
        "memberships-0-user": bob.pk,
        "memberships-0-role": membership.role,
        "memberships-0-DELETE": "on",
    }
    url = f"/admin/organizations/organization/{quote(acme.pk)}/change/"
    return boss.post(url, {"name": acme.name} | rows, follow=True)


def remove_membership(boss, acme, bob):
    membership = acme.memberships.get(user=bob)
    url = f"/admin/organizations/membership/{membership.pk}/delete/"
    return boss.post(url, {"post": "yes"}, follow=True)


def remove_selected_memberships(boss, acme, bob):
    membership = acme.memberships.get(user=bob)
    data = {"action": "delete_selected", "_selected_action": membership.pk}
    return boss.post(
        "/admin/organizations/membership/", data | {"post": "yes"}, follow=True
    )


def delete_account(boss, acme, bob):
    url = f"/admin/organizations/user/{quote(bob.pk)}/delete/"
    return boss.post(url, {"post": "yes"}, follow=True)


REMOVALS = [
    remove_in_organization,
    remove_membership,
    remove_selected_memberships,
    delete_account,
]


@pytest.mark.parametrize("remove", REMOVALS)
def test_the_keys_of_a_removed_member_are_offered_for_revocation(
    boss, acme, bob, bobs_key, remove
):
    page = remove(boss, acme, bob)

    assert page.status_code == 200
    assert not acme.memberships.filter(user_id=bob.pk).exists()
    assert "Keys that they created there: 1." in page.text
    url = re.search('href="([^"]*apikey/[^"]*)"[^>]*>Review', page.text)[1]
    listed = boss.get(url.replace("&amp;", "&"))
    assert bobs_key.public_id in listed.text
    assert "another&#x27;s" not in listed.text
    chosen = {"action": "revoke", "_selected_action": bobs_key.pk, "reason": "left"}
    boss.post("/admin/apikeys/apikey/", chosen)
    assert [key.name for key in ApiKey.objects.unrevoked()] == ["another's"]


@pytest.mark.parametrize("remove", REMOVALS)
def test_a_member_without_keys_is_removed_without_a_word(boss, acme, bob, remove):
    page = remove(boss, acme, bob)

    assert not acme.memberships.filter(user_id=bob.pk).exists()
    assert "Keys that they created" not in page.text

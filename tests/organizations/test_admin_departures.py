"""A member who is removed in the console leaves keys behind: it says so, with a link."""

import re

import pytest
from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.admin.utils import quote

from apikeys.actors import Actor
from apikeys.models import ApiKey, AuditEvent


@pytest.fixture
def bobs_key(issue, acme, bob):
    membership = acme.memberships.get(user=bob)
    membership.role = "admin"
    membership.save()
    by = Actor.person(bob, via="page", is_fresh=True)
    issue(name="another's")
    return issue(name="bob's", by=by)[0]


def remove_in_organization(boss, acme, bob, keys_to=""):
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
    values = {"name": acme.name, "keys_to": keys_to}
    return boss.post(url, values | rows, follow=True)


def remove_membership(boss, acme, bob, keys_to=""):
    membership = acme.memberships.get(user=bob)
    url = f"/admin/organizations/membership/{membership.pk}/delete/"
    assert 'name="keys_to"' in boss.get(url).text
    return boss.post(url, {"post": "yes", "keys_to": keys_to}, follow=True)


def remove_selected_memberships(boss, acme, bob, keys_to=""):
    membership = acme.memberships.get(user=bob)
    data = {"action": "delete_selected", "_selected_action": membership.pk}
    url = "/admin/organizations/membership/"
    assert 'name="keys_to"' in boss.post(url, data).text
    return boss.post(url, data | {"post": "yes", "keys_to": keys_to}, follow=True)


def delete_account(boss, acme, bob, keys_to=""):
    url = f"/admin/organizations/user/{quote(bob.pk)}/delete/"
    assert 'name="keys_to"' in boss.get(url).text
    return boss.post(url, {"post": "yes", "keys_to": keys_to}, follow=True)


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


@pytest.mark.parametrize("remove", REMOVALS)
def test_keys_that_a_removed_member_owned_have_no_owner_and_the_page_says_so(
    boss, acme, bob, bobs_key, remove
):
    page = remove(boss, acme, bob)

    assert ApiKey.objects.get(pk=bobs_key.pk).owner is None
    assert "Keys that they owned: 1. They now have no owner" in page.text
    assert handed_over(acme).details["after"] is None
    changed = AuditEvent.objects.get(action=AuditEvent.Action.OWNER_CHANGED)
    assert changed.target_id == bobs_key.rest_id
    assert changed.details["before"] == "bob@acme.example"
    url = re.search('href="([^"]*apikey/[^"]*)"[^>]*>Review the keys', page.text)[1]
    assert bobs_key.public_id in boss.get(url.replace("&amp;", "&")).text


@pytest.mark.parametrize("remove", REMOVALS)
def test_keys_that_a_removed_member_owned_go_to_the_chosen_member(
    boss, acme, bob, bobs_key, olive, remove
):
    page = remove(boss, acme, bob, keys_to="Olive@acme.example")

    assert ApiKey.objects.get(pk=bobs_key.pk).owner == olive
    assert "Keys that olive@acme.example now owns: 1." in page.text
    event = handed_over(acme)
    assert event.details["after"] == "olive@acme.example"
    assert event.actor_label == "boss@echopoint.example"


@pytest.mark.parametrize("remove", REMOVALS)
@pytest.mark.parametrize(
    "email", ["mallory@globex.example", "nobody@acme.example", "bob@acme.example", "x"]
)
def test_no_member_is_removed_if_the_chosen_one_cannot_own_the_keys(
    boss, acme, bob, bobs_key, mallory, remove, email
):
    page = remove(boss, acme, bob, keys_to=email)

    assert page.status_code == 200
    assert acme.memberships.filter(user_id=bob.pk).exists()
    assert ApiKey.objects.get(pk=bobs_key.pk).owner == bob
    assert "no longer a member" not in page.text
    assert not LogEntry.objects.filter(action_flag=DELETION).exists()


def handed_over(acme):
    events = AuditEvent.objects.for_org(acme)
    return events.get(action=AuditEvent.Action.KEYS_HANDED_OVER)

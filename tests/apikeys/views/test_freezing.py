"""The pages that freeze all keys and end the freeze, and what other pages say meanwhile."""

import pytest
from django.test import Client
from django.urls import reverse

from apikeys import freezing
from apikeys.actors import Actor
from apikeys.models import ApiKey, SpentNonce
from tests.signing_in import sign_in

SYSTEM = Actor.command("test")
BANNER = "All keys of Acme are frozen"


@pytest.fixture
def visit(acme):
    """Return a function that requests a page of acme as a user."""

    def visit(page, user, *args, data=None):
        client = Client()
        sign_in(client, user)
        url = reverse(f"apikeys:{page}", args=[acme.pk, *args])
        return client.get(url) if data is None else client.post(url, data, follow=True)

    return visit


def test_the_name_of_the_organization_confirms_the_freeze(visit, acme, alice, issue):
    issue()

    asked = visit("freeze", alice)
    wrong = visit("freeze", alice, data={"confirm": "Globex", "reason": "why"})
    acme.refresh_from_db()

    assert "1 key</strong> works now" in asked.text
    assert "This is not the name of the organization." in wrong.text
    assert 'value="why"' in wrong.text
    assert acme.frozen_at is None
    right = visit("freeze", alice, data={"confirm": " acme ", "reason": "why"})
    acme.refresh_from_db()
    assert acme.frozen_at
    assert "Requests with them are refused from now on." in right.text
    assert BANNER in right.text


def test_every_page_of_the_organization_says_that_its_keys_are_frozen(
    visit, acme, alice, bob, issue
):
    key, _ = issue()
    pages = [("list",), ("audit",), ("policy",), ("issue",), ("freeze",)]
    pages += [("detail", key.public_id), ("revoke", key.public_id)]
    assert BANNER not in visit("list", alice).text

    freezing.freeze(acme, by=SYSTEM, reason="stolen laptop")

    for page in pages:
        text = visit(page[0], alice, *page[1:]).text
        assert BANNER in text, page
        assert ": stolen laptop." in text
        assert reverse("apikeys:unfreeze", args=[acme.pk]) in text
    for_members = visit("list", bob).text
    assert BANNER in for_members
    assert reverse("apikeys:unfreeze", args=[acme.pk]) not in for_members
    assert "Admins and owners can end the freeze." in for_members


def test_a_frozen_key_offers_no_resume_and_says_why(visit, acme, alice, issue):
    key, _ = issue()
    suspended, _ = issue()
    suspended.suspend(by=SYSTEM)
    freezing.freeze(acme, by=SYSTEM)

    page = visit("detail", alice, key.public_id).text

    assert "Suspended by the freeze of all keys." in page
    assert reverse("apikeys:resume", args=[acme.pk, key.public_id]) not in page
    assert reverse("apikeys:suspend", args=[acme.pk, key.public_id]) in page
    refused = visit("resume", alice, key.public_id, data={})
    assert refused.status_code == 200
    assert "nothing changed" in refused.text
    resumed = visit("resume", alice, suspended.public_id, data={})
    assert "Requests stay refused until the freeze ends." in resumed.text
    listed = visit("list", alice).text
    assert "by the freeze of all keys" in listed


def test_a_key_created_in_a_freeze_is_refused_and_the_form_keeps_its_input(
    visit, acme, alice
):
    freezing.freeze(acme, by=SYSTEM)
    url = reverse("apikeys:issue", args=[acme.pk])
    nonce = SpentNonce.objects.issue(user=alice, page=url)
    sent = {"name": "typed", "scopes": ["flows:read"], "expires_in_days": "90"}

    refused = visit("issue", alice, data=sent | {"nonce": nonce})

    assert "End the freeze first." in refused.text
    assert 'value="typed"' in refused.text
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("page", ["rotate", "retire", "cancel_rotation"])
def test_a_rotation_waits_for_the_end_of_the_freeze(visit, acme, alice, issue, page):
    key, _ = issue()
    if page != "rotate":
        key.rotate(by=SYSTEM)
    freezing.freeze(acme, by=SYSTEM)

    refused = visit(page, alice, key.public_id)

    assert refused.status_code == 409
    assert "nd the freeze first." in refused.text


def test_ending_the_freeze_is_asked_for_once_more(visit, acme, alice):
    freezing.freeze(acme, by=SYSTEM)

    assert "End the freeze?" in visit("unfreeze", alice).text
    done = visit("unfreeze", alice, data={"reason": "found"})

    assert "The freeze is over." in done.text
    assert BANNER not in done.text
    assert "The keys are not frozen" in visit("unfreeze", alice).text
    again = visit("unfreeze", alice, data={})
    assert "The keys were not frozen; nothing changed." in again.text


def test_a_list_of_many_keys_reads_the_organization_with_them(
    visit, acme, alice, issue, statements
):
    def count():
        with statements() as found:
            assert visit("list", alice).status_code == 200
        return len(found)

    issue()
    count()
    once = count()
    for _ in range(5):
        issue()

    assert count() == once
